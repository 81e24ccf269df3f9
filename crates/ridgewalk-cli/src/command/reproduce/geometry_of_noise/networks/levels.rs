//! The error of a network's denoiser at every noise level, on images that it was not trained on.
//!
//! D = m + c_skip (x − m) + c_out F: an error of F is one of D times |c_out|, which is σ for noise prediction and
//! σs/(σ + s) for flow matching. The first grows without bound, the second is s at the most.

use ridgewalk::{Denoiser, PointSet};
use ridgewalk_nn::NeuralDenoiser;

use super::super::super::training::noised;
use crate::failure::Result;

/// σ/s.
pub const LEVELS: [f64; 9] = [0.02, 0.06, 0.2, 0.6, 2.0, 6.0, 20.0, 60.0, 150.0];

/// At one noise level, per coordinate.
#[derive(Debug, Clone, Copy)]
pub struct LevelError {
    /// σ/s.
    pub level: f64,
    /// Mean of (D − x₀)²/s².
    pub square: f64,
}

impl LevelError {
    /// Root mean square of D − x₀, over s.
    pub fn error(self) -> f64 {
        self.square.sqrt()
    }
}

/// The first `count` points with noise of every level, the same for all networks.
pub fn errors(model: &NeuralDenoiser, points: &PointSet, count: usize, seed: u64) -> Result<Vec<LevelError>> {
    let rows: Vec<usize> = (0..points.len().min(count)).collect();
    let clean = points.select(&rows)?;
    let scale = model.config().preconditioning.scale;
    let mut found = Vec::new();
    for (index, level) in LEVELS.into_iter().enumerate() {
        let noisy = noised(&clean, level * scale, seed, index);
        let off = model.denoise(noisy.view(), level * scale)? - clean.values();
        let square = off.iter().map(|v| v * v).sum::<f64>() / (off.len().max(1) as f64 * scale * scale);
        found.push(LevelError { level, square });
    }
    Ok(found)
}

/// What not being told costs: the root of blind's square less told's, over s; 0 where blind is the better.
pub fn cost(blind: LevelError, told: LevelError) -> f64 {
    (blind.square - told.square).max(0.0).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squares_add() {
        let at = |square| LevelError { level: 1.0, square };
        assert_eq!(cost(at(25.0), at(9.0)), 4.0);
        assert_eq!(cost(at(1.0), at(9.0)), 0.0);
    }
}
