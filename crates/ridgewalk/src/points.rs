//! Point sets: n points of one [`Shape`], data and samples alike.

use std::fmt;

use ndarray::{ArcArray2, Array1, Array2, ArrayView1, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// What one point is: a vector, or an image whose pixels are stored row by row, channels last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shape {
    /// A vector of this length.
    Vector(usize),
    /// An image; its coordinates are ordered (row, column, channel).
    Image {
        /// Rows.
        height: usize,
        /// Columns.
        width: usize,
        /// 1 (grey) or 3 (RGB).
        channels: usize,
    },
}

impl Shape {
    /// Number of coordinates of a point.
    pub fn dim(self) -> usize {
        match self {
            Shape::Vector(d) => d,
            Shape::Image { height, width, channels } => height * width * channels,
        }
    }

    /// Whether a point is an image.
    pub fn is_image(self) -> bool {
        matches!(self, Shape::Image { .. })
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Shape::Vector(d) => write!(f, "vector of {d}"),
            Shape::Image { height, width, channels: 1 } => write!(f, "grey image {height}×{width}"),
            Shape::Image { height, width, channels } => {
                write!(f, "image {height}×{width}×{channels}")
            }
        }
    }
}

/// n points of one [`Shape`], with optional class labels and column names. Always finite, never
/// empty, in the data's own units. Cloning is cheap: the values are shared.
#[derive(Debug, Clone, PartialEq)]
pub struct PointSet {
    values: ArcArray2<f64>,
    shape: Shape,
    labels: Option<Vec<u32>>,
    columns: Option<Vec<String>>,
}

impl PointSet {
    /// Points from the rows of `values` (`[n, d]`).
    ///
    /// # Errors
    /// If there are no rows or no columns, if `shape` does not have `d` coordinates, or if a
    /// value is not finite (the message names row and column).
    pub fn new(values: Array2<f64>, shape: Shape) -> Result<Self> {
        if values.nrows() == 0 || values.ncols() == 0 {
            return Err(Error::empty(
                "the point set",
                "give at least one point with at least one coordinate",
            ));
        }
        if shape.dim() != values.ncols() {
            return Err(Error::shape(
                "a point set",
                format!("{} columns", values.ncols()),
                format!("{} ({shape})", shape.dim()),
            ));
        }
        // Row-major already, as it nearly always is, means no copy.
        let values =
            if values.is_standard_layout() { values } else { values.as_standard_layout().into_owned() };
        require_finite("the point set", values.view())?;
        Ok(PointSet { values: values.into_shared(), shape, labels: None, columns: None })
    }

    /// Vectors from the rows of `values` (`[n, d]`). Errors as in [`PointSet::new`].
    pub fn vectors(values: Array2<f64>) -> Result<Self> {
        let shape = Shape::Vector(values.ncols());
        Self::new(values, shape)
    }

    /// The same points with one class label each.
    ///
    /// # Errors
    /// If the number of labels is not the number of points.
    pub fn with_labels(mut self, labels: Vec<u32>) -> Result<Self> {
        if labels.len() != self.len() {
            return Err(Error::shape("the list of labels", labels.len(), self.len()));
        }
        self.labels = Some(labels);
        Ok(self)
    }

    /// The same points with a name for every coordinate.
    ///
    /// # Errors
    /// If the number of names is not the dimension.
    pub fn with_columns(mut self, columns: Vec<String>) -> Result<Self> {
        if columns.len() != self.dim() {
            return Err(Error::shape("the list of column names", columns.len(), self.dim()));
        }
        self.columns = Some(columns);
        Ok(self)
    }

    /// The same shape, labels and names with other values (`[n, d]`). Errors as in [`PointSet::new`].
    pub fn with_values(&self, values: Array2<f64>) -> Result<Self> {
        let mut out = Self::new(values, self.shape)?;
        if out.len() == self.len() {
            out.labels = self.labels.clone();
        }
        out.columns = self.columns.clone();
        Ok(out)
    }

    /// Number of points n (at least 1).
    #[allow(clippy::len_without_is_empty)] // never empty, by construction
    pub fn len(&self) -> usize {
        self.values.nrows()
    }

    /// Coordinates of a point, d.
    pub fn dim(&self) -> usize {
        self.values.ncols()
    }

    /// What a point is.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The values, `[n, d]`, row-major.
    pub fn values(&self) -> ArrayView2<'_, f64> {
        self.values.view()
    }

    /// The values, shared rather than copied.
    pub fn shared_values(&self) -> ArcArray2<f64> {
        self.values.clone()
    }

    /// Point `i`. Panics if `i` is not below [`PointSet::len`].
    pub fn point(&self, i: usize) -> ArrayView1<'_, f64> {
        self.values.row(i)
    }

    /// Class labels, if there are any.
    pub fn labels(&self) -> Option<&[u32]> {
        self.labels.as_deref()
    }

    /// Names of the coordinates, if there are any.
    pub fn columns(&self) -> Option<&[String]> {
        self.columns.as_deref()
    }

    /// The points at `rows`, in that order.
    ///
    /// # Errors
    /// If `rows` is empty or holds an index that is out of range.
    pub fn select(&self, rows: &[usize]) -> Result<Self> {
        if rows.is_empty() {
            return Err(Error::empty("the selection", "select at least one point"));
        }
        if let Some(&bad) = rows.iter().find(|&&r| r >= self.len()) {
            return Err(Error::argument(
                "rows",
                format!("names point {bad}"),
                format!("there are {} points, counted from 0", self.len()),
            ));
        }
        Ok(PointSet {
            values: self.values.select(Axis(0), rows).into_shared(),
            shape: self.shape,
            labels: self.labels.as_ref().map(|l| rows.iter().map(|&r| l[r]).collect()),
            columns: self.columns.clone(),
        })
    }

    /// The points of one class.
    ///
    /// # Errors
    /// If there are no labels, or no point has this one (the message lists the classes).
    pub fn class(&self, label: u32) -> Result<Self> {
        let labels = self.labels.as_ref().ok_or_else(|| {
            Error::argument("class", "needs labels, and this point set has none", "give labelled data")
        })?;
        let rows: Vec<usize> = (0..self.len()).filter(|&i| labels[i] == label).collect();
        if rows.is_empty() {
            let mut classes = labels.clone();
            classes.sort_unstable();
            classes.dedup();
            return Err(Error::argument(
                "class",
                format!("{label} does not occur"),
                format!("the classes are {classes:?}"),
            ));
        }
        self.select(&rows)
    }

    /// Mean point and standard deviation of the data.
    pub fn moments(&self) -> Moments {
        Moments::of(self.values.view())
    }

    /// Smallest and largest value of all coordinates.
    pub fn range(&self) -> (f64, f64) {
        self.values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), &v| (lo.min(v), hi.max(v)))
    }
}

/// Where a distribution is and how large: what a sampler needs to choose its start, and what
/// papers call σ_data.
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    /// Mean point, `[d]`.
    pub mean: Array1<f64>,
    /// Root mean square over coordinates of the standard deviation, σ_data.
    pub std: f64,
}

impl Moments {
    /// Moments of the rows of `values`.
    pub fn of(values: ArrayView2<f64>) -> Self {
        let mean = values.mean_axis(Axis(0)).unwrap_or_else(|| Array1::zeros(values.ncols()));
        let sum: f64 = values
            .outer_iter()
            .map(|row| row.iter().zip(&mean).map(|(v, m)| (v - m) * (v - m)).sum::<f64>())
            .sum();
        let std = (sum / values.len().max(1) as f64).sqrt();
        Moments { mean, std }
    }
}

/// Some rows of a batch (the `s!` macro is barred by `forbid(unsafe_code)`).
pub fn rows<'a>(x: &ArrayView2<'a, f64>, range: std::ops::Range<usize>) -> ArrayView2<'a, f64> {
    let mut view = *x;
    view.slice_axis_inplace(Axis(0), range.into());
    view
}

/// Fails with [`Error::NonFinite`] at the first NaN or infinity.
pub(crate) fn require_finite(what: &str, values: ArrayView2<f64>) -> Result<()> {
    for (row, line) in values.outer_iter().enumerate() {
        if let Some(column) = line.iter().position(|v| !v.is_finite()) {
            return Err(Error::NonFinite { what: what.into(), row, column, value: line[column] });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn names_the_bad_value() {
        let err = PointSet::vectors(array![[0.0, 1.0], [2.0, f64::NAN]]).unwrap_err();
        assert!(matches!(err, Error::NonFinite { row: 1, column: 1, .. }), "{err}");
    }

    #[test]
    fn empty_and_misshapen_are_refused() {
        assert!(matches!(PointSet::vectors(Array2::zeros((0, 3))), Err(Error::Empty { .. })));
        let shape = Shape::Image { height: 2, width: 2, channels: 1 };
        assert!(matches!(PointSet::new(Array2::zeros((1, 3)), shape), Err(Error::Shape { .. })));
    }

    #[test]
    fn class_selects_rows_and_lists_what_there_is() {
        let set = PointSet::vectors(array![[0.0], [1.0], [2.0]]).unwrap();
        let set = set.with_labels(vec![4, 7, 4]).unwrap();
        assert_eq!(set.class(4).unwrap().values(), array![[0.0], [2.0]]);
        assert!(set.class(5).unwrap_err().to_string().contains("[4, 7]"));
    }

    #[test]
    fn moments_by_hand() {
        let m = Moments::of(array![[0.0, 10.0], [2.0, 10.0]].view());
        assert_eq!(m.mean, array![1.0, 10.0]);
        assert!((m.std - 0.5f64.sqrt()).abs() < 1e-15);
    }
}
