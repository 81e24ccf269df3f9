//! What all linear multistep methods share: x′ = a·x + Σ_j c_j V_j, with V_j the model's values at this level
//! and at earlier ones.
//!
//! Such a method is its coefficients, a function of the levels. How a run begins, where too few values are
//! known, is decided here: as published, by the same method of lower order, whose first step (Euler's) has an
//! error of h² that stays in the result; or accurately, by Runge–Kutta steps.

use ndarray::Array2;

use super::fused::{update, update2, update3, update4};
use super::{Step, runge_kutta};
use crate::error::{Error, Result};

/// Values that a method uses at the most.
pub(super) const MOST: usize = 4;

/// How a multistep method takes its first steps, and those after its past was forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Start {
    /// As the papers do: with as many values as there are, so that the first step is Euler's. Every path keeps
    /// an error of that step's size, h².
    #[default]
    Published,
    /// By classical Runge–Kutta steps, with four evaluations each, until there are enough values.
    Accurate,
}

impl Start {
    /// As it is written in a specification.
    pub(super) const WORDS: [&str; 2] = ["published", "accurate"];

    pub(super) fn from_word(place: usize) -> Self {
        if place == 1 { Start::Accurate } else { Start::Published }
    }

    pub(super) fn word(self) -> &'static str {
        match self {
            Start::Published => "published",
            Start::Accurate => "accurate",
        }
    }

    /// The order of an explicit method of this order that starts so.
    pub(super) fn limits(self, order: usize) -> usize {
        match self {
            Start::Published => order.min(2),
            Start::Accurate => order,
        }
    }
}

/// Which of the model's values a method combines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prediction {
    /// D.
    Denoised,
    /// ε̂ = (x − D)/σ, the slope dx/dσ.
    Noise,
}

/// One linear multistep step: the state's factor, and those of the values, latest first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Coefficients {
    pub(super) state: f64,
    pub(super) values: [f64; MOST],
}

/// The levels at which values are known, latest first, `order` at the most: the step's own, then the past.
pub(super) struct Known {
    levels: [f64; MOST],
    count: usize,
}

impl Known {
    pub(super) fn of(step: &Step, order: usize) -> Self {
        let mut known = Known { levels: [step.sigma; MOST], count: 1 };
        for (level, back) in known.levels.iter_mut().take(order).skip(1).zip(0..) {
            let Some(past) = step.past(back) else { break };
            *level = past.sigma;
            known.count += 1;
        }
        known
    }

    pub(super) fn levels(&self) -> &[f64] {
        self.levels.get(..self.count).unwrap_or(&self.levels)
    }
}

/// Takes a step of the method of this order with these coefficients, a function of the known levels.
pub(super) fn advance(
    mut x: Array2<f64>,
    step: &mut Step,
    (order, start): (usize, Start),
    prediction: Prediction,
    coefficients: impl FnOnce(&[f64]) -> Coefficients,
) -> Result<Array2<f64>> {
    let mut value = step.denoised(x.view())?;
    if prediction == Prediction::Noise {
        let sigma = step.sigma;
        update(&mut value, &x, |d, x| (x - d) / sigma);
    }
    let known = Known::of(step, order);
    if known.count < order && start == Start::Accurate {
        let mut slope = step.spare();
        match prediction {
            Prediction::Noise => slope.assign(&value),
            Prediction::Denoised => {
                let sigma = step.sigma;
                update2(&mut slope, [&x, &value], |_, x, d| (x - d) / sigma);
            }
        }
        x = runge_kutta::classical(x, slope, step)?;
    } else {
        let coefficients = coefficients(known.levels());
        let values = with_past(&value, step);
        combine(&mut x, &coefficients, values.get(..known.count).unwrap_or(&values));
    }
    step.remember(value, order - 1);
    Ok(x)
}

/// The latest value and those before it; places for which there is none repeat the latest.
pub(super) fn with_past<'a>(value: &'a Array2<f64>, step: &'a Step) -> [&'a Array2<f64>; MOST] {
    let mut values = [value; MOST];
    for (slot, back) in values.iter_mut().skip(1).zip(0..) {
        if let Some(past) = step.past(back) {
            *slot = &past.value;
        }
    }
    values
}

/// x ← a·x + Σ_j c_j V_j, in one pass.
pub(super) fn combine(x: &mut Array2<f64>, coefficients: &Coefficients, values: &[&Array2<f64>]) {
    let (s, [a, b, c, d]) = (coefficients.state, coefficients.values);
    match *values {
        [p] => update(x, p, |x, p| s * x + a * p),
        [p, q] => update2(x, [p, q], |x, p, q| s * x + a * p + b * q),
        [p, q, r] => update3(x, [p, q, r], |x, p, q, r| s * x + a * p + b * q + c * r),
        [p, q, r, t] => update4(x, [p, q, r, t], |x, p, q, r, t| s * x + a * p + b * q + c * r + d * t),
        _ => {}
    }
}

/// Refuses an order that a method does not have.
pub(super) fn checked_order(order: usize, most: usize) -> Result<usize> {
    if (1..=most).contains(&order) {
        return Ok(order);
    }
    Err(Error::argument("order", format!("is {order}"), format!("choose it from 1 to {most}")))
}
