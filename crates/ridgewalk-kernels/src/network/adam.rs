//! Adam with decay, coupled or not (arXiv 1412.6980, 1711.05101), its dual direction, and averages, in one pass.
//!
//! ```text
//! g ← c·g + μθ
//! m ← β₁m + (1 − β₁)g,  v ← β₂v + (1 − β₂)g²,  m̂ = m/(1 − β₁ᵗ),  v̂ = v/(1 − β₂ᵗ)
//! u = m̂/(√v̂ + ε),  ũ = m̂·(√v̂ + ε),  θ ← θ − η·λ·θ − η·(a·ũ + (1 − a)·u)
//! average ← average + (1 − rate)·(θ − average)
//! ```

use rayon::prelude::*;

use super::{BLOCK, vectorised};

/// The constants of a step.
#[derive(Debug, Clone, Copy)]
pub struct Adam {
    /// η.
    pub learning_rate: f64,
    /// (β₁, β₂).
    pub betas: (f64, f64),
    /// ε.
    pub epsilon: f64,
    /// λ, the decay beside the step.
    pub decay: f64,
    /// μ, the decay within the gradient.
    pub coupled: f64,
    /// c, the factor of the gradient, for clipping.
    pub factor: f64,
    /// a, the share of the dual direction: 0 is Adam.
    pub dual: f64,
}

/// A running average of the parameters.
#[derive(Debug)]
pub struct Average<'a> {
    /// Its values.
    pub values: &'a mut [f32],
    /// What it keeps of itself in a step, in [0, 1].
    pub rate: f64,
}

/// Step `step` (the first is 1) of `parameters`, and of all averages.
///
/// # Panics
/// If the lengths differ.
pub fn adam(
    config: Adam,
    step: u64,
    parameters: &mut [f32],
    gradient: &[f32],
    (m, v): (&mut [f32], &mut [f32]),
    averages: &mut [Average<'_>],
) {
    let length = parameters.len();
    assert!(gradient.len() == length && m.len() == length && v.len() == length);
    assert!(averages.iter().all(|average| average.values.len() == length));
    let rates: Vec<f32> = averages.iter().map(|average| (1.0 - average.rate) as f32).collect();
    let mut blocks: Vec<Vec<&mut [f32]>> =
        (0..length.div_ceil(BLOCK)).map(|_| Vec::with_capacity(rates.len())).collect();
    for average in averages.iter_mut() {
        for (block, values) in blocks.iter_mut().zip(average.values.chunks_mut(BLOCK)) {
            block.push(values);
        }
    }
    let power = |beta: f64| 1.0 - beta.powf(step as f64);
    let corrections = (1.0 / power(config.betas.0), 1.0 / power(config.betas.1));
    let state = m.par_chunks_mut(BLOCK).zip(v.par_chunks_mut(BLOCK));
    let work = parameters.par_chunks_mut(BLOCK).zip(gradient.par_chunks(BLOCK)).zip(state).zip(blocks);
    work.for_each(|(((parameters, gradient), (m, v)), mut averages)| {
        vectorised(
            #[inline(always)]
            || {
                block(config, corrections, parameters, gradient, m, v);
                for (average, rate) in averages.iter_mut().zip(&rates) {
                    for (average, x) in average.iter_mut().zip(&*parameters) {
                        *average = rate.mul_add(x - *average, *average);
                    }
                }
            },
        );
    });
}

#[inline(always)]
fn block(config: Adam, corrections: (f64, f64), x: &mut [f32], g: &[f32], m: &mut [f32], v: &mut [f32]) {
    let (b1, b2) = (config.betas.0 as f32, config.betas.1 as f32);
    let (rest1, rest2) = ((1.0 - config.betas.0) as f32, (1.0 - config.betas.1) as f32);
    let (c1, c2) = (corrections.0 as f32, corrections.1 as f32);
    let kept = (1.0 - config.learning_rate * config.decay) as f32;
    let (epsilon, factor, coupled) = (config.epsilon as f32, config.factor as f32, config.coupled as f32);
    let dual = (config.learning_rate * config.dual) as f32;
    let plain = (config.learning_rate * (1.0 - config.dual)) as f32;
    let state = m.iter_mut().zip(v.iter_mut());
    if dual == 0.0 {
        for ((x, g), (m, v)) in x.iter_mut().zip(g).zip(state) {
            let g = coupled.mul_add(*x, g * factor);
            *m = b1.mul_add(*m, rest1 * g);
            *v = b2.mul_add(*v, rest2 * g * g);
            *x = kept.mul_add(*x, -plain * (*m * c1 / ((*v * c2).sqrt() + epsilon)));
        }
    } else {
        for ((x, g), (m, v)) in x.iter_mut().zip(g).zip(state) {
            let g = coupled.mul_add(*x, g * factor);
            *m = b1.mul_add(*m, rest1 * g);
            *v = b2.mul_add(*v, rest2 * g * g);
            let root = (*v * c2).sqrt() + epsilon;
            *x = kept.mul_add(*x, -(*m * c1 * dual.mul_add(root, plain / root)));
        }
    }
}

/// Σ xᵢ² in f64, in a fixed order.
pub fn sum_of_squares(x: &[f32]) -> f64 {
    let sums: Vec<f64> = x.par_chunks(BLOCK).map(|x| crate::sum_and_dot_f32(x, x).1).collect();
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{close, noise, same_on_all_threads, wide};
    use super::*;

    #[test]
    fn steps_agree_with_the_formulas_in_f64() {
        for dual in [0.0, 0.3] {
            let config = Adam {
                learning_rate: 1e-2,
                betas: (0.9, 0.99),
                epsilon: 1e-8,
                decay: 0.1,
                coupled: 0.02,
                factor: 0.5,
                dual,
            };
            let mut x = noise(BLOCK + 37, 1);
            let (mut m, mut v, mut slow) = (vec![0.0; x.len()], vec![0.0; x.len()], x.clone());
            let (mut x64, mut slow64) = (wide(&x), wide(&x));
            let (mut m64, mut v64) = (vec![0.0; x.len()], vec![0.0; x.len()]);
            for step in 1..=3 {
                let g = noise(x.len(), 10 + step);
                let average = &mut [Average { values: &mut slow, rate: 0.9 }];
                adam(config, step, &mut x, &g, (&mut m, &mut v), average);
                for i in 0..x64.len() {
                    let g = f64::from(g[i]) * 0.5 + 0.02 * x64[i];
                    m64[i] = 0.9 * m64[i] + 0.1 * g;
                    v64[i] = 0.99 * v64[i] + 0.01 * g * g;
                    let mean = m64[i] / (1.0 - 0.9f64.powi(step as i32));
                    let root = (v64[i] / (1.0 - 0.99f64.powi(step as i32))).sqrt() + 1e-8;
                    x64[i] -= 1e-2 * 0.1 * x64[i];
                    x64[i] -= 1e-2 * (dual * mean * root + (1.0 - dual) * mean / root);
                    slow64[i] = 0.9 * slow64[i] + 0.1 * x64[i];
                }
            }
            close(&x, &x64, 1e-6);
            close(&m, &m64, 1e-6);
            close(&v, &v64, 1e-6);
            close(&slow, &slow64, 1e-6);
        }
    }

    #[test]
    fn squares_are_summed_in_one_order() {
        assert_eq!(sum_of_squares(&[3.0, 4.0]), 25.0);
        assert_eq!(sum_of_squares(&vec![1.0; 3 * BLOCK + 5]), (3 * BLOCK + 5) as f64);
        let x = noise(5 * BLOCK, 1);
        assert!(same_on_all_threads(|| sum_of_squares(&x)));
    }
}
