//! What is gathered between two lines of the log.

use crate::objective::NoiseLevels;

/// Parts of equal probability of the law of noise levels, whose losses are told apart.
pub(crate) const BINS: usize = 8;

/// Sums since the last line.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Interval {
    pub steps: f64,
    pub samples: f64,
    pub loss: f64,
    pub norm: f64,
    pub weight: f64,
    pub square: f64,
    pub bins: [(f64, f64); BINS],
}

impl Interval {
    /// Takes a step: the loss, level σ/s and weight of every sample.
    pub fn add(&mut self, samples: impl Iterator<Item = (f64, f64, f64)>, norm: f64, edges: &[f64]) {
        self.steps += 1.0;
        self.norm += norm;
        for (loss, level, weight) in samples {
            self.samples += 1.0;
            self.loss += loss;
            self.weight += weight;
            self.square += weight * weight;
            if let Some((sum, count)) = self.bins.get_mut(edges.partition_point(|edge| *edge < level)) {
                *sum += loss;
                *count += 1.0;
            }
        }
    }

    /// Levels σ/s between the bins.
    pub fn edges(levels: &NoiseLevels) -> Vec<f64> {
        (1..BINS).map(|i| levels.quantile(i as f64 / BINS as f64)).collect()
    }

    /// As numbers, for a checkpoint.
    pub fn to_numbers(&self) -> Vec<f64> {
        let mut numbers = vec![self.steps, self.samples, self.loss, self.norm, self.weight, self.square];
        numbers.extend(self.bins.iter().flat_map(|(sum, count)| [*sum, *count]));
        numbers
    }

    /// From [`Interval::to_numbers`]; none if they are not as many.
    pub fn from_numbers(numbers: &[f64]) -> Option<Self> {
        let (head, bins) = numbers.split_first_chunk::<6>()?;
        let [steps, samples, loss, norm, weight, square] = *head;
        let mut interval = Interval { steps, samples, loss, norm, weight, square, ..Interval::default() };
        let (pairs, rest) = bins.as_chunks::<2>();
        if pairs.len() != BINS || !rest.is_empty() {
            return None;
        }
        for (bin, [sum, count]) in interval.bins.iter_mut().zip(pairs) {
            *bin = (*sum, *count);
        }
        Some(interval)
    }
}
