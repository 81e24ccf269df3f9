//! What the reproduction is given: its size, the data that are read before any work is done, and the rule by which
//! attraction is set.

use std::path::Path;

use ridgewalk::metrics::Bootstrap;
use ridgewalk::{MadConfig, PointSet};

use crate::arguments::MadPaper;
use crate::failure::{Failure, Result};

/// Bootstrap resamples behind every interval.
const RESAMPLES: usize = 1000;
const RESAMPLES_SMALL: usize = 200;
/// Fewest images of a file: a part is held out, and the rest must give a model.
const FEWEST: usize = 200;

pub struct Settings<'a> {
    pub paper: &'a MadPaper,
    pub bootstrap: Bootstrap,
    pub mnist: Option<PointSet>,
    pub particles: Option<PointSet>,
    pub faces: Option<PointSet>,
}

impl<'a> Settings<'a> {
    /// Reads and checks the data.
    pub fn new(paper: &'a MadPaper) -> Result<Self> {
        let resamples = if paper.small { RESAMPLES_SMALL } else { RESAMPLES };
        let read = |path: &Option<std::path::PathBuf>| path.as_deref().map(read_images).transpose();
        Ok(Settings {
            paper,
            bootstrap: Bootstrap::new(resamples, paper.seed),
            mnist: read(&paper.mnist)?,
            particles: read(&paper.particles)?,
            faces: read(&paper.faces)?,
        })
    }

    pub fn seed(&self) -> u64 {
        self.paper.seed
    }

    /// One of two sizes.
    pub fn size<T>(&self, full: T, small: T) -> T {
        if self.paper.small { small } else { full }
    }
}

fn read_images(path: &Path) -> Result<PointSet> {
    let points = ridgewalk_data::load(&path.to_string_lossy())?;
    let grey = matches!(points.shape(), ridgewalk::Shape::Image { channels: 1, .. });
    if !grey || points.len() < FEWEST {
        let problem =
            format!("holds {} points ({}), not hundreds of grey images", points.len(), points.shape());
        return Err(Failure::new(path.display(), problem, "give clean images of one channel"));
    }
    Ok(points)
}

/// The one place where attraction is set from the noise level η of the data: the onset at η, with compensation.
pub fn attraction(noise: f64) -> MadConfig {
    with(noise, 1.0, WHOLE)
}

/// Strength at which compensation is whole.
const WHOLE: f64 = 8.0;

/// Attraction with its onset at a multiple of η, and a strength b. Compensation returns what attraction takes, so it
/// falls with b below the rule's, and b = 0 is plain sampling.
pub fn with(noise: f64, onset: f64, b: f64) -> MadConfig {
    compensated(noise, onset, b, (b / WHOLE).min(1.0))
}

/// Attraction with its onset at a multiple of η, a strength b, and compensation c.
pub fn compensated(noise: f64, onset: f64, b: f64, c: f64) -> MadConfig {
    // σ_on = σ_data/a: with a = 1 the onset is what is given as σ_data.
    MadConfig { a: 1.0, b, p: 8.0, c, reach: 3.0, sigma_data: Some(onset * noise), ..MadConfig::default() }
}

/// σ_on of a configuration that [`with`] made.
pub fn onset_of(config: &MadConfig) -> f64 {
    config.sigma_data.unwrap_or(1.0) / config.a
}
