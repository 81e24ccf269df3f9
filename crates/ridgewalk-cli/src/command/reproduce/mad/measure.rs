//! What samples are measured against: clean points of the same law, seen and held out, and the noisy ones.

use std::collections::BTreeMap;

use ndarray::{Array2, ArrayView2};
use ridgewalk::PointSet;
use ridgewalk::latent::{Components, Latent, Pca};
use ridgewalk::metrics::Bootstrap;
use ridgewalk::metrics::bootstrap::mean;
use ridgewalk::metrics::{LocalPlanes, NearestPsnr, NeighbourBalls, frechet_distance};
use ridgewalk::neighbours::nearest;
use ridgewalk::survey::{Cell, Table};
use ridgewalk::transform::Dimension;

use crate::failure::Result;

/// A coordinate that varies less than this part of the range among clean points shows the noise of a sample.
const CONSTANT: f64 = 2e-3;
/// Neighbours and dimension of the planes through clean points.
const NEIGHBOURS: usize = 16;
const PLANE: usize = 6;
/// Share of the clean variance in the components in which Fréchet distances are taken, and the most of them.
const SHARE: f64 = 0.95;
const MOST: usize = 64;

/// Bootstrap resamples behind the intervals of a table.
const RESAMPLES: usize = 300;

/// Clean and noisy points, prepared for measuring.
pub struct Yardstick {
    /// Clean versions of what the model was fitted to.
    pub clean: PointSet,
    /// Clean points that nothing was fitted to.
    pub held_out: PointSet,
    /// Coordinates that hardly vary in clean points, with their means.
    background: Vec<(usize, f64)>,
    planes: LocalPlanes,
    pca: Pca,
    clean_features: Array2<f64>,
    noisy_features: Array2<f64>,
    null: Null,
    range: f64,
}

/// The same distances of held-out clean points, or of others that stand in for them.
#[derive(Debug, Clone, Copy)]
pub struct Null {
    pub name: &'static str,
    to_clean: f64,
    off_plane: f64,
    variance: f64,
    pub psnr: f64,
    pub frechet: f64,
    pub coverage: f64,
}

/// What a set of samples is like.
#[derive(Debug, Clone)]
pub struct Measured {
    pub name: String,
    /// Standard deviation in coordinates that hardly vary in clean points; NaN if there are none.
    pub noise: f64,
    /// Squares behind it, of every sample.
    pub noise_squares: Vec<f64>,
    /// Mean distance to the nearest clean point, to the local plane of clean points, and the total variance, over
    /// those of held-out clean points.
    pub to_clean: f64,
    pub off_plane: f64,
    pub variance: f64,
    pub psnr: f64,
    pub frechet_clean: f64,
    pub frechet_noisy: f64,
    pub precision: f64,
    pub recall: f64,
    pub coverage: f64,
    /// 95 % intervals of the noise, precision, recall and coverage.
    pub intervals: [Option<(f64, f64)>; 4],
    /// Nearest clean point's class of every sample.
    pub classes: Vec<u32>,
}

impl Measured {
    /// The farthest of three ratios from what held-out clean points have, 1: too noisy or too smooth.
    pub fn departure(&self) -> f64 {
        [self.to_clean, self.off_plane, self.variance].iter().map(|r| (r - 1.0).abs()).fold(0.0, f64::max)
    }

    /// Share of another's noise that is gone.
    pub fn removed(&self, plain: &Measured) -> f64 {
        1.0 - self.noise / plain.noise
    }
}

impl Yardstick {
    pub fn new(clean: PointSet, held_out: PointSet, noisy: &PointSet) -> Result<Self> {
        let (low, high) = clean.range();
        let neighbours = NEIGHBOURS.min(clean.len().saturating_sub(1)).max(2);
        let planes = LocalPlanes::new(&clean, neighbours, Dimension::Chosen(PLANE.min(neighbours - 1)))?;
        let wide = Pca::fit(&clean, Components::Share(SHARE))?;
        let pca = if wide.scales().len() > MOST { Pca::fit(&clean, Components::Count(MOST))? } else { wide };
        let (clean_features, noisy_features) = (encode(&pca, clean.values())?, encode(&pca, noisy.values())?);
        let background = background(&clean, high - low);
        let none = Null {
            name: "",
            to_clean: 1.0,
            off_plane: 1.0,
            variance: 1.0,
            psnr: 0.0,
            frechet: 0.0,
            coverage: 0.0,
        };
        let mut yardstick = Yardstick {
            clean,
            background,
            planes,
            pca,
            clean_features,
            noisy_features,
            null: none,
            range: high - low,
            held_out,
        };
        let held_out = yardstick.held_out.clone();
        yardstick.set_null("held-out clean", &held_out)?;
        Ok(yardstick)
    }

    /// With other points in the place of held-out clean ones: samples of a model of clean data, where what a model
    /// of this kind cannot draw is larger than the noise.
    pub fn relative_to(mut self, name: &'static str, points: &PointSet) -> Result<Self> {
        self.null = Null { name, to_clean: 1.0, off_plane: 1.0, variance: 1.0, ..self.null };
        self.set_null(name, points)?;
        Ok(self)
    }

    fn set_null(&mut self, name: &'static str, points: &PointSet) -> Result<()> {
        let found = self.measure(name, points)?;
        self.null = Null {
            name,
            to_clean: found.to_clean,
            off_plane: found.off_plane,
            variance: found.variance,
            psnr: found.psnr,
            frechet: found.frechet_clean,
            coverage: found.coverage,
        };
        Ok(())
    }

    pub fn null(&self) -> Null {
        self.null
    }

    /// Coordinates in which noise shows.
    pub fn background(&self) -> usize {
        self.background.len()
    }

    pub fn measure(&self, name: &str, samples: &PointSet) -> Result<Measured> {
        let x = samples.values();
        let found = nearest(x, self.clean.values(), 1)?;
        let features = encode(&self.pca, x)?;
        let balls = NeighbourBalls::default().compare(x, self.clean.values())?;
        let classes = match self.clean.labels() {
            Some(labels) => found.nearest_indices().iter().filter_map(|i| labels.get(*i)).copied().collect(),
            None => Vec::new(),
        };
        let square = |row: ndarray::ArrayView1<f64>| {
            let sum: f64 =
                self.background.iter().map(|(j, c)| row.get(*j).map_or(0.0, |v| (v - c) * (v - c))).sum();
            sum / self.background.len() as f64
        };
        let noise_squares: Vec<f64> = x.outer_iter().map(square).collect();
        let noise_interval = Bootstrap::new(RESAMPLES, 0).mean(&noise_squares);
        let noise_interval = noise_interval.map(|(low, high)| (low.max(0.0).sqrt(), high.sqrt()));
        Ok(Measured {
            name: name.into(),
            noise: mean(&noise_squares).sqrt(),
            intervals: [
                noise_interval.filter(|(low, _)| low.is_finite()),
                balls.precision_interval(),
                balls.recall_interval(),
                balls.coverage_interval(),
            ],
            noise_squares,
            to_clean: mean(&found.nearest_distances().to_vec()) / self.null.to_clean,
            off_plane: mean(&self.planes.distances(x)?) / self.null.off_plane,
            variance: samples.moments().std.powi(2) / self.null.variance,
            psnr: NearestPsnr::new(x, self.clean.values(), self.range)?.pooled(),
            frechet_clean: frechet_distance(features.view(), self.clean_features.view())?,
            frechet_noisy: frechet_distance(features.view(), self.noisy_features.view())?,
            precision: balls.precision(),
            recall: balls.recall(),
            coverage: balls.coverage(),
            classes,
        })
    }
}

fn encode(pca: &Pca, values: ArrayView2<f64>) -> Result<Array2<f64>> {
    Ok(pca.encode(values)?)
}

fn background(clean: &PointSet, range: f64) -> Vec<(usize, f64)> {
    let values = clean.values();
    let columns = values.columns().into_iter().enumerate().filter_map(|(j, column)| {
        let centre = column.mean()?;
        (column.std(0.0) <= CONSTANT * range).then_some((j, centre))
    });
    columns.collect()
}

/// Half of the sum of differences between the class shares of two sets: 0 where they agree, 1 where none is shared.
pub fn class_difference(a: &[u32], b: &[u32]) -> f64 {
    let mut shares: BTreeMap<u32, f64> = BTreeMap::new();
    a.iter().for_each(|c| *shares.entry(*c).or_default() += 1.0 / a.len() as f64);
    b.iter().for_each(|c| *shares.entry(*c).or_default() -= 1.0 / b.len() as f64);
    0.5 * shares.values().map(|d| d.abs()).sum::<f64>()
}

/// Share of samples whose class is another than that of the sample of the same start.
pub fn changed(a: &[u32], b: &[u32]) -> f64 {
    a.iter().zip(b).filter(|(a, b)| a != b).count() as f64 / a.len().max(1) as f64
}

/// What the columns of [`table`] are.
pub const COLUMNS: &str = "Columns: noise left where clean images hardly vary, and the share of plain sampling's that is removed; \
    distance to the nearest clean image, to the plane through its clean neighbours, and total variance, each over that of the \
    first row; the worst departure of the three from 1; PSNR to the nearest clean image; Fréchet distances in the principal \
    components of clean images; precision, recall and coverage by five neighbours; how far class shares moved, and the share \
    of samples whose class is another than the plain sample's of the same start.";

/// A number with its interval, where there is one.
fn with(value: f64, interval: Option<(f64, f64)>) -> Cell {
    interval.map_or(Cell::Number(value), |interval| Cell::Interval { value, interval })
}

/// Every set of samples beside clean points, `plain` being plain sampling.
pub fn table(plain: &Measured, null: &Null, all: &[&Measured]) -> Table {
    let columns = [
        "samples",
        "noise left",
        "removed",
        "to clean",
        "off plane",
        "variance",
        "departure",
        "PSNR, dB",
        "Fréchet, clean",
        "Fréchet, noisy",
        "precision",
        "recall",
        "coverage",
        "shares moved",
        "changed class",
    ];
    let held_out: Vec<Cell> = vec![
        null.name.into(),
        0.0.into(),
        "–".into(),
        1.0.into(),
        1.0.into(),
        1.0.into(),
        0.0.into(),
        null.psnr.into(),
        null.frechet.into(),
        "–".into(),
        "–".into(),
        "–".into(),
        null.coverage.into(),
        "–".into(),
        "–".into(),
    ];
    let row = |m: &&Measured| -> Vec<Cell> {
        vec![
            m.name.as_str().into(),
            with(m.noise, m.intervals[0]),
            m.removed(plain).into(),
            m.to_clean.into(),
            m.off_plane.into(),
            m.variance.into(),
            m.departure().into(),
            m.psnr.into(),
            m.frechet_clean.into(),
            m.frechet_noisy.into(),
            with(m.precision, m.intervals[1]),
            with(m.recall, m.intervals[2]),
            with(m.coverage, m.intervals[3]),
            class_difference(&m.classes, &plain.classes).into(),
            changed(&m.classes, &plain.classes).into(),
        ]
    };
    let rows = std::iter::once(held_out).chain(all.iter().map(row)).collect();
    Table { columns: columns.map(Into::into).to_vec(), rows }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn classes_by_hand() {
        assert_eq!(class_difference(&[1, 1, 2, 2], &[1, 2, 2, 2]), 0.25);
        assert_eq!(class_difference(&[1, 1], &[2, 2]), 1.0);
        assert_eq!(changed(&[1, 2, 3, 4], &[1, 2, 4, 3]), 0.5);
    }

    #[test]
    fn background_is_what_hardly_varies() {
        let clean = PointSet::vectors(array![[0.0, 3.0, 0.001], [1.0, 3.0, 0.0]]).unwrap();
        let found = background(&clean, 1.0);
        assert_eq!(found, [(1, 3.0), (2, 0.0005)]);
    }
}
