//! `ridgewalk fit`: a closed-form model in a file.

use serde_json::json;

use crate::arguments::Fit;
use crate::failure::{Failure, Result};
use crate::progress::{result, say};
use crate::record::{Record, make_folder};
use crate::source;

pub fn run(fit: &Fit, arguments: &[String]) -> Result<()> {
    if fit.output.extension().is_none_or(|e| e != "safetensors") {
        return Err(Failure::new(
            fit.output.display(),
            "does not end in .safetensors",
            "models are safetensors files: choose such a name with --output",
        ));
    }
    let mut source = source::fit(&fit.data, &fit.reading, &fit.preparation, &fit.model, fit.seed)?;
    source.file.command = arguments.to_vec();
    if let Some(folder) = fit.output.parent().filter(|f| !f.as_os_str().is_empty()) {
        make_folder(folder)?;
    }
    source.file.save(&fit.output)?;
    let file = &source.file;
    let sigma_data = file.model.as_denoiser().moments().map(|m| m.std);
    say(&format!(
        "{} model of {} points ({}), sigma_data {:.4}: {}",
        file.model.kind(),
        file.points,
        file.shape,
        sigma_data.unwrap_or(f64::NAN),
        fit.output.display()
    ));
    if fit.json {
        let settings = json!({
            "kind": file.model.kind(), "points": file.points, "sigma_data": sigma_data, "units": source.units(),
            "latent": source.latent_settings(), "bic": source.bic, "training": source.training,
        });
        let inputs = fit.reading.inputs(&fit.data);
        result(&Record::new(arguments, settings, &inputs)?.to_json())?;
    }
    Ok(())
}
