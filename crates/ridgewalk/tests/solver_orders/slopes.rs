//! The slope of log error against log step, of every deterministic solver of the catalogue.

use std::ops::Range;

use ridgewalk::solver::{Order, SOLVERS, Solver, named};
use ridgewalk::{Denoiser, Levels};

use crate::models::{carried, flow, gaussian, inverted, mixture, states, uniform, worst};

/// Settings beside the defaults.
pub const OTHERS: &[&str] = &[
    "dpm++2s:r=0.25",
    "dpm++2s:r=1",
    "unipc:order=1",
    "unipc:order=1,variant=bh1",
    "unipc:order=2,variant=bh1",
    "unipc:order=2,start=accurate",
    "unipc:order=3",
    "unipc:order=3,variant=bh1",
    "unipc:order=3,start=accurate",
    "deis:order=1",
    "deis:order=2",
    "deis:order=3,start=accurate",
    "deis:order=4,start=accurate",
    "deis:order=2,time=sigma-root",
    "deis:order=3,time=sigma-root",
    "deis:order=4,time=sigma-root,start=accurate",
    "deis:order=3,time=vp,start=accurate",
    "deis:order=3,time=sigma,start=accurate",
    "lms:order=1",
    "lms:order=2",
    "lms:order=3",
    "lms:order=3,start=accurate",
    "lms:order=4,start=accurate",
    "eab:order=1",
    "eab:order=2",
    "eab:order=3,start=accurate",
    "eab:order=4",
    "eab:order=4,start=accurate",
    "ipndm:order=1",
    "ipndm:order=2",
    "ipndm:order=3",
    "ipndm:order=4,start=accurate",
];

/// Every deterministic solver, with default and other settings.
pub fn solvers() -> Vec<Box<dyn Solver>> {
    let names = SOLVERS.iter().map(|entry| entry.name).chain(OTHERS.iter().copied());
    names.map(|name| named(name, 100).unwrap()).filter(|solver| solver.order().is_deterministic()).collect()
}

/// Steps at which the slope is measured: fine enough to be the asymptotic one, and coarse enough for rounding not
/// to show.
const STEPS: usize = 160;

/// Over λ from −1 to 1, where D changes from the first step on, so that a start of low order shows.
const RANGE: Range<f64> = -1.0..1.0;

fn measure(model: &dyn Denoiser) {
    let (high, low) = ((-RANGE.start).exp(), (-RANGE.end).exp());
    let (down, up) = (states(model, high), states(model, low));
    let (bottom, top) = (flow(model, &down, high, low), flow(model, &up, low, high));
    for solver in solvers() {
        // Of order 5 so many steps leave rounding alone: `adaptive.rs`.
        let Order::Path(order @ 1..=4) = solver.order() else { continue };
        let solver = solver.as_ref();
        let errors = |n: usize| {
            let levels = || uniform(&RANGE, n);
            [
                worst(&carried(solver, model, levels(), down.view()), &bottom),
                worst(&inverted(solver, model, levels(), up.view()), &top),
            ]
        };
        let pairs = errors(STEPS).into_iter().zip(errors(2 * STEPS));
        for ((coarse, fine), direction) in pairs.zip(["down", "up"]) {
            let slope = (coarse / fine).log2();
            assert!((slope - f64::from(order)).abs() < 0.2, "{} {direction}: {slope}", solver.name());
        }
    }
}

#[test]
fn orders_are_as_stated_on_a_gaussian() {
    measure(&gaussian());
}

#[test]
fn orders_are_as_stated_on_a_mixture() {
    measure(&mixture());
}

/// On levels evenly spaced in σ the fixed weights of iPNDM are the right ones.
#[test]
fn ipndm_has_its_named_order_on_even_levels() {
    let model = mixture();
    let x = states(&model, 2.5);
    let end = flow(&model, &x, 2.5, 0.5);
    for order in 1..=4 {
        let solver = named(&format!("ipndm:order={order},start=accurate"), 0).unwrap();
        let lms = named(&format!("lms:order={order},start=accurate"), 0).unwrap();
        let run = |solver: &dyn Solver, n: usize| {
            let levels = (0..=n).map(|i| 2.5 - 2.0 * i as f64 / n as f64).collect();
            carried(solver, &model, Levels(levels), x.view())
        };
        let error = |n: usize| worst(&run(solver.as_ref(), n), &end);
        let slope = (error(160) / error(320)).log2();
        assert!((slope - f64::from(order)).abs() < 0.2, "{order}: {slope}");
        assert!(worst(&run(solver.as_ref(), 20), &run(lms.as_ref(), 20)) < 1e-13);
    }
}
