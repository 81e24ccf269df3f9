//! `ridgewalk import`: a network that was trained elsewhere, as a model file.

use ridgewalk_nn::train::TrainConfig;
use ridgewalk_nn::{ImportOptions, NoiseLabel, Prediction, TrainedModel};

use crate::arguments::{Import, Reading};
use crate::failure::{Failure, Result};
use crate::predicts;
use crate::progress::say;
use crate::record::make_folder;
use crate::source;

pub fn run(import: &Import, arguments: &[String]) -> Result<()> {
    if import.output.extension().is_none_or(|e| e != "safetensors") {
        return Err(Failure::new(
            import.output.display(),
            "does not end in .safetensors",
            "models are safetensors files: choose such a name with --output",
        ));
    }
    let preconditioning = match predicts::named(&import.predicts)? {
        (_, Some(preconditioning)) => preconditioning,
        (name, None) => {
            return Err(Failure::new(
                format!("--predicts {name}"),
                "is what a network answers with its preconditioning around it, which files of weights do not have",
                "choose edm, sample, noise, velocity or flow",
            ));
        }
    };
    let label = match (&import.told, preconditioning.prediction) {
        (Some(label), _) => label.clone(),
        (None, Prediction::Edm) => NoiseLabel::Log,
        (None, _) => {
            return Err(Failure::new(
                "--told",
                "is missing: what the network is told of the noise is in no file",
                "give label, sigma, relative, step:NAME or time:NAME, as in step:ddpm-linear",
            ));
        }
    };
    let architecture = match &import.config {
        None => None,
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|e| {
                Failure::new(path.display(), format!("cannot be read ({e})"), "check --config")
            })?;
            let config: TrainConfig = toml::from_str(&text).map_err(|e| {
                Failure::new(path.display(), format!("is not as it should be:\n{e}"), "correct that line")
            })?;
            config.architecture
        }
    };
    let data = match &import.data {
        None => None,
        Some(spec) => {
            let reading = Reading { table: import.table.clone(), ..Reading::default() };
            Some(source::read(spec, &reading, 0)?)
        }
    };
    let options = ImportOptions {
        preconditioning,
        label,
        architecture,
        sides: import.shape.map(|sides| (sides.height, sides.width)),
        moments: data.as_ref().map(|points| points.moments()),
    };
    let mut model = TrainedModel::import(&import.weights, &options)?;
    if let Some(points) = &data {
        let shape = model.denoiser.shape();
        if points.dim() != shape.dim() {
            let problem = format!("is of {}, and the network of {shape}", points.shape());
            return Err(Failure::new("--data", problem, "give data like those it was trained on"));
        }
        model.about.range = points.range();
    }
    model.about.command = arguments.to_vec();
    if let Some(folder) = import.output.parent().filter(|f| !f.as_os_str().is_empty()) {
        make_folder(folder)?;
    }
    model.save(&import.output)?;
    let config = model.denoiser.config();
    let classes = match config.network.classes {
        0 => String::new(),
        classes => format!(", {classes} classes"),
    };
    say(&format!(
        "{} of {} numbers ({}{classes}): {}",
        config.network.architecture.name(),
        model.denoiser.values().len(),
        config.network.shape,
        import.output.display()
    ));
    say(&format!(
        "sizes: {}",
        toml::to_string(&config.network.architecture).unwrap_or_default().trim().replace('\n', ", ")
    ));
    Ok(())
}
