//! The gradient noise scale: the batch beyond which larger batches help little.
//!
//! ```text
//! |G|² = (B|G_B|² − b|G_b|²)/(B − b)      S = (|G_b|² − |G_B|²)/(1/b − 1/B)      B_simple = S/|G|²      (arXiv 1812.06162, A.1)
//! ```
//!
//! with b = B/2: the gradient of a batch and those of its halves. Both estimates are averaged over measurements before they
//! are divided.

/// Weight of the past in the averages.
const KEEP: f64 = 0.9;

/// Averages of S and |G|², and the weight that they have gathered.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct NoiseScale {
    pub spread: f64,
    pub square: f64,
    pub weight: f64,
}

impl NoiseScale {
    /// Takes a measurement: squared lengths of the gradient of a batch, and the mean of those of its halves.
    pub fn add(&mut self, batch: usize, whole: f64, halves: f64) {
        let (large, small) = (batch as f64, 0.5 * batch as f64);
        let square = (large * whole - small * halves) / (large - small);
        let spread = (halves - whole) / (1.0 / small - 1.0 / large);
        self.square = KEEP * self.square + (1.0 - KEEP) * square;
        self.spread = KEEP * self.spread + (1.0 - KEEP) * spread;
        self.weight = KEEP * self.weight + (1.0 - KEEP);
    }

    /// B_simple, where the gradient is seen above its noise.
    pub fn value(&self) -> Option<f64> {
        (self.square > 0.0 && self.spread > 0.0).then(|| self.spread / self.square)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ridgewalk::random::{Purpose, Stream};

    /// Gradients (1, 0, 0, 0) + ε/√n·2 of d = 4: S = 4·4 = 16, |G|² = 1. 3000 measurements weigh as some 19, each with a
    /// relative error of about one: it is within a factor of two.
    #[test]
    fn it_is_found_where_it_is_known() {
        let mut scale = NoiseScale::default();
        let mut stream = Stream::new(1, Purpose::Evaluation, 0, 0);
        let mut sum = (0.0, 0.0);
        for _ in 0..3000 {
            let mut half = || [1.0, 0.0, 0.0, 0.0].map(|g| g + 2.0 * stream.normal() / 8.0);
            let (a, b) = (half(), half());
            let square = |g: &[f64; 4]| g.iter().map(|g| g * g).sum::<f64>();
            let whole = std::array::from_fn(|i| 0.5 * (a[i] + b[i]));
            scale.add(128, square(&whole), 0.5 * (square(&a) + square(&b)));
            sum = (sum.0 + scale.spread / scale.weight, sum.1 + scale.square / scale.weight);
        }
        assert!((sum.0 / sum.1 / 16.0 - 1.0).abs() < 0.05, "{}", sum.0 / sum.1);
        assert!(scale.value().is_some_and(|value| value > 8.0 && value < 32.0));
    }
}
