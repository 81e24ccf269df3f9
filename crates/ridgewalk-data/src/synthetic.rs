//! Synthetic data on manifolds that are known exactly, so that the distance of any point to the
//! manifold can be computed: the residual noise of samples, measured rather than guessed.
//!
//! | name | manifold | intrinsic, ambient | points | accuracy of the distance |
//! |---|---|---|---|---|
//! | `circle` | unit circle | 1, 2 | uniform in angle | exact |
//! | `wavy-circle` | r = 1 + 0.13 sin 8θ | 1, 2 | at equal arc length | 1e-9 |
//! | `swiss-roll` | (t cos t, h, t sin t), t ∈ [1.5π, 4.5π], h ∈ [0, 21] | 2, 3 | uniform in area | 1e-9 |
//! | `sphere` | unit sphere | 2, 3 | uniform in area | exact |
//! | `torus` | radii 2 and 0.7 | 2, 3 | uniform in area | exact |
//! | `two-moons` | two half circles (scikit-learn's), labels 0 and 1 | 1, 2 | uniform in angle | exact |
//! | `shapes` | images 16×16 of discs, squares, triangles, labels 0, 1, 2 | 3, 256 | uniform in position and size | 1e-6 near the manifold |
//! | `projections` | images 32×32 of one density from all directions, as in cryo-EM | 3, 1024 | uniform on SO(3) | 1e-6 near the manifold |
//!
//! Images have any square of at least 16×16 pixels as ambient dimension; what they show grows with the image, and edges
//! stay as sharp, in pixels. Of all others a larger ambient dimension embeds the manifold by a fixed matrix with orthonormal columns: the
//! same for every seed, so that different seeds give samples of one and the same manifold.
//! Point i depends on the seed and on i alone (for even spacing, on i and n).
//!
//! [`Bumps`] and [`FourierTorus`] are manifolds with parameters of their own.

mod bumps;
mod coarse;
mod curve;
mod embedding;
mod fourier_torus;
mod least_squares;
mod projections;
mod shapes;
mod surfaces;

use ndarray::{Array2, ArrayView1, ArrayView2};
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::{PointSet, Shape};

use crate::error::{Error, Result};
use crate::input::check_limit;
use crate::load::DEFAULT_LIMIT;
pub use bumps::Bumps;
use embedding::Embedding;
pub use fourier_torus::FourierTorus;

/// Points of a set whose size is not given.
const DEFAULT_POINTS: usize = 1000;

/// The manifolds, see the [module](self) for their definitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Manifold {
    /// Unit circle.
    Circle,
    /// r = 1 + 0.13 sin 8θ.
    WavyCircle,
    /// A rolled-up strip.
    SwissRoll,
    /// Unit sphere.
    Sphere,
    /// Torus with radii 2 and 0.7.
    Torus,
    /// Two interleaved half circles.
    TwoMoons,
    /// Anti-aliased images of discs, squares and triangles.
    Shapes,
    /// Images of one density, projected along all directions.
    Projections,
}

impl Manifold {
    /// All of them.
    pub const ALL: [Manifold; 8] = [
        Manifold::Circle,
        Manifold::WavyCircle,
        Manifold::SwissRoll,
        Manifold::Sphere,
        Manifold::Torus,
        Manifold::TwoMoons,
        Manifold::Shapes,
        Manifold::Projections,
    ];

    /// The name, as [`crate::load`] takes it.
    pub fn name(self) -> &'static str {
        match self {
            Manifold::Circle => "circle",
            Manifold::WavyCircle => "wavy-circle",
            Manifold::SwissRoll => "swiss-roll",
            Manifold::Sphere => "sphere",
            Manifold::Torus => "torus",
            Manifold::TwoMoons => "two-moons",
            Manifold::Shapes => "shapes",
            Manifold::Projections => "projections",
        }
    }

    /// The manifold of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Manifold::ALL.into_iter().find(|m| m.name() == name)
    }

    /// Dimension of the manifold itself.
    pub fn intrinsic_dim(self) -> usize {
        match self {
            Manifold::Circle | Manifold::WavyCircle | Manifold::TwoMoons => 1,
            Manifold::SwissRoll | Manifold::Sphere | Manifold::Torus => 2,
            Manifold::Shapes | Manifold::Projections => 3,
        }
    }

    /// Whether points are images, and of which side unless another is asked for.
    fn side(self) -> Option<usize> {
        match self {
            Manifold::Shapes => Some(shapes::SIDE),
            Manifold::Projections => Some(projections::SIDE),
            _ => None,
        }
    }

    /// In its own coordinates; images of this side.
    fn model(self, side: usize) -> Box<dyn Model> {
        match self {
            Manifold::Circle => Box::new(surfaces::Circle),
            Manifold::WavyCircle => Box::new(curve::WavyCircle::new()),
            Manifold::SwissRoll => Box::new(curve::SwissRoll::new()),
            Manifold::Sphere => Box::new(surfaces::Sphere),
            Manifold::Torus => Box::new(surfaces::Torus),
            Manifold::TwoMoons => Box::new(surfaces::TwoMoons),
            Manifold::Shapes => Box::new(shapes::Shapes::new(side)),
            Manifold::Projections => Box::new(projections::Projections::new(side)),
        }
    }
}

/// How points lie along a curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Spacing {
    /// At equal distances along the curve; the seed plays no part. Closed curves only.
    Even,
    /// Independently and uniformly.
    Random,
}

/// One manifold in its own coordinates.
trait Model {
    /// Ambient dimension without embedding.
    fn dim(&self) -> usize;
    /// Point `i` and its label.
    fn sample(&self, i: usize, stream: &mut Stream, out: &mut [f64]) -> Option<u32>;
    /// The point at this fraction of the length, for closed curves.
    fn even(&self, _fraction: f64) -> Option<[f64; 2]> {
        None
    }
    /// Distance of `x` to the manifold.
    fn distance(&self, x: &[f64]) -> f64;
}

/// A sample of a known manifold, reproducible from its parameters.
///
/// # Examples
/// ```
/// use ridgewalk_data::{Manifold, Synthetic};
///
/// let mut torus = Synthetic::new(Manifold::Torus);
/// torus.n = 50;
/// torus.dim = Some(10);
/// let points = torus.points()?;
/// assert!(torus.distances(points.values())?.iter().all(|d| *d < 1e-12));
/// # Ok::<(), ridgewalk_data::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Synthetic {
    /// Which manifold.
    pub manifold: Manifold,
    /// Number of points.
    pub n: usize,
    /// Seed of the points.
    pub seed: u64,
    /// Ambient dimension; the manifold's own if not given. Of images: pixels, the square of a side of at least 16.
    pub dim: Option<usize>,
    /// How points of a curve are spaced.
    pub spacing: Spacing,
    /// Bytes that the values may take.
    pub limit: u64,
}

impl Synthetic {
    /// 1000 points with seed 0 in the manifold's own dimension.
    pub fn new(manifold: Manifold) -> Self {
        let spacing = if manifold == Manifold::WavyCircle { Spacing::Even } else { Spacing::Random };
        Synthetic { manifold, n: DEFAULT_POINTS, seed: 0, dim: None, spacing, limit: DEFAULT_LIMIT }
    }

    /// Draws the points, with labels for `two-moons` and `shapes`.
    ///
    /// # Errors
    /// If n is 0, the values exceed the limit, the dimension is too small (for images: not that of one), or even spacing is asked of anything but a closed curve.
    pub fn points(&self) -> Result<PointSet> {
        let model = self.model()?;
        let d = self.dim.unwrap_or(model.dim());
        if self.n == 0 {
            return Err(Error::argument("n is 0", "ask for at least one point"));
        }
        let bytes = (self.n as u64).saturating_mul(d as u64).saturating_mul(8);
        check_limit(bytes, self.limit)?;
        let embedding = self.embedding(model.as_ref())?;
        let mut values = Array2::zeros((self.n, d));
        let mut labels = Vec::new();
        let mut own = vec![0.0; model.dim()];
        for (i, mut row) in values.outer_iter_mut().enumerate() {
            if self.spacing == Spacing::Even {
                let point = model.even(i as f64 / self.n as f64);
                own.copy_from_slice(&point.ok_or_else(|| self.cannot_be_even())?);
            } else {
                let mut stream = Stream::new(self.seed, Purpose::Synthetic, i as u64, 0);
                labels.extend(model.sample(i, &mut stream, &mut own));
            }
            embedding.apply(&own, row.as_slice_mut().unwrap_or_default());
        }
        let points = PointSet::new(values, self.shape(d)?)?;
        if labels.is_empty() { Ok(points) } else { Ok(points.with_labels(labels)?) }
    }

    /// Distance of `x` (`[d]`) to the manifold; the [module](self) states the accuracy.
    ///
    /// # Errors
    /// If `x` has not the ambient dimension or is not finite.
    pub fn distance(&self, x: ArrayView1<f64>) -> Result<f64> {
        let distances = self.distances(x.insert_axis(ndarray::Axis(0)))?;
        distances.first().copied().ok_or_else(|| Error::argument("there is no point", "give one"))
    }

    /// Distances of all rows of `x` (`[n, d]`) to the manifold: faster than one by one.
    ///
    /// # Errors
    /// As [`Synthetic::distance`]; the row is named.
    pub fn distances(&self, x: ArrayView2<f64>) -> Result<Vec<f64>> {
        let model = self.model()?;
        let embedding = self.embedding(model.as_ref())?;
        let d = self.dim.unwrap_or(model.dim());
        if x.ncols() != d {
            return Err(Error::argument(
                format!("the points have {} coordinates", x.ncols()),
                format!("{} lies in {d} dimensions", self.manifold.name()),
            ));
        }
        let mut out = Vec::with_capacity(x.nrows());
        for (row, point) in x.outer_iter().enumerate() {
            if let Some(column) = point.iter().position(|v| !v.is_finite()) {
                let what = "the points".into();
                return Err(ridgewalk::Error::NonFinite { what, row, column, value: point[column] }.into());
            }
            let (own, off) = embedding.split(&point.to_vec());
            out.push(off.hypot(model.distance(&own)));
        }
        Ok(out)
    }

    fn embedding(&self, model: &dyn Model) -> Result<Embedding> {
        let own = model.dim();
        let d = self.dim.unwrap_or(own);
        let name = self.manifold.name();
        if d < own {
            let problem = format!("{name} does not fit into {d} dimensions");
            return Err(Error::argument(problem, format!("give dim ≥ {own}")));
        }
        // Coordinates that stay as they are take no matrix.
        let matrix = if d > own { (own as u64).saturating_mul(d as u64).saturating_mul(8) } else { 0 };
        check_limit(matrix, self.limit)?;
        Ok(Embedding::new(own, d))
    }

    fn model(&self) -> Result<Box<dyn Model>> {
        let side = self.side()?.unwrap_or_default();
        Ok(self.manifold.model(side))
    }

    /// Side of the images, if points are images.
    fn side(&self) -> Result<Option<usize>> {
        let Some(own) = self.manifold.side() else { return Ok(None) };
        let Some(d) = self.dim else { return Ok(Some(own)) };
        let side = d.isqrt();
        if side * side != d || side < coarse::CELLS {
            let problem = format!("{} are square images, which cannot have {d} pixels", self.manifold.name());
            return Err(Error::argument(
                problem,
                "give the square of a side of 16 or more, such as dim=1024",
            ));
        }
        Ok(Some(side))
    }

    fn shape(&self, d: usize) -> Result<Shape> {
        Ok(match self.side()? {
            Some(side) => Shape::Image { height: side, width: side, channels: 1 },
            None => Shape::Vector(d),
        })
    }

    fn cannot_be_even(&self) -> Error {
        let problem = format!("{} has no even spacing", self.manifold.name());
        Error::argument(problem, "choose random spacing, or circle or wavy-circle")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(manifold: Manifold) -> Synthetic {
        Synthetic { n: 60, seed: 4, ..Synthetic::new(manifold) }
    }

    #[test]
    fn every_point_lies_on_its_manifold_embedded_or_not() {
        for manifold in Manifold::ALL {
            let other = if manifold.side().is_some() { 20 * 20 } else { 17 };
            for dim in [None, Some(other)] {
                let set = Synthetic { dim, n: 20, ..set(manifold) };
                let worst =
                    set.distances(set.points().unwrap().values()).unwrap().into_iter().fold(0.0, f64::max);
                assert!(worst < 1e-6, "{manifold:?} {dim:?} {worst}");
            }
        }
    }

    /// In 1000 dimensions nearly all of the noise is normal to the manifold: the distance² over
    /// the variance is χ² with about 1000 − 2 degrees of freedom, standard deviation √2000 = 45.
    #[test]
    fn noise_is_measured_by_the_distance() {
        let torus = Synthetic { dim: Some(1000), n: 20, ..set(Manifold::Torus) };
        let noisy = crate::add_noise(&torus.points().unwrap(), 0.01, 1).unwrap();
        let distances = torus.distances(noisy.values()).unwrap();
        let mean = distances.iter().map(|d| d * d).sum::<f64>() / 20.0 / 1e-4;
        assert!((mean - 998.0).abs() < 5.0 * 45.0 / 20f64.sqrt(), "{mean}");
    }

    #[test]
    fn a_point_depends_on_seed_and_index_alone() {
        for manifold in Manifold::ALL {
            let long = Synthetic { spacing: Spacing::Random, ..set(manifold) };
            let short = Synthetic { n: 7, ..long.clone() };
            let rows: Vec<usize> = (0..7).collect();
            assert_eq!(short.points().unwrap(), long.points().unwrap().select(&rows).unwrap());
            assert_ne!(long.points().unwrap(), Synthetic { seed: 5, ..long.clone() }.points().unwrap());
        }
    }

    /// Chords between neighbours are equal to second order in the spacing (curvature at most 10).
    #[test]
    fn even_spacing_is_even() {
        let n = 4000;
        let points = Synthetic { n, ..set(Manifold::WavyCircle) }.points().unwrap();
        let chord = |i: usize| {
            let (a, b) = (points.point(i), points.point((i + 1) % n));
            (a[0] - b[0]).hypot(a[1] - b[1])
        };
        let (low, high) = (0..n).map(chord).fold((f64::MAX, 0.0f64), |(l, h), c| (l.min(c), h.max(c)));
        assert!(high / low - 1.0 < 1e-4, "{low} {high}");
    }

    #[test]
    fn what_has_no_meaning_is_refused() {
        assert!(Synthetic { n: 0, ..set(Manifold::Circle) }.points().is_err());
        assert!(Synthetic { n: usize::MAX, ..set(Manifold::Circle) }.points().is_err());
        assert!(Synthetic { dim: Some(usize::MAX), ..set(Manifold::Circle) }.points().is_err());
        assert!(Synthetic { dim: Some(2), ..set(Manifold::Torus) }.points().is_err());
        for manifold in [Manifold::Shapes, Manifold::Projections] {
            for dim in [300, 15 * 15, 0, usize::MAX] {
                assert!(Synthetic { dim: Some(dim), ..set(manifold) }.points().is_err(), "{dim}");
            }
        }
        assert!(Synthetic { spacing: Spacing::Even, ..set(Manifold::Torus) }.points().is_err());
        let nan = ndarray::array![0.0, f64::NAN];
        assert_eq!(set(Manifold::Circle).distance(nan.view()).unwrap_err().kind, crate::ErrorKind::NonFinite);
        assert!(set(Manifold::Circle).distance(ndarray::array![1.0].view()).is_err());
    }

    /// A side as a name gives it; the smallest is the one that has been there always, and its bytes with it.
    #[test]
    fn images_of_other_sizes() {
        for (spec, side) in [("shapes:dim=1024,n=3", 32), ("shapes:n=3", 16), ("projections:dim=441,n=3", 21)]
        {
            let points = crate::load(spec).unwrap();
            assert_eq!(points.shape(), Shape::Image { height: side, width: side, channels: 1 }, "{spec}");
        }
        assert_eq!(crate::load("shapes:dim=256,n=9").unwrap(), crate::load("shapes:n=9").unwrap());
        // 1000×1000 pixels: the matrix of an embedding would exceed the limit, and there is none.
        assert_eq!(crate::load("shapes:dim=1000000,n=1").unwrap().dim(), 1_000_000);
    }
}
