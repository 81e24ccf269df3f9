//! Settings of attraction that nobody chose: what they must leave and keep where that is known, and when there are none.

use ndarray::{Array1, Array2, Axis};
use ridgewalk::closed_form::{Covariance, Empirical, Gaussian, Mixture};
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::sampler::choose_attraction;
use ridgewalk::{Denoiser, Euler, Heun, Karras, Mad, PointSet, Sampler, Switched};

/// Draws of a centred Gaussian of these variances along coordinates.
fn draws(n: usize, variances: &[f64]) -> Array2<f64> {
    let mut out = Array2::zeros((n, variances.len()));
    for (i, mut row) in out.outer_iter_mut().enumerate() {
        let mut stream = Stream::new(1, Purpose::Synthetic, i as u64, 0);
        row.iter_mut().zip(variances).for_each(|(x, v)| *x = v.sqrt() * stream.normal());
    }
    out
}

fn samples(model: &dyn Denoiser, config: ridgewalk::MadConfig, n: usize) -> Array2<f64> {
    let mad = Mad::new(model, config).unwrap();
    let solver = Switched::new(Heun::new(), Euler, mad.onset_level());
    Sampler::new(solver, Karras::new(0.002..80.0, 200)).seed(5).run(&mad, n).unwrap().points
}

/// Two wide directions, 30 of noise: the noise goes, what is wide stays, and as much as the trial said.
#[test]
fn settings_do_what_the_trial_says() {
    let mut variances = vec![4.0; 2];
    variances.extend([0.01; 30]);
    let dense = Array2::from_diag(&Array1::from(variances.clone()));
    let model = Gaussian::new(Array1::zeros(32), Covariance::from_dense(dense.view()).unwrap()).unwrap();
    let data = draws(500, &variances);
    let points = PointSet::vectors(data.clone()).unwrap();
    let choice = choose_attraction(&model, data.view(), &points, 0.1, 0).unwrap();
    assert!(choice.tried && choice.remaining < 0.15, "{choice:?}");
    let out = samples(&model, choice.config.clone(), 400);
    let deviation = |k: usize| (out.column(k).mapv(|v| v * v).sum() / 400.0).sqrt();
    let noise = (2..32).map(deviation).sum::<f64>() / 30.0 / 0.1;
    // More steps leave a little more than the trial's 24 levels.
    assert!((noise - choice.remaining).abs() < 0.04, "{noise} {}", choice.remaining);
    // A standard deviation of 400 draws is known to 3.5 %.
    assert!((deviation(0) / 2.0 - 1.0).abs() < 0.12, "{}", deviation(0));
    // 96 samples know the variance of two directions to 10 %.
    assert!((choice.kept - 1.0).abs() < 0.3, "{}", choice.kept);
}

/// A circle of 24 broad components in R^48: what they see within their arcs is signal, though it is small beside the
/// circle. Too strong an attraction gathers samples at the components' means.
#[test]
fn small_variations_along_a_curve_are_kept() {
    let (d, noise) = (48, 0.1);
    let arc = std::f64::consts::TAU / 24.0;
    let components = (0..24)
        .map(|i| {
            let angle = f64::from(i) * arc;
            let mut mean = Array1::zeros(d);
            (mean[0], mean[1]) = (angle.cos(), angle.sin());
            let mut tangent = Array2::zeros((1, d));
            (tangent[[0, 0]], tangent[[0, 1]]) = (-angle.sin(), angle.cos());
            let along = arc * arc / 12.0 + noise * noise;
            Gaussian::new(mean, Covariance::from_parts(tangent, vec![along], noise * noise).unwrap()).unwrap()
        })
        .collect();
    let model = Mixture::new(vec![1.0 / 24.0; 24], components).unwrap();
    let mut data = Array2::zeros((600, d));
    for (i, mut row) in data.outer_iter_mut().enumerate() {
        row.assign(&model.draw(&mut Stream::new(2, Purpose::Synthetic, i as u64, 0)).unwrap());
    }
    let points = PointSet::vectors(data.clone()).unwrap();
    let choice = choose_attraction(&model, data.view(), &points, noise, 0).unwrap();
    let out = samples(&model, choice.config, 300);
    let off: f64 = out.outer_iter().map(|x| x.iter().skip(2).map(|v| v * v).sum::<f64>()).sum();
    let left = (off / (300.0 * 46.0)).sqrt() / noise;
    assert!(left < 0.15, "{left}");
    let in_plane: f64 = (0..2).map(|k| out.column(k).var(0.0)).sum();
    assert!((in_plane - 1.0).abs() < 0.05, "{in_plane}");
    // Angles within an arc are spread as evenly as before: a standard deviation of arc/√12, known to 3 %.
    let within = |x: ndarray::ArrayView1<f64>| {
        let angle = x[1].atan2(x[0]) / arc;
        angle - angle.round()
    };
    let spread = out.axis_iter(Axis(0)).map(|x| within(x).powi(2)).sum::<f64>() / 300.0 * 12.0;
    assert!(spread > 0.6, "{spread}");
}

/// Noise as large as the signal has no gap; a memorising model has no noise; nonsense is refused.
#[test]
fn without_a_gap_no_settings_are_chosen() {
    let model = Gaussian::new(Array1::zeros(8), Covariance::isotropic(8, 1.2).unwrap()).unwrap();
    let data = draws(256, &[1.2; 8]);
    let points = PointSet::vectors(data.clone()).unwrap();
    let refused = |model: &dyn Denoiser, noise: f64| {
        choose_attraction(model, data.view(), &points, noise, 0).unwrap_err().to_string()
    };
    assert!(refused(&model, 0.8).contains("no gap"));
    assert!(refused(&model, 0.0).contains("positive"));
    let memorising = Empirical::new(&points).unwrap();
    assert!(refused(&memorising, 0.5).contains("single points"));
}
