//! `ridgewalk train`: a network in a folder.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ridgewalk::{Latent, PointSet, Shape};
use ridgewalk_data::atomic::remove_stale;
use ridgewalk_data::{LatentSpace, Normalization, load};
use ridgewalk_nn::autoencoder::AutoencoderConfig;
use ridgewalk_nn::network::{Architecture, DitConfig, MlpConfig, UNetConfig};
use ridgewalk_nn::train::{
    About, Ending, MODEL, SHEET, TrainConfig, TrainProgress, Trainer, TrainingData, checkpoints,
};
use serde_json::json;

use crate::arguments::{ArchitectureName, Train};
use crate::failure::{Failure, Result};
use crate::interrupt;
use crate::progress::{Meter, result, say};
use crate::record::{NAME, Record, digest_points, make_folder, probe_folder, remove_old, write_text};
use crate::source;

/// Name of the settings in a run's folder.
const SETTINGS: &str = "run.toml";

pub fn run(train: &Train, arguments: &[String]) -> Result<()> {
    let folder = &train.output;
    if !train.resume && !checkpoints(folder).is_empty() {
        return Err(Failure::new(
            folder.display(),
            "holds a run already",
            "add --resume to go on with it, or choose another folder with --output",
        ));
    }
    let newest = if train.resume { newest(folder)? } else { None };
    if train.resume && newest.is_none() && !folder.join(SETTINGS).is_file() {
        let problem = "holds no run to go on with";
        return Err(Failure::new(folder.display(), problem, "check --output, or begin without --resume"));
    }
    probe_folder(folder)?;
    let mut config = settings(train)?;
    let (points, weights) = points(train, config.seed)?;
    let (total, shape) = (points.len(), points.shape());
    let own_space = newest.as_ref().and_then(|(_, about)| about.latent.clone());
    if train.space.latent.is_none() && own_space.is_none() {
        architecture(train, &mut config, shape)?;
        potential(train, &mut config, shape)?;
        check(&config, train, shape)?;
    }
    // The part is that of all points, whatever is left open.
    let hold_out = TrainConfig { architecture: None, fokker_planck: 0.0, ..config.clone() }
        .resolved(total, shape)?
        .hold_out;
    let whole = TrainingData::new(points);
    let whole = match weights {
        Some(weights) => whole.weighted(weights)?,
        None => whole,
    };
    let own = whole.held_out(hold_out.unwrap_or(0.0), config.seed)?;
    let mut about = About::of(own.points(), &train.data);
    about.sha256 = Some(digest_points(own.points()));
    about.noise = train.reading.noise.unwrap_or(0.0);
    about.salt_and_pepper = train.reading.salt_and_pepper.unwrap_or(0.0);
    about.command = match &newest {
        // With the settings of its beginning, which a word less may not say.
        Some((_, begun)) => begun.command.clone(),
        None => command(arguments),
    };
    let data = match train.preparation.standardize {
        false => own,
        true => {
            about.normalization = Normalization::fit(own.points())?;
            own.mapped(|points| about.normalization.apply(points).map_err(|e| e.to_string()))?
        }
    };
    let data = match latent(train, own_space, data.points())? {
        None => data,
        Some(latent) => {
            let encoded = data.mapped(|points| latent.encode_points(points).map_err(|e| e.to_string()))?;
            (about.shape, about.latent) = (Some(shape), Some(latent));
            architecture(train, &mut config, encoded.points().shape())?;
            potential(train, &mut config, encoded.points().shape())?;
            check(&config, train, encoded.points().shape())?;
            encoded
        }
    };
    let config = config.resolved(total, data.points().shape())?;
    let weighted = data.effective_size();
    let trainer = match &newest {
        Some((checkpoint, _)) => Trainer::resume(&config, data, checkpoint)?,
        None => Trainer::new(&config, data)?,
    };
    let mut trainer = trainer.on(train.device)?;
    if let Some(steps) = trainer.config().steps.filter(|steps| *steps < trainer.steps_done()) {
        let problem = format!("has taken {} steps, more than {steps}", trainer.steps_done());
        return Err(Failure::new(folder.display(), problem, "give more --steps, or begin in another folder"));
    }
    make_folder(folder)?;
    // What a killed run was writing: a folder has one run at a time.
    remove_stale(folder, Duration::ZERO)?;
    remove_old(folder, NAME);
    write_settings(&folder.join(SETTINGS), trainer.config())?;
    tell(&trainer, weighted, newest.as_ref().map(|(checkpoint, _)| checkpoint.as_path()));
    let ending = go(&mut trainer, folder, &about)?;
    let model = match ending {
        Ending::Stopped(checkpoint) => {
            say(&format!(
                "stopped after {} steps: {}; the same command with --resume goes on",
                trainer.steps_done(),
                checkpoint.display()
            ));
            // As after any other Ctrl-C.
            std::process::exit(130);
        }
        Ending::Done(model) => model,
    };
    say(&format!("{} steps: {}", trainer.steps_done(), model.display()));
    let settings = json!({
        "config": trainer.config(), "steps": trainer.steps_done(), "parameters": trainer.parameters(),
        "model": {
            "kind": if trainer.model().is_some() { "network" } else { "autoencoder" }, "data": train.data, "points": about.points, "sha256": about.sha256,
            "hold_out": config.hold_out, "command": about.command,
        },
    });
    let mut again = about.command.clone();
    // Not the time that was given: it is not the same twice, its steps are.
    again.extend(["--steps".into(), trainer.steps_done().to_string()]);
    let inputs = train.inputs();
    let inputs: Vec<&Path> = inputs.iter().map(PathBuf::as_path).collect();
    let record = Record::new(&again, settings, &inputs)?;
    let mut outputs = vec![MODEL];
    if folder.join(SHEET).is_file() {
        outputs.push(SHEET);
    }
    let record = record.finish(folder, &outputs)?;
    if train.json {
        result(&record.to_json())?;
    }
    Ok(())
}

/// The newest checkpoint that can be read.
fn newest(folder: &Path) -> Result<Option<(PathBuf, About)>> {
    let mut damage = None;
    for path in checkpoints(folder).into_iter().rev() {
        match About::read(&path) {
            Ok(about) => return Ok(Some((path, about))),
            Err(error) => {
                say(&format!("passed over: {error}"));
                damage.get_or_insert(error);
            }
        }
    }
    match damage {
        Some(error) => Err(error.into()),
        None => Ok(None),
    }
}

/// The latent space to train in: that of the run that goes on, or the one that was asked for.
fn latent(train: &Train, own: Option<LatentSpace>, points: &PointSet) -> Result<Option<LatentSpace>> {
    let Some(name) = &train.space.latent else { return Ok(own) };
    let asked = source::latent_space(name, points, train.preparation.standardize)?;
    if train.resume && own.as_ref() != Some(&asked) {
        let problem = "is another latent space than that of the run";
        return Err(Failure::new("--latent", problem, "leave it out: the run holds its own"));
    }
    Ok(Some(asked))
}

/// Flags that would do nothing are refused.
fn check(config: &TrainConfig, train: &Train, shape: Shape) -> Result<()> {
    if config.flip && !shape.is_image() {
        let problem = format!("is for images, and a point is a {shape}");
        return Err(Failure::new("--flip", problem, "leave it out"));
    }
    if train.network.label_dropout.is_some() && !config.classes {
        return Err(Failure::new(
            "--label-dropout",
            "is for networks that are told classes",
            "add --classes",
        ));
    }
    Ok(())
}

/// Settings of the file, if there is one, and flags.
fn settings(train: &Train) -> Result<TrainConfig> {
    let own = train.output.join(SETTINGS);
    let file: Option<PathBuf> =
        train.config.clone().or_else(|| Some(own).filter(|own| train.resume && own.is_file()));
    let mut config = match &file {
        None => TrainConfig::default(),
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|e| {
                Failure::new(path.display(), format!("cannot be read ({e})"), "check --config")
            })?;
            toml::from_str(&text).map_err(|e| {
                Failure::new(path.display(), format!("is not as it should be:\n{e}"), "correct that line")
            })?
        }
    };
    config.seed = train.seed.unwrap_or(config.seed);
    if train.steps.is_some() || train.minutes.is_some() {
        (config.steps, config.minutes) = (train.steps.map(|steps| steps as u64), train.minutes);
    }
    config.batch = train.batch.unwrap_or(config.batch);
    config.micro_batch = train.micro_batch.or(config.micro_batch);
    config.flip |= train.flip;
    config.hold_out = train.preparation.hold_out.or(config.hold_out);
    let space = &train.space;
    if space.autoencoder {
        let own = config.autoencoder.get_or_insert_with(AutoencoderConfig::default);
        own.latent = space.latent_dim.or(own.latent);
        own.kl = space.kl.unwrap_or(own.kl);
    } else if config.autoencoder.is_some() && (space.latent.is_some() || train.preparation.standardize) {
        let help = "drop --latent and --standardize";
        return Err(Failure::new("[autoencoder]", "is trained on the data in their own units", help));
    }
    let network = &train.network;
    config.blind |= network.blind;
    config.classes |= network.classes;
    config.label_dropout = network.label_dropout.unwrap_or(config.label_dropout);
    config.prediction = network.prediction.unwrap_or(config.prediction);
    config.weighting = train.objective.weighting.unwrap_or(config.weighting);
    config.fokker_planck = train.objective.fokker_planck.unwrap_or(config.fokker_planck);
    config.noise_levels = train.objective.noise_levels.clone().unwrap_or(config.noise_levels);
    let optimizer = &train.optimizer;
    config.optimizer.kind = optimizer.optimizer.unwrap_or(config.optimizer.kind);
    config.optimizer.learning_rate = optimizer.learning_rate.or(config.optimizer.learning_rate);
    config.optimizer.schedule = optimizer.rate_schedule.unwrap_or(config.optimizer.schedule);
    config.optimizer.warm_up = optimizer.warm_up.unwrap_or(config.optimizer.warm_up);
    Ok(config)
}

/// The architecture of the flag, unless the file has one of the same kind.
fn architecture(train: &Train, config: &mut TrainConfig, shape: Shape) -> Result<()> {
    let Some(name) = train.network.arch else { return Ok(()) };
    if !shape.is_image() && name != ArchitectureName::Mlp {
        let help = "use --arch mlp for vectors";
        return Err(Failure::new(
            "--arch",
            format!("unet and dit are for images, and a point is a {shape}"),
            help,
        ));
    }
    let (height, width) = match shape {
        Shape::Image { height, width, .. } => (height, width),
        _ => (1, shape.dim()),
    };
    let wanted = match name {
        ArchitectureName::Mlp => Architecture::Mlp(MlpConfig::for_dim(shape.dim())),
        ArchitectureName::Unet => Architecture::UNet(UNetConfig::for_image(height, width)),
        ArchitectureName::Dit => Architecture::Dit(DitConfig::for_image(height, width)),
    };
    if config.architecture.as_ref().is_none_or(|given| given.name() != wanted.name()) {
        config.architecture = Some(wanted);
    }
    Ok(())
}

/// The perceptron of the settings made a potential, if that was asked.
fn potential(train: &Train, config: &mut TrainConfig, shape: Shape) -> Result<()> {
    if train.network.potential {
        let architecture = config.architecture.get_or_insert_with(|| Architecture::for_shape(shape));
        let Architecture::Mlp(mlp) = architecture else {
            let problem = format!("is for perceptrons, and the network is a {}", architecture.name());
            return Err(Failure::new("--potential", problem, "add --arch mlp, or leave it out"));
        };
        mlp.potential = true;
    }
    let is_one = config.architecture.as_ref().is_some_and(Architecture::is_potential);
    if train.objective.fokker_planck.is_some_and(|weight| weight > 0.0) && !is_one {
        let problem = "needs a log-density, and the network is no potential";
        return Err(Failure::new("--fokker-planck", problem, "add --potential"));
    }
    Ok(())
}

/// The points and their weights.
fn points(train: &Train, seed: u64) -> Result<(PointSet, Option<Vec<f64>>)> {
    let points = source::read(&train.data, &train.reading, seed)?;
    let Some(spec) = &train.weights else { return Ok((points, None)) };
    if Path::new(spec).is_file() {
        let weights = load(spec)?;
        if weights.dim() != 1 {
            let problem = format!("has {} numbers a row", weights.dim());
            return Err(Failure::new(spec, problem, "give one weight a point"));
        }
        return Ok((points, Some(weights.values().iter().copied().collect())));
    }
    let column = points.columns().and_then(|names| names.iter().position(|name| name == spec));
    let Some(column) = column else {
        let help = "give a file with one number a row, or a column of a table";
        return Err(Failure::new(
            format!("--weights {spec}"),
            "is neither a file nor a column of DATA",
            help,
        ));
    };
    if train.reading.noise.is_some_and(|noise| noise > 0.0) || points.dim() < 2 {
        let help = "give the weights in a file of their own";
        return Err(Failure::new("--weights", "would take part in the noise, or leave no coordinate", help));
    }
    let weights = points.values().column(column).to_vec();
    let rest: Vec<usize> = (0..points.dim()).filter(|index| *index != column).collect();
    let mut kept = PointSet::vectors(points.values().select(ndarray::Axis(1), &rest))?;
    if let Some(names) = points.columns() {
        kept = kept.with_columns(rest.iter().filter_map(|index| names.get(*index).cloned()).collect())?;
    }
    if let Some(labels) = points.labels() {
        kept = kept.with_labels(labels.to_vec())?;
    }
    Ok((kept, Some(weights)))
}

/// The command that makes the same run from its beginning, but for its length.
fn command(arguments: &[String]) -> Vec<String> {
    let mut words = Vec::new();
    let mut left = arguments.iter();
    while let Some(word) = left.next() {
        match word.as_str() {
            "--resume" => {}
            "--minutes" | "--steps" => {
                left.next();
            }
            word if word.starts_with("--minutes=") || word.starts_with("--steps=") => {}
            _ => words.push(word.clone()),
        }
    }
    words
}

fn write_settings(path: &Path, config: &TrainConfig) -> Result<()> {
    let text = toml::to_string(config).map_err(|e| {
        Failure::new(path.display(), format!("cannot be written ({e})"), "choose a smaller seed")
    })?;
    write_text(path, &text)
}

fn tell(trainer: &Trainer, effective: f64, from: Option<&Path>) {
    let (config, data) = (trainer.config(), trainer.data());
    let architecture = match &config.architecture {
        Some(architecture) => architecture.name().to_string(),
        None => {
            let own = config.autoencoder.as_ref();
            let wide = own.map_or(0, |own| own.latent_dim(data.points().shape()));
            format!("autoencoder with {wide} coordinates")
        }
    };
    let held_out = data.rest().map_or(0, |rest| rest.len());
    say(&format!(
        "{architecture} of {} numbers; {} points ({}), {held_out} held out",
        trainer.parameters(),
        data.points().len(),
        data.points().shape()
    ));
    if effective < 0.999 * data.points().len() as f64 {
        say(&format!("weights: as much as {effective:.0} points of equal weight tell"));
    }
    if let Some(from) = from {
        say(&format!("goes on after {} steps: {}", trainer.steps_done(), from.display()));
    }
}

fn go(trainer: &mut Trainer, folder: &Path, about: &About) -> Result<Ending> {
    const PARTS: usize = 10_000;
    let mut meter = Meter::new("training");
    let (began, first) = (Instant::now(), trainer.steps_done());
    let mut start = None;
    let mut observer = |progress: &TrainProgress| {
        let start = *start.get_or_insert(progress.part);
        if let Some(line) = progress.line {
            let steps = progress.steps.map(|steps| format!("/{steps}")).unwrap_or_default();
            let held_out = line.held_out.map(|loss| format!(", held out {loss:.4}")).unwrap_or_default();
            let done = progress.part - start;
            let left = match done > 0.0 && progress.step > first {
                true => duration(began.elapsed().as_secs_f64() * (1.0 - progress.part) / done),
                false => "?".into(),
            };
            let text = format!(
                "step {}{steps}: loss {:.4}{held_out}, {:.0} points/s, {left} left",
                line.step, line.loss, line.images_per_second
            );
            meter.line(&text, line.held_out.is_some());
        }
        meter.tell((progress.part * PARTS as f64) as usize, PARTS);
        if interrupt::wanted() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    interrupt::listen(true);
    let ending = trainer.run(folder, about, &mut observer);
    interrupt::listen(false);
    Ok(ending?)
}

fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 90.0 => format!("{s:.0} s"),
        s if s < 5400.0 => format!("{:.0} min", s / 60.0),
        s => format!("{:.1} h", s / 3600.0),
    }
}
