//! Curvature and torsion of a curve given by points: the discrete Frenet frame in d dimensions.
//!
//! Both are per unit of arc length, whatever the parameter. At a vertex the curvature is that of the circle
//! through it and its neighbours; on an edge the torsion is the angle φ between the planes of the two triples
//! that share it, over the mean of the three edges, which is how far apart the two planes osculate:
//!
//! ```text
//! κ_i = 4·area/(‖e_{i−1}‖ ‖e_i‖ ‖e_{i−1} + e_i‖)        τ_i = φ_i / ⅓(‖e_{i−1}‖ + ‖e_i‖ + ‖e_{i+1}‖)
//! ```
//!
//! In d > 3 dimensions there is no orientation, so that the torsion has no sign. On a straight line both are
//! 0, and the error on a smooth curve falls with the square of the spacing.

use ndarray::{Array1, ArrayView1, ArrayView2};

use crate::error::{Error, Result};

/// What of an edge must stand out of a direction for the two to span a plane, relative to the edge: less is
/// rounding.
const FLAT: f64 = 1e-9;

/// How a curve bends as a whole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bending {
    /// Length, in the units of the points.
    pub length: f64,
    /// ∫κ ds: the sum of the angles between successive edges, in radians.
    pub turning: f64,
    /// ∫|τ| ds: the sum of the angles between successive planes, in radians.
    pub twisting: f64,
}

/// Curvature at the inner points of the curve through the rows of `points` (`[n, d]`), `[n − 2]`, in inverse
/// units. 0 where points coincide.
///
/// ```
/// use ndarray::Array2;
/// use ridgewalk::sampler::observers::curvature;
///
/// // A circle of radius 2, walked in uneven steps.
/// let points = Array2::from_shape_fn((20, 2), |(i, k)| {
///     let angle = 0.01 * (i * i) as f64;
///     2.0 * if k == 0 { angle.cos() } else { angle.sin() }
/// });
/// assert!(curvature(points.view())?.iter().all(|k| (k - 0.5).abs() < 1e-9));
/// # Ok::<(), ridgewalk::Error>(())
/// ```
///
/// # Errors
/// If a value is not finite.
pub fn curvature(points: ArrayView2<f64>) -> Result<Array1<f64>> {
    let edges = edges(points)?;
    Ok(edges.windows(2).map(|pair| if let [e, f] = pair { circle(e, f) } else { 0.0 }).collect())
}

/// Torsion on the inner edges of the curve through the rows of `points` (`[n, d]`), `[n − 3]`, not negative,
/// in inverse units. 0 where three points are on a line.
///
/// # Errors
/// If a value is not finite.
pub fn torsion(points: ArrayView2<f64>) -> Result<Array1<f64>> {
    let edges = edges(points)?;
    let one = |triple: &[Array1<f64>]| {
        let [e, f, g] = triple else { return 0.0 };
        let span = (norm(e) + norm(f) + norm(g)) / 3.0;
        if span > 0.0 { twist(e, f, g) / span } else { 0.0 }
    };
    Ok(edges.windows(3).map(one).collect())
}

/// Length, turning and twisting of the curve through the rows of `points` (`[n, d]`).
///
/// # Errors
/// If a value is not finite.
pub fn bending(points: ArrayView2<f64>) -> Result<Bending> {
    let edges = edges(points)?;
    let turn = |pair: &[Array1<f64>]| if let [e, f] = pair { angle(e, f) } else { 0.0 };
    let twisted = |triple: &[Array1<f64>]| if let [e, f, g] = triple { twist(e, f, g) } else { 0.0 };
    Ok(Bending {
        length: edges.iter().map(norm).sum(),
        turning: edges.windows(2).map(turn).sum(),
        twisting: edges.windows(3).map(twisted).sum(),
    })
}

fn edges(points: ArrayView2<f64>) -> Result<Vec<Array1<f64>>> {
    crate::points::require_finite("the curve", points)?;
    if points.ncols() == 0 {
        return Err(Error::empty("the curve", "give points with at least one coordinate"));
    }
    let rows: Vec<ArrayView1<f64>> = points.outer_iter().collect();
    Ok(rows.windows(2).filter_map(|pair| if let [p, q] = pair { Some(q - p) } else { None }).collect())
}

fn norm(v: &Array1<f64>) -> f64 {
    v.dot(v).sqrt()
}

/// What `v` has beside the direction of `along`: zero if that is rounding.
fn beside(v: &Array1<f64>, along: &Array1<f64>) -> Array1<f64> {
    let square = along.dot(along);
    if square == 0.0 {
        return Array1::zeros(v.len());
    }
    let rest = v - &(along * (v.dot(along) / square));
    if norm(&rest) <= FLAT * norm(v) { Array1::zeros(v.len()) } else { rest }
}

/// The angle between two vectors, in [0, π]; 0 if one is zero.
fn angle(e: &Array1<f64>, f: &Array1<f64>) -> f64 {
    let across = norm(&beside(e, f)) * norm(f);
    libm::atan2(across, e.dot(f))
}

/// Inverse radius of the circle through three points with these edges.
fn circle(e: &Array1<f64>, f: &Array1<f64>) -> f64 {
    let (area, sides) = (norm(&beside(e, f)) * norm(f), norm(e) * norm(f) * norm(&(e + f)));
    if sides > 0.0 { 2.0 * area / sides } else { 0.0 }
}

/// The angle in [0, π/2] between the planes of (e, f) and (f, g); 0 if one is no plane.
fn twist(e: &Array1<f64>, f: &Array1<f64>, g: &Array1<f64>) -> f64 {
    let (before, after) = (beside(e, f), beside(g, f));
    if norm(&before) == 0.0 || norm(&after) == 0.0 {
        return 0.0;
    }
    let across = norm(&beside(&before, &after)) * norm(&after);
    libm::atan2(across, before.dot(&after).abs())
}
