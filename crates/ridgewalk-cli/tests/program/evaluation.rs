//! `eval` against formulas that can be worked out by hand.

use std::f64::consts::TAU;

use crate::support::{Folder, close};

fn column(folder: &Folder, words: &str) -> Vec<f64> {
    folder.ok(words);
    folder.points("y.npy").values().iter().copied().collect()
}

fn agree(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (a, b) in found.iter().zip(expected) {
        assert!(close(*a, *b), "{found:?} where {expected:?}");
    }
}

/// One point p: p_σ = N(p, σ²I), so D = p, score = (p − x)/σ², and D does not depend on x.
#[test]
fn one_point_is_a_gaussian() {
    let folder = Folder::with("p.csv", "1,-2\n");
    folder.write("x.csv", "3,1\n1,-2\n-1,0.5\n");
    let sigma = 0.5f64;
    let eval = |what: &str| column(&folder, &format!("eval p.csv --at x.csv --sigma 0.5 --what {what}"));
    agree(&eval("denoised"), &[1.0, -2.0, 1.0, -2.0, 1.0, -2.0]);
    agree(&eval("score"), &[-2.0, -3.0, 0.0, 0.0, 2.0, -2.5].map(|v| v / (sigma * sigma)));
    let normal = |r2: f64| -r2 / (2.0 * sigma * sigma) - (TAU * sigma * sigma).ln();
    agree(&eval("log-density"), &[normal(13.0), normal(0.0), normal(10.25)]);
    agree(&eval("divergence"), &[0.0, 0.0, 0.0]);
}

/// Points ±a on a line: D = a·tanh(a·x/σ²), and dD/dx = a²/(σ²·cosh²(a·x/σ²)).
#[test]
fn two_points_are_a_tanh() {
    let (a, sigma) = (2.0f64, 1.5f64);
    let folder = Folder::with("p.csv", "x\n2\n-2\n");
    let x = [-3.0, -0.25, 0.0, 0.1, 4.0];
    folder.write("x.csv", "x\n-3\n-0.25\n0\n0.1\n4\n");
    let eval = |what: &str| column(&folder, &format!("eval p.csv --at x.csv --sigma 1.5 --what {what}"));
    let s2 = sigma * sigma;
    let denoised = x.map(|x| a * (a * x / s2).tanh());
    agree(&eval("denoised"), &denoised);
    let mut score = x;
    score.iter_mut().zip(denoised).for_each(|(x, d)| *x = (d - *x) / s2);
    agree(&eval("score"), &score);
    agree(&eval("divergence"), &x.map(|x| a * a / s2 / (a * x / s2).cosh().powi(2)));
    let normal = |r: f64| (-r * r / (2.0 * s2)).exp() / (TAU * s2).sqrt();
    agree(&eval("log-density"), &x.map(|x| ((normal(x - a) + normal(x + a)) / 2.0).ln()));
}

/// Points 0 and 4: mean 2, std 2, so z = (x − 2)/2 has the points ±1 and D_z = tanh(z/σ²), σ in units of z.
/// Back in the data's units: D = 2 + 2·D_z, score_z/2, log p_z − ln 2, and the same trace.
#[test]
fn standardized_units_by_hand() {
    let folder = Folder::with("p.csv", "x\n0\n4\n");
    folder.write("x.csv", "x\n0.5\n2\n7\n");
    let s2 = 0.64f64;
    let z = [-0.75f64, 0.0, 2.5];
    folder.ok("fit p.csv --standardize -o m.safetensors");
    for source in ["p.csv --standardize", "m.safetensors"] {
        let eval =
            |what: &str| column(&folder, &format!("eval {source} --at x.csv --sigma 0.8 --what {what}"));
        agree(&eval("denoised"), &z.map(|z| 2.0 + 2.0 * (z / s2).tanh()));
        agree(&eval("score"), &z.map(|z| ((z / s2).tanh() - z) / s2 / 2.0));
        agree(&eval("divergence"), &z.map(|z| 1.0 / s2 / (z / s2).cosh().powi(2)));
        let normal = |r: f64| (-r * r / (2.0 * s2)).exp() / (TAU * s2).sqrt();
        let log_density = |z: f64| ((normal(z - 1.0) + normal(z + 1.0)) / 2.0).ln() - 2f64.ln();
        agree(&eval("log-density"), &z.map(log_density));
    }
}

/// A Gaussian of covariance Σ = diag(4, 1) about (1, 1): D_k = μ_k + λ_k/(λ_k + σ²)·(x_k − μ_k).
#[test]
fn a_gaussian_shrinks_to_its_mean() {
    // Four corners: means 1, variances (divided by n) 4 and 1, no correlation.
    let folder = Folder::with("p.csv", "3,2\n3,0\n-1,2\n-1,0\n");
    folder.write("x.csv", "5,5\n1,-3\n");
    let eval = |what: &str| {
        column(&folder, &format!("eval p.csv --model gaussian --at x.csv --sigma 2 --what {what}"))
    };
    agree(&eval("denoised"), &[1.0 + 0.5 * 4.0, 1.0 + 0.2 * 4.0, 1.0, 1.0 - 0.2 * 4.0]);
    agree(&eval("score"), &[-4.0 / 8.0, -4.0 / 5.0, 0.0, 4.0 / 5.0]);
    agree(&eval("divergence"), &[0.7, 0.7]);
    let log_density = |a: f64, b: f64| -(a * a / 8.0 + b * b / 5.0) / 2.0 - (TAU * 40f64.sqrt()).ln();
    agree(&eval("log-density"), &[log_density(4.0, 4.0), log_density(0.0, -4.0)]);
}

/// Points ±1 on a line through the plane, at 0.3 along it and 2 beside it: the smoothed denoiser is
/// E tanh((0.3 + hz)/σ²) along the line, 0.392513 for h = 0.4 and σ² = 0.5 (quadrature to six digits).
/// Two points span one dimension, so that a quadrature rule serves. The tolerances: rounding of the
/// reference; for 4096 quasi-random draws a hundredth of, and for 20,000 random ones five times,
/// h/√n = 0.003.
#[test]
fn smoothed_values_agree_with_quadrature() {
    let folder = Folder::with("p.csv", "0.6,0.8\n-0.6,-0.8\n");
    folder.write("x.csv", "1.78,-0.96\n");
    let cases = [
        ("--smooth-estimator gauss-hermite --smooth-draws 64", 1e-6),
        ("--smooth-kernel manifold:1,neighbours=2 --smooth-estimator gauss-hermite --smooth-draws 64", 1e-6),
        ("--smooth-estimator qmc --smooth-draws 4096", 1e-4),
        ("--smooth-draws 20000", 0.014),
        ("--smooth-tolerance 0.002", 0.01),
        ("--smooth-estimator monte-carlo --smooth-draws 20000", 0.014),
        ("--smooth-estimator control-variate --smooth-draws 20000", 0.014),
    ];
    for latent in ["", "--latent pca:1"] {
        for (flags, tolerance) in cases {
            let found = column(
                &folder,
                &format!("eval p.csv {latent} --at x.csv --sigma 0.7071067811865476 --smooth 0.4 {flags}"),
            );
            let off = |(found, along): (&f64, f64)| (found - 0.392513 * along).abs();
            let worst = found.iter().zip([0.6, 0.8]).map(off).fold(0.0, f64::max);
            assert!(worst < tolerance, "{latent} {flags}: {found:?}");
        }
    }
    // Above the level up to which it acts nothing is smoothed: tanh(0.3/0.5).
    let words = "eval p.csv --at x.csv --sigma 0.7071067811865476 --smooth 0.4 --smooth-below 0.7";
    let found = column(&folder, words);
    agree(&found, &[0.6, 0.8].map(|along| along * 0.6f64.tanh()));
}

#[test]
fn columns_keep_their_names() {
    let folder = Folder::with("p.csv", "height,weight\n1,2\n3,4\n");
    folder.write("x.csv", "height,weight\n1,2\n");
    folder.ok("eval p.csv --at x.csv --sigma 1 -o y.csv");
    assert!(folder.text("y.csv").starts_with("height,weight\n"), "{}", folder.text("y.csv"));
}

/// The log-density by the flow is that of the closed form; in bits a dimension it is divided by −d·ln 2, and
/// a grid of width w adds −log₂ w.
#[test]
fn likelihoods_by_the_flow() {
    let folder = Folder::new();
    folder.ok("fit swiss-roll:n=80 --model mixture --components 3 -o m.safetensors");
    folder.ok("sample m.safetensors -n 4 --seed 2 -o x");
    let eval = |what: &str| {
        column(&folder, &format!("eval m.safetensors --at x/samples.npy --sigma 0.3 --what {what}"))
    };
    let (exact, flow) = (eval("log-density"), eval("flow-log-density"));
    for (a, b) in exact.iter().zip(&flow) {
        assert!((a - b).abs() < 2e-3, "{exact:?} {flow:?}");
    }
    let bits = eval("bits-per-dimension --bin-width 0.25");
    for (bits, nats) in bits.iter().zip(&flow) {
        assert!((bits - (2.0 - nats / (3.0 * std::f64::consts::LN_2))).abs() < 1e-9);
    }
    // Attraction has no exact derivatives: probes, whose spread in three dimensions is below a nat or two.
    for (a, b) in eval("flow-log-density --probes 200").iter().zip(&flow) {
        assert!((a - b).abs() < 0.5, "{a} {b}");
    }
    assert_eq!(eval("flow-log-density --mad").len(), 4);
    let words = "eval m.safetensors --at x/samples.npy --sigma 0.3 --what";
    folder.refused(&format!("{words} score --probes 3"), &["--probes", "flow-log-density"]);
    folder.refused(&format!("{words} flow-log-density --bin-width 1"), &["--bin-width"]);
    folder.refused(
        &words.replace("--sigma 0.3", "--sigma 1e9").replace("--what", "--what flow-log-density"),
        &["--sigma"],
    );
}
