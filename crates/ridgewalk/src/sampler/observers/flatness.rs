//! How flat paths are: the part of their variance in the plane of their ends, and in three directions.

use faer::Mat;
use ndarray::{Array1, ArrayView1, ArrayView2};

use crate::closed_form::covariance::eigen;
use crate::error::Result;

/// Parts of a path's variance, each in [0, 1], one a sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Flatness {
    /// Σ_t ‖P x_t‖²/Σ_t ‖x_t‖², with P the projection onto the plane of the first and the last state, `[n]`.
    pub plane: Array1<f64>,
    /// The share of the three largest principal components in the path's variance about its own mean, `[n]`.
    pub three_components: Array1<f64>,
}

impl Flatness {
    /// Means over the samples of both.
    pub fn means(&self) -> (f64, f64) {
        (self.plane.mean().unwrap_or(f64::NAN), self.three_components.mean().unwrap_or(f64::NAN))
    }
}

/// Both parts of one path, `[steps, d]`, of at least two points; 1 if it does not move.
pub(super) fn of_path(path: ArrayView2<f64>) -> Result<(f64, f64)> {
    let (Some(first), Some(last)) = (path.outer_iter().next(), path.outer_iter().next_back()) else {
        return Ok((1.0, 1.0));
    };
    let mut frame: Vec<Array1<f64>> = Vec::with_capacity(2);
    for end in [first, last] {
        let mut rest = end.to_owned();
        // Twice: what one pass leaves along the other direction is rounding of the larger.
        for _ in 0..2 {
            for axis in &frame {
                let along = rest.dot(axis);
                rest.scaled_add(-along, axis);
            }
        }
        let length = rest.dot(&rest).sqrt();
        if length > 1e-12 * end.dot(&end).sqrt() {
            frame.push(rest / length);
        }
    }
    let square = |v: ArrayView1<f64>| v.dot(&v);
    let total: f64 = path.outer_iter().map(square).sum();
    let inside: f64 =
        path.outer_iter().map(|x| frame.iter().map(|axis| x.dot(axis) * x.dot(axis)).sum::<f64>()).sum();
    Ok((ratio(inside, total), three_components(path)?))
}

/// By the Gram matrix of the centred states, whose eigenvalues are the components' variances.
fn three_components(path: ArrayView2<f64>) -> Result<f64> {
    let Some(mean) = path.mean_axis(ndarray::Axis(0)) else { return Ok(1.0) };
    let centred = &path - &mean;
    let gram = centred.dot(&centred.t());
    let n = gram.nrows();
    let symmetric = Mat::from_fn(n, n, |i, j| if i >= j { gram[(i, j)] } else { gram[(j, i)] });
    let (values, _) = eigen(&symmetric)?;
    Ok(ratio(values.iter().take(3).sum(), values.iter().sum()))
}

fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { (part / whole).clamp(0.0, 1.0) } else { 1.0 }
}
