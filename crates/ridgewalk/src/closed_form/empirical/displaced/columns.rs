//! Few coordinates: squared distances of every draw are measured directly, and only the sum is shared.

use ridgewalk_kernels::{dot, exp_shifted_f64, squared_distances_by_column};

use super::super::Empirical;
use super::super::exact::TINY;
use super::Ask;

impl Empirical {
    /// Adds the means of one row to `out`, `[scales · groups · d]`.
    pub(super) fn by_columns(&self, columns: &[f64], ask: &Ask, row: usize, out: &mut [f64]) {
        let (n, d) = self.points.dim();
        let x = ask.x.row(row);
        let shifts = ask.displacements.of_row(row);
        let uniform = self.log_weight(0);
        let to_nats = -0.5 / ask.sigma / ask.sigma;
        let mut query = vec![0.0; d];
        let mut values = vec![0.0; n];
        for (slot, &scale) in ask.scales.iter().enumerate() {
            for group in 0..ask.displacements.groups {
                let mut gamma = vec![0.0; n];
                let draws = group * ask.per_group()..(group + 1) * ask.per_group();
                for (shift, weight) in
                    draws.clone().map(|j| shifts.row(j)).zip(&ask.displacements.weights[draws])
                {
                    for ((q, x), shift) in query.iter_mut().zip(&x).zip(&shift) {
                        *q = x + scale * shift;
                    }
                    squared_distances_by_column(&query, columns, &mut values);
                    match &self.log_weights {
                        None => values.iter_mut().for_each(|v| *v = to_nats * *v + uniform),
                        Some(logs) => {
                            values.iter_mut().zip(logs).for_each(|(v, log)| *v = to_nats * *v + log)
                        }
                    }
                    if let Some(i) = ask.excluded(row) {
                        values[i as usize] = f64::NEG_INFINITY;
                    }
                    let shift = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                    if ask.sigma < TINY || !shift.is_finite() {
                        // Squares leave the range of f64.
                        let others = (0..n as u32).filter(|i| Some(*i) != ask.excluded(row)).collect();
                        let active = self.active_among(others, ndarray::ArrayView1::from(&query), ask.sigma);
                        let total: f64 = active.mass.iter().sum();
                        for (&i, mass) in active.index.iter().zip(&active.mass) {
                            gamma[i as usize] += weight * mass / total;
                        }
                        continue;
                    }
                    exp_shifted_f64(&mut values, shift);
                    let factor = weight / values.iter().sum::<f64>();
                    gamma.iter_mut().zip(&values).for_each(|(g, v)| *g += factor * v);
                }
                let out = &mut out[ask.place(slot, group)..][..d];
                for (out, column) in out.iter_mut().zip(columns.chunks_exact(n)) {
                    *out = dot(&gamma, column);
                }
            }
        }
    }
}
