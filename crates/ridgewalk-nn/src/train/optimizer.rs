//! Optimisers over flat vectors.
//!
//! ```text
//! m ← β₁ m + (1 − β₁) g      v ← β₂ v + (1 − β₂) g²      m̂ = m/(1 − β₁ᵗ)      v̂ = v/(1 − β₂ᵗ)
//! Adam       θ ← θ − η m̂/(√v̂ + ε)                                   g with w θ added             (arXiv 1412.6980)
//! AdamW      θ ← (1 − η w) θ, then as Adam                                                       (arXiv 1711.05101)
//! DualAdam   θ ← (1 − η w) θ, θ ← θ − η (α_t m̂(√v̂ + ε) + (1 − α_t) m̂/(√v̂ + ε)), α_t = max(0, 1 − ξt)   (arXiv 2603.07122)
//! ```
//!
//! The first branch of DualAdam has units of a gradient squared: a loss twice as large makes its steps four times as
//! large. A run with it must clip gradients. The branch ends once α_t < ξ.

use ridgewalk::{Error, Result};
use ridgewalk_kernels::network::{Adam, Average, adam, sum_of_squares};
use serde::{Deserialize, Serialize};

/// Which optimiser.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum OptimizerKind {
    /// Adam; decay is part of the gradient.
    #[default]
    Adam,
    /// Adam with decoupled decay.
    AdamW,
    /// Steps that favour steep directions at first, and fade into AdamW.
    DualAdam,
}

/// How the learning rate goes on after the warm-up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum RateSchedule {
    /// It stays.
    #[default]
    Constant,
    /// Half a cosine down to 0 at the last step.
    Cosine,
}

/// An optimiser's settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OptimizerConfig {
    /// Which.
    pub kind: OptimizerKind,
    /// η; none for one that suits the architecture.
    pub learning_rate: Option<f64>,
    /// Its course.
    pub schedule: RateSchedule,
    /// Steps over which it rises from 0.
    pub warm_up: u64,
    /// β₁ and β₂.
    pub betas: [f64; 2],
    /// ε.
    pub epsilon: f64,
    /// w.
    pub weight_decay: f64,
    /// Longest gradient; longer ones are scaled to it. None for all lengths.
    pub clip: Option<f64>,
    /// ξ of DualAdam.
    pub fade: f64,
}

impl Default for OptimizerConfig {
    fn default() -> Self {
        OptimizerConfig {
            kind: OptimizerKind::Adam,
            learning_rate: None,
            schedule: RateSchedule::Constant,
            warm_up: 100,
            betas: [0.9, 0.999],
            epsilon: 1e-8,
            weight_decay: 0.0,
            clip: Some(1.0),
            fade: 0.01,
        }
    }
}

impl OptimizerConfig {
    pub(super) fn check(&self, steps: Option<u64>) -> Result<()> {
        let fail = |problem: String, help: &str| Err(Error::argument("optimizer", problem, help));
        let part = |value: f64| (0.0..1.0).contains(&value);
        let positive = |value: f64| value > 0.0 && value.is_finite();
        if self.learning_rate.is_some_and(|rate| !positive(rate)) {
            return fail(format!("has the learning rate {:?}", self.learning_rate), "give a positive one");
        }
        if !self.betas.into_iter().all(part)
            || !positive(self.epsilon)
            || !(0.0..f64::INFINITY).contains(&self.weight_decay)
        {
            let help = "choose betas from 0 up to below 1, a positive epsilon, a weight_decay of 0 or more";
            return fail("has betas, epsilon or weight_decay without meaning".into(), help);
        }
        if self.clip.is_some_and(|clip| !positive(clip)) || !positive(self.fade) {
            return fail("has a clip or fade that is not positive".into(), "give a positive number");
        }
        if self.kind == OptimizerKind::DualAdam && self.clip.is_none() {
            return fail(
                "is dual-adam without clip".into(),
                "set clip = 1.0: its first steps grow with the square of the gradient",
            );
        }
        if self.schedule == RateSchedule::Cosine && steps.is_none() {
            return fail(
                "follows a cosine to a last step that is not told".into(),
                "give steps, or a constant rate",
            );
        }
        Ok(())
    }

    /// The learning rate of a step (counted from 1).
    pub fn rate(&self, step: u64, steps: Option<u64>) -> f64 {
        let rate = self.learning_rate.unwrap_or(1e-3);
        let warm = if self.warm_up > 0 { (step as f64 / self.warm_up as f64).min(1.0) } else { 1.0 };
        let course = match (self.schedule, steps) {
            (RateSchedule::Cosine, Some(steps)) => {
                let part = (step.saturating_sub(1) as f64 / steps.max(1) as f64).min(1.0);
                0.5 * (1.0 + libm::cos(std::f64::consts::PI * part))
            }
            _ => 1.0,
        };
        rate * warm * course
    }
}

/// What an optimiser keeps: the numbers, and the means of gradients and of their squares.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Moved {
    pub values: Vec<f32>,
    pub first: Vec<f32>,
    pub second: Vec<f32>,
}

impl Moved {
    pub fn new(values: Vec<f32>) -> Self {
        let zeros = vec![0.0; values.len()];
        Moved { values, first: zeros.clone(), second: zeros }
    }
}

/// α_t: the weight of the first branch of DualAdam at a step.
fn dual(config: &OptimizerConfig, step: u64) -> f64 {
    let dual = match config.kind {
        OptimizerKind::DualAdam => (1.0 - config.fade * step as f64).max(0.0),
        _ => 0.0,
    };
    if dual < config.fade { 0.0 } else { dual }
}

/// One step (counted from 1) with a learning rate, along `factor` times the gradient, and of the averages of the numbers.
pub(crate) fn update(
    moved: &mut Moved,
    (gradient, factor): (&[f32], f64),
    config: &OptimizerConfig,
    (step, rate): (u64, f64),
    averages: &mut [Average<'_>],
) {
    let decoupled = config.kind != OptimizerKind::Adam;
    let settings = Adam {
        learning_rate: rate,
        betas: (config.betas[0], config.betas[1]),
        epsilon: config.epsilon,
        decay: if decoupled { config.weight_decay } else { 0.0 },
        coupled: if decoupled { 0.0 } else { config.weight_decay },
        factor,
        dual: dual(config, step),
    };
    adam(settings, step, &mut moved.values, gradient, (&mut moved.first, &mut moved.second), averages);
}

/// Length of a gradient.
pub(crate) fn norm(gradient: &[f32]) -> f64 {
    sum_of_squares(gradient).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(config: &OptimizerConfig, gradients: &[[f32; 2]], rate: f64) -> Moved {
        let mut moved = Moved::new(vec![1.0, -2.0]);
        for (index, gradient) in gradients.iter().enumerate() {
            update(&mut moved, (gradient, 1.0), config, (index as u64 + 1, rate), &mut []);
        }
        moved
    }

    /// By hand: m̂ = g and v̂ = g² at the first step, so that a step is η in every coordinate.
    #[test]
    fn the_first_step_of_adam_has_the_length_of_the_rate() {
        let moved = moved(&OptimizerConfig::default(), &[[10.0, -0.1]], 0.01);
        assert!((moved.values[0] - 0.99).abs() < 1e-6 && (moved.values[1] + 1.99).abs() < 1e-6);
    }

    /// By hand, in f64, three steps of Adam with gradients 1, 2, −1 and AdamW's decay.
    #[test]
    fn three_steps_follow_the_formulas() {
        let config =
            OptimizerConfig { kind: OptimizerKind::AdamW, weight_decay: 0.1, ..OptimizerConfig::default() };
        let moved = moved(&config, &[[1.0, 0.0], [2.0, 0.0], [-1.0, 0.0]], 0.1);
        let (mut x, mut m, mut v) = (1.0_f64, 0.0, 0.0);
        for (t, g) in [(1, 1.0), (2, 2.0), (3, -1.0)] {
            m = 0.9 * m + 0.1 * g;
            v = 0.999 * v + 0.001 * g * g;
            x -= 0.1 * 0.1 * x;
            x -= 0.1 * (m / (1.0 - 0.9_f64.powi(t))) / ((v / (1.0 - 0.999_f64.powi(t))).sqrt() + 1e-8);
        }
        assert!((f64::from(moved.values[0]) - x).abs() < 1e-6, "{} {x}", moved.values[0]);
        // No gradient: decay alone.
        assert!((f64::from(moved.values[1]) + 2.0 * 0.99_f64.powi(3)).abs() < 1e-6);
    }

    /// In Adam decay is part of the gradient: with no other gradient the first step is η towards 0.
    #[test]
    fn the_decay_of_adam_goes_through_its_moments() {
        let config = OptimizerConfig { weight_decay: 0.1, ..OptimizerConfig::default() };
        let moved = moved(&config, &[[0.0, 0.0]], 0.01);
        assert!((moved.values[0] - 0.99).abs() < 1e-6 && (moved.values[1] + 1.99).abs() < 1e-6);
    }

    /// g = (10, 0.1) at α = 0.99: the update is 0.99·g² + 0.01 = (99.01, 0.0199), times the rate.
    #[test]
    fn the_first_step_of_dual_adam_is_mostly_inverse() {
        let config = OptimizerConfig { kind: OptimizerKind::DualAdam, ..OptimizerConfig::default() };
        let moved = moved(&config, &[[10.0, 0.1]], 1e-3);
        assert!((moved.values[0] - (1.0 - 0.09901)).abs() < 1e-5, "{}", moved.values[0]);
        assert!((moved.values[1] - (-2.0 - 1.99e-5)).abs() < 1e-6, "{}", moved.values[1]);
    }

    #[test]
    fn dual_adam_that_has_faded_is_adam() {
        let gradients = [[1.0, -2.0], [0.5, 3.0], [-1.0, 0.1]];
        let dual = OptimizerConfig { kind: OptimizerKind::DualAdam, fade: 1.0, ..OptimizerConfig::default() };
        assert_eq!(moved(&dual, &gradients, 0.01), moved(&OptimizerConfig::default(), &gradients, 0.01));
    }

    /// On ½κx² the first inverse step takes x to x − ηκ²x|x|: it diverges where ηκ²|x| > 2. A clipped gradient of length 1
    /// moves no further than η.
    #[test]
    fn clipping_holds_the_inverse_branch() {
        let config =
            OptimizerConfig { kind: OptimizerKind::DualAdam, fade: 1e-6, ..OptimizerConfig::default() };
        let step = |gradient: f32| {
            let mut moved = Moved::new(vec![5.0]);
            update(&mut moved, (&[gradient], 1.0), &config, (1, 0.1), &mut []);
            moved.values[0]
        };
        assert!((step(10.0 * 5.0) - (5.0 - 0.1 * 2500.0)).abs() < 0.01);
        assert!((step(1.0) - 4.9).abs() < 1e-5);
        assert!(OptimizerConfig { clip: None, ..config }.check(None).is_err());
    }

    #[test]
    fn the_rate_warms_up_and_ends_at_zero() {
        let config = OptimizerConfig {
            learning_rate: Some(1.0),
            warm_up: 10,
            schedule: RateSchedule::Cosine,
            ..OptimizerConfig::default()
        };
        let steps = Some(1000);
        assert!((config.rate(1, steps) - 0.1).abs() < 1e-12);
        assert!((config.rate(501, steps) - 0.5).abs() < 1e-12);
        assert!(config.rate(1001, steps) < 1e-12);
    }
}
