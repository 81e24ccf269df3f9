//! A known error added to a denoiser: D̃ = D + δ.
//!
//! Near a ridge the normal and the tangential part of a denoiser's error δ act differently: the former sets
//! how far from the ridge samples end, the latter moves them along it (arXiv 2602.06021). To see either alone
//! a field of directions f is projected and scaled:
//!
//! ```text
//! δ(x; σ) = e(σ)·P f/‖P f‖        P = I, N or I − N, by the frames of a reference model
//! ```
//!
//! δ is a displacement, in the data's units; the error of the score is δ/σ². Derivatives of D̃ contain those of
//! the frames: ask [`FiniteDifference`](crate::FiniteDifference) for them.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

use crate::denoiser::{Denoiser, Differentiable, Visit, check_query};
use crate::error::{Error, Result};
use crate::points::{Moments, require_finite};
use crate::random::{Purpose, Stream};

/// Of a part shorter than this, relative to the field, only rounding is left: it counts as 0.
const VANISHES: f64 = 1e-9;

type Closure<'a> = Box<dyn Fn(ArrayView1<f64>, f64) -> Array1<f64> + Send + Sync + 'a>;
type OfSigma<'a> = Box<dyn Fn(f64) -> f64 + Send + Sync + 'a>;

/// A field of directions f(x; σ).
pub struct Field<'a> {
    kind: Kind<'a>,
    factor: f64,
}

enum Kind<'a> {
    Along(Array1<f64>),
    AwayFrom(Array1<f64>),
    Around { centre: Array1<f64>, plane: (usize, usize) },
    Waves { frequencies: Array2<f64>, phases: Array1<f64>, amplitudes: Array2<f64> },
    Custom(Closure<'a>),
}

impl<'a> Field<'a> {
    /// The same vector `[d]` everywhere.
    pub fn along(direction: Array1<f64>) -> Self {
        Field::of(Kind::Along(direction))
    }

    /// x − c, away from the point c, `[d]`.
    pub fn away_from(centre: Array1<f64>) -> Self {
        Field::of(Kind::AwayFrom(centre))
    }

    /// Around the point c (`[d]`) in the plane of two coordinates, from the first to the second: x − c turned by a
    /// right angle.
    pub fn around(centre: Array1<f64>, plane: (usize, usize)) -> Self {
        Field::of(Kind::Around { centre, plane })
    }

    /// A smooth random field in `dim` dimensions, as the error of a fit might be: a sum of `waves` cosines with
    /// normal amplitudes, near to a Gaussian process of this length scale with variance 1 in every
    /// coordinate. The same at all noise levels.
    ///
    /// # Errors
    /// If the length scale is not a positive number, or there are no waves.
    pub fn random(dim: usize, waves: usize, length_scale: f64, seed: u64) -> Result<Self> {
        if !(length_scale > 0.0 && length_scale.is_finite()) {
            let help = "give the distance over which the field changes, in the data's units";
            return Err(Error::argument("length_scale", format!("is {length_scale}"), help));
        }
        if waves == 0 {
            return Err(Error::argument("waves", "is 0", "a sum of none is no field: choose some, as 64"));
        }
        let mut stream = Stream::new(seed, Purpose::Synthetic, 0, 0);
        let frequencies = Array2::from_shape_simple_fn((waves, dim), || stream.normal() / length_scale);
        let turn = 2.0 * std::f64::consts::PI;
        let phases = Array1::from_shape_simple_fn(waves, || turn * stream.uniform());
        let scale = (2.0 / waves as f64).sqrt();
        let amplitudes = Array2::from_shape_simple_fn((waves, dim), || scale * stream.normal());
        Ok(Field::of(Kind::Waves { frequencies, phases, amplitudes }))
    }

    /// Any function of a point `[d]` and its noise level that gives a vector `[d]`.
    pub fn custom(field: impl Fn(ArrayView1<f64>, f64) -> Array1<f64> + Send + Sync + 'a) -> Self {
        Field::of(Kind::Custom(Box::new(field)))
    }

    /// This field times a factor: the size of errors that are not scaled to one length everywhere.
    pub fn times(mut self, factor: f64) -> Self {
        self.factor *= factor;
        self
    }

    fn of(kind: Kind<'a>) -> Self {
        Field { kind, factor: 1.0 }
    }

    fn check(&self, d: usize) -> Result<()> {
        let (name, length) = match &self.kind {
            Kind::Along(direction) => ("the direction of the error", direction.len()),
            Kind::AwayFrom(centre) => ("the centre of the error", centre.len()),
            Kind::Around { centre, plane } => {
                if plane.0 == plane.1 || plane.0.max(plane.1) >= d {
                    let help = format!("name two different ones of the coordinates 0 to {}", d.max(1) - 1);
                    return Err(Error::argument("plane", format!("is {plane:?}"), help));
                }
                ("the centre of the error", centre.len())
            }
            Kind::Waves { frequencies, .. } => ("the random field", frequencies.ncols()),
            Kind::Custom(_) => return Ok(()),
        };
        if length != d {
            let expected = format!("{d} (the model's dimension)");
            return Err(Error::shape(name, format!("{length} coordinates"), expected));
        }
        let (Kind::Along(vector) | Kind::AwayFrom(vector) | Kind::Around { centre: vector, .. }) = &self.kind
        else {
            return Ok(());
        };
        require_finite(name, vector.view().insert_axis(Axis(0)))
    }

    fn at(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array2<f64>> {
        let mut out = Array2::zeros(x.raw_dim());
        for (x, mut out) in x.outer_iter().zip(out.outer_iter_mut()) {
            match &self.kind {
                Kind::Along(direction) => out.assign(direction),
                Kind::AwayFrom(centre) => out.assign(&(&x - centre)),
                Kind::Around { centre, plane: (i, j) } => {
                    out[*i] = centre[*j] - x[*j];
                    out[*j] = x[*i] - centre[*i];
                }
                Kind::Waves { frequencies, phases, amplitudes } => {
                    let waves = frequencies.outer_iter().zip(phases).zip(amplitudes.outer_iter());
                    for ((frequency, phase), amplitude) in waves {
                        out.scaled_add(libm::cos(frequency.dot(&x) + phase), &amplitude);
                    }
                }
                Kind::Custom(field) => {
                    let value = field(x, sigma);
                    if value.len() != x.len() {
                        let expected = format!("{} (the model's dimension)", x.len());
                        let found = format!("{} coordinates", value.len());
                        return Err(Error::shape("the field of the error", found, expected));
                    }
                    out.assign(&value);
                }
            }
        }
        out.mapv_inplace(|v| self.factor * v);
        require_finite("the field of the error", out.view())?;
        Ok(out)
    }
}

enum Part {
    Normal,
    Tangential,
}

/// An error δ(x; σ) that is known.
pub struct InjectedError<'a> {
    field: Field<'a>,
    part: Option<(Part, &'a dyn Differentiable, usize)>,
    size: Option<OfSigma<'a>>,
}

impl<'a> InjectedError<'a> {
    /// The field itself.
    pub fn new(field: Field<'a>) -> Self {
        InjectedError { field, part: None, size: None }
    }

    /// Of the field only what is normal to the ridge of `dimension` d* of a reference model.
    ///
    /// # Errors
    /// If the dimension is not below that of the reference.
    pub fn normal(self, reference: &'a dyn Differentiable, dimension: usize) -> Result<Self> {
        self.part(Part::Normal, reference, dimension)
    }

    /// Of the field only what is tangential to that ridge. Errors as [`InjectedError::normal`].
    pub fn tangential(self, reference: &'a dyn Differentiable, dimension: usize) -> Result<Self> {
        self.part(Part::Tangential, reference, dimension)
    }

    fn part(mut self, part: Part, reference: &'a dyn Differentiable, dimension: usize) -> Result<Self> {
        crate::geometry::Ridge::new(reference, dimension)?;
        self.part = Some((part, reference, dimension));
        Ok(self)
    }

    /// Scaled to the length e everywhere, in the data's units; 0 where the part vanishes. Without it the error is
    /// as long as the field (or its part).
    ///
    /// # Errors
    /// If it is not finite.
    pub fn of_size(self, e: f64) -> Result<Self> {
        if !e.is_finite() {
            return Err(Error::argument("size", format!("is {e}"), "give a length in the data's units"));
        }
        Ok(self.of_size_at(move |_| e))
    }

    /// Scaled to the length e(σ).
    pub fn of_size_at(mut self, e: impl Fn(f64) -> f64 + Send + Sync + 'a) -> Self {
        self.size = Some(Box::new(e));
        self
    }

    /// δ at the rows of `x` (`[batch, d]`), `[batch, d]`.
    ///
    /// # Errors
    /// Those of the reference; and if the field or the size is not finite, or the field has another length.
    pub fn at(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array2<f64>> {
        check_query(x.ncols(), x, sigma)?;
        self.field.check(x.ncols())?;
        let field = self.field.at(x, sigma)?;
        let mut part = match &self.part {
            None => field.clone(),
            Some((part, reference, dimension)) => {
                let frames = reference.frames(x, sigma, *dimension)?;
                let mut found = match part {
                    Part::Normal => frames.normal(field.view())?,
                    Part::Tangential => frames.tangential(field.view())?,
                };
                for (row, mut found) in found.outer_iter_mut().enumerate() {
                    if frames.gaps()[row] < crate::Frames::DEFINED {
                        found.fill(0.0);
                    }
                }
                found
            }
        };
        let Some(size) = &self.size else { return Ok(part) };
        let size = size(sigma);
        if !size.is_finite() {
            let help = "let it be a length in the data's units at every noise level";
            return Err(Error::argument("size", format!("is {size} at sigma {sigma:e}"), help));
        }
        for (mut part, field) in part.outer_iter_mut().zip(field.outer_iter()) {
            let length = part.dot(&part).sqrt();
            let vanishes = length <= VANISHES * field.dot(&field).sqrt();
            let factor = if vanishes { 0.0 } else { size / length };
            part.mapv_inplace(|v| factor * v);
        }
        Ok(part)
    }
}

/// A denoiser with a known error: D + δ.
///
/// ```
/// use ndarray::array;
/// use ridgewalk::closed_form::Empirical;
/// use ridgewalk::transform::{Field, InjectedError, Perturbed};
/// use ridgewalk::{Denoiser, PointSet};
///
/// // The ridge of two points is the line through them; of (1, 1) the part normal to it is (0, 1).
/// let exact = Empirical::new(&PointSet::vectors(array![[-3.0, 0.0], [3.0, 0.0]])?)?;
/// let error = InjectedError::new(Field::along(array![1.0, 1.0])).normal(&exact, 1)?.of_size(0.1)?;
/// let model = Perturbed::new(&exact, error)?;
/// let d = model.denoise(array![[1.0, 0.4]].view(), 0.5)?;
/// assert!((d[[0, 1]] - 0.1).abs() < 1e-12);
/// # Ok::<(), ridgewalk::Error>(())
/// ```
pub struct Perturbed<'a, D> {
    inner: D,
    error: InjectedError<'a>,
}

impl<'a, D: Denoiser> Perturbed<'a, D> {
    /// This denoiser with this error.
    ///
    /// # Errors
    /// If the error is of another dimension, its plane does not name two coordinates, or a vector of it is not
    /// finite.
    pub fn new(inner: D, error: InjectedError<'a>) -> Result<Self> {
        error.field.check(inner.dim())?;
        if let Some((_, reference, _)) = &error.part
            && reference.dim() != inner.dim()
        {
            let (found, expected) = (reference.dim(), format!("{} (as the model)", inner.dim()));
            return Err(Error::shape("the reference of the error", format!("{found} dimensions"), expected));
        }
        Ok(Perturbed { inner, error })
    }

    /// The denoiser without its error.
    pub fn inner(&self) -> &D {
        &self.inner
    }

    /// The error.
    pub fn error(&self) -> &InjectedError<'a> {
        &self.error
    }
}

impl<D: Denoiser> Denoiser for Perturbed<'_, D> {
    fn dim(&self) -> usize {
        self.inner.dim()
    }
    fn denoise(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array2<f64>> {
        self.denoise_at(x, sigma, &Visit::default())
    }
    fn denoise_at(&self, x: ArrayView2<f64>, sigma: f64, visit: &Visit) -> Result<Array2<f64>> {
        check_query(self.dim(), x, sigma)?;
        Ok(self.inner.denoise_at(x, sigma, visit)? + self.error.at(x, sigma)?)
    }
    fn moments(&self) -> Option<Moments> {
        self.inner.moments()
    }
    fn smoothings(&self) -> u64 {
        self.inner.smoothings()
    }
    fn evaluations_per_call(&self, sigma: f64) -> usize {
        self.inner.evaluations_per_call(sigma)
    }
    fn evaluations_at(&self, sigma: f64, visit: &Visit) -> usize {
        self.inner.evaluations_at(sigma, visit)
    }
}
