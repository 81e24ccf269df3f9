//! The error of a model's denoiser against that of the data themselves, in its normal and tangential parts.
//!
//! With δ = D_model − D_data at draws of p_σ, ‖Nδ‖ is what keeps samples off the ridge and ‖Tδ‖ what moves them along
//! it (arXiv 2602.06021).

use super::super::finding::{Axis, Figure, Finding, Plot, Series};
use super::super::{Subject, words};
use super::setting::Setting;
use crate::closed_form::Empirical;
use crate::denoiser::Denoiser;
use crate::error::Result;
use crate::metrics::Bootstrap;
use crate::metrics::bootstrap::mean;

pub(super) fn findings(
    subject: &Subject,
    model: &dyn Denoiser,
    setting: &Setting,
    bootstrap: &Bootstrap,
) -> Result<Vec<Finding>> {
    let data = Empirical::new(subject.reference().train())?;
    let (mut normal, mut tangential) = (Vec::new(), Vec::new());
    let mut at_chosen = (Vec::new(), Vec::new());
    for (i, &sigma) in setting.levels.iter().enumerate() {
        let x = setting.draws(sigma, bootstrap.seed);
        let frames = crate::Frames::at(&setting.model, x.view(), sigma, setting.dimension)?;
        let error = model.denoise(x.view(), sigma)? - data.denoise(x.view(), sigma)?;
        let squares = |v: ndarray::Array2<f64>| -> Vec<f64> { v.outer_iter().map(|r| r.dot(&r)).collect() };
        let (n, t) = (squares(frames.normal(error.view())?), squares(frames.tangential(error.view())?));
        normal.push((sigma, mean(&n).sqrt()));
        tangential.push((sigma, mean(&t).sqrt()));
        if i == setting.chosen {
            at_chosen = (n, t);
        }
    }
    let (n, t) = at_chosen;
    let both: Vec<f64> = n.iter().zip(&t).map(|(n, t)| n + t).collect();
    let (off, along) = (mean(&n).sqrt(), mean(&t).sqrt());
    let share = if mean(&both) > 0.0 { mean(&n) / mean(&both) } else { 0.0 };
    let statement = format!(
        "The model's denoiser differs from that of the data by {} off the ridge and {} along it, at noise level {}: {} of \
         the squared error is normal.",
        words::number(off),
        words::number(along),
        words::number(setting.levels[setting.chosen]),
        words::percent(share),
    );
    let positive = |points: Vec<(f64, f64)>| points.into_iter().filter(|(_, y)| *y > 0.0).collect();
    let finding = Finding::new("normal-error-share", statement, share, n.len()).figure(Figure {
        id: "error-parts".into(),
        title: "Which part of the error?".into(),
        caption: "Root mean square of the model's error at draws of the smoothed data: its normal part keeps samples off \
                  the ridge, its tangential part moves them along it."
            .into(),
        plot: Plot::Lines {
            x: Axis::log("noise level σ (data units)"),
            y: Axis::log("error of the denoiser (data units)"),
            series: vec![
                Series { name: "normal part".into(), points: positive(normal) },
                Series { name: "tangential part".into(), points: positive(tangential) },
            ],
        },
    });
    Ok(vec![match bootstrap.ratio(&n, &both) {
        Some(interval) => finding.interval(interval),
        None => finding,
    }])
}
