//! `log.jsonl`: one line a log interval.

use std::io::Write;
use std::path::{Path, PathBuf};

use ridgewalk_data::atomic::write_atomically;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Name of the log in a run's folder.
pub const LOG: &str = "log.jsonl";

/// One line: means over the steps since the line before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LogLine {
    /// Steps taken.
    pub step: u64,
    /// Points seen, repetitions counted.
    pub images: u64,
    /// Loss.
    pub loss: f64,
    /// Loss of the held-out points, with the average of the weights that samples use by default, where it was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_out: Option<f64>,
    /// The same at every level: σ in the data's units, loss.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_out_by_level: Option<Vec<(f64, f64)>>,
    /// Mean of R²/d of a potential's Fokker–Planck residual R (arXiv 2311.15996), with the same average, at the held-out
    /// points, or at some that are trained on if none are held out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fokker_planck: Option<f64>,
    /// Loss by noise level: the median σ of each eighth of the law, in the data's units, and the loss there.
    pub by_level: Vec<(f64, f64)>,
    /// Learning rate of the last step.
    pub learning_rate: f64,
    /// Length of the gradient, before it was clipped.
    pub gradient_norm: f64,
    /// The batch beyond which larger ones help little (arXiv 1812.06162), where the gradient is seen above its noise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise_scale: Option<f64>,
    /// (Σw)²/Σw² of a batch with weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_samples: Option<f64>,
    /// k, where it is learned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub k: Option<f64>,
    /// Of an autoencoder: mean square of the held-out points' errors, in units of the data's variance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reconstruction: Option<f64>,
    /// Of an autoencoder with noise: divergence from the standard normal of the held-out points, in nats a coordinate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub divergence: Option<f64>,
    /// Points a second; of all that is told here the one that another run does not repeat.
    pub images_per_second: f64,
}

/// The file, open at its end.
#[derive(Debug)]
pub(crate) struct Log {
    path: PathBuf,
}

impl Log {
    /// The log of a folder, with the lines up to a step: those after it are of a run that went on after its checkpoint.
    pub fn open(folder: &Path, step: u64) -> Result<Self> {
        let path = folder.join(LOG);
        let kept: String = match std::fs::read_to_string(&path) {
            Ok(text) => text
                .lines()
                .filter(|line| serde_json::from_str::<LogLine>(line).is_ok_and(|parsed| parsed.step <= step))
                .flat_map(|line| [line, "\n"])
                .collect(),
            Err(_) => String::new(),
        };
        write_atomically(&path, |out| out.write_all(kept.as_bytes())).map_err(Error::data)?;
        Ok(Log { path })
    }

    /// One more line.
    pub fn append(&self, line: &LogLine) -> Result<()> {
        let text = serde_json::to_string(line).unwrap_or_default() + "\n";
        let written = std::fs::OpenOptions::new()
            .append(true)
            .open(&self.path)
            .and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(|e| {
            Error::file(&self.path, format!("cannot be written ({e})"), "make room, then go on with --resume")
        })
    }
}

/// The lines of a run's log.
///
/// # Errors
/// If the file cannot be read, or a line is none of a log.
pub fn read_log(folder: &Path) -> Result<Vec<LogLine>> {
    let path = folder.join(LOG);
    let text = std::fs::read_to_string(&path)
        .map_err(|e| Error::file(&path, format!("cannot be read ({e})"), "give the folder of a run"))?;
    let parsed = text.lines().enumerate().map(|(index, line)| {
        serde_json::from_str(line).map_err(|e| {
            Error::file(&path, format!("line {} is none of a log ({e})", index + 1), "train again")
        })
    });
    parsed.collect()
}
