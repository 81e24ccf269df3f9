//! Projections of a 3-D density along random directions, as in cryo-electron microscopy: a smooth 3-D manifold of
//! images, parametrised by the rotations R ∈ SO(3).
//!
//! The density is a sum of Gaussian blobs of masses m_k and widths s_k around c_k in the unit ball. Its projection along
//! the third axis, turned by R, is known in closed form:
//!
//! ```text
//! I(x, y) = Σ_k m_k / s_k² · exp(−((x − x_k)² + (y − y_k)²) / (2 s_k²)),   (x_k, y_k, z_k) = R c_k,
//! ```
//!
//! up to a constant, which makes the brightest pixels of all views about 1. The image is the square |x|, |y| ≤ 1.25.

use std::f64::consts::PI;
use std::sync::OnceLock;

use libm::{cos, exp, sin, sqrt};
use ridgewalk::random::{Purpose, Stream};

use super::Model;
use super::coarse::{coarse, squared};
use super::least_squares::{Linear, Triple, descend};

/// Side of the images, unless another is asked for.
pub(super) const SIDE: usize = 32;
/// Half of the image's width.
const HALF_WIDTH: f64 = 1.25;
/// Scale of the values.
const BRIGHTNESS: f64 = 0.0045;

/// A blob: centre, width, mass.
struct Blob(Triple, f64, f64);

/// An arm with an elbow, a body, and a small ring segment to one side: no rotation and no mirror brings it back.
const BLOBS: [Blob; 12] = [
    Blob([0.00, 0.00, 0.00], 0.22, 2.6),
    Blob([0.24, 0.10, -0.12], 0.18, 1.5),
    Blob([-0.20, 0.16, 0.10], 0.17, 1.2),
    Blob([0.05, -0.30, 0.08], 0.15, 0.9),
    Blob([0.10, -0.52, 0.16], 0.13, 0.7),
    Blob([0.30, -0.66, 0.12], 0.12, 0.6),
    Blob([0.50, -0.62, -0.02], 0.12, 0.5),
    Blob([-0.46, 0.30, -0.06], 0.13, 0.7),
    Blob([-0.60, 0.16, -0.28], 0.12, 0.5),
    Blob([-0.52, -0.06, -0.44], 0.12, 0.4),
    Blob([0.08, 0.34, 0.44], 0.14, 0.8),
    Blob([0.16, 0.30, 0.70], 0.12, 0.6),
];

/// A rotation, by its rows.
type Rotation = [Triple; 3];

/// Images of the density.
pub(super) struct Projections {
    side: usize,
}

impl Projections {
    pub fn new(side: usize) -> Self {
        Projections { side }
    }

    /// The image, and its derivatives where they are wanted: `pixel` is given every value and those by the turn ω of
    /// R → exp([ω]×) R.
    fn each_pixel(&self, rotation: Rotation, mut pixel: impl FnMut(usize, f64, Triple)) {
        let side = self.side;
        let at = |k: usize| HALF_WIDTH * ((2 * k + 1) as f64 / side as f64 - 1.0);
        // A blob is a product of a factor along each axis.
        let profile = |centre: f64, width: f64| -> Vec<(f64, f64)> {
            let squared = width * width;
            let off = (0..side).map(|k| at(k) - centre);
            off.map(|off| (exp(-off * off / (2.0 * squared)), off / squared)).collect()
        };
        let blobs: Vec<_> = BLOBS
            .iter()
            .map(|Blob(centre, width, mass)| {
                let [x, y, z] = rotation.map(|row| dot(row, *centre));
                let peak = BRIGHTNESS * mass / (width * width);
                ([x, y, z], peak, profile(x, *width), profile(y, *width))
            })
            .collect();
        for row in 0..side {
            for column in 0..side {
                let (mut value, mut by) = (0.0, [0.0; 3]);
                for ([x, y, z], peak, across, down) in &blobs {
                    let ((ex, sx), (ey, sy)) = (across[column], down[row]);
                    let blob = peak * ex * ey;
                    value += blob;
                    // ∂(x, y)/∂ω from ω × (x, y, z).
                    by[0] -= blob * sy * z;
                    by[1] += blob * sx * z;
                    by[2] += blob * (sy * x - sx * y);
                }
                pixel(row * side + column, value, by);
            }
        }
    }

    fn render(&self, rotation: Rotation, out: &mut [f64]) {
        self.each_pixel(rotation, |i, value, _| {
            if let Some(pixel) = out.get_mut(i) {
                *pixel = value;
            }
        });
    }

    fn linearise(&self, rotation: Rotation, x: &[f64]) -> Linear {
        let mut linear = Linear::ZERO;
        self.each_pixel(rotation, |i, value, by| {
            linear.add(value - x.get(i).copied().unwrap_or_default(), by);
        });
        linear
    }

    /// The least squared distance that is reached from `start`.
    fn refine(&self, start: Rotation, x: &[f64]) -> f64 {
        descend(
            start,
            |rotation| self.linearise(rotation, x),
            |_, _| [true; 3],
            |rotation, step| (turned(rotation, step.map(|s| -s)), norm(step)),
        )
    }
}

impl Model for Projections {
    fn dim(&self) -> usize {
        self.side * self.side
    }

    fn sample(&self, _: usize, stream: &mut Stream, out: &mut [f64]) -> Option<u32> {
        self.render(uniform(stream), out);
        None
    }

    /// The nearest templates of many rotations, each refined by Levenberg–Marquardt on SO(3).
    fn distance(&self, x: &[f64]) -> f64 {
        let small = coarse(x, self.side);
        let mut starts: Vec<(f64, &Template)> =
            bank().iter().map(|template| (squared(&template.image, &small), template)).collect();
        starts.sort_by(|a, b| a.0.total_cmp(&b.0));
        // Templates near each other lead to one minimum: a start must bring a direction of its own.
        let mut tried: Vec<Rotation> = Vec::with_capacity(STARTS);
        let mut best = f64::INFINITY;
        for (_, Template { rotation, .. }) in starts {
            if tried.iter().all(|other| cosine_between(*rotation, *other) < APART) {
                tried.push(*rotation);
                best = best.min(self.refine(*rotation, x));
            }
            if tried.len() == STARTS {
                break;
            }
        }
        best.sqrt()
    }
}

/// Templates that are refined.
const STARTS: usize = 8;
/// Cosine of the angle by which they differ at least: 20 degrees.
const APART: f64 = 0.94;
/// Rotations of templates: the nearest is 9 degrees off on average.
const TEMPLATES: u64 = 4000;
/// Seed of the templates' rotations.
const SEED: u64 = 0x6f72_6965_6e74_6564;

struct Template {
    rotation: Rotation,
    /// Means over cells.
    image: Vec<f64>,
}

fn bank() -> &'static [Template] {
    static BANK: OnceLock<Vec<Template>> = OnceLock::new();
    BANK.get_or_init(|| {
        let model = Projections::new(SIDE);
        let mut image = vec![0.0; model.dim()];
        let templates = (0..TEMPLATES).map(|i| {
            let rotation = uniform(&mut Stream::new(SEED, Purpose::Synthetic, i, 0));
            model.render(rotation, &mut image);
            Template { rotation, image: coarse(&image, SIDE) }
        });
        templates.collect()
    })
}

/// A rotation uniform on SO(3): that of a unit quaternion uniform on the sphere (K. Shoemake, "Uniform random rotations",
/// Graphics Gems III, 1992).
fn uniform(stream: &mut Stream) -> Rotation {
    let [u, v, w] = std::array::from_fn(|_| stream.uniform());
    let (a, b) = (sqrt(1.0 - u), sqrt(u));
    from_quaternion([
        b * cos(2.0 * PI * w),
        a * sin(2.0 * PI * v),
        a * cos(2.0 * PI * v),
        b * sin(2.0 * PI * w),
    ])
}

/// Of a unit quaternion, the real part first.
fn from_quaternion([w, x, y, z]: [f64; 4]) -> Rotation {
    [
        [1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - w * z), 2.0 * (x * z + w * y)],
        [2.0 * (x * y + w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - w * x)],
        [2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (x * x + y * y)],
    ]
}

/// exp([ω]×) R, by Rodrigues' quaternion of half the angle.
fn turned(rotation: Rotation, omega: Triple) -> Rotation {
    let angle = norm(omega);
    let ratio = if angle > 0.0 { sin(angle / 2.0) / angle } else { 0.5 };
    let [x, y, z] = omega.map(|o| o * ratio);
    let turn = from_quaternion([cos(angle / 2.0), x, y, z]);
    turn.map(|row| [0, 1, 2].map(|j| (0..3).map(|k| row[k] * rotation[k][j]).sum()))
}

/// Of the angle of the rotation that leads from one to the other.
fn cosine_between(a: Rotation, b: Rotation) -> f64 {
    let trace: f64 = a.iter().zip(b).map(|(a, b)| dot(*a, b)).sum();
    (trace - 1.0) / 2.0
}

fn dot(a: Triple, b: Triple) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn norm(a: Triple) -> f64 {
    sqrt(dot(a, a))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(i: u64) -> Stream {
        Stream::new(3, Purpose::Synthetic, i, 0)
    }

    fn sample(model: &Projections, i: u64) -> Vec<f64> {
        let mut x = vec![0.0; model.dim()];
        model.sample(i as usize, &mut stream(i), &mut x);
        x
    }

    #[test]
    fn rotations_are_rotations_and_uniform() {
        let mut mean = [0.0; 9];
        for i in 0..4000 {
            let rotation = turned(uniform(&mut stream(i)), [0.3, -1.0, 2.0]);
            for j in 0..3 {
                for k in 0..3 {
                    let unit = f64::from(u8::from(j == k));
                    assert!((dot(rotation[j], rotation[k]) - unit).abs() < 1e-14);
                    mean[3 * j + k] += rotation[j][k] / 4000.0;
                }
            }
            let [a, b, c] = rotation;
            let cross = [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
            assert!((dot(cross, c) - 1.0).abs() < 1e-14);
        }
        let turn = turned(uniform(&mut stream(1)), [0.0; 3]);
        assert!((cosine_between(turned(turn, [0.3, 0.0, 0.4]), turn) - cos(0.5)).abs() < 1e-14);
        // Every entry of a uniform rotation has mean 0 and variance 1/3: standard error 0.0091; five of them.
        assert!(mean.iter().all(|m| m.abs() < 0.046), "{mean:?}");
    }

    #[test]
    fn derivatives_are_those_of_finite_differences() {
        let model = Projections::new(16);
        let rotation = uniform(&mut stream(1));
        let image = |omega: Triple| {
            let mut out = vec![0.0; model.dim()];
            model.render(turned(rotation, omega), &mut out);
            out
        };
        let h = 1e-5;
        for j in 0..3 {
            let turn = |step: f64| image([0, 1, 2].map(|k| if k == j { step } else { 0.0 }));
            let (more, less) = (turn(h), turn(-h));
            model.each_pixel(rotation, |i, _, by| {
                assert!(((more[i] - less[i]) / (2.0 * h) - by[j]).abs() < 1e-8);
            });
        }
    }

    /// A Gaussian of mass m and width s has the integral 2π m in these units, from every side. What leaves the image is
    /// below 1 %.
    #[test]
    fn every_projection_holds_the_whole_mass() {
        let mass: f64 = BLOBS.iter().map(|Blob(_, _, mass)| mass).sum();
        for side in [16, 32, 50] {
            let model = Projections::new(side);
            let pixel = 2.0 * HALF_WIDTH / side as f64;
            for i in 0..20 {
                let sum: f64 = sample(&model, i).iter().sum();
                let expected = 2.0 * PI * BRIGHTNESS * mass;
                assert!((sum * pixel * pixel / expected - 1.0).abs() < 0.01, "{side}");
            }
        }
    }

    #[test]
    fn the_manifold_is_at_distance_zero() {
        for (side, n) in [(16, 60), (32, 30), (50, 5)] {
            let model = Projections::new(side);
            for i in 0..n {
                let distance = model.distance(&sample(&model, i));
                assert!(distance < 1e-6, "side {side}, {i}: {distance}");
            }
        }
    }

    /// Noise of 0.1 a pixel, norm 3.2 where images have 3.5 to 4.6: against the best of 100 more starts.
    #[test]
    fn the_global_minimum_is_found_in_noise() {
        let model = Projections::new(32);
        for i in 0..3 {
            let mut x = sample(&model, i);
            let mut noise = stream(100 + i);
            x.iter_mut().for_each(|v| *v += 0.1 * noise.normal());
            let all = bank().iter().step_by(40).map(|t| model.refine(t.rotation, &x));
            let best = all.fold(f64::INFINITY, f64::min).sqrt();
            assert!(model.distance(&x) < best + 1e-6, "{i}: {} and {best}", model.distance(&x));
        }
    }
}
