//! Networks whose answers are known by hand.

use ndarray::{Array2, Axis};
use ridgewalk::autonomous::Autonomous;
use ridgewalk::process::{Ddpm, FlowMatching, Process};
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::{Denoiser, Differentiable, Shape};
use ridgewalk_nn::onnx::{Answer, OnnxOptions, Told};
use ridgewalk_nn::{Preconditioning, Prediction};

use super::support::{gaussian, load, stepped, tinted};

fn points(n: usize, d: usize) -> Array2<f64> {
    let mut stream = Stream::new(1, Purpose::Evaluation, 0, 0);
    Array2::from_shape_simple_fn((n, d), || 2.0 * stream.normal())
}

fn largest(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    assert_eq!(a.dim(), b.dim());
    (a - b).iter().fold(0.0, |most, v| most.max(v.abs()))
}

/// (s²x + σ²m)/(s² + σ²), in batches of any number and in files that fix one.
#[test]
fn a_gaussian_is_its_closed_form() {
    for rows in [0, 1, 4] {
        let Some(model) = load(&gaussian(rows), &OnnxOptions::default()) else { return };
        let model = model.unwrap();
        assert_eq!((model.dim(), model.shape(), model.is_blind()), (2, Shape::Vector(2), false));
        let mean = Array2::from_shape_fn((150, 2), |(_, k)| [1.0, -2.0][k]);
        for (n, sigma) in [(1, 0.1), (7, 1.0), (150, 30.0)] {
            let x = points(n, 2);
            let mean = mean.select(Axis(0), &(0..n).collect::<Vec<_>>());
            let expected = (0.25 * &x + sigma * sigma * &mean) / (0.25 + sigma * sigma);
            let found = model.denoise(x.view(), sigma).unwrap();
            assert!(largest(&found, &expected) < 1e-5, "{rows} rows, sigma {sigma}");
        }
    }
}

/// J = s²/(s² + σ²), ∂D/∂σ = 2σs²(m − x)/(s² + σ²)².
#[test]
fn derivatives_are_those_of_the_closed_form() {
    let Some(model) = load(&gaussian(0), &OnnxOptions::default()) else { return };
    let model = model.unwrap().with_derivatives();
    let (x, v, sigma) = (points(5, 2), points(5, 2) + 0.3, 0.7);
    let total = 0.25 + sigma * sigma;
    assert!(largest(&model.jvp(x.view(), sigma, v.view()).unwrap(), &(0.25 / total * &v)) < 1e-3);
    let mean = Array2::from_shape_fn((5, 2), |(_, k)| [1.0, -2.0][k]);
    let expected = (mean - &x) * (2.0 * sigma * 0.25 / (total * total));
    let (_, found) = model.denoise_with_sigma_derivative(x.view(), sigma).unwrap();
    assert!(largest(&found, &expected) < 5e-3);
}

/// What the options say of answers and levels, on f(u, t) = u/2 + t/1000, written out.
#[test]
fn answers_and_levels_are_what_the_options_say() {
    let network = |prediction| Answer::Network(Preconditioning { prediction, center: 0.0, scale: 1.0 });
    let x = points(3, 3);
    let sigma = 2.0f64;
    // Steps are integers here: what lies between is rounded.
    let step = |process: &dyn Process| (process.time(sigma) - 1.0).round();
    let steps = [Ddpm::linear(), Ddpm::scaled_linear()].map(|process| step(&process));
    assert!(steps[0] > 100.0 && steps[0] != steps[1]);
    let root = (1.0 + sigma * sigma).sqrt();
    let flow = Told::Time { process: std::sync::Arc::new(FlowMatching), factor: 1000.0, offset: 0.0 };
    let cases: [(Answer, Told, Array2<f64>); 6] = [
        (Answer::Denoised, Told::Sigma, 0.5 * &x + 2e-3),
        (Answer::Denoised, Told::QuarterLog, 0.5 * &x),
        (Answer::Score, Told::Sigma, &x + sigma * sigma * (0.5 * &x + 2e-3)),
        (
            network(Prediction::Noise),
            Told::step(Ddpm::linear()),
            &x - sigma * (0.5 * &x / root + 1e-3 * steps[0]),
        ),
        (
            network(Prediction::Velocity),
            Told::step(Ddpm::scaled_linear()),
            &x / (root * root) - sigma / root * (0.5 * &x / root + 1e-3 * steps[1]),
        ),
        (network(Prediction::Flow), flow, &x / 3.0 - sigma / 3.0 * (0.5 * &x / 3.0 + 0.667)),
    ];
    for (answer, told, expected) in cases {
        let name = format!("{answer:?} {told:?}");
        let options = OnnxOptions { answer: Some(answer), told: Some(told), ..OnnxOptions::default() };
        let Some(model) = load(&stepped(), &options) else { return };
        let found = model.unwrap().denoise(x.view(), sigma).unwrap();
        assert!(largest(&found, &expected) < 1e-5, "{name}: {found} for {expected}");
    }
}

/// Points have their channels last, the network first; a network of any size is asked for one.
#[test]
fn images_are_of_channels_last() {
    for (file, sides) in [(tinted(2, 4), None), (tinted(0, 0), Some((2, 4)))] {
        let Some(model) = load(&file, &OnnxOptions { sides, ..OnnxOptions::default() }) else { return };
        let model = model.unwrap();
        assert_eq!(model.shape(), Shape::Image { height: 2, width: 4, channels: 3 });
        let x = points(40, 24);
        let expected = Array2::from_shape_fn((40, 24), |(i, k)| x[(i, k)] + (k % 3) as f64);
        assert!(largest(&model.denoise(x.view(), 1.0).unwrap(), &expected) < 1e-6);
        let field = model.blind().unwrap();
        assert!(largest(&field.field(x.view()).unwrap(), &expected) < 1e-6);
    }
}

/// The levels of the process whose time is told, and EDM's else.
#[test]
fn levels_are_those_of_the_process() {
    let options = OnnxOptions {
        answer: Some(Answer::Denoised),
        told: Some(Told::step(Ddpm::linear())),
        ..OnnxOptions::default()
    };
    let Some(model) = load(&stepped(), &options) else { return };
    let levels = model.unwrap().levels();
    let process = Ddpm::linear();
    assert_eq!((levels.start, levels.end), (process.noise_level(1.0), process.noise_level(1000.0)));
    let model = load(&gaussian(0), &OnnxOptions::default()).unwrap().unwrap();
    assert_eq!(model.levels(), 0.002..80.0);
}

/// The same bits again, alone and in a batch, on one thread and on all.
#[test]
fn results_are_the_same_again() {
    for (file, d) in [(gaussian(0), 2), (tinted(2, 4), 24)] {
        let Some(model) = load(&file, &OnnxOptions::default()) else { return };
        let (model, x) = (model.unwrap(), points(70, d));
        let together = model.denoise(x.view(), 0.5).unwrap();
        assert_eq!(model.denoise(x.view(), 0.5).unwrap(), together);
        for i in [0, 15, 69] {
            let alone = model.denoise(x.select(Axis(0), &[i]).view(), 0.5).unwrap();
            assert_eq!(alone.row(0), together.row(i));
        }
        let options = OnnxOptions { threads: Some(1), ..OnnxOptions::default() };
        let single = load(&file, &options).unwrap().unwrap();
        assert_eq!(single.denoise(x.view(), 0.5).unwrap(), together);
    }
}
