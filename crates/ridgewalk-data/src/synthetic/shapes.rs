//! Images of discs, squares and triangles: three smooth 3-D manifolds in R^256, parametrised by
//! the centre and the size of the shape.
//!
//! A pixel's value is a product over the sides of the shape of sigmoid(depth/τ), the depth of the
//! pixel's centre behind that side: anti-aliased, and infinitely often differentiable in (row,
//! column, size), which an exact rendering of corners would not be.
//!
//! In larger images centres and sizes grow with the side, and τ stays as it is, in pixels: edges are as sharp at every
//! size.

use std::f64::consts::PI;
use std::sync::OnceLock;

use libm::{cos, exp, sin, sqrt};
use ridgewalk::random::Stream;

use super::Model;
use super::coarse::{CELLS, coarse, squared};
use super::least_squares::{Linear, Triple, descend};

/// Side of the images, unless another is asked for: the one that the bounds are for.
pub(super) const SIDE: usize = CELLS;
/// Softness of an edge, in pixels: it rises from 10 to 90 % within 4.4 τ.
const TAU: f64 = 0.4;
/// Depth in pixels beyond which sigmoid(depth/τ) is flat: e⁻⁴⁰ is below the rounding of 1.
const FLAT: f64 = 40.0 * TAU;
/// Bounds of (row, column, size): the largest triangle stays within the image.
const LOW: Triple = [6.0, 6.0, 2.0];
const HIGH: Triple = [10.0, 10.0, 3.5];
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

/// Discs, squares and triangles.
pub(super) struct Shapes {
    side: usize,
    low: Triple,
    high: Triple,
}

impl Kind {
    /// Depth of a pixel behind every side, with derivatives by (row, column, size); how many sides.
    fn sides(self, row: f64, column: f64, p: Triple) -> ([(f64, Triple); 4], usize) {
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

    /// One pixel of an image and its derivatives by (row, column, size).
    fn pixel(self, index: usize, side: usize, p: Triple) -> (f64, Triple) {
        let (row, column) = ((index / side) as f64 + 0.5, (index % side) as f64 + 0.5);
        let (sides, n) = self.sides(row, column, p);
        let mut value = 1.0;
        let mut gradient = [0.0; 3];
        for (depth, by) in &sides[..n] {
            // Within rounding of 1 and of 0: most pixels of a large image are far from all edges.
            if *depth > FLAT {
                continue;
            }
            if *depth < -FLAT {
                return (0.0, [0.0; 3]);
            }
            let s = 1.0 / (1.0 + exp(-depth / TAU));
            value *= s;
            (0..3).for_each(|j| gradient[j] += (1.0 - s) / TAU * by[j]); // d log s
        }
        (value, gradient.map(|g| g * value))
    }
}

impl Shapes {
    /// Images of this side, at least [`SIDE`].
    pub fn new(side: usize) -> Self {
        let scale = side as f64 / SIDE as f64;
        Shapes { side, low: LOW.map(|p| p * scale), high: HIGH.map(|p| p * scale) }
    }

    /// The parameters at these fractions of the way between the bounds.
    fn parameters(&self, mut fraction: impl FnMut(usize) -> f64) -> Triple {
        std::array::from_fn(|j| self.low[j] + (self.high[j] - self.low[j]) * fraction(j))
    }

    fn render(&self, kind: Kind, p: Triple, out: &mut [f64]) {
        out.iter_mut().enumerate().for_each(|(i, v)| *v = kind.pixel(i, self.side, p).0);
    }

    fn linearise(&self, kind: Kind, p: Triple, x: &[f64]) -> Linear {
        let mut linear = Linear::ZERO;
        for (i, target) in x.iter().enumerate() {
            let (value, by) = kind.pixel(i, self.side, p);
            linear.add(value - target, by);
        }
        linear
    }

    /// The least squared distance that is reached from `start` within the bounds.
    fn refine(&self, kind: Kind, start: Triple, x: &[f64]) -> f64 {
        let (low, high) = (self.low, self.high);
        descend(
            start,
            |p| self.linearise(kind, p, x),
            // A bound that the descent pushes against stays; only the other parameters move.
            |p, gradient| {
                std::array::from_fn(|j| {
                    !(p[j] <= low[j] && gradient[j] > 0.0 || p[j] >= high[j] && gradient[j] < 0.0)
                })
            },
            |p, step| {
                let next: Triple = std::array::from_fn(|j| (p[j] - step[j]).clamp(low[j], high[j]));
                (next, (0..3).map(|j| (next[j] - p[j]).abs()).fold(0.0, f64::max))
            },
        )
    }
}

impl Model for Shapes {
    fn dim(&self) -> usize {
        self.side * self.side
    }

    fn sample(&self, i: usize, stream: &mut Stream, out: &mut [f64]) -> Option<u32> {
        let p = self.parameters(|_| stream.uniform());
        self.render(KINDS[i % KINDS.len()], p, out);
        Some((i % KINDS.len()) as u32)
    }

    /// The nearest templates of a grid, each refined by Levenberg–Marquardt within the bounds.
    fn distance(&self, x: &[f64]) -> f64 {
        let small = coarse(x, self.side);
        let mut starts: Vec<(f64, &Template)> =
            bank().iter().map(|template| (squared(&template.image, &small), template)).collect();
        starts.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut best = f64::INFINITY;
        for kind in KINDS {
            let of_kind = starts.iter().filter(|(_, template)| template.kind as usize == kind as usize);
            for (_, template) in of_kind.take(STARTS) {
                let start = self.parameters(|j| template.fractions[j]);
                best = best.min(self.refine(kind, start, x));
            }
        }
        best.sqrt()
    }
}

/// Starts of each class.
const STARTS: usize = 2;

/// Values of each parameter in the grid of templates: half a pixel apart, of the smallest image.
const GRID: [usize; 3] = [9, 9, 5];

/// An image of side [`SIDE`], for images of all sizes.
struct Template {
    kind: Kind,
    /// Where the parameters lie between their bounds.
    fractions: Triple,
    image: Vec<f64>,
}

fn bank() -> &'static [Template] {
    static BANK: OnceLock<Vec<Template>> = OnceLock::new();
    BANK.get_or_init(|| {
        let shapes = Shapes::new(SIDE);
        let mut bank = Vec::new();
        for kind in KINDS {
            for cell in 0..GRID.iter().product() {
                let index = [cell / (GRID[1] * GRID[2]), cell / GRID[2] % GRID[1], cell % GRID[2]];
                let fractions: Triple = std::array::from_fn(|j| index[j] as f64 / (GRID[j] - 1) as f64);
                let mut image = vec![0.0; shapes.dim()];
                shapes.render(kind, shapes.parameters(|j| fractions[j]), &mut image);
                bank.push(Template { kind, fractions, image });
            }
        }
        bank
    })
}

#[cfg(test)]
mod tests {
    use super::super::least_squares::solve;
    use super::*;
    use ridgewalk::random::Purpose;

    const PIXELS: usize = SIDE * SIDE;

    fn stream(i: u64) -> Stream {
        Stream::new(3, Purpose::Synthetic, i, 0)
    }

    fn sample(shapes: &Shapes, i: usize) -> Vec<f64> {
        let mut x = vec![0.0; shapes.dim()];
        shapes.sample(i, &mut stream(i as u64), &mut x);
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
                        kind.pixel(index, SIDE, q).0
                    };
                    let slope = (at(h) - at(-h)) / (2.0 * h);
                    assert!((slope - kind.pixel(index, SIDE, p).1[j]).abs() < 1e-8);
                }
            }
        }
    }

    /// The blur is symmetric about a straight edge, so that the sum of the pixels is the area; what
    /// the blur takes from corners and adds to round edges is below 5 %, and less in larger images.
    #[test]
    fn all_shapes_have_the_area_of_the_disc() {
        for (side, tolerance) in [(16, 0.05), (32, 0.0125), (80, 0.002)] {
            let shapes = Shapes::new(side);
            let p = [8.0, 8.0, 3.0].map(|p| p * side as f64 / 16.0);
            for kind in KINDS {
                let mut image = vec![0.0; shapes.dim()];
                shapes.render(kind, p, &mut image);
                let area: f64 = image.iter().sum();
                assert!((area / (p[2] * p[2] * PI) - 1.0).abs() < tolerance, "{side}: {area}");
            }
        }
    }

    /// Across an edge the values v = sigmoid(depth/τ) have ∫ 4v(1 − v) = 4τ pixels, so that the sum over all pixels is
    /// 4τ times the perimeter, less 4τ² for each corner, where two sides dim each other; up to 1.2 % for the grid (a sum
    /// for an integral).
    #[test]
    fn edges_are_as_sharp_in_every_size() {
        for side in [16, 32, 64, 128] {
            let shapes = Shapes::new(side);
            let mut image = vec![0.0; shapes.dim()];
            let p = shapes.parameters(|j| [0.41, 0.57, 0.7][j]);
            shapes.render(Kind::Square, p, &mut image);
            let soft: f64 = image.iter().map(|v| 4.0 * v * (1.0 - v)).sum();
            let perimeter = 4.0 * PI.sqrt() * p[2];
            let expected = 4.0 * TAU * perimeter - 4.0 * 4.0 * TAU * TAU;
            assert!((soft / expected - 1.0).abs() < 0.012, "{side}: {soft} of {expected}");
        }
    }

    #[test]
    fn the_manifold_is_at_distance_zero() {
        for (side, n) in [(16, 60), (20, 15), (32, 15), (64, 6)] {
            let shapes = Shapes::new(side);
            for i in 0..n {
                let distance = shapes.distance(&sample(&shapes, i));
                assert!(distance < 1e-6, "side {side}, {i}: {distance}");
            }
        }
    }

    /// A step of 0.1 orthogonal to the tangent space: shorter than the radius of curvature, so the
    /// foot is the point itself and the distance is the step up to 1 %.
    #[test]
    fn a_step_along_a_normal_is_the_distance() {
        for (side, i) in (0..12).map(|i| (16, i)).chain((0..6).map(|i| (32, i))) {
            let shapes = Shapes::new(side);
            let kind = KINDS[i % 3];
            let scale = side as f64 / 16.0;
            let p = [7.1 + 0.1 * i as f64, 8.7 - 0.1 * i as f64, 2.9].map(|p| p * scale);
            let mut x = vec![0.0; shapes.dim()];
            shapes.render(kind, p, &mut x);
            let mut normal = vec![0.0; shapes.dim()];
            stream(i as u64).fill_normal(&mut normal);
            let target: Vec<f64> = x.iter().zip(&normal).map(|(x, n)| x + n).collect();
            let along = solve(&shapes.linearise(kind, p, &target), 0.0, [true; 3]); // J⁺ of −normal
            for (k, n) in normal.iter_mut().enumerate() {
                let (_, by) = kind.pixel(k, side, p);
                *n += (0..3).map(|j| by[j] * along[j]).sum::<f64>();
            }
            let norm = normal.iter().map(|n| n * n).sum::<f64>().sqrt();
            let y: Vec<f64> = x.iter().zip(&normal).map(|(x, n)| x + 0.1 * n / norm).collect();
            assert!((shapes.distance(&y) - 0.1).abs() < 1e-3, "{}", shapes.distance(&y));
        }
    }

    /// Far off: against the best of many more starts, for noise of 0.2 per pixel (norms 3.2 and 6.4).
    #[test]
    fn the_global_minimum_is_found_in_noise() {
        for (side, n, step) in [(16, 6, 7), (32, 2, 40)] {
            let shapes = Shapes::new(side);
            for i in 0..n {
                let mut x = sample(&shapes, i);
                let mut noise = stream(100 + i as u64);
                x.iter_mut().for_each(|v| *v += 0.2 * noise.normal());
                let starts = bank().iter().step_by(step);
                let all = starts.map(|t| shapes.refine(t.kind, shapes.parameters(|j| t.fractions[j]), &x));
                let best = all.fold(f64::INFINITY, f64::min).sqrt();
                assert!(shapes.distance(&x) < best + 1e-6, "side {side}, {i}");
            }
        }
    }
}
