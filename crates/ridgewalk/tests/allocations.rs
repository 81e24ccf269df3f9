//! Steady state: a step of any solver allocates what the model returns, and nothing else.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use ndarray::{Array2, ArrayView2};
use ridgewalk::solver::{SOLVERS, named};
use ridgewalk::{Denoiser, Levels, LogLinear, Result, Sampler, Schedule};

/// The system's allocator, counting the allocations of every thread by itself.
struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: all is done by the system's allocator; the count is a plain cell without a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Half of the way to 0: one allocation a call.
struct Half;

impl Denoiser for Half {
    fn dim(&self) -> usize {
        20
    }
    fn denoise(&self, x: ArrayView2<f64>, _sigma: f64) -> Result<Array2<f64>> {
        Ok(&x * 0.5)
    }
}

/// A run of 40 levels against one of 20: what it allocates more is what the model returned more often.
#[test]
fn steps_allocate_what_the_model_returns() {
    let before = COUNT.get();
    drop(Half.denoise(Array2::zeros((3, 20)).view(), 1.0).unwrap());
    assert_eq!(COUNT.get() - before, 2, "the model's answer, and x");
    let settings =
        ["ddim:eta=1", "heun:churn=5", "sde-dpm++2m:eta=0", "sde-dpm++2s:eta=0", "pc:predictor=heun"];
    for text in SOLVERS.iter().map(|entry| entry.name).chain(settings) {
        let run = |n: usize| {
            let levels = Levels(LogLinear::new(0.05..20.0, n).levels().unwrap());
            let sampler = Sampler::new(named(text, n).unwrap(), levels);
            let before = COUNT.get();
            let samples = sampler.run(&Half, 8).unwrap();
            (COUNT.get() - before, samples.evaluations)
        };
        let ((few, few_evaluations), (many, many_evaluations)) = (run(20), run(40));
        if ["rk45", "rk23"].contains(&text) {
            // Adaptive solvers ask for some rows of the batch, in arrays of their own.
            assert!(many <= 8 * many_evaluations + 200, "{text}: {many} of {many_evaluations}");
        } else {
            assert_eq!(many - few, many_evaluations - few_evaluations, "{text}");
        }
    }
}
