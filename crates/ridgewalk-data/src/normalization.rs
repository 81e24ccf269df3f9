//! The change of units between the data's own and those in which a model was fitted.
//!
//! ```text
//! z = (x − mean) / std          x = mean + std · z          (a mean and a std a column)
//! ```
//!
//! Noise that is isotropic in the units of z has the standard deviation σ·std in those of x, so
//! columns of different units (metres, euros) are not drowned by one of them.

use ndarray::{Array2, ArrayView1, ArrayView2, Axis, Zip};
use ridgewalk::PointSet;

use crate::error::{Error, ErrorKind, Location, Result};

/// How data were rescaled before a model was fitted to them.
///
/// ```
/// use ndarray::array;
/// use ridgewalk::PointSet;
/// use ridgewalk_data::Normalization;
///
/// let data = PointSet::vectors(array![[1.0, 5.0], [3.0, 5.0]])?;
/// let units = Normalization::fit(&data)?;
/// // A constant column has no scale: it is shifted alone.
/// assert_eq!(units.apply(&data)?.values(), array![[-1.0, 0.0], [1.0, 0.0]]);
/// assert_eq!(units.undo(array![[2.0, 1.0]])?, array![[4.0, 6.0]]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Normalization {
    /// The model speaks the data's own units.
    #[default]
    None,
    /// Every column was shifted by its mean and divided by its standard deviation.
    Standardized {
        /// Mean of every column, `[d]`, in the data's units.
        mean: Vec<f64>,
        /// Standard deviation of every column, `[d]`, above 0; 1 where the column is constant.
        std: Vec<f64>,
    },
}

impl Normalization {
    /// Mean and standard deviation (divided by n) of every column; a constant column gets std 1.
    ///
    /// # Errors
    /// If a column spans more than the largest f64 (about 1.8e308).
    pub fn fit(points: &PointSet) -> Result<Self> {
        let fitted = points.values().axis_iter(Axis(1)).map(column_moments).collect::<Vec<_>>();
        if let Some(column) = fitted.iter().position(|(mean, std)| !(mean.is_finite() && std.is_finite())) {
            return Err(Error::argument("values are too large to be standardized", "rescale the data")
                .at(Location::Part(format!("column {column}"))));
        }
        let (mean, std) = fitted.into_iter().unzip();
        Ok(Normalization::Standardized { mean, std })
    }

    /// The same points in the model's units; labels and column names stay.
    ///
    /// # Errors
    /// As [`Normalization::apply_points`].
    pub fn apply(&self, points: &PointSet) -> Result<PointSet> {
        match self {
            Normalization::None => Ok(points.clone()),
            _ => Ok(points.with_values(self.apply_points(points.values())?)?),
        }
    }

    /// Rows in the data's units (`[n, d]`) to rows in the model's.
    ///
    /// # Errors
    /// If `x` does not have d columns, or a result is not finite.
    pub fn apply_points(&self, x: ArrayView2<f64>) -> Result<Array2<f64>> {
        self.map(x.to_owned(), |x, mean, std| (x - mean) / std)
    }

    /// Rows in the model's units (`[n, d]`) to rows in the data's.
    ///
    /// # Errors
    /// As [`Normalization::apply_points`].
    pub fn undo(&self, z: Array2<f64>) -> Result<Array2<f64>> {
        self.map(z, |z, mean, std| mean + std * z)
    }

    fn map(&self, mut rows: Array2<f64>, f: impl Fn(f64, f64, f64) -> f64) -> Result<Array2<f64>> {
        if let Normalization::Standardized { mean, std } = self {
            self.check(rows.ncols())?;
            let (mean, std) = (ArrayView1::from(mean), ArrayView1::from(std));
            for mut row in rows.outer_iter_mut() {
                Zip::from(&mut row).and(&mean).and(&std).for_each(|v, &m, &s| *v = f(*v, m, s));
            }
        }
        match rows.indexed_iter().find(|(_, v)| !v.is_finite()) {
            None => Ok(rows),
            Some(((row, column), value)) => Err(Error::new(
                ErrorKind::NonFinite,
                format!("the value is {value} after the change of units"),
                "repair that point",
            )
            .at(Location::Row { row, column })),
        }
    }

    /// Fails unless this is a normalization of points of dimension `dim`.
    pub(crate) fn check(&self, dim: usize) -> Result<()> {
        let Normalization::Standardized { mean, std } = self else { return Ok(()) };
        if mean.len() != dim || std.len() != dim {
            return Err(Error::argument(
                format!(
                    "a normalization of {} means and {} scales cannot act on {dim} columns",
                    mean.len(),
                    std.len()
                ),
                "use the one that was fitted to these data",
            ));
        }
        let sound = |(m, s): (&f64, &f64)| m.is_finite() && s.is_finite() && *s > 0.0;
        if let Some(column) = mean.iter().zip(std).position(|both| !sound(both)) {
            return Err(Error::argument(
                format!(
                    "the normalization has mean {} and std {} in column {column}",
                    mean[column], std[column]
                ),
                "means are finite, and scales finite and positive",
            ));
        }
        Ok(())
    }
}

/// Mean and standard deviation, measured in units of the column's span, so that neither a constant
/// leaves rounding for a scale, nor squares of tiny or huge values underflow or overflow.
fn column_moments(column: ArrayView1<f64>) -> (f64, f64) {
    let (low, high) =
        column.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &v| (low.min(v), high.max(v)));
    let span = high - low;
    if span == 0.0 {
        return (low, 1.0);
    }
    let n = column.len() as f64;
    let mean = column.iter().map(|v| (v - low) / span).sum::<f64>() / n;
    let variance = column.iter().map(|v| ((v - low) / span - mean).powi(2)).sum::<f64>() / n;
    (low + span * mean, span * variance.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;
    use proptest::prelude::*;

    /// Means 2 and −1, variances ((−2)² + 0 + 2²)/3 and (1 + 1 + 4)/3, by hand.
    #[test]
    fn moments_by_hand() {
        let data = PointSet::vectors(array![[0.0, 0.0, 7.0], [2.0, 0.0, 7.0], [4.0, -3.0, 7.0]]).unwrap();
        let Normalization::Standardized { mean, std } = Normalization::fit(&data).unwrap() else { panic!() };
        for (found, expected) in
            mean.iter().chain(&std).zip([2.0, -1.0, 7.0, (8f64 / 3.0).sqrt(), 2f64.sqrt(), 1.0])
        {
            assert!((found - expected).abs() < 1e-15, "{found} {expected}");
        }
    }

    #[test]
    fn constants_that_no_mean_reproduces_and_extreme_scales() {
        // The plain mean of these is 0.1 + 1 ulp or so: a standard deviation of 1e-17.
        let data = PointSet::vectors(Array2::from_elem((7, 1), 0.1)).unwrap();
        assert_eq!(
            Normalization::fit(&data).unwrap(),
            Normalization::Standardized { mean: vec![0.1], std: vec![1.0] }
        );
        for scale in [1e-200, 1e200] {
            let data = PointSet::vectors(array![[-scale], [scale]]).unwrap();
            let z = Normalization::fit(&data).unwrap().apply(&data).unwrap();
            assert!((&z.values() - &array![[-1.0], [1.0]]).iter().all(|e| e.abs() < 1e-15));
        }
        let wide = PointSet::vectors(array![[-1.7e308], [1.7e308]]).unwrap();
        assert!(Normalization::fit(&wide).unwrap_err().to_string().contains("column 0"));
    }

    #[test]
    fn other_shapes_and_overflow_are_refused() {
        let units = Normalization::Standardized { mean: vec![0.0; 2], std: vec![2.0; 2] };
        assert!(units.undo(Array2::zeros((1, 3))).unwrap_err().to_string().contains("3 columns"));
        assert_eq!(units.undo(array![[1.7e308, 0.0]]).unwrap_err().kind, ErrorKind::NonFinite);
        let broken = Normalization::Standardized { mean: vec![0.0], std: vec![0.0] };
        assert!(broken.apply_points(array![[1.0]].view()).is_err());
    }

    #[test]
    fn none_changes_nothing_and_labels_stay() {
        let data = PointSet::vectors(array![[1.0], [3.0]]).unwrap().with_labels(vec![4, 5]).unwrap();
        assert_eq!(Normalization::None.apply(&data).unwrap(), data);
        assert_eq!(Normalization::fit(&data).unwrap().apply(&data).unwrap().labels(), data.labels());
    }

    proptest! {
        /// Three roundings on the way out and two on the way back, each of half an ulp of its result.
        #[test]
        fn undo_undoes_apply_to_rounding(values in prop::collection::vec(-1e3f64..1e3, 12), shift in -1e4f64..1e4) {
            let data = PointSet::vectors(Array2::from_shape_vec((4, 3), values).unwrap() + shift).unwrap();
            let units = Normalization::fit(&data).unwrap();
            let back = units.undo(units.apply_points(data.values()).unwrap()).unwrap();
            let tolerance = 4.0 * f64::EPSILON * 1.1e4;
            prop_assert!((&back - &data.values()).iter().all(|e| e.abs() <= tolerance));
        }
    }
}
