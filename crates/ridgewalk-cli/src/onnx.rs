//! ONNX networks on the command line; a program that was built without them says so.

use std::path::Path;

#[cfg(not(feature = "onnx"))]
pub use absent::{field, sample};
#[cfg(feature = "onnx")]
pub use present::{field, sample};

/// Whether a file is one, by its name.
pub fn is_file(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("onnx"))
}

#[cfg(not(feature = "onnx"))]
mod absent {
    use std::path::Path;

    use ridgewalk::autonomous::Autonomous;

    use crate::arguments::Sample;
    use crate::failure::{Failure, Result};

    fn without(file: &Path) -> Failure {
        Failure::new(
            file.display(),
            "is an ONNX network, and this program was built without them",
            "build it by `cargo install --path crates/ridgewalk-cli --features onnx`",
        )
    }

    pub fn sample(file: &Path, _: &Sample, _: &[String]) -> Result<()> {
        Err(without(file))
    }

    pub fn field(file: &Path, _: usize, _: usize) -> Result<(Box<dyn Autonomous>, String)> {
        Err(without(file))
    }
}

#[cfg(feature = "onnx")]
mod present {
    use std::path::Path;
    use std::sync::Arc;

    use ridgewalk::autonomous::Autonomous;
    use ridgewalk::{PointSet, Schedule, Shape};
    use ridgewalk_nn::onnx::{Answer, OnnxDenoiser, OnnxOptions, Told};
    use ridgewalk_nn::{NoiseLabel, TimeLabel};
    use serde_json::json;

    use crate::arguments::{Sample, ScheduleName, Sides};
    use crate::command::sample::{SampleFiles, check_format, write};
    use crate::failure::{Failure, Result};
    use crate::network;
    use crate::predicts;
    use crate::prepared::Prepared;
    use crate::progress::{Meter, say};
    use crate::record::probe_folder;
    use crate::sampling::sampler;
    use crate::source;

    /// `ridgewalk sample --network FILE.onnx`.
    pub fn sample(file: &Path, sample: &Sample, arguments: &[String]) -> Result<()> {
        let flags = &sample.implicit;
        let model = OnnxDenoiser::load(
            file,
            &options(flags.predicts.as_deref(), flags.told.as_deref(), flags.shape)?,
        )?;
        let (shape, description) = (model.shape(), format!("{model:?}"));
        if let Some(field) = model.blind() {
            return network::implicit(&field, &description, shape, (file, sample, arguments));
        }
        let of_blind = [
            (flags.h0.is_some(), "--h0"),
            (flags.beta.is_some(), "--beta"),
            (flags.step_limit.is_some(), "--step-limit"),
        ];
        if let Some((_, flag)) = of_blind.iter().find(|(given, _)| *given) {
            return Err(Failure::new(
                flag,
                "acts on a blind network, and this one is told its noise",
                "drop the flag",
            ));
        }
        check_format(sample.format, shape)?;
        source::check_memory(sample.n, shape.dim())?;
        probe_folder(&sample.output)?;
        let mut levels = sample.sampling.clone();
        if !matches!(levels.schedule, ScheduleName::Own(_)) {
            let known = model.levels();
            levels.sigma_min.get_or_insert(known.start);
            levels.sigma_max.get_or_insert(known.end);
        }
        let prepared =
            Prepared { denoiser: Box::new(model), window: None, attracted: false, settings: json!({}) };
        let (run, chosen) = sampler(&levels, &prepared, sample.seed)?;
        let samples = run.run_observed(prepared.denoiser.as_ref(), sample.n, &mut Meter::new("sampling"))?;
        say(&format!("{description}: {}; {} evaluations a sample", run.describe()?, samples.evaluations));
        let (low, high) = (-1.0, 1.0);
        let points = match sample.clip {
            true => samples.points.mapv(|value| value.clamp(low, high)),
            false => samples.points,
        };
        let settings = json!({
            "network": description, "solver": run.solver().name(), "schedule": run.schedule().describe()?,
            "levels": run.schedule().levels()?, "sigmas": samples.sigmas, "pilot": chosen,
            "evaluations": samples.evaluations, "seed": sample.seed, "clip": sample.clip,
        });
        let files = SampleFiles {
            folder: &sample.output,
            extension: sample.format.extension(),
            range: (low, high),
            json: sample.json,
            beside: &[],
        };
        write(&files, &PointSet::new(points, shape)?, settings, &[file], arguments)
    }

    /// A blind network of grey images of this size, and what it is.
    pub fn field(file: &Path, height: usize, width: usize) -> Result<(Box<dyn Autonomous>, String)> {
        let options = OnnxOptions {
            sides: Some((height, width)),
            answer: Some(Answer::Denoised),
            ..OnnxOptions::default()
        };
        let model = OnnxDenoiser::load(file, &options)?;
        let grey = Shape::Image { height, width, channels: 1 };
        if model.shape() != grey {
            let problem = format!("is of points of {}, where those of {grey} belong", model.shape());
            return Err(Failure::new(file.display(), problem, "give a network of grey images"));
        }
        let description = format!("{model:?}");
        match model.blind() {
            Some(field) => Ok((Box::new(field), description)),
            None => Err(Failure::new(
                file.display(),
                "is told the noise level, which is not known of these images",
                "give a blind network",
            )),
        }
    }

    fn options(predicts: Option<&str>, told: Option<&str>, sides: Option<Sides>) -> Result<OnnxOptions> {
        Ok(OnnxOptions {
            answer: predicts.map(answer).transpose()?,
            told: told.map(level).transpose()?,
            sides: sides.map(|sides| (sides.height, sides.width)),
            ..OnnxOptions::default()
        })
    }

    fn answer(text: &str) -> Result<Answer> {
        let (name, prediction) = predicts::named(text)?;
        Ok(match prediction {
            Some(preconditioning) => Answer::Network(preconditioning),
            None if name == "score" => Answer::Score,
            None => Answer::Denoised,
        })
    }

    fn level(text: &str) -> Result<Told> {
        match text.parse()? {
            NoiseLabel::Level => Ok(Told::Sigma),
            NoiseLabel::Log => Ok(Told::QuarterLog),
            NoiseLabel::Time(TimeLabel { process, factor, offset, .. }) => {
                Ok(Told::Time { process, factor, offset })
            }
            _ => Err(Failure::new(
                format!("--told {text}"),
                "is of networks that ridgewalk trained",
                "choose sigma, label, step:NAME or time:NAME, as in step:ddpm-linear",
            )),
        }
    }
}
