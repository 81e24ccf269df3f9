//! Tables of an independent implementation in numpy.

use ndarray::{Array2, array};
use ridgewalk::FlowMatching;
use ridgewalk::autonomous::{Autonomous, Blind, Target, TimePrior};

use crate::closed_form::{embedded, three};

fn norm(x: ndarray::ArrayView1<f64>) -> f64 {
    x.dot(&x).sqrt()
}

/// The uniform law of t by the trapezoid rule on times even in ln t.
pub fn log_spaced(from: f64, to: f64, n: usize) -> TimePrior {
    let step = (to / from).ln() / (n - 1) as f64;
    let times: Vec<f64> =
        (0..n).map(|i| if i == n - 1 { to } else { from * (i as f64 * step).exp() }).collect();
    let weights: Vec<f64> = (0..n).map(|i| times[i] * if i == 0 || i == n - 1 { 0.5 } else { 1.0 }).collect();
    TimePrior::discrete(times, &weights).unwrap()
}

/// Energy, gradient and the parts of the blind velocity.
#[test]
fn parts_of_the_blind_velocity() {
    let rows = [
        (2, [0.0, 0.0], 0.0, [1.101, 0.04045, 0.1188, 0.1579, 0.03905, 0.0]),
        (2, [0.45, 0.45], 0.0, [-0.3831, 13.71, 1.019, 10.38, 10.48, 1.118]),
        (2, [1.0, 1.0], 0.0, [3.587, 2.901, 1.565, 38.64, 16.82, 20.25]),
        (8, [0.0, 0.0], 0.3, [0.3027, 6.09, 1.316, 2.186, 0.4802, 0.4077]),
        (8, [0.45, 0.45], 0.05, [-12.92, 81.94, 2.847, 2.784, 0.4085, 0.6601]),
        (8, [1.0, 1.0], 1.0, [7.863, 5.382, 2.474, 20.7, 9.921, 8.395]),
    ];
    for (dim, plane, r, expected) in rows {
        let model = embedded(&three(), dim);
        // The table's own times: 2000, even in ln t, by the trapezoid rule; too few for the gain near t = 0.999.
        let prior = log_spaced(1e-3, 0.999, 2000);
        let blind = Blind::from(&model, FlowMatching, prior).unwrap();
        let mut u = Array2::zeros((1, dim));
        u[(0, 0)] = plane[0];
        u[(0, 1)] = plane[1];
        if dim > 2 {
            u[(0, 2)] = r;
        }
        let parts = blind.parts(u.view(), Target::Velocity).unwrap();
        let found = [
            blind.energy(u.view()).unwrap()[0],
            norm(parts.gradient.row(0)),
            norm(parts.field.row(0)),
            norm(parts.natural.row(0)),
            norm(parts.transport.row(0)),
            norm(parts.drift.row(0)),
        ];
        println!("{dim} {plane:?} {r}: {found:?}");
        for (f, e) in found.iter().zip(expected) {
            assert!((f - e).abs() < 6e-4 * e.abs().max(0.02), "{dim} {plane:?} {r}: {found:?} {expected:?}");
        }
        let sum = &parts.natural + &parts.transport + &parts.drift;
        assert!((&sum - &parts.field).iter().all(|e| e.abs() < 1e-10), "{dim}");
        let field = blind.field(Target::Velocity).field(u.view()).unwrap();
        assert!((&field - &parts.field).iter().all(|e| e.abs() < 1e-10));
    }
}

/// Beside an isolated point of the data the posterior of 1/σ² is a gamma law.
#[test]
fn beside_a_point_of_the_data() {
    let gamma = |x: f64| libm::lgamma(x);
    for (k, c_expected, g_expected, transport_expected, gap_expected) in [
        (3usize, 1.2533, 2.5066, -1.2533, 0.5708),
        (8, 2.5532, 2.9788, -0.42554, 0.08650),
        (32, 5.5231, 5.7072, -0.18410, 0.01680),
        (128, 11.2473, 11.3365, -0.08926, 0.003976),
        (512, 22.5943, 22.6386, -0.04430, 0.0009809),
    ] {
        let kf = k as f64;
        let c = 2f64.sqrt() * (gamma(kf / 2.0) - gamma((kf - 1.0) / 2.0)).exp();
        let g = (kf - 1.0) / 2f64.sqrt() * (gamma(kf / 2.0 - 1.0) - gamma((kf - 1.0) / 2.0)).exp();
        assert!((c - c_expected).abs() < 1e-4 && (g - g_expected).abs() < 1e-4);
        let model = embedded(&array![[0.0, 0.0]], k);
        let blind = Blind::from(&model, FlowMatching, TimePrior::uniform(1e-6..0.999).unwrap()).unwrap();
        let r = 1e-3;
        let mut u = Array2::zeros((1, k));
        u[(0, 2)] = r;
        let gradient = blind.energy_gradient(u.view()).unwrap();
        let slack = if k == 3 { 2e-2 } else { 1e-3 };
        assert!((r * gradient[(0, 2)] - (kf - 1.0)).abs() < slack * kf, "{k}: {}", r * gradient[(0, 2)]);
        let noise = blind.field(Target::Noise).field(u.view()).unwrap();
        assert!((noise[(0, 2)] - c).abs() < slack * c, "{k}: {}", noise[(0, 2)]);
        let posterior = blind.posterior(u.view()).unwrap().remove(0);
        assert!(
            (posterior.convexity_gap(&FlowMatching) - gap_expected).abs()
                < 2e-2 * gap_expected + slack * (k == 3) as u8 as f64 * 10.0
        );
        let parts = blind.parts(u.view(), Target::Noise).unwrap();
        println!("{k}: natural {} transport {}", parts.natural[(0, 2)], parts.transport[(0, 2)]);
        if k >= 8 {
            assert!((parts.natural[(0, 2)] - g).abs() < 1e-2 * g);
            assert!((parts.transport[(0, 2)] - transport_expected).abs() < 1e-2 * transport_expected.abs());
        }
    }
}

/// The generator of the tables: SplitMix64 by counter, Box–Muller.
pub struct Normals(u64);

impl Normals {
    pub fn new(seed: u64) -> Self {
        Normals(seed)
    }

    fn bits(&self, counter: u64) -> u64 {
        let mut z = self.0.wrapping_add((counter + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn uniform(&self, counter: u64) -> f64 {
        (self.bits(counter) >> 11) as f64 / (1u64 << 53) as f64
    }

    pub fn get(&self, i: u64) -> f64 {
        let pair = i - i % 2;
        let (radius, angle) = (
            (-2.0 * (-self.uniform(pair)).ln_1p()).sqrt(),
            2.0 * std::f64::consts::PI * self.uniform(pair + 1),
        );
        radius * if i.is_multiple_of(2) { angle.cos() } else { angle.sin() }
    }
}

#[test]
fn the_generator() {
    let normals = Normals::new(1);
    println!("{} {} {}", normals.get(0), normals.get(1), normals.get(2));
    for (i, e) in [-0.0342673217918511, -1.29260853323732, -2.50006749336987].into_iter().enumerate() {
        assert!((normals.get(i as u64) - e).abs() < 1e-12);
    }
}
