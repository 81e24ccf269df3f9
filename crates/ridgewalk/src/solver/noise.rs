//! Where a solver's noise comes from: keyed streams in a run, unit impulses where a run's exact moments
//! are taken.

use ndarray::Array2;

use crate::random::{Purpose, Stream};

/// A source of noise for every step of a run.
pub(crate) trait NoiseSource: Sync {
    /// Writes the noise of draw number `draw` (counted from 0) of a step, `[samples, dim]`.
    fn draw(&self, step: usize, draw: usize, samples: &[u64], noise: &mut Array2<f64>);
}

/// Standard normal noise keyed by (seed, sample, step, draw).
pub(crate) struct Seeded(pub(crate) u64);

/// A stream has one word for the step; a step's further draws are told apart in its upper half.
const DRAW: u32 = 32;

impl NoiseSource for Seeded {
    fn draw(&self, step: usize, draw: usize, samples: &[u64], noise: &mut Array2<f64>) {
        let key = step as u64 | (draw as u64) << DRAW;
        for (mut row, &sample) in noise.outer_iter_mut().zip(samples) {
            let mut stream = Stream::new(self.0, Purpose::Churn, sample, key);
            row.iter_mut().for_each(|v| *v = stream.normal());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first draw of a step is that of the stream (seed, churn, sample, step); the next is another.
    #[test]
    fn draws_of_a_step_differ_and_do_not_depend_on_the_batch() {
        let draw = |number, samples: &[u64]| {
            let mut noise = Array2::zeros((samples.len(), 2));
            Seeded(5).draw(3, number, samples, &mut noise);
            noise
        };
        let first = draw(0, &[7, 8]);
        let mut stream = Stream::new(5, Purpose::Churn, 8, 3);
        assert_eq!(first.row(1).to_vec(), vec![stream.normal(), stream.normal()]);
        let second = draw(1, &[7, 8]);
        assert!(first.iter().zip(&second).all(|(a, b)| a != b));
        assert_eq!(second.row(1), draw(1, &[8]).row(0));
    }
}
