//! The weighting of the likelihood (arXiv 2303.00848): its loss does not depend on the law of the noise levels.

use ridgewalk_nn::objective::{NoiseLevels, Weighting};

/// For data N(0, s²) the best denoiser errs by σ²s²/(σ²+s²), and with λ = 1/(σ² p(ln σ)) the mean over the law is
/// ∫ mse/σ² d ln σ = ½ ln(1 + s²/σ_min²) − ½ ln(1 + s²/σ_max²), the information that the levels between tell (the relation of
/// mutual information and least error). Over all but a thousandth of the law at either end, where quantiles resolve it.
#[test]
fn the_likelihoods_loss_of_a_gaussian_is_its_information() {
    let s = 1.7;
    for name in ["log-normal", "log-normal:mean=0.4,deviation=0.6", "uniform", "log-uniform:from=0.05,to=20"]
    {
        let levels = NoiseLevels::named(name).unwrap();
        let (count, end) = (100_000, 1e-3);
        let part = 1.0 - 2.0 * end;
        let loss = |index: i32| {
            let sigma = s * levels.quantile(end + part * (f64::from(index) + 0.5) / f64::from(count));
            Weighting::Elbo.at(sigma, s, &levels) * sigma * sigma * s * s / (sigma * sigma + s * s)
        };
        let found = (0..count).map(loss).sum::<f64>() * part / f64::from(count);
        let information = |level: f64| 0.5 * (1.0 / (level * level)).ln_1p();
        let expected = information(levels.quantile(end)) - information(levels.quantile(1.0 - end));
        assert!((found / expected - 1.0).abs() < 5e-3, "{name}: {found} {expected}");
    }
}
