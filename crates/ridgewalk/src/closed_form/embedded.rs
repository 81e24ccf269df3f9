//! A field on an affine subspace, seen from all of R^d.
//!
//! If x₀ = c + Aᵀz₀ with A's m rows orthonormal, then with z = A(x − c) and the residual q = x − c − Aᵀz
//!
//! ```text
//! D = c + Aᵀ D_z(z)      s = Aᵀ s_z(z) − q/σ²      J = Aᵀ J_z A
//! log p_σ(x) = log p_{z,σ}(z) − ‖q‖²/2σ² − ((d − m)/2) log 2πσ²
//! ```
//!
//! The residual is formed explicitly, so that the score is right also close to the subspace. Cost
//! O(d·m) a point beyond the field's own.

use ndarray::{Array1, Array2, Array3, ArrayView1, ArrayView2, Axis};

use super::covariance::require_orthonormal;
use super::pointwise::{checked_variance, each_row, finite, symmetrise};
use super::posterior::shape_error;
use super::rows::{axpys, dot, dots, slice};
use crate::autonomous::{Beside, Queries, Ray};
use crate::denoiser::{Denoiser, Density, Differentiable, check_tangent};
use crate::error::{Error, Result};
use crate::points::{Moments, require_finite};
use crate::random::Stream;

/// How far a frame may be from orthonormal: rounding in a few hundred dimensions.
const ORTHONORMALITY: f64 = 1e-10;

/// A field of R^m on the affine subspace c + span(A) of R^d.
///
/// ```
/// use ndarray::array;
/// use ridgewalk::Denoiser;
/// use ridgewalk::closed_form::{Embedded, Sphere};
///
/// // The unit circle in the plane of the second and third axis of R³, about (5, 0, 0).
/// let frame = array![[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
/// let circle = Embedded::new(Sphere::new(2, 1.0)?, frame, array![5.0, 0.0, 0.0])?;
/// let denoised = circle.denoise(array![[0.0, 0.0, 2.0]].view(), 0.01)?;
/// assert!((&denoised - &array![[5.0, 0.0, 1.0]]).iter().all(|e| e.abs() < 1e-4));
/// # Ok::<(), ridgewalk::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Embedded<F> {
    field: F,
    /// A, `[m, d]`, standard layout.
    frame: Array2<f64>,
    origin: Array1<f64>,
}

impl<F: Density> Embedded<F> {
    /// `field` of R^m, along the orthonormal rows of `frame` (`[m, d]`), its origin at `origin` (`[d]`).
    ///
    /// # Errors
    /// If the shapes disagree, the rows are not orthonormal to 1e-10, or a value is not finite.
    pub fn new(field: F, frame: Array2<f64>, origin: Array1<f64>) -> Result<Self> {
        let m = field.dim();
        if m == 0 || frame.nrows() != m || frame.ncols() < m || frame.ncols() != origin.len() {
            return Err(Error::shape(
                "the frame",
                format!("{:?}, with an origin [{}]", frame.dim(), origin.len()),
                format!("[{m}, d] with {m} above 0 and d at least {m}, and an origin [d]"),
            ));
        }
        require_finite("the frame", frame.view())?;
        require_finite("the origin", origin.view().insert_axis(Axis(0)))?;
        let frame = frame.as_standard_layout().into_owned();
        require_orthonormal("frame", &frame, ORTHONORMALITY)?;
        Ok(Embedded { field, frame, origin: origin.iter().copied().collect() })
    }

    /// The field on the subspace.
    pub fn field(&self) -> &F {
        &self.field
    }

    /// A, `[m, d]`.
    pub fn frame(&self) -> ArrayView2<'_, f64> {
        self.frame.view()
    }

    /// c, `[d]`.
    pub fn origin(&self) -> ArrayView1<'_, f64> {
        self.origin.view()
    }

    fn codimension(&self) -> f64 {
        (self.frame.ncols() - self.frame.nrows()) as f64
    }

    /// (z, q) of every row: `[batch, m]` and `[batch, d]`.
    fn split(&self, x: ArrayView2<f64>) -> Result<(Array2<f64>, Array2<f64>)> {
        let origin = self.origin.as_slice().unwrap_or_default();
        self.project(x, origin)
    }

    /// The parts of every row's difference from `origin` along and across the subspace.
    fn project(&self, x: ArrayView2<f64>, origin: &[f64]) -> Result<(Array2<f64>, Array2<f64>)> {
        let (m, d) = self.frame.dim();
        let frame = slice(&self.frame);
        let both = each_row(x, m + d, |x, out| {
            let (z, q) = out.split_at_mut(m);
            q.iter_mut().zip(x).zip(origin).for_each(|((q, x), o)| *q = x - o);
            dots(frame, q, z);
            if m < d {
                let minus: Vec<f64> = z.iter().map(|z| -z).collect();
                axpys(&minus, frame, q);
            } else {
                // Nothing is left of a subspace that is the whole space.
                q.fill(0.0);
            }
        })?;
        let (z, q) = both.view().split_at(Axis(1), m);
        Ok((z.to_owned(), q.to_owned()))
    }

    /// Aᵀ of every row, `[batch, d]`.
    fn lift(&self, z: &Array2<f64>) -> Result<Array2<f64>> {
        each_row(z.view(), self.frame.ncols(), |z, out| axpys(z, slice(&self.frame), out))
    }

    /// Aᵀ (inner + c I) A − c I of every row, symmetric to the bit.
    fn lift_matrices(&self, inner: &Array3<f64>, c: f64) -> Result<Array3<f64>> {
        let (m, d) = self.frame.dim();
        let frame = slice(&self.frame);
        let transposed: Vec<f64> = self.frame.t().iter().copied().collect();
        let mut out = vec![0.0; inner.dim().0 * d * d];
        for (inner, out) in inner.outer_iter().zip(out.chunks_mut(d * d)) {
            let mut half = vec![0.0; m * d];
            for (k, (row, half)) in inner.outer_iter().zip(half.chunks_mut(d)).enumerate() {
                let mut row = row.to_vec();
                if let Some(entry) = row.get_mut(k) {
                    *entry += c;
                }
                axpys(&row, frame, half);
            }
            transposed.chunks(m).zip(out.chunks_mut(d)).for_each(|(a, out)| axpys(a, &half, out));
            symmetrise(out, d);
            out.iter_mut().step_by(d + 1).for_each(|v| *v -= c);
        }
        Array3::from_shape_vec((inner.dim().0, d, d), out).map_err(shape_error)
    }
}

impl<F: Density> Denoiser for Embedded<F> {
    fn dim(&self) -> usize {
        self.frame.ncols()
    }
    fn denoise(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array2<f64>> {
        checked_variance(self.dim(), x, sigma)?;
        let (z, _) = self.split(x)?;
        Ok(self.lift(&self.field.denoise(z.view(), sigma)?)? + &self.origin)
    }
    fn moments(&self) -> Option<Moments> {
        let inner = self.field.moments()?;
        let part = self.frame.nrows() as f64 / self.frame.ncols() as f64;
        let mean = self.lift(&inner.mean.insert_axis(Axis(0))).ok()?.row(0).to_owned();
        Some(Moments { mean: &self.origin + &mean, std: inner.std * part.sqrt() })
    }
    fn draw(&self, stream: &mut Stream) -> Option<Array1<f64>> {
        let inner = self.field.draw(stream)?;
        Some(&self.origin + &self.frame.t().dot(&inner))
    }
    fn differentiable(&self) -> Option<&dyn Differentiable> {
        Some(self)
    }
    fn density(&self) -> Option<&dyn Density> {
        Some(self)
    }
    fn score(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array2<f64>> {
        let variance = checked_variance(self.dim(), x, sigma)?;
        let (z, q) = self.split(x)?;
        finite(self.lift(&self.field.score(z.view(), sigma)?)? - q / variance)
    }
    fn noise(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array2<f64>> {
        Ok(self.score(x, sigma)? * -sigma)
    }
}

impl<F: Density> Differentiable for Embedded<F> {
    fn jvp(&self, x: ArrayView2<f64>, sigma: f64, v: ArrayView2<f64>) -> Result<Array2<f64>> {
        checked_variance(self.dim(), x, sigma)?;
        check_tangent(x, v)?;
        let (z, _) = self.split(x)?;
        let (along, _) = self.project(v, &vec![0.0; self.dim()])?;
        self.lift(&self.field.jvp(z.view(), sigma, along.view())?)
    }
    fn denoise_with_sigma_derivative(
        &self,
        x: ArrayView2<f64>,
        sigma: f64,
    ) -> Result<(Array2<f64>, Array2<f64>)> {
        checked_variance(self.dim(), x, sigma)?;
        let (z, _) = self.split(x)?;
        let (value, derivative) = self.field.denoise_with_sigma_derivative(z.view(), sigma)?;
        Ok((self.lift(&value)? + &self.origin, self.lift(&derivative)?))
    }
    fn divergence(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array1<f64>> {
        checked_variance(self.dim(), x, sigma)?;
        self.field.divergence(self.split(x)?.0.view(), sigma)
    }
    fn jacobian(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array3<f64>> {
        checked_variance(self.dim(), x, sigma)?;
        let inner = self.field.jacobian(self.split(x)?.0.view(), sigma)?;
        self.lift_matrices(&inner, 0.0)
    }
    fn hessian_product(&self, x: ArrayView2<f64>, sigma: f64, v: ArrayView2<f64>) -> Result<Array2<f64>> {
        let variance = checked_variance(self.dim(), x, sigma)?;
        check_tangent(x, v)?;
        let (z, _) = self.split(x)?;
        let (along, across) = self.project(v, &vec![0.0; self.dim()])?;
        finite(self.lift(&self.field.hessian_product(z.view(), sigma, along.view())?)? - across / variance)
    }
}

impl<F: Density> Density for Embedded<F> {
    fn log_density(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array1<f64>> {
        let variance = checked_variance(self.dim(), x, sigma)?;
        let (z, q) = self.split(x)?;
        let mut out = self.field.log_density(z.view(), sigma)?;
        let normalizer = 0.5 * self.codimension() * libm::log(2.0 * std::f64::consts::PI * variance);
        for (out, q) in out.iter_mut().zip(q.outer_iter()) {
            let q = q.as_slice().unwrap_or_default();
            *out -= 0.5 * dot(q, q) / variance + normalizer;
        }
        let column = finite(out.insert_axis(Axis(1)))?;
        Ok(column.index_axis_move(Axis(1), 0))
    }
    fn ray_about<'a>(&'a self, u: ArrayView1<f64>, center: Option<ArrayView1<f64>>) -> Box<dyn Ray + 'a> {
        let origin = vec![0.0; self.dim()];
        // About another origin the inner coordinates of u would depend on α.
        let here = center.is_none() && self.origin.iter().all(|o| *o == 0.0);
        let split = here.then(|| self.project(u.insert_axis(Axis(0)), &origin));
        match split {
            Some(Ok((z, q))) if u.len() == self.dim() => Box::new(Beside {
                inner: self.field.ray(z.row(0)),
                frame: &self.frame,
                square: q.iter().map(|q| q * q).sum(),
            }),
            _ => Box::new(Queries::new(self, u, center)),
        }
    }
    fn hessian(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array3<f64>> {
        let variance = checked_variance(self.dim(), x, sigma)?;
        let inner = self.field.hessian(self.split(x)?.0.view(), sigma)?;
        self.lift_matrices(&inner, 1.0 / variance)
    }
}
