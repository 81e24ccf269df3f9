//! A 2-torus that curves through all of R^d: a trigonometric polynomial of two angles with fixed random
//! coefficients.
//!
//! ```text
//! x(θ) = Σ_k (a_k cos k·θ + b_k sin k·θ)/|k|²,   k = (k₁, k₂) ≠ 0 with |k₁|, |k₂| ≤ harmonics, up to sign
//! ```
//!
//! a_k, b_k are standard normal in R^d, scaled so that the root mean square of ‖∂x/∂θ₁‖, ‖∂x/∂θ₂‖ is 1: the
//! area is a little below (2π)². More harmonics make it more curved. The torus does not depend on the seed
//! of the points.

use std::f64::consts::PI;

use libm::{cos, sin};
use ndarray::{Array2, ArrayView2};
use ridgewalk::PointSet;
use ridgewalk::neighbours;
use ridgewalk::random::{Purpose, Stream};

use crate::error::{Error, Result};

/// Seed of the coefficients: fixed, because the manifold must not change with the seed of the points.
const SEED: u64 = 0x746f_7275_7320_2d31;
/// The projection starts from the nearest of this many points along each angle.
const GRID: usize = 96;
/// Gauss–Newton steps at most, and the step at which they end.
const STEPS: usize = 60;
const CONVERGED: f64 = 1e-13;

/// The torus.
#[derive(Debug, Clone)]
pub struct FourierTorus {
    dim: usize,
    /// (k, a_k/|k|² scaled, b_k/|k|² scaled).
    terms: Vec<([f64; 2], Vec<f64>, Vec<f64>)>,
    /// Points over an even grid of angles, `[GRID², d]`.
    grid: Array2<f64>,
}

/// A position with its first derivatives.
type Jet = [Vec<f64>; 3];

impl FourierTorus {
    /// With this number of harmonics in `dim` dimensions.
    ///
    /// # Errors
    /// If there are no harmonics or more than 16, or the dimension is below 5 or above 4096.
    pub fn new(harmonics: usize, dim: usize) -> Result<Self> {
        if !(1..=16).contains(&harmonics) || !(5..=4096).contains(&dim) {
            return Err(Error::argument(
                format!("a torus of {harmonics} harmonics in {dim} dimensions was asked for"),
                "ask for 1 to 16 harmonics in 5 to 4096 dimensions",
            ));
        }
        let most = harmonics as i64;
        let waves = (-most..=most).flat_map(|k| (0..=most).map(move |l| (k, l)));
        let mut terms = Vec::new();
        let mut square = 0.0;
        for (k, l) in waves.filter(|&(k, l)| l > 0 || k > 0) {
            // Keyed by the wave alone, so that more harmonics add terms and change none.
            let mut stream = Stream::new(SEED, Purpose::Synthetic, ((k + 64) * 128 + l) as u64, dim as u64);
            let norm = (k * k + l * l) as f64;
            let mut draw = || (0..dim).map(|_| stream.normal() / norm).collect::<Vec<f64>>();
            let (a, b) = (draw(), draw());
            // The mean over the torus of ‖∂x/∂θ₁‖² + ‖∂x/∂θ₂‖².
            square += 0.5 * norm * a.iter().chain(&b).map(|v| v * v).sum::<f64>();
            terms.push(([k as f64, l as f64], a, b));
        }
        let scale = 1.0 / (square / 2.0).sqrt();
        for (_, a, b) in &mut terms {
            a.iter_mut().chain(b).for_each(|v| *v *= scale);
        }
        let mut torus = FourierTorus { dim, terms, grid: Array2::zeros((GRID * GRID, dim)) };
        let mut grid = Array2::zeros((GRID * GRID, dim));
        for (i, mut row) in grid.outer_iter_mut().enumerate() {
            let [position, ..] = torus.jet(grid_angles(i));
            row.iter_mut().zip(position).for_each(|(r, p)| *r = p);
        }
        torus.grid = grid;
        Ok(torus)
    }

    /// `n` points uniform in both angles, keyed by (seed, index).
    ///
    /// # Errors
    /// If n is 0.
    pub fn points(&self, n: usize, seed: u64) -> Result<PointSet> {
        let mut values = Array2::zeros((n, self.dim));
        for (i, mut row) in values.outer_iter_mut().enumerate() {
            let mut stream = Stream::new(seed, Purpose::Synthetic, i as u64, 0);
            let angles = [2.0 * PI * stream.uniform(), 2.0 * PI * stream.uniform()];
            let [position, ..] = self.jet(angles);
            row.iter_mut().zip(position).for_each(|(r, p)| *r = p);
        }
        Ok(PointSet::vectors(values)?)
    }

    /// Nearest points of the torus, `[n, d]`, for the rows of `x` (`[n, d]`): the nearest point of a grid, then
    /// Gauss–Newton. Exact to rounding where the distance is small beside the radii of curvature; otherwise a
    /// point of the torus at least as near as the grid's.
    ///
    /// # Errors
    /// If x has not d columns or is not finite.
    pub fn project(&self, x: ArrayView2<f64>) -> Result<Array2<f64>> {
        let found = neighbours::nearest(x, self.grid.view(), 1)?;
        let mut out = Array2::zeros(x.raw_dim());
        for ((mut row, x), start) in out.outer_iter_mut().zip(x.outer_iter()).zip(found.nearest_indices()) {
            let foot = self.foot(&x.to_vec(), grid_angles(start));
            row.iter_mut().zip(foot).for_each(|(r, f)| *r = f);
        }
        Ok(out)
    }

    /// Distances of the rows of `x` to the torus. Errors as [`FourierTorus::project`].
    pub fn distances(&self, x: ArrayView2<f64>) -> Result<Vec<f64>> {
        let off = self.project(x)? - x;
        Ok(off.outer_iter().map(|row| row.dot(&row).sqrt()).collect())
    }

    fn jet(&self, angles: [f64; 2]) -> Jet {
        let mut jet: Jet = std::array::from_fn(|_| vec![0.0; self.dim]);
        for (k, a, b) in &self.terms {
            let phase = k[0] * angles[0] + k[1] * angles[1];
            let (c, s) = (cos(phase), sin(phase));
            let [position, first, second] = &mut jet;
            for ((((p, f), g), a), b) in position.iter_mut().zip(first).zip(second).zip(a).zip(b) {
                *p += a * c + b * s;
                let turn = b * c - a * s;
                *f += k[0] * turn;
                *g += k[1] * turn;
            }
        }
        jet
    }

    /// Gauss–Newton from given angles, halving steps that do not come nearer.
    fn foot(&self, x: &[f64], start: [f64; 2]) -> Vec<f64> {
        let mut angles = start;
        let mut jet = self.jet(angles);
        let mut best = square_distance(x, &jet[0]);
        for _ in 0..STEPS {
            let [position, u, v] = &jet;
            let (mut uu, mut uv, mut vv, mut ur, mut vr) = (0.0, 0.0, 0.0, 0.0, 0.0);
            for (((x, p), u), v) in x.iter().zip(position).zip(u).zip(v) {
                let r = x - p;
                uu += u * u;
                uv += u * v;
                vv += v * v;
                ur += u * r;
                vr += v * r;
            }
            let determinant = uu * vv - uv * uv;
            if determinant <= 0.0 {
                break;
            }
            let step = [(vv * ur - uv * vr) / determinant, (uu * vr - uv * ur) / determinant];
            let mut factor = 1.0;
            let mut moved = false;
            while factor > 1e-4 {
                let next = [angles[0] + factor * step[0], angles[1] + factor * step[1]];
                let candidate = self.jet(next);
                let square = square_distance(x, &candidate[0]);
                if square < best {
                    (angles, jet, best, moved) = (next, candidate, square, true);
                    break;
                }
                factor *= 0.5;
            }
            if !moved || step[0].hypot(step[1]) < CONVERGED {
                break;
            }
        }
        let [position, ..] = jet;
        position
    }
}

fn grid_angles(i: usize) -> [f64; 2] {
    let step = 2.0 * PI / GRID as f64;
    [step * (i / GRID) as f64, step * (i % GRID) as f64]
}

fn square_distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A step along a normal that is short beside the radii of curvature is the distance.
    #[test]
    fn a_step_along_the_normal_is_the_distance() {
        let torus = FourierTorus::new(2, 32).unwrap();
        for i in 0..20u64 {
            let mut stream = Stream::new(3, Purpose::Evaluation, i, 0);
            let [position, u, v] = torus.jet([6.0 * stream.uniform(), 6.0 * stream.uniform()]);
            let mut normal: Vec<f64> = (0..32).map(|_| stream.normal()).collect();
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
            let unit = |a: &[f64]| a.iter().map(|x| x / dot(a, a).sqrt()).collect::<Vec<f64>>();
            let first = unit(&u);
            let along = dot(&v, &first);
            let second = unit(&v.iter().zip(&first).map(|(v, f)| v - along * f).collect::<Vec<f64>>());
            for direction in [&first, &second] {
                let along = dot(&normal, direction);
                normal.iter_mut().zip(direction).for_each(|(n, d)| *n -= along * d);
            }
            let normal = unit(&normal);
            for height in [0.0, 1e-6, 0.02, 0.1] {
                let x = Array2::from_shape_fn((1, 32), |(_, k)| position[k] + height * normal[k]);
                let found = torus.distances(x.view()).unwrap()[0];
                assert!((found - height).abs() < 1e-9, "{i} {height} {found}");
            }
        }
    }

    #[test]
    fn points_lie_on_it_and_depend_on_seed_and_index() {
        let torus = FourierTorus::new(2, 32).unwrap();
        let points = torus.points(50, 4).unwrap();
        assert!(torus.distances(points.values()).unwrap().iter().all(|d| *d < 1e-9));
        let rows: Vec<usize> = (0..7).collect();
        assert_eq!(torus.points(7, 4).unwrap(), points.select(&rows).unwrap());
        assert_ne!(torus.points(7, 5).unwrap(), torus.points(7, 4).unwrap());
    }

    #[test]
    fn what_has_no_meaning_is_refused() {
        assert!(FourierTorus::new(0, 32).is_err());
        assert!(FourierTorus::new(2, 4).is_err());
        let torus = FourierTorus::new(1, 5).unwrap();
        assert!(torus.points(0, 0).is_err());
        assert!(torus.project(Array2::zeros((1, 4)).view()).is_err());
    }
}
