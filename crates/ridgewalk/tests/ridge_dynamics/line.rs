//! Two points: across the line through them the data do not vary, D is affine, and all curves are explicit.

use ndarray::{Array2, ArrayView2, array};
use ridgewalk::geometry::{ErrorSplit, Motion, Ridge, TubeBound};
use ridgewalk::solver::RungeKutta4;
use ridgewalk::transform::{Field, InjectedError, Perturbed};
use ridgewalk::{Denoiser, Result, ReverseSde};

use crate::{at, close, empirical, end, level, levels, mean, path, scale};

/// D with twice its drift: its flow is the mean of the reverse SDE where D is affine.
struct Doubled<D>(D);

impl<D: Denoiser> Denoiser for Doubled<D> {
    fn dim(&self) -> usize {
        self.0.dim()
    }
    fn denoise(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array2<f64>> {
        Ok(2.0 * self.0.denoise(x, sigma)? - x)
    }
}

/// An error of 0.1 in the tables' coordinates.
fn error<'a>() -> InjectedError<'a> {
    InjectedError::new(Field::along(array![0.0, 1.0])).of_size_at(|sigma| 0.1 / scale(sigma))
}

fn start() -> Array2<f64> {
    array![[4.0, 1.0], [-20.0, 1.0], [0.5, -1.0]] / level(3.0).0
}

#[test]
fn the_curves_of_a_direction_without_spread() {
    let exact = empirical(array![[-3.0, 0.0], [3.0, 0.0]]);
    let model = Perturbed::new(&exact, error()).unwrap();
    let expected = [
        (0.5, 1.02375, 0.214931),
        (0.1, 0.62151, 0.138016),
        (0.01, 0.27677, 0.106097),
        (0.001, 0.156584, 0.10084),
    ];
    for (t, of_flow, of_sde) in expected {
        let a = level(t).0;
        // A grid of each time, so that it ends there.
        let levels = levels(3.0, t, 1200);
        let flow = path(RungeKutta4, &levels, &model, start().view(), 0);
        let sde = path(RungeKutta4, &levels, &Doubled(&model), start().view(), 0);
        for row in 0..2 {
            close(a * end(&flow)[(row, 1)], of_flow, 1e-5);
            close(a * end(&sde)[(row, 1)], of_sde, 1e-5);
        }
    }
}

/// Where D is affine across the ridge the prediction is the difference of the runs, and the bound is the distance
/// itself, up to what the largest of an error at both ends of a step is above its mean.
#[test]
fn prediction_and_bound_are_exact() {
    let exact = empirical(array![[-3.0, 0.0], [3.0, 0.0]]);
    let model = Perturbed::new(&exact, error()).unwrap();
    let ridge = Ridge::new(&exact, 1).unwrap();
    let levels = levels(3.0, 1e-3, 600);
    let perturbed = path(RungeKutta4, &levels, &model, start().view(), 0);
    let pure = path(RungeKutta4, &levels, &exact, start().view(), 0);
    let split = ErrorSplit::along(&ridge, &model, &perturbed, Motion::ProbabilityFlow).unwrap();
    for row in 0..3 {
        close(split.displacement[(row, 1)], end(&perturbed)[(row, 1)] - end(&pure)[(row, 1)], 1e-5);
        close(split.tangential[(0, row)], 0.0, 1e-12);
    }
    assert!(split.ridge_speed.iter().all(|v| *v < 1e-12));
    let compared = split.compare(&ridge, &pure, &perturbed).unwrap();
    for (predicted, measured) in compared.distance.0.iter().zip(&compared.distance.1) {
        close(*predicted, *measured, 1e-5);
    }
    let bound = TubeBound::from(&split, level(0.5).1).unwrap();
    assert_eq!(bound.undefined, 0);
    for ((bound, measured), row) in bound.bound().iter().zip(&bound.measured).zip([0, 1, 2].iter().cycle()) {
        assert!(*measured <= bound * (1.0 + 1e-9));
        // Offset and error of the third have opposite signs at first.
        if *row < 2 {
            close(*bound, *measured, 2e-3 * measured);
        }
    }
}

/// Noise: the mean follows its curve, and the spread V = σ² − σ₀²(σ/σ₀)⁴ its closed form.
#[test]
fn the_spread_of_the_reverse_sde() {
    let exact = empirical(array![[-3.0, 0.0], [3.0, 0.0]]);
    let model = Perturbed::new(&exact, error()).unwrap();
    let ridge = Ridge::new(&exact, 1).unwrap();
    let n = 2000;
    let start = Array2::from_shape_fn((n, 2), |(_, k)| if k == 0 { 4.0 } else { 1.0 } / level(3.0).0);
    let levels = levels(3.0, 1e-2, 400);
    let run = path(ReverseSde, &levels, &model, start.view(), 4);
    let few =
        path(ReverseSde, &levels, &model, crate::end(&run).slice_axis(ndarray::Axis(0), (0..1).into()), 4);
    let split = ErrorSplit::along(&ridge, &model, &few, Motion::ReverseSde).unwrap();
    let bound = TubeBound::from(&split, levels[0]).unwrap();
    for (sigma, noise) in bound.sigmas.iter().zip(bound.noise.column(0)) {
        let expected = sigma * sigma * (1.0 - (sigma / levels[0]).powi(2));
        close(noise * noise, expected, 1e-9 * (1.0 + expected));
    }
    for (t, expected) in [(0.1, 0.138016), (0.01, 0.106097)] {
        let (sigma, x) = at(&run, t);
        let a = scale(sigma);
        let z: Vec<f64> = x.column(1).to_vec();
        let variance = crate::std(&z).powi(2);
        let spread = sigma * (1.0 - (sigma / levels[0]).powi(2)).sqrt();
        // The steps' own error is of first order, h = 0.014: 1 % of the variance, and of what is left of the mean.
        close(variance / (spread * spread), 1.0, 0.01 + 4.0 * (2.0 / n as f64).sqrt());
        close(a * mean(&z), expected, 2e-3 + 4.0 * a * spread / (n as f64).sqrt());
    }
    let all = ErrorSplit::along(&ridge, &model, &run, Motion::ReverseSde).unwrap();
    let bound = TubeBound::from(&all, level(1.0).1).unwrap();
    let (allowed, measured) = bound.rms();
    assert!(allowed.iter().zip(&measured).all(|(bound, found)| *found <= bound * 1.001));
    // y is the exact derivative of the steps taken: the difference of two runs with the same noise.
    let pure = path(ReverseSde, &levels, &exact, start.view(), 4);
    for row in 0..20 {
        close(all.displacement[(row, 1)], end(&run)[(row, 1)] - end(&pure)[(row, 1)], 1e-10);
    }
}
