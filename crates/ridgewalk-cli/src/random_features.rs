//! From the text of `--model random-features:…` to trained features, and what is said of their training.

use ridgewalk::PointSet;
use ridgewalk::closed_form::{RandomFeatureFit, RandomFeatures, Stopping};
use ridgewalk_report::format_number;
use serde_json::{Value, json};

use crate::failure::Result;
use crate::progress::say;

/// Random features trained on data, and what a record says of that.
pub fn train(text: &str, data: &PointSet, seed: u64) -> Result<(RandomFeatures, Value)> {
    let fit = RandomFeatureFit::named(text, seed)?;
    let trained = fit.fit(data)?;
    let sum = |loss: &[f64]| loss.iter().sum::<f64>();
    let nothing = sum(trained.loss_of_nothing());
    let loss = sum(&trained.loss(fit.stopping)?) / nothing;
    let least = sum(&trained.loss(Stopping::LeastSquares)?) / nothing;
    say(&format!(
        "{} {} features, {} directions of them kept (condition {:.1e}); training loss {} of that of no features, \
         {} at the best",
        fit.features,
        fit.activation.name(),
        trained.rank(),
        trained.condition(),
        format_number(loss),
        format_number(least),
    ));
    let sampling = trained.sampling_error();
    if let Some(error) = sampling {
        say(&format!(
            "moments by {} draws a point and time: standard error {:.1e} of the second ones; the first are {:.1e} off",
            error.draws, error.second, error.first
        ));
    }
    let settings = json!({
        "features": fit.features, "activation": fit.activation.name(), "frequencies": fit.frequencies,
        "length": fit.length, "weighting": fit.weighting.name(), "seed": fit.seed, "rank": trained.rank(),
        "condition": trained.condition(), "loss": loss, "least_loss": least,
        "draws": sampling.map(|s| s.draws), "second_moment_error": sampling.map(|s| s.second),
        "first_moment_error": sampling.map(|s| s.first),
    });
    Ok((trained.at(fit.stopping)?, settings))
}
