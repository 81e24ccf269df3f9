//! The peak signal-to-noise ratio of samples to their nearest clean images.
//!
//! ```text
//! PSNR(x) = 10 log₁₀(range² / MSE(x)),   MSE(x) = min_c ‖x − c‖² / d,   in decibels
//! ```
//!
//! Samples have no truth of their own, so the nearest clean image stands in for it: the number says how far a
//! sample is from *some* clean image. It falls with noise, and with being new: held-out clean images do not have an
//! infinite one, and theirs is the value to compare with.

use ndarray::ArrayView2;

use super::bootstrap::{Bootstrap, mean};
use crate::error::{Error, Result};
use crate::neighbours::nearest;

/// Samples beside their nearest clean images.
#[derive(Debug, Clone, PartialEq)]
pub struct NearestPsnr {
    /// MSE of every sample, in squared units of the data.
    pub mean_squares: Vec<f64>,
    /// Row of the nearest clean image of every sample.
    pub nearest: Vec<usize>,
    range: f64,
}

impl NearestPsnr {
    /// Of `samples` (`[m, d]`) against `clean` (`[n, d]`); `range` is the largest clean value less the smallest, or
    /// what the format allows (255, 16, 1).
    ///
    /// # Errors
    /// If a set is empty, the dimensions differ, a value is not finite, or the range is not positive.
    pub fn new(samples: ArrayView2<f64>, clean: ArrayView2<f64>, range: f64) -> Result<Self> {
        if !(range > 0.0 && range.is_finite()) {
            return Err(Error::argument(
                "range",
                format!("is {range}"),
                "give the span of clean values, such as 255 or 1",
            ));
        }
        if samples.nrows() == 0 || samples.ncols() == 0 {
            return Err(Error::empty("the set of samples", "give at least one"));
        }
        let found = nearest(samples, clean, 1)?;
        let d = samples.ncols() as f64;
        let mean_squares = found.nearest_distances().iter().map(|r| r * r / d).collect();
        Ok(NearestPsnr { mean_squares, nearest: found.nearest_indices().to_vec(), range })
    }

    /// PSNR of every sample in decibels; infinite for an exact copy of a clean image.
    pub fn each(&self) -> Vec<f64> {
        self.mean_squares.iter().map(|&m| self.decibels(m)).collect()
    }

    /// PSNR of all samples together, by their mean MSE: one exact copy does not make it infinite.
    pub fn pooled(&self) -> f64 {
        self.decibels(mean(&self.mean_squares))
    }

    /// 95 % interval of [`NearestPsnr::pooled`] over new samples, the clean images being fixed.
    pub fn interval(&self, bootstrap: &Bootstrap) -> Option<(f64, f64)> {
        let (low, high) = bootstrap.mean(&self.mean_squares)?;
        Some((self.decibels(high), self.decibels(low)))
    }

    fn decibels(&self, mean_square: f64) -> f64 {
        10.0 * libm::log10(self.range * self.range / mean_square)
    }
}
