//! Variance spectra: along how many directions points vary by how much, and the floor that noise leaves there.
//!
//! Noise of standard deviation η adds η² to the variance along every direction. Where the data themselves vary
//! little in many directions, as points near a manifold or images do, the spectrum therefore ends in a flat
//! floor at η², and a gap, or a slope, separates it from the variances that matter. Three views:
//!
//! - [`VarianceSpectrum::principal`]: along principal components, cross-validated, so that a floor is flat
//!   whatever the number of points. For many dimensions.
//! - [`VarianceSpectrum::local`]: within neighbourhoods, for curved sets in few dimensions, where every global
//!   direction varies.
//! - [`VarianceSpectrum::of_model`]: what a denoiser takes for the local variances v of its data: the law of v
//!   under which it would leave the residuals that it leaves. Needs no derivatives.
//!
//! [`NoiseFloor::of_points`] reads the noise level from the first two, or says why it cannot.

mod floor;
mod local;
mod model;
mod principal;

pub use floor::NoiseFloor;
pub(crate) use model::{LEVELS as SEEN, POINTS};
pub(crate) use principal::{FEWEST, components};

/// Variances along directions, decreasing, in squared units of the data.
#[derive(Debug, Clone, PartialEq)]
pub struct VarianceSpectrum {
    lines: Vec<Line>,
}

/// Some directions of one variance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// The variance along each, in squared units of the data.
    pub variance: f64,
    /// How many directions; a mean over points, so that it need not be whole.
    pub directions: f64,
}

impl VarianceSpectrum {
    /// In the given order, which is that of decreasing variance up to sampling.
    fn new(lines: Vec<Line>) -> Self {
        VarianceSpectrum { lines }
    }

    /// The lines, in the order of decreasing variance (up to sampling error).
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Directions in all.
    pub fn directions(&self) -> f64 {
        self.lines.iter().map(|l| l.directions).sum()
    }

    /// The sum of all variances.
    pub fn total(&self) -> f64 {
        self.lines.iter().map(|l| l.directions * l.variance).sum()
    }

    /// The variance of every direction, those of a line one by one; of lines that are means over points the whole
    /// directions.
    pub fn by_direction(&self) -> Vec<f64> {
        let each = |l: &Line| std::iter::repeat_n(l.variance, l.directions.round() as usize);
        self.lines.iter().flat_map(each).collect()
    }

    /// Mean variance of the last `directions` of them.
    pub fn mean_of_last(&self, directions: f64) -> f64 {
        let (mut sum, mut left) = (0.0, directions);
        for line in self.lines.iter().rev() {
            let taken = line.directions.min(left);
            sum += taken * line.variance;
            left -= taken;
        }
        if directions > left { sum / (directions - left) } else { 0.0 }
    }

    /// Mean variance of the directions in which a floor of this spectrum, or of another along the same components, lies.
    pub fn mean_within(&self, floor: &NoiseFloor) -> f64 {
        let (below, all) = (floor.constant, floor.constant + floor.directions);
        let sum = all * self.mean_of_last(all) - below * self.mean_of_last(below);
        (sum / floor.directions.max(1.0)).max(0.0)
    }

    /// How many directions have a variance in this range.
    pub fn directions_within(&self, range: std::ops::Range<f64>) -> f64 {
        self.lines.iter().filter(|l| range.contains(&l.variance)).map(|l| l.directions).sum()
    }
}

#[cfg(test)]
mod tests;
