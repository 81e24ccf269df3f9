//! What is trained on: points, what is held out of them, their classes and weights.

use ndarray::Array1;
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::{Error, Moments, PointSet, Result};
use sha2::{Digest, Sha256};

/// Points with their weights and what of them is held out.
///
/// ```
/// use ridgewalk_nn::train::TrainingData;
///
/// let data = TrainingData::new(ridgewalk_data::digits()).held_out(0.1, 7)?;
/// assert_eq!((data.points().len(), data.rest().map_or(0, |rest| rest.len())), (1617, 180));
/// # Ok::<(), ridgewalk::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct TrainingData {
    points: PointSet,
    weights: Option<Vec<f64>>,
    rest: Option<PointSet>,
    rest_weights: Option<Vec<f64>>,
}

impl TrainingData {
    /// All points, of equal weight.
    pub fn new(points: PointSet) -> Self {
        TrainingData { points, weights: None, rest: None, rest_weights: None }
    }

    /// The same points with a weight each, which is scaled to a mean of 1. To be called before anything is held out.
    ///
    /// # Errors
    /// If they are not as many as the points, or one is negative or not finite, or all are 0.
    pub fn weighted(mut self, weights: Vec<f64>) -> Result<Self> {
        if weights.len() != self.points.len() || self.rest.is_some() {
            return Err(Error::shape("the list of weights", weights.len(), self.points.len()));
        }
        if let Some(row) = weights.iter().position(|w| !(*w >= 0.0 && w.is_finite())) {
            let problem = format!("has {} at row {row}", weights[row]);
            return Err(Error::argument("weights", problem, "give weights that are finite and not negative"));
        }
        let mean = weights.iter().sum::<f64>() / weights.len() as f64;
        if mean == 0.0 || !mean.is_finite() {
            return Err(Error::argument("weights", "are all 0, or too large", "give some point a weight"));
        }
        self.weights = Some(weights.into_iter().map(|w| w / mean).collect());
        Ok(self)
    }

    /// The same with a part of the points held out; which, depends on the seed and their number only.
    ///
    /// # Errors
    /// If no points would be left.
    pub fn held_out(self, part: f64, seed: u64) -> Result<Self> {
        let n = self.points.len();
        let count = (n as f64 * part).round() as usize;
        if count == 0 {
            return Ok(self);
        }
        if count >= n {
            return Err(Error::argument(
                "hold_out",
                "leaves no points to train on",
                "hold out a smaller part",
            ));
        }
        let mut rest = Stream::new(seed, Purpose::Split, 0, 0).permutation(n);
        let mut kept = rest.split_off(count);
        rest.sort_unstable();
        kept.sort_unstable();
        let of = |rows: &[usize]| {
            self.weights.as_ref().map(|weights| rows.iter().map(|row| weights[*row]).collect())
        };
        Ok(TrainingData {
            weights: of(&kept),
            rest_weights: of(&rest),
            rest: Some(self.points.select(&rest)?),
            points: self.points.select(&kept)?,
        })
    }

    /// The same data in other units.
    ///
    /// # Errors
    /// What the map reports.
    pub fn mapped(self, map: impl Fn(&PointSet) -> std::result::Result<PointSet, String>) -> Result<Self> {
        let map = |points: &PointSet| {
            map(points).map_err(|problem| Error::argument("data", problem, "keep the data's own units"))
        };
        let rest = self.rest.as_ref().map(map).transpose()?;
        let points = map(&self.points)?;
        Ok(TrainingData { points, weights: self.weights, rest, rest_weights: self.rest_weights })
    }

    /// The points that are trained on.
    pub fn points(&self) -> &PointSet {
        &self.points
    }

    /// The points that are held out.
    pub fn rest(&self) -> Option<&PointSet> {
        self.rest.as_ref()
    }

    /// Weight of a point.
    pub(crate) fn weight(&self, row: usize) -> f64 {
        self.weights.as_ref().map_or(1.0, |weights| weights[row])
    }

    /// Weight of a point that is held out.
    pub(crate) fn weight_of_rest(&self, row: usize) -> f64 {
        self.rest_weights.as_ref().and_then(|weights| weights.get(row)).copied().unwrap_or(1.0)
    }

    /// Whether weights differ.
    pub(crate) fn is_weighted(&self) -> bool {
        self.weights.is_some()
    }

    /// (Σw)²/Σw² of all points: as many of equal weight would tell as much.
    pub fn effective_size(&self) -> f64 {
        let n = self.points.len();
        let (sum, squares) =
            (0..n).map(|row| self.weight(row)).fold((0.0, 0.0), |(a, b), w| (a + w, b + w * w));
        sum * sum / squares
    }

    /// The labels that occur, rising.
    pub fn labels(&self) -> Vec<u32> {
        let all = [Some(&self.points), self.rest.as_ref()].into_iter().flatten();
        let mut labels: Vec<u32> = all.filter_map(|points| points.labels()).flatten().copied().collect();
        labels.sort_unstable();
        labels.dedup();
        labels
    }

    /// Mean and deviation of the weighted points.
    pub fn moments(&self) -> Moments {
        if self.weights.is_none() {
            return self.points.moments();
        }
        let values = self.points.values();
        let total: f64 = (0..values.nrows()).map(|row| self.weight(row)).sum();
        let mut mean = Array1::<f64>::zeros(values.ncols());
        for (row, point) in values.outer_iter().enumerate() {
            mean.scaled_add(self.weight(row) / total, &point);
        }
        let mut variance = 0.0;
        for (row, point) in values.outer_iter().enumerate() {
            let square: f64 = point.iter().zip(&mean).map(|(v, m)| (v - m) * (v - m)).sum();
            variance += self.weight(row) * square / (total * values.ncols() as f64);
        }
        Moments { mean, std: variance.sqrt() }
    }

    /// Mean over points and coordinates, and the deviation about it: m and s of a preconditioning.
    pub fn center_and_scale(&self) -> (f64, f64) {
        let Moments { mean, std } = self.moments();
        let center = mean.mean().unwrap_or(0.0);
        let across = mean.iter().map(|m| (m - center) * (m - center)).sum::<f64>() / mean.len().max(1) as f64;
        (center, (std * std + across).sqrt())
    }

    /// SHA-256 (hexadecimal) of all values, labels and weights.
    pub fn digest(&self) -> String {
        let mut hasher = Sha256::new();
        for points in [Some(&self.points), self.rest.as_ref()].into_iter().flatten() {
            hasher.update(format!("{:?} {}", points.shape(), points.len()));
            for row in points.values().outer_iter() {
                let bytes: Vec<u8> = row.iter().flat_map(|v| v.to_le_bytes()).collect();
                hasher.update(bytes);
            }
            for label in points.labels().into_iter().flatten() {
                hasher.update(label.to_le_bytes());
            }
        }
        for weight in self.weights.iter().chain(&self.rest_weights).flatten() {
            hasher.update(weight.to_le_bytes());
        }
        hasher.finalize().iter().map(|b| format!("{b:02x}")).collect()
    }
}
