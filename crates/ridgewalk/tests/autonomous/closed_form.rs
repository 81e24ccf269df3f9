use ndarray::{Array1, Array2, array};
use ridgewalk::autonomous::{Autonomous, Blind, Scaled, Target, TimePrior};
use ridgewalk::closed_form::{Covariance, Embedded, Empirical, Gaussian};
use ridgewalk::process::Ddpm;
use ridgewalk::sampler::likelihood::{Divergence, ProbeLaw};
use ridgewalk::{
    Denoiser, Density, Differentiable, FlowMatching, PointSet, Process, Shape, VarianceExploding, process,
};

pub fn points(values: Array2<f64>) -> PointSet {
    let d = values.ncols();
    PointSet::new(values, Shape::Vector(d)).unwrap()
}

pub fn three() -> Array2<f64> {
    array![[-0.5, 0.25], [0.5, 0.5], [0.25, -0.5]]
}

/// Data of a plane in the first two of `dim` coordinates.
pub fn embedded(plane: &Array2<f64>, dim: usize) -> Embedded<Empirical> {
    let mut frame = Array2::zeros((2, dim));
    frame[(0, 0)] = 1.0;
    frame[(1, 1)] = 1.0;
    Embedded::new(Empirical::new(&points(plane.clone())).unwrap(), frame, Array1::zeros(dim)).unwrap()
}

/// Parts of the posterior's sums by Simpson's rule in ln t on 400,001 points. The data lie in the first two coordinates.
struct Brute {
    evidence: f64,
    noise: Array1<f64>,
    data: Array1<f64>,
    gradient: Array1<f64>,
    mean: f64,
}

fn brute(data: &Array2<f64>, process: &dyn Process, (from, to): (f64, f64), u: &Array1<f64>) -> Brute {
    let n = 400_000;
    let d = u.len() as f64;
    let beside: f64 = u.iter().skip(2).map(|u| u * u).sum();
    let step = (to / from).ln() / n as f64;
    let mut logs = Vec::new();
    let mut parts = Vec::new();
    for i in 0..=n {
        let t = from * (i as f64 * step).exp();
        let (a, b) = (process.alpha(t), process.sigma(t));
        let l: Vec<f64> = data
            .outer_iter()
            .map(|x| {
                let along: f64 = x.iter().zip(u).take(2).map(|(x, u)| (u - a * x) * (u - a * x)).sum();
                -0.5 * (along + beside) / (b * b)
            })
            .collect();
        let top = l.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let w: Vec<f64> = l.iter().map(|l| (l - top).exp()).collect();
        let sum: f64 = w.iter().sum();
        let mut mean = [0.0; 2];
        for (x, w) in data.outer_iter().zip(&w) {
            mean[0] += w / sum * x[0];
            mean[1] += w / sum * x[1];
        }
        let end = if i == 0 || i == n { 1.0 / 3.0 } else { [2.0, 4.0][i % 2] / 3.0 };
        logs.push(
            top + (sum / data.nrows() as f64).ln() - d * b.ln() - 0.5 * d * (2.0 * std::f64::consts::PI).ln()
                + t.ln()
                + (end * step).ln()
                - (to - from).ln(),
        );
        parts.push((t, a, b, mean));
    }
    let top = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let total: f64 = logs.iter().map(|l| (l - top).exp()).sum();
    let mut out = Brute {
        evidence: top + total.ln(),
        noise: Array1::zeros(u.len()),
        data: Array1::zeros(u.len()),
        gradient: Array1::zeros(u.len()),
        mean: 0.0,
    };
    let mut inverse = [0.0; 2];
    for (log, (t, a, b, mean)) in logs.iter().zip(&parts) {
        let w = (log - top).exp() / total;
        for k in 0..2 {
            let rest = u[k] - a * mean[k];
            out.noise[k] += w * rest / b;
            out.gradient[k] += w * rest / (b * b);
            out.data[k] += w * mean[k];
        }
        inverse[0] += w / b;
        inverse[1] += w / (b * b);
        out.mean += w * t;
    }
    for k in 2..u.len() {
        out.noise[k] = inverse[0] * u[k];
        out.gradient[k] = inverse[1] * u[k];
    }
    out
}

/// Every process, near and far from the data, in few and many dimensions.
#[test]
fn energies_and_fields_are_those_of_brute_force() {
    for dim in [2, 64, 4096] {
        let mut data = Array2::<f64>::zeros((3, dim));
        for (mut row, x) in data.outer_iter_mut().zip(three().outer_iter()) {
            row[0] = x[0];
            row[1] = x[1];
        }
        let model = Empirical::new(&points(data.clone())).unwrap();
        for (name, from, to) in [
            ("flow-matching", 1e-6, 0.999_999),
            ("variance-exploding", 1e-6, 1.0),
            ("variance-preserving", 1e-6, 1.0),
            ("cosine", 1e-4, 0.99),
        ] {
            let process = process::named(name).unwrap();
            let blind = Blind::from(&model, &process, TimePrior::uniform(from..to).unwrap()).unwrap();
            for (offset, spread) in [(0.0, 1e-5), (0.01, 0.003), (0.3, 0.1), (0.9, 1.0)] {
                let mut u = Array1::from_shape_fn(dim, |i| spread * if i % 3 == 0 { 1.1 } else { -0.9 });
                u[0] += 0.5 - offset;
                u[1] += 0.5 - 0.5 * offset;
                let exact = brute(&data, &process, (from, to), &u);
                let batch = u.clone().insert_axis(ndarray::Axis(0));
                let posterior = blind.posterior(batch.view()).unwrap().remove(0);
                let close = |a: f64, b: f64, what: &str| {
                    assert!(
                        (a - b).abs() <= 1e-8 * b.abs().max(1.0),
                        "{name} {dim} {offset}: {what} {a} instead of {b}"
                    );
                };
                close(posterior.log_evidence(), exact.evidence, "evidence");
                close(posterior.mean(), exact.mean, "mean time");
                assert!(posterior.error() <= 1e-10, "{name} {dim} {offset}: error {}", posterior.error());
                let fields = [
                    (blind.field(Target::Noise).field(batch.view()).unwrap(), &exact.noise, "noise"),
                    (blind.field(Target::Data).field(batch.view()).unwrap(), &exact.data, "data"),
                    (blind.energy_gradient(batch.view()).unwrap(), &exact.gradient, "gradient"),
                ];
                for (found, exact, what) in fields {
                    let off = (&found.row(0) - exact).mapv(|v| v * v).sum().sqrt();
                    let size = exact.dot(exact).sqrt().max(1.0);
                    assert!(off <= 1e-8 * size, "{name} {dim} {offset}: {what} off by {off} of {size}");
                }
            }
        }
    }
}

#[test]
fn gradients_and_hessians_are_those_of_differences() {
    let data = Empirical::new(&points(three())).unwrap();
    let gaussian = Gaussian::new(array![0.3, -0.2], Covariance::isotropic(2, 0.4).unwrap()).unwrap();
    let models: [&dyn Density; 2] = [&data, &gaussian];
    for model in models {
        let blind = Blind::from(&model, FlowMatching, TimePrior::uniform(1e-3..1.0).unwrap())
            .unwrap()
            .tolerance(1e-12);
        for u in [array![[0.1, 0.2]], array![[0.47, 0.45]], array![[1.2, -0.7]]] {
            let gradient = blind.energy_gradient(u.view()).unwrap();
            let h = 1e-5;
            for (k, v) in [array![[1.0, 0.0]], array![[0.0, 1.0]]].into_iter().enumerate() {
                let (plus, minus) = (&u + &(&v * h), &u - &(&v * h));
                let slope = (blind.energy(plus.view()).unwrap()[0] - blind.energy(minus.view()).unwrap()[0])
                    / (2.0 * h);
                let scale = gradient.iter().fold(1.0, |a: f64, g| a.max(g.abs()));
                assert!((slope - gradient[(0, k)]).abs() < 1e-6 * scale, "{slope} {gradient}");
                let bend = (blind.energy_gradient(plus.view()).unwrap()
                    - blind.energy_gradient(minus.view()).unwrap())
                    / (2.0 * h);
                let product = blind.energy_hessian_product(u.view(), v.view()).unwrap();
                let scale = bend.iter().fold(1.0, |a: f64, g| a.max(g.abs()));
                assert!((&bend - &product).iter().all(|e| e.abs() < 1e-5 * scale), "{bend} {product}");
            }
        }
    }
}

/// The ray of embedded data and the ray of the data themselves are the same, and both are the queries one by one.
#[test]
fn rays_agree_with_single_queries() {
    let plane = three();
    let mut data = Array2::<f64>::zeros((3, 8));
    for (mut row, x) in data.outer_iter_mut().zip(plane.outer_iter()) {
        row[0] = x[0];
        row[1] = x[1];
    }
    let (flat, deep) = (Empirical::new(&points(data)).unwrap(), embedded(&plane, 8));
    let u = Array1::from_shape_fn(8, |i| 0.3 - 0.1 * i as f64);
    let levels = [(0.999, 0.001), (0.7, 0.3), (1.0, 0.05), (1e-6, 1.0)];
    let coefficients = array![[1.0, 0.0, 2.0, -1.0], [0.0, 0.5, 0.0, 1.0]];
    let (a, b) = (flat.ray(u.view()), deep.ray(u.view()));
    let (da, db) = (a.log_densities(&levels).unwrap(), b.log_densities(&levels).unwrap());
    let (ma, mb) =
        (a.combinations(&levels, &coefficients).unwrap(), b.combinations(&levels, &coefficients).unwrap());
    let mut mean = Array2::<f64>::zeros((2, 8));
    for (j, (alpha, sigma)) in levels.into_iter().enumerate() {
        let x = (&u / alpha).insert_axis(ndarray::Axis(0));
        let one = flat.log_density(x.view(), sigma / alpha).unwrap()[0] - 8.0 * f64::ln(alpha);
        assert!((da[j] - one).abs() < 1e-9 * one.abs() && (db[j] - one).abs() < 1e-9 * one.abs());
        let denoised = ridgewalk::Denoiser::denoise(&flat, x.view(), sigma / alpha).unwrap();
        for i in 0..2 {
            mean.row_mut(i).scaled_add(coefficients[(i, j)], &denoised.row(0));
        }
    }
    assert!((&ma - &mean).iter().chain((&mb - &mean).iter()).all(|e| e.abs() < 1e-9), "{ma} {mb} {mean}");
}

/// A center and a scale are taken off by the ray as by the queries one by one, and where the data lie makes no difference.
#[test]
fn rays_of_moved_data() {
    let far = three() + 1000.0;
    let model = Empirical::new(&points(far)).unwrap();
    let unit = Scaled::new(&model, 0.4).unwrap().about(array![1000.1, 1000.2]).unwrap();
    let near = Empirical::new(&points((three() - &array![0.1, 0.2]) / 0.4)).unwrap();
    let (u, levels) = (array![0.3, -0.2], [(0.9, 0.1), (0.2, 0.8), (0.999, 0.01)]);
    let coefficients = array![[1.0, -1.0, 0.5]];
    let (a, b) = (unit.ray(u.view()), near.ray(u.view()));
    let (p, q) = (a.log_densities(&levels).unwrap(), b.log_densities(&levels).unwrap());
    assert!(p.iter().zip(&q).all(|(p, q)| (p - q).abs() < 1e-8 * q.abs().max(1.0)), "{p:?} {q:?}");
    let (p, q) =
        (a.combinations(&levels, &coefficients).unwrap(), b.combinations(&levels, &coefficients).unwrap());
    assert!((&p - &q).iter().all(|e| e.abs() < 1e-8), "{p} {q}");
    let x = array![[0.3, -0.2]];
    let (p, q) = (unit.denoise(x.view(), 0.3).unwrap(), near.denoise(x.view(), 0.3).unwrap());
    assert!((&p - &q).iter().all(|e| e.abs() < 1e-6), "{p} {q}");
    let (p, q) = (unit.log_density(x.view(), 0.3).unwrap()[0], near.log_density(x.view(), 0.3).unwrap()[0]);
    assert!((p - q).abs() < 1e-6);
}

/// A model without a density gets its posterior from its own denoiser.
#[test]
fn an_estimated_posterior_is_the_exact_one() {
    /// Nor derivatives.
    struct Bare<'a>(&'a dyn Differentiable);
    impl ridgewalk::Denoiser for Bare<'_> {
        fn dim(&self) -> usize {
            self.0.dim()
        }
        fn denoise(&self, x: ndarray::ArrayView2<f64>, sigma: f64) -> ridgewalk::Result<Array2<f64>> {
            self.0.denoise(x, sigma)
        }
    }
    struct NoDensity<'a>(&'a dyn Differentiable);
    impl ridgewalk::Denoiser for NoDensity<'_> {
        fn dim(&self) -> usize {
            self.0.dim()
        }
        fn denoise(&self, x: ndarray::ArrayView2<f64>, sigma: f64) -> ridgewalk::Result<Array2<f64>> {
            self.0.denoise(x, sigma)
        }
        fn moments(&self) -> Option<ridgewalk::Moments> {
            self.0.moments()
        }
        fn differentiable(&self) -> Option<&dyn Differentiable> {
            Some(self.0)
        }
    }
    let model = embedded(&three(), 6);
    let hidden = NoDensity(&model);
    let u = array![[0.1, 0.2, 0.1, -0.1, 0.05, 0.0], [0.5, 0.45, 0.01, 0.0, 0.02, -0.01]];
    for (process, to) in [(&FlowMatching as &dyn Process, 1.0), (&VarianceExploding, 3.0)] {
        let prior = TimePrior::uniform(1e-3..to).unwrap();
        let exact = Blind::from(&model, process, prior.clone()).unwrap();
        let estimated = Blind::from(&hidden, process, prior).unwrap();
        for (e, f) in exact.posterior(u.view()).unwrap().iter().zip(estimated.posterior(u.view()).unwrap()) {
            assert!((e.mean() / f.mean() - 1.0).abs() < 2e-4, "{} {}", e.mean(), f.mean());
            assert!(
                (e.deviation() / f.deviation() - 1.0).abs() < 2e-3,
                "{} {}",
                e.deviation(),
                f.deviation()
            );
            // Only the anchor at the highest level makes a difference in the energy.
            assert!(
                (e.log_evidence() - f.log_evidence()).abs() < 0.2,
                "{} {}",
                e.log_evidence(),
                f.log_evidence()
            );
        }
        let (e, f) = (exact.field(Target::Velocity), estimated.field(Target::Velocity));
        let (e, f) = (e.field(u.view()).unwrap(), f.field(u.view()).unwrap());
        assert!((&e - &f).iter().all(|d| d.abs() < 1e-3), "{e} {f}");
    }
    // Few times, far apart: the law has no mass between them, and the density changes there all the same. By finite differences,
    // and by probes, which are exact for no row but the same for all.
    let bare = Bare(&model);
    for (process, times) in [
        (&FlowMatching as &dyn Process, vec![0.02, 0.05, 0.1, 0.2, 0.25, 0.4, 0.8]),
        (&Ddpm::linear(), (0..250).map(|i| f64::from(1 + 4 * i)).collect()),
    ] {
        let prior = TimePrior::steps(times).unwrap();
        let exact = Blind::from(&model, process, prior.clone()).unwrap().posterior(u.view()).unwrap();
        let estimated = Blind::from(&bare, process, prior.clone()).unwrap();
        for (e, f) in exact.iter().zip(estimated.posterior(u.view()).unwrap()) {
            assert!((e.mean() / f.mean() - 1.0).abs() < 5e-3, "{} {}", e.mean(), f.mean());
            assert!(f.error() < 0.05, "{}", f.error());
        }
        let probes = Divergence::Hutchinson { probes: 3, law: ProbeLaw::Rademacher, seed: 1 };
        let rough = Blind::from(&bare, process, prior).unwrap().divergence(probes);
        let both = rough.posterior(u.view()).unwrap();
        let alone = rough.posterior(u.select(ndarray::Axis(0), &[1]).view()).unwrap();
        assert_eq!(both[1], alone[0], "no point depends on its batch");
    }
}
