//! The dimension of a ridge, from the gap in the spectrum of ∇² log p_σ.
//!
//! Along data that are dense on the scale of σ the gains g = 1 + σ²λ are near 1 or above, across them near 0
//! (arXiv 2602.06021 assumes a gap between the two). The mean gains over points from p_σ fall most at d*; gains
//! above 1, between modes, count as 1, or one wide gap between clusters would hide all others. If all are
//! small, the data are isolated points on the scale of σ, and d* = 0.

use ndarray::{Array1, ArrayView2, Axis};

use crate::denoiser::Differentiable;
use crate::error::{Error, Result};

/// Mean gains of points at one noise level, by rank.
#[derive(Debug, Clone, PartialEq)]
pub struct RidgeSpectrum {
    /// Noise level.
    pub sigma: f64,
    /// Mean of min(g_i, 1) over points, falling, `[ranks]`.
    pub gains: Array1<f64>,
    /// Standard errors of the means.
    pub errors: Array1<f64>,
}

impl RidgeSpectrum {
    /// The first `ranks` gains at the rows of `x` (`[n, d]`), which should be draws of p_σ: data with noise σ added.
    ///
    /// # Errors
    /// As [`crate::Frames::at`], and if there are no points or `ranks` is 0 or above d.
    pub fn at<D: Differentiable + ?Sized>(
        model: &D,
        x: ArrayView2<f64>,
        sigma: f64,
        ranks: usize,
    ) -> Result<Self> {
        if x.nrows() == 0 {
            return Err(Error::empty("x", "give points at which to take the spectrum"));
        }
        if ranks == 0 || ranks > model.dim() {
            let help = format!("choose 1 to {}, the model's dimension", model.dim());
            return Err(Error::argument("ranks", format!("is {ranks}"), help));
        }
        let frames = model.frames(x, sigma, ranks - 1)?;
        let capped = frames.gains().mapv(|g| g.min(1.0));
        let n = x.nrows() as f64;
        let gains = capped.sum_axis(Axis(0)) / n;
        let errors = capped.var_axis(Axis(0), 0.0).mapv(|v| (v / n).sqrt());
        Ok(RidgeSpectrum { sigma, gains, errors })
    }

    /// The drops from rank to rank: the first from 1 to g₁, `[ranks]`.
    pub fn drops(&self) -> Array1<f64> {
        let before = std::iter::once(1.0).chain(self.gains.iter().copied());
        before.zip(&self.gains).map(|(before, after)| before - after).collect()
    }

    /// The largest drop behind at least one gain: the dimension of a ridge that is more than points, and how
    /// clearly it is parted from what is across, in [0, 1]. Nothing of a single rank.
    pub fn widest(&self) -> Option<(usize, f64)> {
        let drops = self.drops();
        (1..drops.len()).map(|k| (k, drops[k])).reduce(|best, next| if next.1 > best.1 { next } else { best })
    }

    /// d*: the number of gains before the largest drop.
    pub fn dimension(&self) -> usize {
        let drops = self.drops();
        (0..drops.len()).fold(0, |best, k| if drops[k] > drops[best] { k } else { best })
    }
}
