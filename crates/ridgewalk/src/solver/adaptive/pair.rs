//! Embedded Runge–Kutta pairs whose last stage lies at the result, so that it is the next step's first.

use ndarray::Array2;

use crate::error::Result;
use crate::solver::Step;
use crate::solver::fused::{update, update2};

/// An embedded pair: the method that carries the state, and one of lower order for its error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pair {
    /// Dormand and Prince (1980), order 5 with 4: six evaluations a step.
    #[default]
    DormandPrince,
    /// Bogacki and Shampine (1989), order 3 with 2: three evaluations a step.
    BogackiShampine,
}

/// A stage: its place in the step, and the weights of the slopes before it.
type Stage = (f64, &'static [f64]);

/// Table 5.2 of Hairer, Nørsett, Wanner, Solving Ordinary Differential Equations I; the last row is the result.
const DORMAND_PRINCE: [Stage; 6] = [
    (1.0 / 5.0, &[1.0 / 5.0]),
    (3.0 / 10.0, &[3.0 / 40.0, 9.0 / 40.0]),
    (4.0 / 5.0, &[44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0]),
    (8.0 / 9.0, &[19372.0 / 6561.0, -25360.0 / 2187.0, 64448.0 / 6561.0, -212.0 / 729.0]),
    (1.0, &[9017.0 / 3168.0, -355.0 / 33.0, 46732.0 / 5247.0, 49.0 / 176.0, -5103.0 / 18656.0]),
    (1.0, &[35.0 / 384.0, 0.0, 500.0 / 1113.0, 125.0 / 192.0, -2187.0 / 6784.0, 11.0 / 84.0]),
];
/// The result less that of order 4.
const DORMAND_PRINCE_ERROR: [f64; 7] =
    [71.0 / 57600.0, 0.0, -71.0 / 16695.0, 71.0 / 1920.0, -17253.0 / 339200.0, 22.0 / 525.0, -1.0 / 40.0];

const BOGACKI_SHAMPINE: [Stage; 3] =
    [(0.5, &[0.5]), (0.75, &[0.0, 0.75]), (1.0, &[2.0 / 9.0, 1.0 / 3.0, 4.0 / 9.0])];
/// The result less that of order 2.
const BOGACKI_SHAMPINE_ERROR: [f64; 4] = [-5.0 / 72.0, 1.0 / 12.0, 1.0 / 9.0, -1.0 / 8.0];

/// A part of an interval of the grid.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub(super) from: f64,
    pub(super) to: f64,
    /// Halvings that led to it.
    pub(super) depth: u32,
}

impl Part {
    pub(super) fn halves(self) -> [Part; 2] {
        let (middle, depth) = (self.from.sqrt() * self.to.sqrt(), self.depth + 1);
        [Part { from: self.from, to: middle, depth }, Part { from: middle, to: self.to, depth }]
    }
}

/// What comes of trying a part: state, D there, and the embedded error, each `[rows, d]`.
pub(super) struct Trial {
    pub(super) x: Array2<f64>,
    pub(super) denoised: Array2<f64>,
    pub(super) error: Array2<f64>,
}

impl Pair {
    /// Order of the method that carries the state.
    pub(super) fn order(self) -> u8 {
        match self {
            Pair::DormandPrince => 5,
            Pair::BogackiShampine => 3,
        }
    }

    /// Crosses a part with some rows of the batch, whose states `x` have the denoised states `denoised`.
    pub(super) fn attempt(
        self,
        step: &mut Step,
        rows: &[usize],
        x: &Array2<f64>,
        denoised: &Array2<f64>,
        part: Part,
    ) -> Result<Trial> {
        let (stages, errors): (&[Stage], &[f64]) = match self {
            Pair::DormandPrince => (&DORMAND_PRINCE, &DORMAND_PRINCE_ERROR),
            Pair::BogackiShampine => (&BOGACKI_SHAMPINE, &BOGACKI_SHAMPINE_ERROR),
        };
        let delta = part.to - part.from;
        let mut slope = scratch(step, x.dim());
        update2(&mut slope, [x, denoised], |_, x, d| (x - d) / part.from);
        let mut slopes = Vec::with_capacity(stages.len());
        slopes.push(slope);
        let mut ahead = scratch(step, x.dim());
        let mut last = None;
        for (place, weights) in stages {
            // The last stages are at the end itself, not beside it by rounding.
            let sigma = if *place == 1.0 { part.to } else { part.from + place * delta };
            ahead.assign(x);
            add(&mut ahead, delta, weights, &slopes);
            let mut answer = step.denoise_rows(ahead.view(), sigma, rows)?;
            if slopes.len() < stages.len() {
                update(&mut answer, &ahead, |d, x| (x - d) / sigma);
                slopes.push(answer);
            } else {
                last = Some(answer);
            }
        }
        let denoised = last.unwrap_or_else(|| denoised.clone());
        let mut error = scratch(step, x.dim());
        let end = errors.last().copied().unwrap_or_default() * delta;
        update2(&mut error, [&ahead, &denoised], |_, x, d| end * ((x - d) / part.to));
        add(&mut error, delta, errors, &slopes);
        slopes.into_iter().for_each(|slope| step.recycle(slope));
        Ok(Trial { x: ahead, denoised, error })
    }
}

/// x ← x + Δ Σ_j w_j k_j.
fn add(x: &mut Array2<f64>, delta: f64, weights: &[f64], slopes: &[Array2<f64>]) {
    let terms = weights.iter().zip(slopes).filter(|(w, _)| **w != 0.0).map(|(w, slope)| (w * delta, slope));
    for (weight, slope) in terms {
        x.scaled_add(weight, slope);
    }
}

/// An array to write into, the run's own where the rows are the whole batch.
pub(super) fn scratch(step: &mut Step, shape: (usize, usize)) -> Array2<f64> {
    let spare = step.spare();
    if spare.dim() == shape {
        return spare;
    }
    step.recycle(spare);
    Array2::zeros(shape)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The elementary weights of all rooted trees, by their order, against 1/γ (Hairer, Nørsett, Wanner, table
    /// II.2.2): both methods of a pair have the orders that they should, and no more.
    #[test]
    fn order_conditions_hold() {
        let pairs: [(&[Stage], &[f64], usize); 2] =
            [(&DORMAND_PRINCE, &DORMAND_PRINCE_ERROR, 5), (&BOGACKI_SHAMPINE, &BOGACKI_SHAMPINE_ERROR, 3)];
        for (stages, errors, order) in pairs {
            let n = stages.len() + 1;
            let c: Vec<f64> = std::iter::once(0.0).chain(stages.iter().map(|stage| stage.0)).collect();
            let a = |v: &[f64]| -> Vec<f64> {
                let row = |weights: &[f64]| weights.iter().zip(v).map(|(w, v)| w * v).sum();
                std::iter::once(0.0).chain(stages.iter().map(|stage| row(stage.1))).collect()
            };
            let times = |u: &[f64], v: &[f64]| u.iter().zip(v).map(|(u, v)| u * v).collect::<Vec<f64>>();
            let (c2, ac) = (times(&c, &c), a(&c));
            let (c3, ac2, aac) = (times(&c2, &c), a(&c2), a(&ac));
            assert!(a(&vec![1.0; n]).iter().zip(&c).all(|(sum, c)| (sum - c).abs() < 1e-14));
            let trees = [
                (1, vec![1.0; n], 1.0),
                (2, c.clone(), 2.0),
                (3, c2.clone(), 3.0),
                (3, ac.clone(), 6.0),
                (4, c3.clone(), 4.0),
                (4, times(&c, &ac), 8.0),
                (4, ac2.clone(), 12.0),
                (4, aac.clone(), 24.0),
                (5, times(&c3, &c), 5.0),
                (5, times(&c2, &ac), 10.0),
                (5, times(&ac, &ac), 20.0),
                (5, times(&c, &ac2), 15.0),
                (5, a(&c3), 20.0),
                (5, times(&c, &aac), 30.0),
                (5, a(&times(&c, &ac)), 40.0),
                (5, a(&ac2), 60.0),
                (5, a(&aac), 120.0),
            ];
            let mut result = stages[stages.len() - 1].1.to_vec();
            result.push(0.0);
            let embedded: Vec<f64> = result.iter().zip(errors).map(|(b, e)| b - e).collect();
            for (weights, order) in [(result, order), (embedded, order - 1)] {
                let off = |of: usize| {
                    let trees = trees.iter().filter(move |(vertices, ..)| *vertices == of);
                    let sum = |tree: &[f64]| tree.iter().zip(&weights).map(|(t, w)| t * w).sum::<f64>();
                    trees.map(|(_, tree, gamma)| (sum(tree) - 1.0 / gamma).abs()).fold(0.0, f64::max)
                };
                assert!((1..=order).all(|of| off(of) < 1e-14), "{order}");
                assert!(order == 5 || off(order + 1) > 1e-4, "{order}");
            }
        }
    }
}
