//! The sampler that measures its own noise (arXiv 2007.13640), on data for which all of it is known.

use std::ops::ControlFlow;

use ndarray::{Array1, Array2, ArrayView2, Axis};
use ridgewalk::autonomous::{Autonomous, CoarseToFine, Ending, Target, corrected_noise, implied_noise};
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::sampler::Progress;
use ridgewalk::{Error, Moments, Result};

/// Data on the first k axes, infinitely wide: D is the projection, and knows no level.
struct Subspace {
    dim: usize,
    k: usize,
    target: Target,
}

impl Subspace {
    fn new(dim: usize, k: usize) -> Self {
        Subspace { dim, k, target: Target::Data }
    }
}

impl Autonomous for Subspace {
    fn dim(&self) -> usize {
        self.dim
    }
    fn field(&self, u: ArrayView2<f64>) -> Result<Array2<f64>> {
        let mut out = u.to_owned();
        for (axis, mut column) in out.axis_iter_mut(Axis(1)).enumerate() {
            // The equilibrium field is u − D.
            if (axis < self.k) == (self.target == Target::Equilibrium) {
                column.fill(0.0);
            }
        }
        Ok(out)
    }
    fn target(&self) -> Target {
        self.target
    }
    fn moments(&self) -> Option<Moments> {
        Some(Moments { mean: Array1::from_elem(self.dim, 0.0), std: 1.0 })
    }
}

/// A Gaussian N(0, λ) an axis, at a level that this denoiser knows: D = λ/(λ + σ²) u.
struct Shrinkage {
    variances: Array1<f64>,
    sigma: f64,
}

impl Shrinkage {
    fn factors(&self) -> Array1<f64> {
        self.variances.mapv(|v| v / (v + self.sigma * self.sigma))
    }
}

impl Autonomous for Shrinkage {
    fn dim(&self) -> usize {
        self.variances.len()
    }
    fn field(&self, u: ArrayView2<f64>) -> Result<Array2<f64>> {
        Ok(&u * &self.factors())
    }
    fn target(&self) -> Target {
        Target::Data
    }
}

fn normals(seed: u64, n: usize, d: usize) -> Array2<f64> {
    let mut stream = Stream::new(seed, Purpose::Evaluation, 0, 0);
    Array2::from_shape_simple_fn((n, d), || stream.normal())
}

/// Without noise put back the residual shrinks by 1 − h_t exactly, and β = 1 means just that.
#[test]
fn without_churn_the_noise_falls_by_one_less_the_part() {
    let sampler = CoarseToFine::new(0.01..1.0).unwrap().first_step(0.05).unwrap().seed(3);
    assert_eq!(sampler.part(1), 0.05);
    assert!((sampler.part(20) - 1.0 / 1.95).abs() < 1e-15); // 0.05·20/(1 + 0.05·19)
    assert_eq!(sampler.churn(7), 0.0);
    let run = sampler.run(&Subspace::new(40, 4), 3).unwrap();
    for (sample, noise) in run.noise.iter().enumerate() {
        for (t, pair) in noise.windows(2).enumerate() {
            let expected = 1.0 - sampler.part(t + 1);
            assert!((pair[1] / pair[0] - expected).abs() < 1e-12, "sample {sample}, step {}", t + 1);
        }
        assert_eq!(noise.len(), run.steps[sample] + 1);
        assert!(noise[noise.len() - 1] <= 0.01 && noise[noise.len() - 2] > 0.01);
        assert_eq!(run.endings[sample], Ending::Reached);
    }
    // Nothing acts along the subspace: the start is still there.
    let mut start = Stream::new(3, Purpose::Start, 0, 0);
    for value in run.points.row(0).iter().take(4) {
        assert_eq!(*value, start.normal());
    }
}

/// With noise put back the squared fall is (1−h)² + [(1−βh)² − (1−h)²](1 − k/d) in the mean. The noise of d − k = 3900
/// directions has a relative variance of 2/3900, over 4 samples and about 60 steps: the mean log fall is known to
/// 0.02·(γ/σ)²/√240 ≈ 1e-3 at the most; four of them.
#[test]
fn with_churn_the_noise_falls_by_the_law() {
    let (d, k, beta) = (4000, 100, 0.3);
    let sampler = CoarseToFine::new(0.05..1.0).unwrap().first_step(0.1).unwrap().beta(beta).unwrap().seed(1);
    let run = sampler.run(&Subspace::new(d, k), 4).unwrap();
    let (mut deviation, mut ideal, mut count) = (0.0, 0.0, 0.0);
    for noise in &run.noise {
        for (t, pair) in noise.windows(2).enumerate() {
            let h = sampler.part(t + 1);
            let (slow, fast) = ((1.0 - beta * h).powi(2), (1.0 - h).powi(2));
            let expected = fast + (slow - fast) * (1.0 - k as f64 / d as f64);
            let found = (pair[1] / pair[0]).powi(2);
            assert!((found / expected - 1.0).abs() < 0.15, "step {}: {found} for {expected}", t + 1);
            deviation += (found / expected).ln();
            ideal += (found / slow).ln();
            count += 1.0;
        }
    }
    assert!(run.steps.iter().all(|s| (10..40).contains(s)), "{:?}", run.steps);
    assert!((deviation / count).abs() < 4e-3, "{} over {count}", deviation / count);
    // The paper's law, which takes d for d − k, is off by about −k/d.
    assert!((ideal / count).abs() < 0.03, "{}", ideal / count);
}

/// At the end the noise that is left is the last level's: no state was let go before, and the last fall is at most 1 − β.
#[test]
fn the_end_has_the_noise_of_the_last_level() {
    let sampler = CoarseToFine::new(0.02..1.0).unwrap().beta(0.5).unwrap().seed(9);
    let field = Subspace::new(500, 0);
    let run = sampler.run(&field, 8).unwrap();
    let left = implied_noise(&field, run.points.view()).unwrap();
    for (sample, noise) in left.iter().enumerate() {
        assert!((0.01..=0.02).contains(noise), "sample {sample}: {noise}");
        assert_eq!(run.noise[sample].last(), Some(noise));
    }
}

#[test]
fn samples_depend_on_no_batch_and_end_on_their_own() {
    let field = Subspace::new(6, 2);
    let sampler = CoarseToFine::new(0.01..1.0).unwrap().beta(0.2).unwrap().seed(4);
    let all = sampler.clone().batch(64).run(&field, 9).unwrap();
    assert_eq!(sampler.clone().batch(1).run(&field, 9).unwrap(), all);
    assert_eq!(sampler.clone().batch(4).run(&field, 9).unwrap(), all);
    assert_ne!(sampler.seed(5).run(&field, 9).unwrap().points, all.points);
    let mut steps = all.steps.clone();
    steps.dedup();
    assert!(steps.len() > 1, "all took {steps:?}: do they stop together?");
}

/// The field u − D says the same as D.
#[test]
fn the_equilibrium_field_runs_as_its_denoiser() {
    let sampler = CoarseToFine::new(0.01..1.0).unwrap().beta(0.5).unwrap();
    let of_residual = Subspace { target: Target::Equilibrium, ..Subspace::new(20, 3) };
    assert_eq!(
        sampler.run(&of_residual, 2).unwrap().points,
        sampler.run(&Subspace::new(20, 3), 2).unwrap().points
    );
}

#[test]
fn states_of_ones_own_are_carried_on() {
    let field = Subspace::new(30, 3);
    let mut states = normals(2, 2, 30);
    states.row_mut(1).mapv_inplace(|v| 1e-4 * v);
    let sampler = CoarseToFine::new(0.01..1.0).unwrap();
    let run = sampler.run_from(&field, states.view(), &mut |_: &Progress| ControlFlow::Continue(())).unwrap();
    assert!(run.steps[0] > 10);
    // The second was clean: it is left alone.
    assert_eq!((run.steps[1], run.points.row(1)), (0, states.row(1)));
}

/// |u − D|² = σ²(d − tr J) in the mean: of 200·300 squares of relative deviation √2 at most, 0.6 %; four of them.
#[test]
fn the_correction_by_the_trace_gives_the_noise_of_any_gaussian() {
    let (n, d, sigma) = (200, 300, 0.5);
    let variances = Array1::from_shape_fn(d, |i| if i < 100 { 4.0 / (1.0 + i as f64) } else { 0.0 });
    let x = normals(1, n, d) * &variances.mapv(f64::sqrt);
    let u = x + sigma * normals(2, n, d);
    let field = Shrinkage { variances, sigma };
    let trace = field.factors().sum();
    let implied = implied_noise(&field, u.view()).unwrap();
    let mean = (implied.mapv(|s| s * s).sum() / n as f64).sqrt();
    assert!((mean / (sigma * (1.0 - trace / d as f64).sqrt()) - 1.0).abs() < 0.012);
    assert!((mean / sigma - 1.0).abs() > 0.03, "there was nothing to correct: {mean}");
    let corrected = corrected_noise(mean, d, trace).unwrap();
    assert!((corrected / sigma - 1.0).abs() < 0.012, "{corrected}");
}

/// A denoiser that always leaves as much as it found never gets on; one that halves nothing below 0.1 ends there.
#[test]
fn a_stall_and_a_limit_are_told() {
    /// Takes a part of what exceeds 0.1 a coordinate, and moves all else about.
    struct Stubborn;
    impl Autonomous for Stubborn {
        fn dim(&self) -> usize {
            50
        }
        fn field(&self, u: ArrayView2<f64>) -> Result<Array2<f64>> {
            Ok(u.mapv(|v| if v.abs() > 0.1 { 0.0 } else { v - 0.1 }))
        }
        fn target(&self) -> Target {
            Target::Data
        }
    }
    let sampler = CoarseToFine::new(0.01..1.0).unwrap().seed(1);
    let run = sampler.run(&Stubborn, 2).unwrap();
    assert_eq!(run.endings, [Ending::Stalled; 2]);
    assert!(run.steps.iter().all(|s| *s < 400), "{:?}", run.steps);
    let run = sampler.step_limit(5).run(&Subspace::new(8, 2), 2).unwrap();
    assert_eq!((run.endings, run.steps), (vec![Ending::StepLimit; 2], vec![5; 2]));
}

#[test]
fn what_cannot_be_done_is_said() {
    assert!(CoarseToFine::new(1.0..0.1).is_err());
    let sampler = CoarseToFine::new(0.01..1.0).unwrap();
    for bad in [0.0, -1.0, 1.5, f64::NAN] {
        assert!(sampler.clone().beta(bad).unwrap_err().to_string().contains("beta is"));
        assert!(sampler.clone().first_step(bad).is_err());
    }
    for target in [Target::Noise, Target::Velocity, Target::VPrediction] {
        let field = Subspace { target, ..Subspace::new(4, 1) };
        let error = sampler.run(&field, 1).unwrap_err().to_string();
        assert!(error.contains(&format!("predicts the {target}")), "{error}");
    }
    assert!(sampler.run(&Subspace::new(4, 1), 0).is_err());
    assert!(corrected_noise(1.0, 4, 4.0).is_err());
    let stop = sampler.run_observed(&Subspace::new(4, 1), 1, &mut |_: &Progress| ControlFlow::Break(()));
    assert_eq!(stop, Err(Error::Stopped { step: 0 }));
}
