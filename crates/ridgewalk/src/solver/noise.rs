//! Where a solver's noise comes from: keyed streams in a run, unit impulses where a run's exact moments
//! are taken.

use ndarray::Array2;
use rayon::prelude::*;

use crate::random::{Purpose, Stream};

/// A source of noise for every step of a run.
pub(crate) trait NoiseSource: Sync {
    /// Writes the noise of draw number `draw` (counted from 0) of a step, `[samples, dim]`.
    fn draw(&self, step: usize, draw: usize, samples: &[u64], noise: &mut Array2<f64>);
}

/// Standard normal noise keyed by (seed, sample, step, draw).
pub(crate) struct Seeded(pub(crate) u64);

/// Numbers from which a draw is shared among threads; fewer take less time than the sharing.
const PARALLEL: usize = 1 << 14;

/// A stream has one word for the step; a step's further draws are told apart in its upper half.
const DRAW: u32 = 32;

impl NoiseSource for Seeded {
    fn draw(&self, step: usize, draw: usize, samples: &[u64], noise: &mut Array2<f64>) {
        let key = step as u64 | (draw as u64) << DRAW;
        let stream = |sample: u64| Stream::new(self.0, Purpose::Churn, sample, key);
        let (count, dim) = (noise.len(), noise.ncols().max(1));
        match noise.as_slice_mut() {
            Some(values) if count >= PARALLEL => values
                .par_chunks_exact_mut(dim)
                .zip(samples)
                .for_each(|(row, &sample)| stream(sample).fill_normal(row)),
            Some(values) => values
                .chunks_exact_mut(dim)
                .zip(samples)
                .for_each(|(row, &sample)| stream(sample).fill_normal(row)),
            // An array that a model laid out otherwise.
            None => noise.outer_iter_mut().zip(samples).for_each(|(row, &sample)| {
                let mut stream = stream(sample);
                row.into_iter().for_each(|v| *v = stream.normal());
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Threads, and how an array lies in memory, change nothing.
    #[test]
    fn large_draws_are_those_of_their_rows() {
        let samples: Vec<u64> = (3..43).collect();
        let mut noise = Array2::zeros((40, 1001));
        assert!(noise.len() >= PARALLEL);
        Seeded(5).draw(2, 1, &samples, &mut noise);
        let mut columns = Array2::zeros((1001, 40)).reversed_axes();
        Seeded(5).draw(2, 1, &samples, &mut columns);
        assert_eq!(noise, columns);
        for (row, sample) in noise.outer_iter().zip(&samples) {
            let mut one = Array2::zeros((1, 1001));
            Seeded(5).draw(2, 1, &[*sample], &mut one);
            assert_eq!(row, one.row(0));
        }
    }

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
