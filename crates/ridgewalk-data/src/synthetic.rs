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
//!
//! A larger ambient dimension embeds the manifold by a fixed matrix with orthonormal columns: the
//! same for every seed, so that different seeds give samples of one and the same manifold.
//! Point i depends on the seed and on i alone (for even spacing, on i and n).

mod curve;
mod embedding;
mod shapes;
mod surfaces;

use ndarray::{Array2, ArrayView1, ArrayView2};
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::{PointSet, Shape};

use crate::error::{Error, Result};
use crate::input::check_limit;
use crate::load::DEFAULT_LIMIT;
use embedding::Embedding;

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
}

impl Manifold {
    /// All of them.
    pub const ALL: [Manifold; 7] = [
        Manifold::Circle,
        Manifold::WavyCircle,
        Manifold::SwissRoll,
        Manifold::Sphere,
        Manifold::Torus,
        Manifold::TwoMoons,
        Manifold::Shapes,
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
            Manifold::Shapes => 3,
        }
    }

    fn model(self) -> Box<dyn Model> {
        match self {
            Manifold::Circle => Box::new(surfaces::Circle),
            Manifold::WavyCircle => Box::new(curve::WavyCircle::new()),
            Manifold::SwissRoll => Box::new(curve::SwissRoll::new()),
            Manifold::Sphere => Box::new(surfaces::Sphere),
            Manifold::Torus => Box::new(surfaces::Torus),
            Manifold::TwoMoons => Box::new(surfaces::TwoMoons),
            Manifold::Shapes => Box::new(shapes::Shapes),
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
    /// Ambient dimension; the manifold's own if not given.
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
    /// If n is 0, the values exceed the limit, the dimension is too small (for `shapes`: not 256),
    /// or even spacing is asked of anything but a closed curve.
    pub fn points(&self) -> Result<PointSet> {
        let model = self.manifold.model();
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
        let points = PointSet::new(values, self.shape(d))?;
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
        let model = self.manifold.model();
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
        if self.manifold == Manifold::Shapes && d != own {
            let help = "images cannot be embedded otherwise; leave dim away";
            return Err(Error::argument(format!("{name} has {own} dimensions, not {d}"), help));
        }
        check_limit((own as u64).saturating_mul(d as u64).saturating_mul(8), self.limit)?;
        Ok(Embedding::new(own, d))
    }

    fn shape(&self, d: usize) -> Shape {
        match self.manifold {
            Manifold::Shapes => shapes::SHAPE,
            _ => Shape::Vector(d),
        }
    }

    fn cannot_be_even(&self) -> Error {
        let problem = format!("{} has no even spacing", self.manifold.name());
        Error::argument(problem, "choose random spacing, or circle or wavy-circle")
    }
}
