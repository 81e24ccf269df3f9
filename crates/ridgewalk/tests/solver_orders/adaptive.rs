//! Adaptive steps: the tolerance, each sample's own evaluations, and what cannot be met.

use std::sync::Mutex;

use ndarray::{Array2, ArrayView2};
use ridgewalk::solver::{Adaptive, Pair};
use ridgewalk::{Denoiser, Karras, LogLinear, Result, Sampler, Visit};

use crate::models::{carried, flow, gaussian, inverted, mixture, states, uniform, worst};

/// On few levels over four decades the error at the end is the tolerance's, and falls with it. Error made where
/// the noise is large shrinks with the flow, so what is left is that of the last parts; a hundred tolerances
/// allows for a few dozen parts.
#[test]
fn the_error_follows_the_tolerance() {
    let model = gaussian();
    let (high, low) = (50.0, 0.005);
    let levels = || Karras::new(low..high, 4);
    let (x, y) = (states(&model, high), states(&model, low));
    let exact = model.flow_levels(x.view(), high, low).unwrap();
    let top = model.flow_levels(y.view(), low, high).unwrap();
    for pair in [Pair::DormandPrince, Pair::BogackiShampine] {
        for tolerance in [1e-2, 1e-4, 1e-6, 1e-8] {
            let solver = Adaptive::new(tolerance, tolerance).unwrap().pair(pair);
            let down = worst(&carried(&solver, &model, levels(), x.view()), &exact);
            let up = worst(&inverted(&solver, &model, levels(), y.view()), &top);
            assert!(down < 100.0 * tolerance, "{pair:?} {tolerance:e}: {down:e}");
            assert!(up < 100.0 * tolerance * high, "{pair:?} {tolerance:e}: {up:e}");
        }
    }
    let model = mixture();
    let x = states(&model, 5.0);
    let solver = Adaptive::new(1e-12, 0.0).unwrap();
    let found = carried(&solver, &model, LogLinear::new(0.05..5.0, 3), x.view());
    assert!(worst(&found, &flow(&model, &x, 5.0, 0.05)) < 1e-10);
}

/// Counts what every sample asks.
struct Counted<'a> {
    model: &'a dyn Denoiser,
    counts: Mutex<Vec<usize>>,
}

impl Denoiser for Counted<'_> {
    fn dim(&self) -> usize {
        self.model.dim()
    }
    fn denoise(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array2<f64>> {
        self.model.denoise(x, sigma)
    }
    fn denoise_at(&self, x: ArrayView2<f64>, sigma: f64, visit: &Visit) -> Result<Array2<f64>> {
        let mut counts = self.counts.lock().unwrap();
        assert_eq!(visit.samples.len(), x.nrows());
        visit.samples.iter().for_each(|&sample| counts[sample as usize] += 1);
        self.model.denoise_at(x, sigma, visit)
    }
}

#[test]
fn every_sample_takes_its_own_steps() {
    let model = mixture();
    let n = 20;
    let solver = Adaptive::new(1e-7, 1e-7).unwrap();
    let run = |batch: usize| {
        let counted = Counted { model: &model, counts: Mutex::new(vec![0; n]) };
        let samples = Sampler::new(solver, Karras::new(0.02..20.0, 6)).batch(batch).run(&counted, n).unwrap();
        (samples, counted.counts.into_inner().unwrap())
    };
    let (whole, counts) = run(n);
    assert_eq!(whole.evaluations, counts.iter().copied().max().unwrap());
    assert_eq!(whole.mean_evaluations, counts.iter().sum::<usize>() as f64 / n as f64);
    assert!(counts.iter().min() < counts.iter().max(), "{counts:?}");
    for batch in [1, 3, 7] {
        assert_eq!((&whole, &counts), (&run(batch).0, &run(batch).1), "{batch}");
    }
}

/// D that jumps as the noise falls: no step meets the tolerance across it.
struct Jumps;

impl Denoiser for Jumps {
    fn dim(&self) -> usize {
        1
    }
    fn denoise(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array2<f64>> {
        Ok(x.mapv(|_| if sigma > 0.7 { 1.0 } else { -1.0 }))
    }
}

#[test]
fn a_tolerance_that_cannot_be_met_is_an_error() {
    let solver = Adaptive::new(1e-12, 0.0).unwrap();
    let error = Sampler::new(solver, Karras::new(0.02..20.0, 6)).run(&Jumps, 3).unwrap_err().to_string();
    assert!(error.contains("sample 0") && error.contains("allow a larger error"), "{error}");
    // A jump of the slope costs less than a loose tolerance over a part that is short enough.
    let solver = Adaptive::new(1e-4, 0.0).unwrap();
    assert!(Sampler::new(solver, Karras::new(0.02..20.0, 6)).run(&Jumps, 3).is_ok());
}

/// Without halving the pair of Dormand and Prince is of fifth order. (Its order conditions are tested beside its
/// coefficients; downwards on the Gaussian two parts of the error cancel each other until rounding hides both.)
#[test]
fn whole_intervals_are_of_fifth_order() {
    let (high, low, n) = (1f64.exp(), (-1f64).exp(), 32);
    let solver = Adaptive::new(0.1, 0.1).unwrap();
    let levels = |n: usize| uniform(&(-1.0..1.0), n);
    let slope = |error: &dyn Fn(usize) -> f64| (error(n) / error(2 * n)).log2();
    let plain = mixture();
    let (x, y) = (states(&plain, high), states(&plain, low));
    let (end, top) = (flow(&plain, &x, high, low), flow(&plain, &y, low, high));
    let down = slope(&|n| worst(&carried(&solver, &plain, levels(n), x.view()), &end));
    assert!((down - 5.0).abs() < 0.2, "{down}");
    let up = slope(&|n| worst(&inverted(&solver, &plain, levels(n), y.view()), &top));
    let normal = gaussian();
    let z = states(&normal, low);
    let exact = normal.flow_levels(z.view(), low, high).unwrap();
    let along = slope(&|n| worst(&inverted(&solver, &normal, levels(n), z.view()), &exact));
    // From above: the next order still counts.
    assert!((4.8..5.6).contains(&up) && (4.8..5.6).contains(&along), "{up} {along}");
}
