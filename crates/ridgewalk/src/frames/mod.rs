//! Tangent and normal frames of the smoothed density, from the covariance of the posterior.
//!
//! ```text
//! ∇² log p_σ = (J − I)/σ²        J = ∂D/∂x = Cov[x₀ | x]/σ²        J e_i = g_i e_i,  g₁ ≥ g₂ ≥ … ≥ 0
//! ```
//!
//! The eigenvectors of the Hessian are those of J in the same order, and its eigenvalues are
//! (g_i − 1)/σ². The first d* span the tangent space of a ridge of dimension d*, the others its normal space
//! (Ozertem & Erdogmus 2011; arXiv 2602.06021). The gain g says what survives of a displacement along e:
//! about 1 along data that are dense on the scale of σ, 0 where they do not vary.
//!
//! The Hessian itself is never formed: in −I + J all digits of J are lost where the posterior is narrow, and
//! with them its eigenvectors. Up to 64 coordinates the whole J is decomposed, beyond that only its leading
//! eigenvectors are found, by products with vectors ([`Differentiable::jvp`]); the empirical model has a way
//! of its own, which is right down to σ → 0. Where J is not symmetric (networks), (J + Jᵀ)/2 stands for it.

mod krylov;

use ndarray::{Array1, Array2, Array3, ArrayView1, ArrayView2, Axis};
use rayon::prelude::*;

use crate::closed_form::covariance::eigen;
use crate::closed_form::rows::{axpys, dot, dots};
use crate::denoiser::{Differentiable, check_query};
use crate::error::{Error, Result};
use crate::points::rows;
pub(crate) use krylov::Krylov;

/// Up to this many coordinates J is decomposed as a whole.
pub(crate) const DENSE: usize = 64;
/// Rows whose Jacobians are held at a time.
const JACOBIANS: usize = 512;
/// Rows whose Krylov spaces are held at a time.
const SPACES: usize = 16;

/// The frames of a batch of points at one noise level: D, tangent directions, gains, and the way to the ridge.
#[derive(Debug, Clone, PartialEq)]
pub struct Frames {
    sigma: f64,
    denoised: Array2<f64>,
    shift: Array2<f64>,
    tangents: Array3<f64>,
    gains: Array2<f64>,
    gaps: Array1<f64>,
    mean_shift: Array2<f64>,
    newton: Array2<f64>,
}

/// The frame of one point.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    /// D.
    pub denoised: Vec<f64>,
    /// D − x.
    pub shift: Vec<f64>,
    /// `[d*, d]`; zero where there is no such eigenvector.
    pub tangent: Vec<f64>,
    /// The first d* + 1.
    pub gains: Vec<f64>,
    pub gap: f64,
    /// N(D − x).
    pub mean_shift: Vec<f64>,
    /// z with N(I − J)z = N(D − x).
    pub newton: Vec<f64>,
}

impl Frames {
    /// Frames at the rows of `x` (`[batch, d]`) for a ridge of `dimension` d* (0: modes). Up to 64 coordinates
    /// the cost is that of a Jacobian and an eigendecomposition a row; beyond, about 10·(d* + 4) Jacobian
    /// products a row.
    ///
    /// # Errors
    /// As [`crate::Denoiser::denoise`], and if `dimension` is not below d.
    pub fn at<D: Differentiable + ?Sized>(
        model: &D,
        x: ArrayView2<f64>,
        sigma: f64,
        dimension: usize,
    ) -> Result<Self> {
        model.frames(x, sigma, dimension)
    }

    /// Noise level σ.
    pub fn sigma(&self) -> f64 {
        self.sigma
    }

    /// Number of points.
    #[allow(clippy::len_without_is_empty)] // a batch of none is of no use
    pub fn len(&self) -> usize {
        self.denoised.nrows()
    }

    /// d*, the dimension of the tangent spaces.
    pub fn dimension(&self) -> usize {
        self.tangents.len_of(Axis(1))
    }

    /// D(x; σ), `[batch, d]`.
    pub fn denoised(&self) -> ArrayView2<'_, f64> {
        self.denoised.view()
    }

    /// D(x; σ) − x = σ²·score, `[batch, d]`: where the difference is small, exact as the difference of D and x
    /// would not be.
    pub fn shift(&self) -> ArrayView2<'_, f64> {
        self.shift.view()
    }

    /// Orthonormal tangent directions of one point, `[d*, d]`, those of the largest gain first. Their signs
    /// mean nothing. Zero rows where the posterior has fewer directions than d*: its [gap](Frames::gaps) is 0.
    pub fn tangent(&self, row: usize) -> ArrayView2<'_, f64> {
        self.tangents.index_axis(Axis(0), row)
    }

    /// An orthonormal basis of the normal space of one point, `[d − d*, d]`: a matrix nearly of size d × d, for
    /// small d only. What needs the normal space asks for [`Frames::normal`] parts instead.
    pub fn normal_basis(&self, row: usize) -> Array2<f64> {
        let d = self.denoised.ncols();
        let tangent = self.tangent(row);
        let mut basis: Vec<Array1<f64>> = tangent.outer_iter().map(|t| t.to_owned()).collect();
        let spanned = basis.iter().filter(|t| t.iter().any(|v| *v != 0.0)).count();
        let mut normal: Vec<Array1<f64>> = Vec::new();
        // The unit vector of which most is left is never nearly within what is spanned already.
        while normal.len() < d - spanned {
            let left = |k: usize| 1.0 - basis.iter().map(|b| b[k] * b[k]).sum::<f64>();
            let k = (0..d).max_by(|&a, &b| left(a).total_cmp(&left(b))).unwrap_or(0);
            let mut next = Array1::zeros(d);
            next[k] = 1.0;
            for _ in 0..2 {
                for b in &basis {
                    let along = b.dot(&next);
                    next.scaled_add(-along, b);
                }
            }
            next /= next.dot(&next).sqrt();
            basis.push(next.clone());
            normal.push(next);
        }
        let mut out = Array2::zeros((normal.len(), d));
        out.outer_iter_mut().zip(&normal).for_each(|(mut row, v)| row.assign(v));
        out
    }

    /// The d* + 1 largest eigenvalues of J, falling, `[batch, d* + 1]`; (g − 1)/σ² are those of ∇² log p_σ.
    pub fn gains(&self) -> ArrayView2<'_, f64> {
        self.gains.view()
    }

    /// 1 − g of the flattest normal direction = −σ²λ_{d*+1}, `[batch]`: 1 where the data do not vary in normal
    /// directions, not above 0 where log p_σ is not concave in them.
    pub fn concavity(&self) -> Array1<f64> {
        self.gains.column(self.dimension()).mapv(|g| 1.0 - g)
    }

    /// (g_{d*} − g_{d*+1})/g₁, `[batch]`: what separates the tangent from the normal space, in [0, 1]; 1 if d* = 0.
    /// Formed before anything underflows, so that it has a meaning as σ → 0. Below [`Frames::DEFINED`] the
    /// data do not tell the two apart.
    pub fn gaps(&self) -> ArrayView1<'_, f64> {
        self.gaps.view()
    }

    /// Least [gap](Frames::gaps) at which a frame counts as defined.
    pub const DEFINED: f64 = 1e-6;

    /// N(D − x), `[batch, d]`, N the normal projector: the step of subspace-constrained mean shift, zero on a
    /// ridge. Over σ² it is the normal part of the score.
    pub fn mean_shift(&self) -> ArrayView2<'_, f64> {
        self.mean_shift.view()
    }

    /// The Newton step to the ridge, `[batch, d]`: z in the normal space with N(I − J)z = N(D − x). Its length is
    /// the distance to the ridge up to second order. Where log p_σ is not concave in all normal directions
    /// it is the [mean shift](Frames::mean_shift).
    pub fn newton(&self) -> ArrayView2<'_, f64> {
        self.newton.view()
    }

    /// Tangential parts of vectors, `[batch, d]`.
    ///
    /// # Errors
    /// If `v` is not of that shape.
    pub fn tangential(&self, v: ArrayView2<f64>) -> Result<Array2<f64>> {
        if v.dim() != self.denoised.dim() {
            let expected = format!("{:?} (as the points of the frames)", self.denoised.dim());
            return Err(Error::shape("v", format!("{:?}", v.dim()), expected));
        }
        let mut out = Array2::zeros(v.raw_dim());
        for ((v, tangent), mut out) in
            v.outer_iter().zip(self.tangents.outer_iter()).zip(out.outer_iter_mut())
        {
            for t in tangent.outer_iter() {
                out.scaled_add(t.dot(&v), &t);
            }
        }
        Ok(out)
    }

    /// Normal parts of vectors, `[batch, d]`. Errors as [`Frames::tangential`].
    pub fn normal(&self, v: ArrayView2<f64>) -> Result<Array2<f64>> {
        Ok(&v - &self.tangential(v)?)
    }

    /// Puts a row of other frames in place of one of these.
    pub(crate) fn set_row(&mut self, row: usize, other: &Frames, from: usize) {
        self.denoised.row_mut(row).assign(&other.denoised.row(from));
        self.shift.row_mut(row).assign(&other.shift.row(from));
        self.tangents.index_axis_mut(Axis(0), row).assign(&other.tangents.index_axis(Axis(0), from));
        self.gains.row_mut(row).assign(&other.gains.row(from));
        self.gaps[row] = other.gaps[from];
        self.mean_shift.row_mut(row).assign(&other.mean_shift.row(from));
        self.newton.row_mut(row).assign(&other.newton.row(from));
    }

    /// A batch of the frames of its points.
    pub(crate) fn of(frames: Vec<Frame>, d: usize, sigma: f64, dimension: usize) -> Result<Self> {
        let batch = frames.len();
        let mut out = Frames {
            sigma,
            denoised: Array2::zeros((batch, d)),
            shift: Array2::zeros((batch, d)),
            tangents: Array3::zeros((batch, dimension, d)),
            gains: Array2::zeros((batch, dimension + 1)),
            gaps: Array1::zeros(batch),
            mean_shift: Array2::zeros((batch, d)),
            newton: Array2::zeros((batch, d)),
        };
        for (row, frame) in frames.into_iter().enumerate() {
            let assign = |mut out: ndarray::ArrayViewMut1<f64>, values: &[f64]| {
                out.iter_mut().zip(values).for_each(|(o, v)| *o = *v);
            };
            assign(out.denoised.row_mut(row), &frame.denoised);
            assign(out.shift.row_mut(row), &frame.shift);
            assign(out.gains.row_mut(row), &frame.gains);
            assign(out.mean_shift.row_mut(row), &frame.mean_shift);
            assign(out.newton.row_mut(row), &frame.newton);
            out.gaps[row] = frame.gap;
            let mut tangent = out.tangents.index_axis_mut(Axis(0), row);
            tangent.iter_mut().zip(&frame.tangent).for_each(|(o, v)| *o = *v);
            let parts = frame.denoised.iter().chain(&frame.newton).chain(&frame.gains).chain(&frame.tangent);
            if !parts.copied().all(f64::is_finite) {
                return Err(Error::Numerical {
                    what: "the tangent frame",
                    problem: format!("is beyond the range of f64 at row {row}, sigma {sigma:e}"),
                    help: "bring that row nearer to the data, or raise sigma".into(),
                });
            }
        }
        Ok(out)
    }
}

impl Frame {
    /// From eigenpairs of J: gain_i = `scale`·`values[i]`, falling, with the rows of `vectors` (`[values, d]`).
    /// Directions that are not among them count as of gain 0.
    pub(crate) fn assemble(
        denoised: Vec<f64>,
        shift: Vec<f64>,
        values: &[f64],
        scale: f64,
        vectors: &[f64],
        dimension: usize,
    ) -> Self {
        let d = shift.len();
        let value = |i: usize| values.get(i).copied().unwrap_or(0.0).max(0.0);
        let known = dimension.min(values.len());
        let mut tangent = vectors[..known * d].to_vec();
        tangent.resize(dimension * d, 0.0);
        let gains: Vec<f64> = (0..=dimension).map(|i| scale * value(i)).collect();
        let gap = match dimension {
            0 => 1.0,
            _ if value(0) > 0.0 => (value(dimension - 1) - value(dimension)) / value(0),
            _ => 0.0,
        };
        let mean_shift = less_parts(&vectors[..known * d], &shift);
        let mut newton = mean_shift.clone();
        if gains[dimension] < 1.0 {
            let normal = &vectors[known * d..values.len() * d];
            let mut along = vec![0.0; values.len() - known];
            dots(normal, &mean_shift, &mut along);
            for (along, value) in along.iter_mut().zip(&values[known..]) {
                let gain = scale * value.max(0.0);
                *along *= gain / (1.0 - gain);
            }
            axpys(&along, normal, &mut newton);
        }
        Frame { denoised, shift, tangent, gains, gap, mean_shift, newton }
    }
}

/// v less its parts along orthonormal directions (`[r, d]`), taken off twice: what is left is orthogonal to
/// rounding even where little is.
pub(crate) fn less_parts(directions: &[f64], v: &[f64]) -> Vec<f64> {
    let mut out = v.to_vec();
    let mut along = vec![0.0; directions.len() / v.len().max(1)];
    for _ in 0..2 {
        dots(directions, &out, &mut along);
        along.iter_mut().for_each(|a| *a = -*a);
        axpys(&along, directions, &mut out);
    }
    out
}

/// Checks what [`Differentiable::frames`] is asked.
pub(crate) fn check(d: usize, x: ArrayView2<f64>, sigma: f64, dimension: usize) -> Result<()> {
    check_query(d, x, sigma)?;
    if dimension < d {
        return Ok(());
    }
    let help = format!("a ridge in {d} dimensions has fewer: choose 0 to {}", d.saturating_sub(1));
    Err(Error::argument("dimension", format!("is {dimension}"), help))
}

/// [`Differentiable::frames`] of any denoiser.
pub(crate) fn by_products<D: Differentiable + ?Sized>(
    model: &D,
    x: ArrayView2<f64>,
    sigma: f64,
    dimension: usize,
) -> Result<Frames> {
    let d = model.dim();
    check(d, x, sigma, dimension)?;
    let chunk = if d <= DENSE { JACOBIANS } else { SPACES };
    let mut frames = Vec::with_capacity(x.nrows());
    for first in (0..x.nrows()).step_by(chunk) {
        let x = rows(&x, first..(first + chunk).min(x.nrows()));
        let denoised = model.denoise(x, sigma)?;
        let shift = &denoised - &x;
        let each = denoised.outer_iter().zip(shift.outer_iter()).map(|(d, s)| (d.to_vec(), s.to_vec()));
        let each: Vec<(Vec<f64>, Vec<f64>)> = each.collect();
        if d <= DENSE {
            let jacobian = model.jacobian(x, sigma)?;
            let of = |((denoised, shift), j): ((Vec<f64>, Vec<f64>), ArrayView2<f64>)| {
                let half = faer::Mat::from_fn(d, d, |i, k| 0.5 * (j[(i, k)] + j[(k, i)]));
                let (values, vectors) = eigen(&half)?;
                let vectors: Vec<f64> = vectors.iter().copied().collect();
                Ok(Frame::assemble(denoised, shift, &values, 1.0, &vectors, dimension))
            };
            let jobs: Vec<_> = each.into_iter().zip(jacobian.outer_iter()).collect();
            let found: Vec<Result<Frame>> = jobs.into_par_iter().map(of).collect();
            frames.extend(found.into_iter().collect::<Result<Vec<_>>>()?);
        } else {
            frames.extend(leading(model, x, sigma, dimension, each)?);
        }
    }
    Frames::of(frames, d, sigma, dimension)
}

/// All rows' Krylov spaces grow side by side: one call of the model a step. A row's is its own.
fn leading<D: Differentiable + ?Sized>(
    model: &D,
    x: ArrayView2<f64>,
    sigma: f64,
    dimension: usize,
    each: Vec<(Vec<f64>, Vec<f64>)>,
) -> Result<Vec<Frame>> {
    let d = model.dim();
    let symmetric = model.density().is_some();
    let mut spaces: Vec<Krylov> = each.iter().map(|(_, shift)| Krylov::new(shift, dimension)).collect();
    loop {
        let mut owners = Vec::new();
        let mut directions = Vec::new();
        for (row, space) in spaces.iter().enumerate() {
            owners.extend(std::iter::repeat_n(row, space.pending().len() / d));
            directions.extend_from_slice(space.pending());
        }
        if owners.is_empty() {
            break;
        }
        let at = x.select(Axis(0), &owners);
        let v = Array2::from_shape_vec((owners.len(), d), directions)
            .map_err(|e| Error::shape("directions", e, "one a row"))?;
        let mut images = model.jvp(at.view(), sigma, v.view())?;
        if !symmetric {
            images = 0.5 * (images + model.vjp(at.view(), sigma, v.view())?);
        }
        let mut images = images.outer_iter();
        for space in &mut spaces {
            let count = space.pending().len() / d;
            let block: Vec<f64> = images.by_ref().take(count).flat_map(|row| row.to_vec()).collect();
            if count > 0 {
                space.grow(block, 1.0)?;
            }
        }
    }
    Ok(each
        .into_iter()
        .zip(spaces)
        .map(|((denoised, shift), space)| {
            let (values, vectors) = space.pairs();
            Frame::assemble(denoised, shift, values, 1.0, vectors, dimension)
        })
        .collect())
}

/// ‖v‖.
pub(crate) fn norm(v: &[f64]) -> f64 {
    dot(v, v).sqrt()
}
