//! Averages of the weights along training, of several lengths at once.
//!
//! ```text
//! θ̂_t = β θ̂_{t−1} + (1 − β) θ_t          β = (1 − 1/t)^{γ+1}          σ_rel² = (γ + 1)/((γ + 2)²(γ + 3))
//! ```
//!
//! The power function averages of arXiv 2312.02696 (eqs. 1, 2, 123): their length grows with the time of training t, of
//! which σ_rel is the deviation of the weight profile, so that the first weights are forgotten.

/// γ of a length σ_rel in (0, 0.28).
pub(crate) fn exponent(relative: f64) -> f64 {
    let length = |gamma: f64| libm::sqrt((gamma + 1.0) / ((gamma + 2.0) * (gamma + 2.0) * (gamma + 3.0)));
    // Falling from γ = 0 on.
    let (mut low, mut high) = (0.0, 1e6);
    for _ in 0..200 {
        let middle = 0.5 * (low + high);
        if length(middle) > relative { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

/// β: what an average keeps of itself in step t (counted from 1).
pub(crate) fn kept(gamma: f64, step: u64) -> f64 {
    libm::pow(1.0 - 1.0 / step.max(1) as f64, gamma + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The values of arXiv 2312.02696: γ = 6.94 at σ_rel = 0.10 and 16.97 at 0.05.
    #[test]
    fn exponents_are_those_of_the_paper() {
        assert!((exponent(0.10) - 6.94).abs() < 0.01, "{}", exponent(0.10));
        assert!((exponent(0.05) - 16.97).abs() < 0.01, "{}", exponent(0.05));
    }

    /// θ_t = t/T: mean (γ+1)/(γ+2) of the profile t^γ, and of θ² − mean² its deviation σ_rel.
    #[test]
    fn the_average_of_time_has_the_mean_and_deviation_of_the_profile() {
        let (relative, steps) = (0.1, 20_000);
        let gamma = exponent(relative);
        let mut average = [0.0; 2];
        for step in 1..=steps {
            let (t, kept) = (step as f64 / steps as f64, kept(gamma, step));
            average = [kept * average[0] + (1.0 - kept) * t, kept * average[1] + (1.0 - kept) * t * t];
        }
        let mean = (gamma + 1.0) / (gamma + 2.0);
        assert!((average[0] - mean).abs() < 1e-4);
        let deviation = (average[1] - average[0].powi(2)).sqrt();
        assert!((deviation - relative).abs() < 1e-3, "{deviation}");
    }
}
