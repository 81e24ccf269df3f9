//! Images of discs, squares and triangles: three smooth 3-D manifolds in R^256, parametrised by
//! the centre and the size of the shape.
//!
//! A pixel's value is a product over the sides of the shape of sigmoid(depth/τ), the depth of the
//! pixel's centre behind that side: anti-aliased, and infinitely often differentiable in (row,
//! column, size), which an exact rendering of corners would not be.

use std::f64::consts::PI;
use std::sync::OnceLock;

use libm::{cos, exp, sin, sqrt};
use ridgewalk::Shape;
use ridgewalk::random::Stream;

use super::Model;

/// Side of the images.
const SIDE: usize = 16;
/// Pixels.
const PIXELS: usize = SIDE * SIDE;
/// What a point is.
pub(super) const SHAPE: Shape = Shape::Image { height: SIDE, width: SIDE, channels: 1 };
/// Softness of an edge, in pixels: it rises from 10 to 90 % within 4.4 τ.
const TAU: f64 = 0.4;
/// Bounds of (row, column, size): the largest triangle stays within the image.
const LOW: [f64; 3] = [6.0, 6.0, 2.0];
const HIGH: [f64; 3] = [10.0, 10.0, 3.5];
/// Rounds the tip of the disc's distance cone, which lies deep inside, where the sigmoid is flat.
const ROUNDING: f64 = 0.25;

/// The three classes; all have the area π·size².
#[derive(Clone, Copy)]
enum Kind {
    Disc,
    Square,
    Triangle,
}

const KINDS: [Kind; 3] = [Kind::Disc, Kind::Square, Kind::Triangle];

type Parameters = [f64; 3];

/// Discs, squares and triangles.
pub(super) struct Shapes;

impl Kind {
    /// Depth of a pixel behind every side, with derivatives by (row, column, size); how many sides.
    fn sides(self, row: f64, column: f64, p: Parameters) -> ([(f64, Parameters); 4], usize) {
        let (y, x, size) = (row - p[0], column - p[1], p[2]);
        let none = (0.0, [0.0; 3]);
        match self {
            Kind::Disc => {
                let radius = sqrt(y * y + x * x + ROUNDING);
                let side = (size - radius, [y / radius, x / radius, 1.0]);
                ([side, none, none, none], 1)
            }
            Kind::Square => {
                let half = sqrt(PI) / 2.0;
                let a = half * size;
                let sides = [
                    (a - y, [1.0, 0.0, half]),
                    (a + y, [-1.0, 0.0, half]),
                    (a - x, [0.0, 1.0, half]),
                    (a + x, [0.0, -1.0, half]),
                ];
                (sides, 4)
            }
            Kind::Triangle => {
                let inner = sqrt(PI / (3.0 * sqrt(3.0)));
                let mut sides = [none; 4];
                for (k, side) in sides.iter_mut().take(3).enumerate() {
                    let angle = 2.0 * PI * k as f64 / 3.0; // the first side is the base
                    let (ny, nx) = (cos(angle), sin(angle));
                    *side = (inner * size - ny * y - nx * x, [ny, nx, inner]);
                }
                (sides, 3)
            }
        }
    }

    /// One pixel and its derivatives by (row, column, size).
    fn pixel(self, index: usize, p: Parameters) -> (f64, Parameters) {
        let (row, column) = ((index / SIDE) as f64 + 0.5, (index % SIDE) as f64 + 0.5);
        let (sides, n) = self.sides(row, column, p);
        let mut value = 1.0;
        let mut gradient = [0.0; 3];
        for (depth, by) in &sides[..n] {
            let s = 1.0 / (1.0 + exp(-depth / TAU));
            value *= s;
            (0..3).for_each(|j| gradient[j] += (1.0 - s) / TAU * by[j]); // d log s
        }
        (value, gradient.map(|g| g * value))
    }

    fn render(self, p: Parameters, out: &mut [f64]) {
        out.iter_mut().enumerate().for_each(|(i, v)| *v = self.pixel(i, p).0);
    }
}

impl Model for Shapes {
    fn dim(&self) -> usize {
        PIXELS
    }

    fn sample(&self, i: usize, stream: &mut Stream, out: &mut [f64]) -> Option<u32> {
        let p: Parameters = std::array::from_fn(|j| LOW[j] + (HIGH[j] - LOW[j]) * stream.uniform());
        KINDS[i % KINDS.len()].render(p, out);
        Some((i % KINDS.len()) as u32)
    }

    /// The nearest templates of a grid, each refined by Levenberg–Marquardt within the bounds.
    fn distance(&self, x: &[f64]) -> f64 {
        let mut starts: Vec<(f64, usize)> =
            bank().iter().enumerate().map(|(i, t)| (squared(&t.image, x), i)).collect();
        starts.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut best = starts.first().map_or(f64::INFINITY, |s| s.0);
        for (k, _) in KINDS.iter().enumerate() {
            let of_kind = starts.iter().filter(|s| bank()[s.1].kind as usize == k);
            for (_, i) in of_kind.take(STARTS) {
                best = best.min(refine(bank()[*i].kind, bank()[*i].parameters, x));
            }
        }
        best.sqrt()
    }
}

/// Starts of each class.
const STARTS: usize = 2;

/// Values of each parameter in the grid of templates: half a pixel apart.
const GRID: [usize; 3] = [9, 9, 5];

struct Template {
    kind: Kind,
    parameters: Parameters,
    image: [f64; PIXELS],
}

fn bank() -> &'static [Template] {
    static BANK: OnceLock<Vec<Template>> = OnceLock::new();
    BANK.get_or_init(|| {
        let mut bank = Vec::new();
        for kind in KINDS {
            for cell in 0..GRID.iter().product() {
                let index = [cell / (GRID[1] * GRID[2]), cell / GRID[2] % GRID[1], cell % GRID[2]];
                let parameters: Parameters = std::array::from_fn(|j| {
                    LOW[j] + (HIGH[j] - LOW[j]) * index[j] as f64 / (GRID[j] - 1) as f64
                });
                let mut image = [0.0; PIXELS];
                kind.render(parameters, &mut image);
                bank.push(Template { kind, parameters, image });
            }
        }
        bank
    })
}

fn squared(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

/// The least squared distance that is reached from `p`.
fn refine(kind: Kind, mut p: Parameters, x: &[f64]) -> f64 {
    const STEPS: usize = 100;
    const SMALLEST_STEP: f64 = 1e-13;
    let mut damping = 1e-3;
    let (mut cost, mut gradient, mut normal) = linearise(kind, p, x);
    for _ in 0..STEPS {
        // A bound that the descent pushes against stays; only the other parameters move.
        let free: [bool; 3] = std::array::from_fn(|j| {
            !(p[j] <= LOW[j] && gradient[j] > 0.0 || p[j] >= HIGH[j] && gradient[j] < 0.0)
        });
        let step = solve(&normal, &gradient, damping, free);
        let next: Parameters = std::array::from_fn(|j| (p[j] - step[j]).clamp(LOW[j], HIGH[j]));
        let moved = (0..3).map(|j| (next[j] - p[j]).abs()).fold(0.0, f64::max);
        if moved < SMALLEST_STEP {
            break;
        }
        let trial = linearise(kind, next, x);
        if trial.0 < cost {
            p = next;
            (cost, gradient, normal) = trial;
            damping = (damping / 10.0f64).max(1e-12);
        } else {
            damping *= 10.0;
        }
    }
    cost
}

/// Squared distance, Jᵀr and JᵀJ at `p`.
fn linearise(kind: Kind, p: Parameters, x: &[f64]) -> (f64, Parameters, [Parameters; 3]) {
    let (mut cost, mut gradient, mut normal) = (0.0, [0.0; 3], [[0.0; 3]; 3]);
    for (i, target) in x.iter().enumerate() {
        let (value, by) = kind.pixel(i, p);
        let rest = value - target;
        cost += rest * rest;
        for j in 0..3 {
            gradient[j] += rest * by[j];
            (0..3).for_each(|k| normal[j][k] += by[j] * by[k]);
        }
    }
    (cost, gradient, normal)
}

/// Solves (JᵀJ + λ diag JᵀJ) s = Jᵀr for the free parameters; the others do not move.
fn solve(normal: &[Parameters; 3], gradient: &Parameters, damping: f64, free: [bool; 3]) -> Parameters {
    let mut a = *normal;
    let mut b = *gradient;
    for j in 0..3 {
        a[j][j] = a[j][j] * (1.0 + damping) + f64::MIN_POSITIVE;
        if !free[j] {
            (0..3).for_each(|k| (a[j][k], a[k][j]) = (0.0, 0.0));
            (a[j][j], b[j]) = (1.0, 0.0);
        }
    }
    // Gaussian elimination: the matrix is symmetric positive definite, so no pivoting is needed.
    for j in 0..3 {
        for k in j + 1..3 {
            let factor = a[k][j] / a[j][j];
            (0..3).for_each(|m| a[k][m] -= factor * a[j][m]);
            b[k] -= factor * b[j];
        }
    }
    for j in (0..3).rev() {
        let known: f64 = (j + 1..3).map(|k| a[j][k] * b[k]).sum();
        b[j] = (b[j] - known) / a[j][j];
    }
    b
}

#[cfg(test)]
mod tests {
    use super::*;
    use ridgewalk::random::Purpose;

    fn stream(i: u64) -> Stream {
        Stream::new(3, Purpose::Synthetic, i, 0)
    }

    fn sample(i: usize) -> [f64; PIXELS] {
        let mut x = [0.0; PIXELS];
        Shapes.sample(i, &mut stream(i as u64), &mut x);
        x
    }

    #[test]
    fn derivatives_are_those_of_finite_differences() {
        let p = [7.3, 8.9, 2.8];
        for kind in KINDS {
            for index in 0..PIXELS {
                for j in 0..3 {
                    let h = 1e-5;
                    let at = |step: f64| {
                        let mut q = p;
                        q[j] += step;
                        kind.pixel(index, q).0
                    };
                    let slope = (at(h) - at(-h)) / (2.0 * h);
                    assert!((slope - kind.pixel(index, p).1[j]).abs() < 1e-8);
                }
            }
        }
    }

    /// The blur is symmetric about a straight edge, so that the sum of the pixels is the area; what
    /// the blur takes from corners and adds to round edges is below 5 %.
    #[test]
    fn all_shapes_have_the_area_of_the_disc() {
        let p = [8.0, 8.0, 3.0];
        for kind in KINDS {
            let mut image = [0.0; PIXELS];
            kind.render(p, &mut image);
            let area: f64 = image.iter().sum();
            assert!((area / (9.0 * PI) - 1.0).abs() < 0.05, "{area}");
        }
    }

    #[test]
    fn the_manifold_is_at_distance_zero() {
        for i in 0..60 {
            assert!(Shapes.distance(&sample(i)) < 1e-6, "{i}: {}", Shapes.distance(&sample(i)));
        }
    }

    /// A step of 0.1 orthogonal to the tangent space: shorter than the radius of curvature, so the
    /// foot is the point itself and the distance is the step up to 1 %.
    #[test]
    fn a_step_along_a_normal_is_the_distance() {
        for i in 0..12 {
            let kind = KINDS[i % 3];
            let p = [7.1 + 0.1 * i as f64, 8.7 - 0.1 * i as f64, 2.9];
            let mut x = [0.0; PIXELS];
            kind.render(p, &mut x);
            let mut normal = [0.0; PIXELS];
            stream(i as u64).fill_normal(&mut normal);
            let target: Vec<f64> = x.iter().zip(normal).map(|(x, n)| x + n).collect();
            let (_, gradient, matrix) = linearise(kind, p, &target);
            let along = solve(&matrix, &gradient, 0.0, [true; 3]); // J⁺ of −normal
            for (k, n) in normal.iter_mut().enumerate() {
                let (_, by) = kind.pixel(k, p);
                *n += (0..3).map(|j| by[j] * along[j]).sum::<f64>();
            }
            let norm = normal.iter().map(|n| n * n).sum::<f64>().sqrt();
            let y: Vec<f64> = x.iter().zip(normal).map(|(x, n)| x + 0.1 * n / norm).collect();
            assert!((Shapes.distance(&y) - 0.1).abs() < 1e-3, "{}", Shapes.distance(&y));
        }
    }

    /// Far off: against the best of many more starts, for noise of 0.2 per pixel (norm 3.2).
    #[test]
    fn the_global_minimum_is_found_in_noise() {
        for i in 0..6 {
            let mut x = sample(i);
            let mut noise = stream(100 + i as u64);
            x.iter_mut().for_each(|v| *v += 0.2 * noise.normal());
            let all = bank().iter().step_by(7).map(|t| refine(t.kind, t.parameters, &x));
            let best = all.fold(f64::INFINITY, f64::min).sqrt();
            assert!(Shapes.distance(&x) < best + 1e-6);
        }
    }
}
