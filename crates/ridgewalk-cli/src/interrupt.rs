//! Ctrl-C for work that can go on later: the first asks it to come to an end by itself, the second ends it at once.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::progress::say;

static LISTENING: AtomicBool = AtomicBool::new(false);
static ASKED: AtomicBool = AtomicBool::new(false);

/// Says that the work at hand looks at [`wanted`].
pub fn listen(listening: bool) {
    LISTENING.store(listening, Ordering::SeqCst);
}

/// Whether the work at hand was asked to end.
pub fn wanted() -> bool {
    ASKED.load(Ordering::SeqCst)
}

/// Called at Ctrl-C: whether the work at hand will end by itself.
pub fn asked() -> bool {
    let first = LISTENING.load(Ordering::SeqCst) && !ASKED.swap(true, Ordering::SeqCst);
    if first {
        say("\nstopping after this step; Ctrl-C again ends at once");
    }
    first
}
