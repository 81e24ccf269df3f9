//! Progress of long work: a bar with rate and time left on a terminal, plain lines elsewhere.

use std::io::{ErrorKind, IsTerminal, Write};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use ridgewalk::sampler::Progress;

use crate::failure::{Failure, Result};

/// Seconds between plain lines.
const QUIET: Duration = Duration::from_secs(5);

/// Says how far a run is. An observer of the sampler.
pub struct Meter {
    what: String,
    bar: Option<ProgressBar>,
    last: Instant,
}

impl Meter {
    /// For work with this name.
    pub fn new(what: impl Into<String>) -> Self {
        let what = what.into();
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(0).with_message(what.clone());
            let style = "{msg:30} {bar:30} {percent:>3}%  {per_sec:>12}  {eta} left";
            bar.set_style(
                ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()),
            );
            bar
        });
        Meter { what, bar, last: Instant::now() }
    }
}

impl Meter {
    /// That `done` of `all` is done.
    pub fn tell(&mut self, done: usize, all: usize) {
        match &self.bar {
            Some(bar) => {
                bar.set_length(all as u64);
                bar.set_position(done as u64);
                if done == all {
                    bar.finish_and_clear();
                }
            }
            None if self.last.elapsed() >= QUIET => {
                self.last = Instant::now();
                say(&format!("{}: {} %", self.what, 100 * done / all.max(1)));
            }
            None => {}
        }
    }
}

impl Meter {
    /// A line beside the bar; where there is none, not more often than its own lines.
    pub fn line(&mut self, text: &str, important: bool) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None if important || self.last.elapsed() >= QUIET => {
                self.last = Instant::now();
                say(text);
            }
            None => {}
        }
    }
}

impl ridgewalk::sampler::Observer for Meter {
    fn observe(&mut self, progress: &Progress) -> ControlFlow<()> {
        let done = progress.finished * progress.steps + progress.step * progress.samples.len();
        self.tell(done, progress.total * progress.steps);
        ControlFlow::Continue(())
    }
}

/// A line for people, to stderr.
pub fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").ok();
}

/// A result for programs, to stdout, with a line's end. A reader that has gone (`| head`) is not an error.
pub fn result(text: &str) -> Result<()> {
    result_bytes(format!("{text}\n").as_bytes())
}

/// [`result`] as it is.
pub fn result_bytes(bytes: &[u8]) -> Result<()> {
    let mut out = std::io::stdout();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => Err(Failure::new(
            "standard output",
            format!("cannot be written ({e})"),
            "check where the result is sent",
        )),
        _ => Ok(()),
    }
}
