//! Tangent planes of data by local principal components.
//!
//! At x: the k points nearest to x, centred on their mean, and the d* directions of their greatest
//! variance. No knowledge of the manifold is needed, but neighbourhoods must be small beside its radius of
//! curvature, and hold some points for every tangent direction.

use ndarray::{ArcArray2, Array1, Array2, Array3, ArrayView1, ArrayView2, Axis};
use rayon::prelude::*;

use crate::closed_form::Covariance;
use crate::error::{Error, Result};
use crate::neighbours;
use crate::points::PointSet;
use crate::random::{Purpose, Stream};

/// Local spectra of at most this many points tell the dimension.
const SPECTRA: usize = 500;
/// Variances below this part of the largest count as none: on a manifold, curvature and noise.
const FLAT: f64 = 0.01;
/// A plane whose least variance is below this part of its greatest is not determined.
const DEGENERATE: f64 = 1e-12;

/// Dimension d* of the tangent planes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dimension {
    /// This one.
    Chosen(usize),
    /// By the spectral gap: the j of the largest (λⱼ + c)/(λⱼ₊₁ + c), c = 0.01·λ₁, where λ is the mean over up to
    /// 500 points of the spectrum of their neighbourhoods. At most half the number of neighbours.
    Estimated,
}

/// Tangent planes at any x from the neighbours of x in the data.
#[derive(Debug, Clone)]
pub struct LocalPca {
    points: ArcArray2<f64>,
    neighbours: usize,
    dimension: usize,
    /// Directions onto which the basis of each plane is turned, `[d*, d]`.
    reference: ArcArray2<f64>,
    by_spread: bool,
}

impl LocalPca {
    /// Planes of `dimension` from the `neighbours` nearest points. The points are shared, not copied.
    ///
    /// # Errors
    /// If there are fewer points than neighbours, or not more neighbours than dimensions, or the dimension
    /// is 0 or above that of the points, or (estimated) all points of the neighbourhoods are equal.
    pub fn new(points: &PointSet, neighbours: usize, dimension: Dimension) -> Result<Self> {
        if neighbours < 2 || neighbours > points.len() {
            return Err(Error::argument(
                "neighbours",
                format!("of a tangent plane are {neighbours}"),
                format!("choose 2 to {} (the number of points)", points.len()),
            ));
        }
        let dimension = match dimension {
            Dimension::Chosen(dimension) => dimension,
            Dimension::Estimated => estimate(points, neighbours)?,
        };
        if dimension == 0 || dimension > points.dim() || dimension >= neighbours {
            return Err(Error::argument(
                "dimension",
                format!("of the tangent planes is {dimension}"),
                format!(
                    "choose 1 to {} (k neighbours span k - 1 dimensions)",
                    points.dim().min(neighbours - 1)
                ),
            ));
        }
        let mut stream = Stream::new(0, Purpose::Projection, 0, 0);
        let reference = Array2::from_shape_simple_fn((dimension, points.dim()), || stream.normal());
        let reference = reference.into_shared();
        Ok(LocalPca { points: points.shared_values(), neighbours, dimension, reference, by_spread: false })
    }

    /// Planes of the same dimension and number of neighbours, told by other points.
    pub(crate) fn of(&self, points: &PointSet) -> Result<Self> {
        let planes = Self::new(points, self.neighbours, Dimension::Chosen(self.dimension))?;
        Ok(LocalPca { by_spread: self.by_spread, ..planes })
    }

    /// With displacements in proportion to the spread of the neighbours: ξ ~ N(0, scale²·C(x)), C(x) the
    /// covariance of the neighbours of x along the plane. The scale is then a pure number, and the kernel
    /// wide where the data are sparse and narrow where they are dense. Neighbours may span fewer than d*
    /// dimensions.
    pub fn by_spread(mut self) -> Self {
        self.by_spread = true;
        self
    }

    /// Whether displacements are in proportion to the spread of the neighbours.
    pub fn is_by_spread(&self) -> bool {
        self.by_spread
    }

    /// Ambient dimension d.
    pub fn dim(&self) -> usize {
        self.points.ncols()
    }

    /// Dimension d* of the planes.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// Bases of the planes at the rows of `x` (`[batch, d]`), `[batch, d*, d]`: orthonormal, or (by spread) roots
    /// of the local covariance. A basis depends on the plane alone: it is as near as Gram–Schmidt makes it to
    /// fixed directions, so that neighbouring planes have neighbouring bases except near planes at right
    /// angles to those.
    ///
    /// # Errors
    /// If x does not have d columns or is not finite, or the neighbours of a row span fewer than d*
    /// dimensions.
    pub fn tangents(&self, x: ArrayView2<f64>) -> Result<Array3<f64>> {
        self.planes(x, &neighbours::nearest(x, self.points.view(), self.neighbours)?)
    }

    /// As [`LocalPca::tangents`], for every row without one of the points.
    pub(crate) fn tangents_excluding(&self, x: ArrayView2<f64>, excluded: &[usize]) -> Result<Array3<f64>> {
        self.planes(x, &neighbours::nearest_excluding(x, self.points.view(), self.neighbours, excluded)?)
    }

    fn planes(&self, x: ArrayView2<f64>, found: &neighbours::Neighbours) -> Result<Array3<f64>> {
        let mut out = Array3::zeros((x.nrows(), self.dimension, self.dim()));
        let rows: Vec<_> = out.outer_iter_mut().zip(found.indices.outer_iter()).enumerate().collect();
        rows.into_par_iter().try_for_each(|(row, (mut out, indices))| {
            let plane = self.plane(indices).ok_or_else(|| {
                Error::argument(
                    "neighbours",
                    format!("of row {row} span fewer than {} dimensions", self.dimension),
                    "take more neighbours or planes of a lower dimension",
                )
            })?;
            out.assign(&plane?);
            Ok(())
        })?;
        Ok(out)
    }

    /// `None` if the plane is not determined.
    fn plane(&self, indices: ArrayView1<usize>) -> Option<Result<Array2<f64>>> {
        let block = centred(self.points.view(), indices);
        let (values, vectors) = match principal(&block) {
            Ok(parts) => parts,
            Err(error) => return Some(Err(error)),
        };
        let least = DEGENERATE * *values.first()?;
        let spanned = values.iter().take(self.dimension).take_while(|&&v| v > least && v > 0.0).count();
        if spanned < self.dimension && !self.by_spread {
            return None;
        }
        let chosen: Vec<usize> = (0..spanned).collect();
        let mut plane = gram_schmidt(vectors.select(Axis(0), &chosen))?;
        let turn = gram_schmidt(self.reference.slice_axis(Axis(0), (0..spanned).into()).dot(&plane.t()));
        if self.by_spread {
            for (mut direction, value) in plane.outer_iter_mut().zip(&values) {
                direction *= (value / indices.len() as f64).sqrt();
            }
        }
        let turned = turn.map_or_else(|| plane.clone(), |turn| turn.dot(&plane));
        // Where the neighbours span less, there is no spread in what is left.
        let mut basis = Array2::zeros((self.dimension, self.dim()));
        basis.slice_axis_mut(Axis(0), (0..spanned).into()).assign(&turned);
        Some(Ok(basis))
    }
}

/// The points at `indices` less their mean, `[k, d]`.
fn centred(points: ArrayView2<f64>, indices: ArrayView1<usize>) -> Array2<f64> {
    let mut block = points.select(Axis(0), &indices.to_vec());
    let mean = block.mean_axis(Axis(0)).unwrap_or_else(|| Array1::zeros(block.ncols()));
    block -= &mean;
    block
}

/// Variances (times k) of a centred block in falling order, and their directions as rows. Through the
/// smaller of the two Gram matrices.
fn principal(block: &Array2<f64>) -> Result<(Vec<f64>, Array2<f64>)> {
    let (k, d) = block.dim();
    if d <= k {
        let spectrum = Covariance::from_dense(block.t().dot(block).view())?;
        return Ok((spectrum.values().to_vec(), spectrum.vectors().to_owned()));
    }
    let spectrum = Covariance::from_dense(block.dot(&block.t()).view())?;
    let mut vectors = spectrum.vectors().dot(block);
    for mut row in vectors.outer_iter_mut() {
        let norm = row.dot(&row).sqrt();
        if norm > 0.0 {
            row /= norm;
        }
    }
    Ok((spectrum.values().to_vec(), vectors))
}

/// Orthonormal rows with the same flag of spans; `None` if a row depends on the ones before it.
fn gram_schmidt(mut rows: Array2<f64>) -> Option<Array2<f64>> {
    for j in 0..rows.nrows() {
        let mut row = rows.row(j).to_owned();
        let before = row.dot(&row).sqrt();
        // Twice is enough.
        for _ in 0..2 {
            for i in 0..j {
                let along = rows.row(i).dot(&row);
                row.scaled_add(-along, &rows.row(i));
            }
        }
        let norm = row.dot(&row).sqrt();
        if norm.is_nan() || norm <= 1e-10 * before {
            return None;
        }
        row /= norm;
        rows.row_mut(j).assign(&row);
    }
    Some(rows)
}

/// Number of dimensions by the gap of the mean local spectrum.
fn estimate(points: &PointSet, neighbours: usize) -> Result<usize> {
    let n = points.len();
    let chosen: Vec<usize> = (0..n.min(SPECTRA)).map(|i| i * n / n.min(SPECTRA)).collect();
    let centres = points.values().select(Axis(0), &chosen);
    let found = neighbours::nearest(centres.view(), points.values(), neighbours)?;
    let rows: Vec<_> = found.indices.outer_iter().collect();
    let spectra: Vec<Vec<f64>> = rows
        .into_par_iter()
        .map(|indices| Ok(principal(&centred(points.values(), indices))?.0))
        .collect::<Result<_>>()?;
    let most = points.dim().min(neighbours / 2).max(1);
    // One beyond the candidates; 0 where the ambient space ends.
    let mut mean = vec![0.0; most + 1];
    for spectrum in &spectra {
        let total: f64 = spectrum.iter().sum();
        if total > 0.0 {
            mean.iter_mut().zip(spectrum).for_each(|(mean, value)| *mean += value / total);
        }
    }
    let largest = mean.first().copied().unwrap_or(0.0);
    if largest <= 0.0 {
        return Err(Error::argument(
            "data",
            "has neighbourhoods of equal points only, so no dimension can be estimated",
            "take more neighbours, or choose the dimension",
        ));
    }
    let floor = FLAT * largest;
    let gaps = mean.iter().zip(mean.iter().skip(1)).map(|(a, b)| (a + floor) / (b + floor));
    let best = gaps.enumerate().max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
    Ok(best.map_or(1, |(j, _)| j + 1))
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use ndarray::array;

    use super::*;

    /// Points of a map from the square [0, 1]², turned at random into R³².
    fn embedded(n: usize, coordinates: usize, map: impl Fn(f64, f64) -> Vec<f64>) -> PointSet {
        let mut stream = Stream::new(5, Purpose::Synthetic, 0, 0);
        let frame = Array2::from_shape_simple_fn((coordinates, 32), || stream.normal());
        let frame = gram_schmidt(frame).unwrap();
        let flat: Vec<f64> = (0..n).flat_map(|_| map(stream.uniform(), stream.uniform())).collect();
        PointSet::vectors(Array2::from_shape_vec((n, coordinates), flat).unwrap().dot(&frame)).unwrap()
    }

    fn circle(u: f64, _: f64) -> Vec<f64> {
        vec![(TAU * u).cos(), (TAU * u).sin()]
    }

    fn sphere(u: f64, v: f64) -> Vec<f64> {
        let z = 2.0 * v - 1.0;
        let r = (1.0 - z * z).sqrt();
        vec![r * (TAU * u).cos(), r * (TAU * u).sin(), z]
    }

    fn torus(u: f64, v: f64) -> Vec<f64> {
        let r = 2.0 + (TAU * v).cos();
        vec![r * (TAU * u).cos(), r * (TAU * u).sin(), (TAU * v).sin(), 0.5 * (2.0 * TAU * u).cos()]
    }

    #[test]
    fn dimensions_are_estimated() {
        let estimated =
            |points: &PointSet, k| LocalPca::new(points, k, Dimension::Estimated).unwrap().dimension();
        assert_eq!(estimated(&embedded(200, 2, circle), 8), 1);
        assert_eq!(estimated(&embedded(800, 3, sphere), 12), 2);
        assert_eq!(estimated(&embedded(2000, 4, torus), 12), 2);
        // Data that fill their space have its dimension.
        let square = embedded(400, 2, |u, v| vec![u, v]).values().to_owned();
        let plane = span_coordinates(&square);
        assert_eq!(estimated(&plane, 10), 2);
    }

    fn span_coordinates(values: &Array2<f64>) -> PointSet {
        let set = PointSet::vectors(values.clone()).unwrap();
        let frame = super::super::span(&set).unwrap();
        PointSet::vectors(values.dot(&frame.t())).unwrap()
    }

    /// The tangent of a circle to the curvature of a neighbourhood: 8 of 400 points span 0.13 rad, and a chord
    /// is off the tangent at its end by half of that at the most. Bases are orthonormal.
    #[test]
    fn planes_are_tangent() {
        let n = 400;
        let angle = |i: usize| TAU * i as f64 / n as f64;
        let points =
            Array2::from_shape_fn((n, 2), |(i, k)| if k == 0 { angle(i).cos() } else { angle(i).sin() });
        let tangents =
            LocalPca::new(&PointSet::vectors(points.clone()).unwrap(), 8, Dimension::Chosen(1)).unwrap();
        let planes = tangents.tangents((&points * 1.1).view()).unwrap();
        for (plane, point) in planes.outer_iter().zip(points.outer_iter()) {
            let direction = plane.row(0);
            assert!((direction.dot(&direction) - 1.0).abs() < 1e-14);
            assert!(direction.dot(&point).abs() < 0.065);
        }
    }

    /// A basis depends on the plane alone: not on the order of the points, nor on which of them tell it.
    #[test]
    fn bases_depend_on_the_plane_alone() {
        let sheet = |seed| {
            let mut stream = Stream::new(seed, Purpose::Evaluation, 0, 0);
            let corner = array![[1.0, 0.0, 1.0], [0.0, 1.0, -1.0]];
            let flat = Array2::from_shape_simple_fn((20, 2), || stream.normal());
            PointSet::vectors(flat.dot(&corner)).unwrap()
        };
        let basis = |seed| {
            let tangents = LocalPca::new(&sheet(seed), 6, Dimension::Chosen(2)).unwrap();
            tangents.tangents(array![[0.1, 0.2, 0.3]].view()).unwrap()
        };
        assert!((basis(1) - basis(2)).iter().all(|e| e.abs() < 1e-12));
    }

    #[test]
    fn planes_that_are_not_determined_are_refused() {
        let line = PointSet::vectors(Array2::from_shape_fn((9, 3), |(i, _)| i as f64)).unwrap();
        let tangents = LocalPca::new(&line, 4, Dimension::Chosen(2)).unwrap();
        let message = tangents.tangents(array![[0.0, 0.0, 0.0]].view()).unwrap_err().to_string();
        assert!(message.contains("fewer than 2 dimensions"), "{message}");
        for (neighbours, dimension) in [(1, 1), (10, 1), (4, 0), (4, 4), (3, 3)] {
            assert!(LocalPca::new(&line, neighbours, Dimension::Chosen(dimension)).is_err());
        }
    }
}
