//! Plane curves given by a parameter, with arc length and nearest point to rounding error: the
//! wavy circle, and the spiral whose product with an interval is the Swiss roll.

use std::f64::consts::PI;

use libm::{cos, sin};
use ridgewalk::random::Stream;

use super::Model;

/// Cells into which a curve is cut. In none of them does the angle turn by more than 0.1 (the
/// wavy circle turns fastest), so that a cell holds one nearest point at most, except for points
/// near the centre of curvature, where all of the cell is equally far up to 1e-9.
const CELLS: usize = 4096;

/// Halvings of a cell: its width falls below the rounding error of the parameter.
const HALVINGS: usize = 60;

/// Position and derivative by the parameter.
type Jet = fn(f64) -> ([f64; 2], [f64; 2]);

struct Curve {
    jet: Jet,
    from: f64,
    cell: f64,
    /// Position and derivative at the ends of the cells.
    knots: Vec<([f64; 2], [f64; 2])>,
    /// Length up to the ends of the cells.
    lengths: Vec<f64>,
}

impl Curve {
    fn new(jet: Jet, from: f64, to: f64) -> Self {
        let cell = (to - from) / CELLS as f64;
        let knots = (0..=CELLS).map(|i| jet(from + i as f64 * cell)).collect();
        let mut curve = Curve { jet, from, cell, knots, lengths: vec![0.0] };
        for i in 0..CELLS {
            let start = from + i as f64 * cell;
            let length = curve.lengths[i] + curve.length(start, start + cell);
            curve.lengths.push(length);
        }
        curve
    }

    /// Length between two parameters of one cell: Gauss–Legendre with three nodes, error O(cell⁷).
    fn length(&self, a: f64, b: f64) -> f64 {
        const NODE: f64 = 0.774_596_669_241_483_4; // √(3/5)
        const NODES: [(f64, f64); 3] = [(-NODE, 5.0 / 18.0), (0.0, 8.0 / 18.0), (NODE, 5.0 / 18.0)];
        let (middle, half) = ((a + b) / 2.0, (b - a) / 2.0);
        let speed = |t: f64| {
            let (_, [u, v]) = (self.jet)(t);
            u.hypot(v)
        };
        NODES.iter().map(|(x, w)| w * speed(middle + half * x)).sum::<f64>() * (b - a)
    }

    /// The point at this fraction of the total length.
    fn at(&self, fraction: f64) -> [f64; 2] {
        let wanted = fraction * self.lengths[CELLS];
        let i = self.lengths.partition_point(|&l| l <= wanted).clamp(1, CELLS) - 1;
        let start = self.from + i as f64 * self.cell;
        let (mut low, mut high) = (start, start + self.cell);
        for _ in 0..HALVINGS {
            let middle = (low + high) / 2.0;
            if self.lengths[i] + self.length(start, middle) <= wanted { low = middle } else { high = middle }
        }
        (self.jet)(low).0
    }

    /// Distance of (x, y): the ends of all cells, then, in each cell that can still matter and in
    /// which the distance turns from falling to rising, the root of its derivative by halving.
    fn distance(&self, x: f64, y: f64) -> f64 {
        let away = |p: [f64; 2]| (p[0] - x).hypot(p[1] - y);
        let slope = |([p, q], [u, v]): ([f64; 2], [f64; 2])| (p - x) * u + (q - y) * v;
        let mut best = self.knots.iter().map(|k| away(k.0)).fold(f64::INFINITY, f64::min);
        let nearest = best;
        for i in 0..CELLS {
            let reach = self.lengths[i + 1] - self.lengths[i];
            if away(self.knots[i].0) > nearest + reach {
                continue;
            }
            if slope(self.knots[i]) < 0.0 && slope(self.knots[i + 1]) > 0.0 {
                let mut low = self.from + i as f64 * self.cell;
                let mut high = low + self.cell;
                for _ in 0..HALVINGS {
                    let middle = (low + high) / 2.0;
                    if slope((self.jet)(middle)) < 0.0 { low = middle } else { high = middle }
                }
                best = best.min(away((self.jet)((low + high) / 2.0).0));
            }
        }
        best
    }
}

/// r = 1 + 0.13 sin 8θ.
pub(super) struct WavyCircle(Curve);

const AMPLITUDE: f64 = 0.13;
const WAVES: f64 = 8.0;

impl WavyCircle {
    pub fn new() -> Self {
        WavyCircle(Curve::new(
            |t| {
                let (r, dr) = (1.0 + AMPLITUDE * sin(WAVES * t), AMPLITUDE * WAVES * cos(WAVES * t));
                let (c, s) = (cos(t), sin(t));
                ([r * c, r * s], [dr * c - r * s, dr * s + r * c])
            },
            0.0,
            2.0 * PI,
        ))
    }
}

impl Model for WavyCircle {
    fn dim(&self) -> usize {
        2
    }

    fn sample(&self, _: usize, stream: &mut Stream, out: &mut [f64]) -> Option<u32> {
        out.copy_from_slice(&self.0.at(stream.uniform()));
        None
    }

    fn even(&self, fraction: f64) -> Option<[f64; 2]> {
        Some(self.0.at(fraction))
    }

    fn distance(&self, x: &[f64]) -> f64 {
        self.0.distance(x[0], x[1])
    }
}

/// (t cos t, h, t sin t), t ∈ [1.5π, 4.5π], h ∈ [0, 21], as scikit-learn's `make_swiss_roll`, but
/// uniform in area.
pub(super) struct SwissRoll(Curve);

const WIDTH: f64 = 21.0;

impl SwissRoll {
    pub fn new() -> Self {
        SwissRoll(Curve::new(
            |t| {
                let (c, s) = (cos(t), sin(t));
                ([t * c, t * s], [c - t * s, s + t * c])
            },
            1.5 * PI,
            4.5 * PI,
        ))
    }
}

impl Model for SwissRoll {
    fn dim(&self) -> usize {
        3
    }

    fn sample(&self, _: usize, stream: &mut Stream, out: &mut [f64]) -> Option<u32> {
        let [x, z] = self.0.at(stream.uniform());
        out.copy_from_slice(&[x, WIDTH * stream.uniform(), z]);
        None
    }

    fn distance(&self, x: &[f64]) -> f64 {
        // A product of sets: the squares of the distances add.
        let beside = (-x[1]).max(x[1] - WIDTH).max(0.0);
        self.0.distance(x[0], x[2]).hypot(beside)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The length of the spiral r = t has the closed form ½ (t √(1+t²) + asinh t).
    #[test]
    fn length_of_the_spiral() {
        let length = |t: f64| 0.5 * (t * (1.0 + t * t).sqrt() + t.asinh());
        let curve = SwissRoll::new().0;
        let exact = length(4.5 * PI) - length(1.5 * PI);
        assert!((curve.lengths[CELLS] - exact).abs() < 1e-11);
        let [x, z] = curve.at(0.3);
        assert!((length(x.hypot(z)) - length(1.5 * PI) - 0.3 * exact).abs() < 1e-11);
    }

    /// Steps along the unit normal shorter than the radius of curvature (at least 0.09 here).
    #[test]
    fn a_step_along_the_normal_is_the_distance() {
        let curve = WavyCircle::new().0;
        for i in 0..200 {
            let (p, [u, v]) = (curve.jet)(0.0314 * f64::from(i));
            let speed = u.hypot(v);
            for step in [-0.05, -1e-3, 0.0, 1e-6, 0.05] {
                let found = curve.distance(p[0] + step * v / speed, p[1] - step * u / speed);
                assert!((found - f64::abs(step)).abs() < 1e-12, "{i} {step} {found}");
            }
        }
    }

    #[test]
    fn swiss_roll_has_edges() {
        let roll = SwissRoll::new();
        let (a, b) = (1.5 * PI, 4.5 * PI);
        assert!((roll.distance(&[0.0, -3.0, -a]) - 3.0).abs() < 1e-9);
        // Beyond the outer end, which lies at (0, b), along the tangent there: (−b, 1)/√(1+b²).
        let norm = (1.0 + b * b).sqrt();
        assert!((roll.distance(&[-2.0 * b / norm, 25.0, b + 2.0 / norm]) - 20f64.sqrt()).abs() < 1e-9);
    }
}
