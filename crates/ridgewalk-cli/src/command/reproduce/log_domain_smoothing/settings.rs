//! What a reproduction is given: its size, and the data that are read before any work is done.

use std::path::Path;

use ridgewalk::PointSet;
use ridgewalk::metrics::Bootstrap;

use crate::arguments::LogDomainSmoothing;
use crate::failure::{Failure, Result};

/// Bootstrap resamples behind every interval.
const RESAMPLES: usize = 1000;
const RESAMPLES_SMALL: usize = 200;
/// Views of an object on the turntable.
pub const VIEWS: usize = 72;

pub struct Settings<'a> {
    pub paper: &'a LogDomainSmoothing,
    pub bootstrap: Bootstrap,
    /// MNIST with its labels, if it is given.
    pub mnist: Option<PointSet>,
    /// COIL-20, the views of an object one after the other, if it is given.
    pub turntable: Option<PointSet>,
}

impl<'a> Settings<'a> {
    /// Reads and checks the data.
    pub fn new(paper: &'a LogDomainSmoothing) -> Result<Self> {
        let resamples = if paper.small { RESAMPLES_SMALL } else { RESAMPLES };
        Ok(Settings {
            paper,
            bootstrap: Bootstrap::new(resamples, paper.seed),
            mnist: paper.mnist.as_deref().map(read_digits).transpose()?,
            turntable: paper.coil20.as_deref().map(read_views).transpose()?,
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

fn read_digits(path: &Path) -> Result<PointSet> {
    let points = ridgewalk_data::load(&path.to_string_lossy())?;
    let help = "give an IDX file of images with its labels beside it, named as MNIST's are";
    if points.labels().is_none() {
        return Err(Failure::new(path.display(), "has no labels", help));
    }
    // A class is split in 100 training images and the rest.
    if !points.shape().is_image() || points.len() < 2000 {
        let problem = format!("holds {} points ({}), not thousands of images", points.len(), points.shape());
        return Err(Failure::new(path.display(), problem, help));
    }
    Ok(points)
}

fn read_views(path: &Path) -> Result<PointSet> {
    let points = ridgewalk_data::load(&path.to_string_lossy())?;
    if !points.shape().is_image() || points.len() % VIEWS != 0 {
        let problem =
            format!("holds {} points ({}), not {VIEWS} images an object", points.len(), points.shape());
        let help = "give COIL-20 as an array [objects, 72, height, width] (.npy)";
        return Err(Failure::new(path.display(), problem, help));
    }
    Ok(points)
}
