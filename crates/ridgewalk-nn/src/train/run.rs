//! A training with its folder: log, checkpoints, sheets of samples, the network at the end.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ridgewalk::sampler::{Observer, Progress};
use ridgewalk::schedule::range_for;
use ridgewalk::{Heun, Karras, Latent, PointSet, Sampler};
use ridgewalk_data::{SheetOptions, write_sheet};

use super::About;
use super::checkpoint::MODEL;
use super::log::{Log, LogLine};
use super::tensorboard::Events;
use super::trainer::Trainer;
use crate::error::{Error, Result};

/// Name of the sheet of samples.
pub const SHEET: &str = "samples.png";
/// Samples of a sheet, and steps of each.
const SAMPLES: usize = 16;
const STEPS: usize = 18;

/// How far a run is.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TrainProgress<'a> {
    /// Steps taken.
    pub step: u64,
    /// Steps to be taken, if their number was given.
    pub steps: Option<u64>,
    /// Part of the way that is done, by steps or by time.
    pub part: f64,
    /// Loss of the last batch.
    pub loss: f64,
    /// The line of the log, where one was written.
    pub line: Option<&'a LogLine>,
    /// The checkpoint, where one was written.
    pub checkpoint: Option<&'a Path>,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Ending {
    /// All steps were taken, or the time was up: the network's file.
    Done(PathBuf),
    /// The observer asked to stop: the checkpoint to go on from.
    Stopped(PathBuf),
}

/// Stops drawing samples where the run is to stop.
struct Watch<'a>(&'a mut dyn FnMut(&TrainProgress) -> ControlFlow<()>, TrainProgress<'a>, bool);

impl Observer for Watch<'_> {
    fn observe(&mut self, _: &Progress) -> ControlFlow<()> {
        let flow = (self.0)(&self.1);
        self.2 |= flow.is_break();
        flow
    }
}

impl Trainer {
    /// Goes on until all steps are taken or the time is up, writing into a folder that exists: `log.jsonl`, events for
    /// TensorBoard, checkpoints, of images a sheet of samples (of an autoencoder: originals above reconstructions), and at the end the network alone. The observer is told of
    /// every step and may stop the run, which then writes a checkpoint.
    ///
    /// # Errors
    /// If a step fails ([`Trainer::step`]) or a file cannot be written. The last checkpoint is whole then.
    pub fn run(
        &mut self,
        folder: &Path,
        about: &About,
        observer: &mut dyn FnMut(&TrainProgress) -> ControlFlow<()>,
    ) -> Result<Ending> {
        let (log, events) = (Log::open(folder, self.steps_done())?, Events::open(folder, self.steps_done())?);
        let config = self.config().clone();
        let limit = config.minutes.map(|minutes| Duration::from_secs_f64(60.0 * minutes));
        let began = Instant::now();
        let (mut last, mut since) = (began, self.steps_done());
        let over = |step: u64| {
            config.steps.is_some_and(|steps| step >= steps)
                || limit.is_some_and(|limit| began.elapsed() >= limit)
        };
        let mut saved = None;
        let mut done = config.steps.is_some_and(|steps| self.steps_done() >= steps);
        while !done {
            let report = self.step()?;
            let step = report.step;
            // Asked once a step: what follows must not see the time run out in between.
            done = over(step);
            let line = if step.is_multiple_of(config.every.log) || done {
                let images = (step - since) * config.batch as u64;
                let line = self.line(images as f64 / last.elapsed().as_secs_f64().max(1e-9))?;
                (last, since) = (Instant::now(), step);
                log.append(&line)?;
                events.append(&line)?;
                Some(line)
            } else {
                None
            };
            let mut stop = false;
            let by_steps = config.steps.map_or(0.0, |steps| step as f64 / steps as f64);
            let by_time = limit.map_or(0.0, |limit| began.elapsed().as_secs_f64() / limit.as_secs_f64());
            let part = by_steps.max(by_time).min(1.0);
            let progress = TrainProgress {
                step,
                steps: config.steps,
                part,
                loss: report.loss,
                line: line.as_ref(),
                checkpoint: None,
            };
            stop |= observer(&progress).is_break();
            let due = config.every.sample > 0 && step.is_multiple_of(config.every.sample);
            if (due || done) && !stop && about.shape_of(self.data().points()).is_image() {
                let quiet = TrainProgress { line: None, ..progress.clone() };
                stop |= self.sheet(folder, about, observer, quiet)?;
                last = Instant::now();
                since = step;
            }
            if step.is_multiple_of(config.every.checkpoint) || stop || done {
                let path = self.save(folder, about)?;
                stop |=
                    observer(&TrainProgress { line: None, checkpoint: Some(&path), ..progress }).is_break();
                saved = Some(path);
            }
            if let (true, Some(path)) = (stop && !done, &saved) {
                return Ok(Ending::Stopped(path.clone()));
            }
        }
        let model = folder.join(MODEL);
        self.save_model(&model, about, self.usual_average())?;
        Ok(Ending::Done(model))
    }

    /// A sheet of samples of the usual average, always of the same noise. Whether the observer asked to stop.
    fn sheet(
        &self,
        folder: &Path,
        about: &About,
        observer: &mut dyn FnMut(&TrainProgress) -> ControlFlow<()>,
        progress: TrainProgress,
    ) -> Result<bool> {
        if self.config().autoencoder.is_some() {
            self.reconstructions(folder, about)?;
            return Ok(observer(&progress).is_break());
        }
        let denoiser = self.denoiser(self.usual_average())?;
        let schedule = Karras::new(range_for(self.moments()), STEPS);
        let sampler = Sampler::new(Heun::new(), schedule).seed(self.config().seed);
        let mut watch = Watch(observer, progress, false);
        let samples = match sampler.run_observed(&denoiser, SAMPLES, &mut watch) {
            Ok(samples) => samples,
            Err(ridgewalk::Error::Stopped { .. }) => return Ok(true),
            // A network that has learned little may run away: that is no reason to end its training.
            Err(_) => return Ok(watch.2),
        };
        // Far from all that was encoded a decoder may answer anything: no reason to end it either.
        let Ok(values) = about.to_data(samples.points) else { return Ok(watch.2) };
        let points = PointSet::new(values, about.shape_of(self.data().points()))?;
        let options = SheetOptions { range: Some(about.range), ..SheetOptions::default() };
        write_sheet(&folder.join(SHEET), &points, &options).map_err(Error::data)?;
        Ok(watch.2)
    }

    /// A sheet of held-out points (of the training points, if there are fewer), each row above their reconstructions.
    fn reconstructions(&self, folder: &Path, about: &About) -> Result<()> {
        let own = self.data().points();
        let points = self.data().rest().filter(|rest| rest.len() >= SAMPLES).unwrap_or(own);
        let shown: Vec<usize> = (0..points.len().min(SAMPLES)).collect();
        let (points, row) = (points.select(&shown)?, SAMPLES / 2);
        // One that has learned little may answer anything: no reason to end its training.
        let Ok(seen) = self.autoencoder(self.usual_average())?.reconstruct(points.values()) else {
            return Ok(());
        };
        let (own_rows, mut rows) = (points.values(), Vec::new());
        for first in (0..points.len()).step_by(row) {
            let part = first..points.len().min(first + row);
            rows.extend(part.clone().map(|i| own_rows.row(i).to_owned()));
            // A row that is not full is filled up, so that originals and reconstructions stay one above the other.
            rows.extend((part.len()..row).map(|_| own_rows.row(first).to_owned()));
            rows.extend(part.clone().map(|i| seen.row(i).to_owned()));
            rows.extend((part.len()..row).map(|_| seen.row(first).to_owned()));
        }
        let views: Vec<_> = rows.iter().map(|row| row.view().insert_axis(ndarray::Axis(0))).collect();
        let all = ndarray::concatenate(ndarray::Axis(0), &views)
            .map_err(|_| ridgewalk::Error::shape("the sheet", points.len(), points.dim()))?;
        let Ok(values) = about.to_data(all) else { return Ok(()) };
        let all = PointSet::new(values, about.shape_of(own))?;
        let options =
            SheetOptions { columns: Some(row), range: Some(about.range), ..SheetOptions::default() };
        write_sheet(&folder.join(SHEET), &all, &options).map_err(Error::data)
    }
}
