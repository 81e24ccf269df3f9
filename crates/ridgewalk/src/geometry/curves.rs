//! Ridge curves: the ridge of dimension 1, traced as polylines for pictures.
//!
//! From every seed, projected onto the ridge ([`Ridge::project`], arXiv 2602.06021), a curve is followed both
//! ways: a step along the tangent, then a projection back. Steps are a part of σ, shorter where the curve turns.
//! The leading eigenvector is along the density's gradient on a ridge, but along the ridge itself only where
//! that is straight or symmetric: it gives the first, short step, and every other goes on along the last
//! chord. A curve ends where the ridge does, where the density falls below a part η of its maximum (the ridge of
//! two points is the whole line through them), where it closes, and where it meets one traced before. Seeds go
//! from the densest to the least dense, so that the result depends on nothing but the seeds.
//!
//! ```
//! use ndarray::array;
//! use ridgewalk::PointSet;
//! use ridgewalk::closed_form::Empirical;
//! use ridgewalk::geometry::RidgeTracer;
//!
//! let data = array![[-3.0, 0.0], [3.0, 0.0]];
//! let model = Empirical::new(&PointSet::vectors(data.clone())?)?;
//! let traced = RidgeTracer::new(&model)?.trace(data.view(), 2.0)?;
//! assert!(traced.curves.len() == 1 && !traced.curves[0].closed);
//! assert!(traced.curves[0].points.outer_iter().all(|p| p[1].abs() < 1e-9));
//! # Ok::<(), ridgewalk::Error>(())
//! ```

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

use super::ridge::Ridge;
use super::seeds::{Seeds, grid};
use crate::denoiser::Density;
use crate::error::{Error, Result};

/// Longest step, in noise levels.
const LONGEST: f64 = 0.4;
/// Shortest step, as a part of the longest: a curve ends so near to where the ridge ends.
const SHORTEST: f64 = 1.0 / 256.0;
/// The first step, which may go askew, as a part of the longest.
const FIRST: f64 = 1.0 / 32.0;
/// Largest turn from one step to the next, in radians; a shortest step may turn by more, at a corner.
const TURN: f64 = 0.12;
/// Least cosine of the turn over a first or a shortest step.
const CORNER: f64 = 0.3;
/// A point nearer than this to a traced curve, in noise levels, is on it: ridges are smooth on the scale of σ.
const SAME: f64 = 0.05;
/// Curves that meet at an angle of a smaller cosine cross.
const ALIGNED: f64 = 0.9;

/// Traces the ridge of dimension 1 of a model's p_σ.
pub struct RidgeTracer<'a> {
    model: &'a dyn Density,
    ridge: Ridge<'a>,
    density: f64,
    most_points: usize,
}

/// One curve of a ridge.
#[derive(Debug, Clone, PartialEq)]
pub struct RidgeCurve {
    /// Points along it, `[n, d]`; of a closed curve the last is the first.
    pub points: Array2<f64>,
    /// Whether it closes.
    pub closed: bool,
}

impl RidgeCurve {
    /// Its length, in the data's units.
    pub fn length(&self) -> f64 {
        let after = self.points.outer_iter().skip(1);
        self.points.outer_iter().zip(after).map(|(a, b)| length((&b - &a).view())).sum()
    }

    /// The same curve with fewer points, none of those left out farther from it than `tolerance`, in the data's
    /// units (Douglas & Peucker 1973).
    pub fn simplified(&self, tolerance: f64) -> RidgeCurve {
        let last = self.points.nrows().saturating_sub(1);
        let mut kept = vec![0];
        let mut pieces = vec![(0, last)];
        while let Some((from, to)) = pieces.pop() {
            let ends = || [self.points.row(from), self.points.row(to)];
            let farthest = (from + 1..to)
                .map(|k| (k, to_segment(ends(), self.points.row(k)).0))
                .fold((from, tolerance), |best, next| if next.1 > best.1 { next } else { best });
            // The piece on top is the next along the curve.
            if farthest.0 > from {
                pieces.extend([(farthest.0, to), (from, farthest.0)]);
            } else if to > from {
                kept.push(to);
            }
        }
        RidgeCurve { points: self.points.select(Axis(0), &kept), closed: self.closed }
    }
}

/// What a [`RidgeTracer`] found.
#[derive(Debug, Clone, PartialEq)]
pub struct RidgeCurves {
    /// The curves, that of the densest seed first.
    pub curves: Vec<RidgeCurve>,
    /// Whether all of the ridge that the seeds reach was traced within the points that were allowed.
    pub complete: bool,
}

impl<'a> RidgeTracer<'a> {
    /// Of curves where p_σ is at least 10⁻³ of its maximum, of at most 20 000 points in all.
    ///
    /// # Errors
    /// As [`Ridge::new`]: in one dimension no ridge has dimension 1.
    pub fn new(model: &'a dyn Density) -> Result<Self> {
        let ridge = Ridge::new(model, 1)?;
        Ok(RidgeTracer { model, ridge, density: 1e-3, most_points: 20_000 })
    }

    /// With another least density η, as a part of the maximum.
    ///
    /// # Errors
    /// If it is not in (0, 1).
    pub fn least_density(mut self, part: f64) -> Result<Self> {
        if part > 0.0 && part < 1.0 {
            self.density = part;
            return Ok(self);
        }
        Err(Error::argument("density", format!("is {part}"), "it is a part of the maximum, in (0, 1)"))
    }

    /// With at most this many points of all curves together.
    pub fn most_points(mut self, most: usize) -> Self {
        self.most_points = most;
        self
    }

    /// The curves at σ that can be reached from the rows of `seeds` (`[n, d]`; in the plane also from a grid around
    /// them). Data and samples are good seeds. Cost: a few calls of [`crate::Differentiable::frames`] a point.
    ///
    /// # Errors
    /// As [`Ridge::project`], and if there are no seeds.
    pub fn trace(&self, seeds: ArrayView2<f64>, sigma: f64) -> Result<RidgeCurves> {
        if seeds.nrows() == 0 {
            return Err(Error::empty("the seeds", "give points to start from, such as the data"));
        }
        let Seeds { points: seeds, floor } =
            Seeds::of(self.model, grid(seeds, sigma).view(), sigma, self.density)?;
        let found = self.ridge.project(seeds.view(), sigma)?;
        let density = self.model.log_density(found.points(), sigma)?;
        let mut order: Vec<usize> =
            (0..seeds.nrows()).filter(|&row| found.on_ridge(row) && density[row] >= floor).collect();
        order.sort_by(|&a, &b| density[b].total_cmp(&density[a]).then(a.cmp(&b)));

        let mut out = RidgeCurves { curves: Vec::new(), complete: true };
        let mut left = self.most_points;
        for row in order {
            let start = Spot {
                x: found.points().row(row).to_owned(),
                direction: found.frames().tangent(row).row(0).to_owned(),
            };
            if out
                .curves
                .iter()
                .any(|c| nearest(c.points.view(), start.x.view(), None).0 < 2.0 * SAME * sigma)
            {
                continue;
            }
            let mut trace = Trace { tracer: self, sigma, floor, traced: &out.curves, left, whole: true };
            let curve = trace.both_ways(start)?;
            left = trace.left;
            out.complete &= trace.whole;
            if curve.points.nrows() > 1 {
                out.curves.push(curve);
            }
            if left == 0 {
                out.complete = false;
                break;
            }
        }
        Ok(out)
    }
}

/// A point of the ridge and the direction in which it is left.
#[derive(Debug, Clone)]
struct Spot {
    x: Array1<f64>,
    direction: Array1<f64>,
}

/// One curve on its way.
struct Trace<'t, 'a> {
    tracer: &'t RidgeTracer<'a>,
    sigma: f64,
    /// Least log p_σ.
    floor: f64,
    traced: &'t [RidgeCurve],
    /// Points that may still be made.
    left: usize,
    /// Whether no end was for want of them.
    whole: bool,
}

impl Trace<'_, '_> {
    fn both_ways(&mut self, start: Spot) -> Result<RidgeCurve> {
        let (forward, closed) = self.one_way(&start)?;
        let mut points = Vec::new();
        if !closed {
            let back = match forward.first() {
                Some(first) => &start.x - first,
                None => -&start.direction,
            };
            let back = Spot { x: start.x.clone(), direction: unit(back) };
            points = self.one_way(&back)?.0;
            points.reverse();
        }
        points.push(start.x);
        points.extend(forward);
        let mut out = Array2::zeros((points.len(), points.first().map_or(0, Array1::len)));
        out.outer_iter_mut().zip(&points).for_each(|(mut row, p)| row.assign(p));
        Ok(RidgeCurve { points: out, closed })
    }

    /// The points after the start, and whether the last one is the start again.
    fn one_way(&mut self, start: &Spot) -> Result<(Vec<Array1<f64>>, bool)> {
        let (longest, shortest) = (LONGEST * self.sigma, LONGEST * SHORTEST * self.sigma);
        let (mut here, mut step, mut points) = (start.clone(), FIRST * longest, Vec::new());
        let (mut leaving, mut away) = (start.direction.clone(), false);
        while self.left > 0 {
            let free = points.is_empty() || step <= shortest;
            let Some((next, cosine)) = self.step(&here, step, free)? else {
                if step <= shortest {
                    return Ok((points, false));
                }
                step = (0.5 * step).max(shortest);
                continue;
            };
            self.left -= 1;
            if let Some(meeting) = self.meets(&next) {
                points.push(meeting);
                return Ok((points, false));
            }
            if points.is_empty() {
                leaving.assign(&next.direction);
            }
            // The start is passed within this step, in the direction in which it was left.
            away |= length((&next.x - &start.x).view()) > 2.0 * longest;
            if away && next.direction.dot(&leaving) > ALIGNED {
                let segment = [here.x.view(), next.x.view()];
                if to_segment(segment, start.x.view()).0 < SAME * self.sigma {
                    points.push(start.x.clone());
                    return Ok((points, true));
                }
            }
            points.push(next.x.clone());
            here = next;
            if cosine > libm::cos(0.4 * TURN) {
                step = (1.5 * step).min(longest);
            }
        }
        self.whole = false;
        Ok((points, false))
    }

    /// A step of this length, with the cosine of the turn; `None` if it is too long, or the ridge ends. A free
    /// one may turn by more.
    fn step(&self, from: &Spot, step: f64, free: bool) -> Result<Option<(Spot, f64)>> {
        let guess = &from.x + &(&from.direction * step);
        let found = self.tracer.ridge.project(guess.view().insert_axis(Axis(0)), self.sigma)?;
        if !found.on_ridge(0) {
            return Ok(None);
        }
        let x = found.points().row(0).to_owned();
        let direction = unit(&x - &from.x);
        let cosine = direction.dot(&from.direction);
        let (least, most) = if free { (CORNER, 2.0) } else { (libm::cos(TURN), 0.3) };
        // (Also without a direction, where nothing moved.)
        if cosine.is_nan() || cosine < least || length((&x - &guess).view()) > most * step {
            return Ok(None);
        }
        let density = self.tracer.model.log_density(found.points(), self.sigma)?;
        let dense = density.iter().all(|&p| p >= self.floor);
        Ok(dense.then_some((Spot { x, direction }, cosine)))
    }

    /// The point at which a curve traced before goes on.
    fn meets(&self, at: &Spot) -> Option<Array1<f64>> {
        self.traced.iter().find_map(|curve| {
            let (distance, point) = nearest(curve.points.view(), at.x.view(), Some(at.direction.view()));
            point.filter(|_| distance < SAME * self.sigma)
        })
    }
}

/// Distance to a polyline (only to segments along `tangent`, if given), and its nearest point.
fn nearest(
    line: ArrayView2<f64>,
    x: ArrayView1<f64>,
    tangent: Option<ArrayView1<f64>>,
) -> (f64, Option<Array1<f64>>) {
    let mut best: (f64, Option<Array1<f64>>) = (f64::INFINITY, None);
    for (a, b) in line.outer_iter().zip(line.outer_iter().skip(1)) {
        let along = |t: ArrayView1<f64>| {
            let (dot, squared) = a.iter().zip(&b).zip(&t).fold((0.0, 0.0), |(dot, squared), ((a, b), t)| {
                (dot + (b - a) * t, squared + (b - a) * (b - a))
            });
            dot * dot >= ALIGNED * ALIGNED * squared
        };
        let (distance, part) = to_segment([a, b], x);
        if distance < best.0 && tangent.is_none_or(along) {
            best = (distance, Some(&a + &((&b - &a) * part)));
        }
    }
    best
}

/// Distance to a segment, and where along it the nearest point is, in [0, 1].
fn to_segment([a, b]: [ArrayView1<f64>; 2], x: ArrayView1<f64>) -> (f64, f64) {
    let (mut dot, mut squared) = (0.0, 0.0);
    for ((a, b), x) in a.iter().zip(&b).zip(&x) {
        dot += (x - a) * (b - a);
        squared += (b - a) * (b - a);
    }
    let part = if squared > 0.0 { (dot / squared).clamp(0.0, 1.0) } else { 0.0 };
    let rest = a.iter().zip(&b).zip(&x).map(|((a, b), x)| x - a - part * (b - a));
    (rest.map(|v| v * v).sum::<f64>().sqrt(), part)
}

fn unit(v: Array1<f64>) -> Array1<f64> {
    let size = length(v.view());
    v / size
}

fn length(v: ArrayView1<f64>) -> f64 {
    v.dot(&v).sqrt()
}
