//! The models on which orders are measured, and their flows.

use ndarray::{Array2, ArrayView2, Axis, array};
use ridgewalk::closed_form::{Covariance, Gaussian, Mixture};
use ridgewalk::{Denoiser, LogLinear, Sampler, Schedule, Solver, Trace};

/// N((1, −2, ½), diag(4, 1, 0.09)).
pub fn gaussian() -> Gaussian {
    let covariance = Covariance::from_dense(Array2::from_diag(&array![4.0, 1.0, 0.09]).view()).unwrap();
    Gaussian::new(array![1.0, -2.0, 0.5], covariance).unwrap()
}

/// Three components in the plane, which overlap at the levels in use.
pub fn mixture() -> Mixture {
    let component = |mean: [f64; 2], covariance: [[f64; 2]; 2]| {
        let covariance = Covariance::from_dense(array![covariance[0], covariance[1]].view()).unwrap();
        Gaussian::new(array![mean[0], mean[1]], covariance).unwrap()
    };
    let components = vec![
        component([1.5, 0.0], [[0.4, 0.1], [0.1, 0.3]]),
        component([-1.0, 1.0], [[0.5, -0.2], [-0.2, 0.4]]),
        component([-0.5, -1.5], [[0.3, 0.0], [0.0, 0.6]]),
    ];
    Mixture::new(vec![0.5, 0.3, 0.2], components).unwrap()
}

/// Levels e^{−λ} for λ in n equal steps from `range.start` to `range.end`, in the order of sampling.
pub fn uniform(range: &std::ops::Range<f64>, n: usize) -> LogLinear {
    LogLinear::new((-range.end).exp()..(-range.start).exp(), n + 1)
}

/// States at the end of the levels, before the step to σ = 0.
pub fn carried(
    solver: &dyn Solver,
    model: &dyn Denoiser,
    schedule: impl Schedule,
    x: ArrayView2<f64>,
) -> Array2<f64> {
    let mut trace = Trace::default();
    Sampler::new(solver, schedule).run_from(&model, x, &mut trace).unwrap();
    let n = trace.states.len();
    trace.states.swap_remove(n - 2)
}

/// The same, up the levels.
pub fn inverted(
    solver: &dyn Solver,
    model: &dyn Denoiser,
    schedule: impl Schedule,
    x: ArrayView2<f64>,
) -> Array2<f64> {
    Sampler::new(solver, schedule).invert(&model, x).unwrap().points
}

/// The flow from one level to another: the classical Runge–Kutta method on dx/dλ = D − x in 4,000 steps.
pub fn flow(model: &dyn Denoiser, x: &Array2<f64>, from: f64, to: f64) -> Array2<f64> {
    let steps = 4000;
    let h = (from / to).ln() / f64::from(steps);
    let slope = |x: &Array2<f64>, lambda: f64| model.denoise(x.view(), (-lambda).exp()).unwrap() - x;
    let mut x = x.clone();
    for i in 0..steps {
        let lambda = -from.ln() + f64::from(i) * h;
        let k1 = slope(&x, lambda);
        let k2 = slope(&(&x + &(&k1 * (0.5 * h))), lambda + 0.5 * h);
        let k3 = slope(&(&x + &(&k2 * (0.5 * h))), lambda + 0.5 * h);
        let k4 = slope(&(&x + &(&k3 * h)), lambda + h);
        x = x + (k1 + (k2 + k3) * 2.0 + k4) * (h / 6.0);
    }
    x
}

/// Largest difference of two sets of states.
pub fn worst(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    assert_eq!(a.dim(), b.dim());
    (a - b).iter().fold(0.0, |m, v| m.max(v.abs()))
}

/// Some states of a model at a level: the mean and the noise's size away.
pub fn states(model: &dyn Denoiser, sigma: f64) -> Array2<f64> {
    let moments = model.moments().unwrap();
    let offsets = array![[0.7, -1.3, 0.4], [-0.2, 0.6, 1.1], [1.5, 0.3, -0.8]];
    let offsets = offsets.select(Axis(1), &(0..model.dim()).collect::<Vec<_>>());
    offsets * sigma.hypot(moments.std) + moments.mean.insert_axis(Axis(0))
}
