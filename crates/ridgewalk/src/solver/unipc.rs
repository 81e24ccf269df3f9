//! UniPC (arXiv 2302.04867), data prediction: a predictor from earlier levels, and a corrector that uses D at
//! the predicted state too and hands it on, so that a step costs one evaluation.
//!
//! ```text
//! base        x_b = (σ′/σ) x + (1 − σ′/σ) D,      E_k = (D_k − D)/r_k,    r_k = (λ_k − λ)/h
//! predictor   x_p = x_b − B Σ_{k<p} ρ_k E_k,       D′ = D(x_p; σ′)
//! corrector   x′ = x_b − B [Σ_{k<p} ρ_k E_k + ρ_p (D′ − D)],     B = e^{−h} − 1 (bh2) or −h (bh1)
//! ```
//!
//! ρ solves the order conditions, for the predictor of order p on p − 1 points and for the corrector on p, but
//! is ½ where there is one point. Solving them is integrating the polynomial through D and the D_k, so B
//! cancels and the weights are those of `adams.rs`; where ρ = ½ is set it stays, and so variants differ in the
//! predictor of order 2 (with bh2 that is DPM-Solver++(2M)) and in the corrector of order 1. With its corrector
//! a method of order p is of order p + 1; the first step, of order 2, leaves an error of h³.

use ndarray::Array2;

use super::adams::denoised_weights;
use super::fused::update2;
use super::multistep::{Coefficients, Known, MOST, Start, checked_order, combine, with_past};
use super::{Order, Solver, Step, runge_kutta};
use crate::error::Result;

/// UniPC's function B(h), by the names that the paper gives to its variants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UniPcVariant {
    /// B = e^{−h} − 1.
    #[default]
    Bh2,
    /// B = −h.
    Bh1,
}

/// UniPC of order 1, 2 or 3, named by its predictor's order as in the paper.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UniPc {
    order: usize,
    variant: UniPcVariant,
    start: Start,
}

impl UniPc {
    /// Of this order, variant bh2.
    ///
    /// # Errors
    /// If the order is not 1, 2 or 3.
    pub fn new(order: usize) -> Result<Self> {
        Ok(UniPc { order: checked_order(order, 3)?, variant: UniPcVariant::Bh2, start: Start::Published })
    }

    /// With another variant.
    pub fn variant(mut self, variant: UniPcVariant) -> Self {
        self.variant = variant;
        self
    }

    /// With another way to take the first steps.
    pub fn start(mut self, start: Start) -> Self {
        self.start = start;
        self
    }

    /// −B·½, of one point at r = 1.
    fn half(&self, h: f64) -> f64 {
        match self.variant {
            UniPcVariant::Bh2 => -0.5 * libm::expm1(-h),
            UniPcVariant::Bh1 => 0.5 * h,
        }
    }

    /// Of D and the D_k.
    fn predictor(&self, levels: &[f64], next: f64) -> Coefficients {
        let sigma = levels.first().copied().unwrap_or(next);
        let ratio = next / sigma;
        let values = match *levels {
            [_, one] => {
                let h = libm::log(sigma / next);
                let late = self.half(h) * h / libm::log(one / sigma);
                [1.0 - ratio + late, -late, 0.0, 0.0]
            }
            _ => denoised_weights(levels, sigma, next),
        };
        Coefficients { state: ratio, values }
    }

    /// Of D′, D and the D_k.
    fn corrector(&self, levels: &[f64], next: f64) -> Coefficients {
        let sigma = levels.first().copied().unwrap_or(next);
        let ratio = next / sigma;
        let values = match *levels {
            [_] => {
                let half = self.half(libm::log(sigma / next));
                [half, 1.0 - ratio - half, 0.0, 0.0]
            }
            _ => {
                let mut nodes = [next; MOST];
                nodes.iter_mut().skip(1).zip(levels).for_each(|(node, level)| *node = *level);
                denoised_weights(nodes.get(..=levels.len()).unwrap_or(&nodes), sigma, next)
            }
        };
        Coefficients { state: ratio, values }
    }
}

impl Solver for UniPc {
    fn name(&self) -> String {
        let variant = if self.variant == UniPcVariant::Bh1 { "bh1" } else { "bh2" };
        format!("unipc:order={},variant={variant},start={}", self.order, self.start.word())
    }

    fn order(&self) -> Order {
        match (self.start, self.order) {
            (Start::Published, 3..) => Order::Path(3),
            (_, order) => Order::Path(order as u8 + 1),
        }
    }

    fn step(&self, mut x: Array2<f64>, step: &mut Step) -> Result<Array2<f64>> {
        let (sigma, next) = (step.sigma, step.next);
        // Of order 1 nothing is needed of the past; that there is one tells that D′ is this solver's.
        let keep = (self.order - 1).max(1);
        let denoised = step.denoised(x.view())?;
        let known = Known::of(step, self.order);
        let levels = known.levels();
        if levels.len() < self.order && self.start == Start::Accurate {
            let mut slope = step.spare();
            update2(&mut slope, [&x, &denoised], |_, x, d| (x - d) / sigma);
            x = runge_kutta::classical(x, slope, step)?;
            step.remember(denoised, keep);
            return Ok(x);
        }
        let mut ahead = step.spare();
        ahead.assign(&x);
        let values = with_past(&denoised, step);
        let values = values.get(..levels.len()).unwrap_or(&values);
        combine(&mut ahead, &self.predictor(levels, next), values);
        let carried = step.denoise(ahead.view(), next)?;
        let past = with_past(&denoised, step);
        let mut values = [&carried; MOST];
        values.iter_mut().skip(1).zip(past).for_each(|(slot, value)| *slot = value);
        combine(&mut x, &self.corrector(levels, next), values.get(..=levels.len()).unwrap_or(&values));
        step.recycle(ahead);
        step.remember(denoised, keep);
        step.carry(carried);
        Ok(x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Predictor of order 2 with bh2: D (1 + 1/(2r)) − D₁/(2r), times 1 − σ′/σ, with r = ln(5/3)/ln 3. Correctors
    /// with one point weigh it by half of B; all reproduce a constant D.
    #[test]
    fn weights_are_those_of_the_paper() {
        let unipc = UniPc::new(3).unwrap();
        let (rest, r) = (2.0 / 3.0, (5.0f64 / 3.0).ln() / 3f64.ln());
        let found = unipc.predictor(&[3.0, 5.0], 1.0);
        assert!((found.state - 1.0 / 3.0).abs() < 1e-15);
        assert!((found.values[0] - rest * (1.0 + 0.5 / r)).abs() < 1e-14);
        assert!((found.values[1] + rest * 0.5 / r).abs() < 1e-14);
        assert!((unipc.corrector(&[3.0], 1.0).values[0] - 0.5 * rest).abs() < 1e-14);
        let bh1 = unipc.variant(UniPcVariant::Bh1).corrector(&[3.0], 1.0);
        assert!((bh1.values[0] - 0.5 * 3f64.ln()).abs() < 1e-14);
        for levels in [&[3.0][..], &[3.0, 5.0], &[3.0, 5.0, 6.0]] {
            for found in [unipc.predictor(levels, 1.0), unipc.corrector(levels, 1.0)] {
                assert!((found.values.iter().sum::<f64>() - rest).abs() < 1e-14);
            }
        }
    }
}
