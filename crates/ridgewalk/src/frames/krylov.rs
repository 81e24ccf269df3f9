//! The leading eigenvectors of a symmetric positive semidefinite matrix, by products with vectors only.
//!
//! A block Krylov space with full reorthogonalisation, and the Rayleigh–Ritz pairs within it. The block is wider
//! than the eigenvectors wanted, so that equal eigenvalues (a flat torus, an isotropic Gaussian) are found as
//! often as they occur. Its first vector is the shift D − x: with it in the space the Ritz pairs solve
//! (I − J)z = D − x as conjugate gradients would.

use crate::closed_form::covariance::eigen;
use crate::closed_form::rows::{axpys, dots};
use crate::error::Result;
use crate::random::{Purpose, Stream};

use super::{less_parts, norm};

/// Vectors of a block beyond d* + 1.
const SPARE: usize = 3;
/// ‖A y − θ y‖ of wanted pairs, relative to the largest eigenvalue.
const TOLERANCE: f64 = 1e-11;
/// Relative residual of the linear system.
const SOLVED: f64 = 1e-7;
/// Most vectors of a space.
const LARGEST: usize = 480;
/// Of a vector that is less than this part of its former length once the space is taken out, only rounding is left.
const DEPENDENT: f64 = 1e-10;
/// After this many steps that do not halve the residual, products are as exact as they get.
const STALLED: usize = 4;

/// A growing Krylov space of one point.
pub(crate) struct Krylov {
    d: usize,
    dimension: usize,
    shift: Vec<f64>,
    /// Orthonormal rows.
    basis: Vec<f64>,
    /// A times the first of them.
    images: Vec<f64>,
    done: bool,
    residual: f64,
    stalled: usize,
    values: Vec<f64>,
    vectors: Vec<f64>,
}

impl Krylov {
    /// For a ridge of this dimension through a point of this D − x.
    pub(crate) fn new(shift: &[f64], dimension: usize) -> Self {
        let d = shift.len();
        let mut space = Krylov {
            d,
            dimension,
            shift: shift.to_vec(),
            basis: Vec::new(),
            images: Vec::new(),
            done: false,
            residual: f64::INFINITY,
            stalled: 0,
            values: Vec::new(),
            vectors: Vec::new(),
        };
        space.add(shift);
        // The same for every point: a frame is a function of the point alone.
        let mut stream = Stream::new(0, Purpose::Projection, 0, dimension as u64);
        for _ in 0..dimension + 1 + SPARE {
            let random: Vec<f64> = (0..d).map(|_| stream.normal()).collect();
            space.add(&random);
        }
        space
    }

    /// Vectors whose products with A are wanted, `[.., d]`; none if the space is large enough.
    pub(crate) fn pending(&self) -> &[f64] {
        if self.done { &[] } else { &self.basis[self.images.len()..] }
    }

    /// Takes A times the pending vectors. Gains are `scale` times the eigenvalues of A.
    pub(crate) fn grow(&mut self, images: Vec<f64>, scale: f64) -> Result<()> {
        self.images.extend_from_slice(&images);
        let size = self.images.len() / self.d;
        self.ritz(size)?;
        let residual = self.error(size, scale);
        self.stalled = if residual < 0.5 * self.residual { 0 } else { self.stalled + 1 };
        self.residual = self.residual.min(residual);
        if residual <= 1.0 || self.stalled >= STALLED || size >= LARGEST.min(self.d) {
            self.done = true;
            return Ok(());
        }
        images.chunks_exact(self.d).for_each(|image| self.add(image));
        // Nothing new: the space is invariant, and its Ritz pairs are exact.
        self.done = self.basis.len() == self.images.len();
        Ok(())
    }

    /// Eigenvalues of A, falling, and their vectors as rows.
    pub(crate) fn pairs(&self) -> (&[f64], &[f64]) {
        (&self.values, &self.vectors)
    }

    fn add(&mut self, v: &[f64]) {
        let before = norm(v);
        if before <= 0.0 || !before.is_finite() || self.basis.len() >= LARGEST.min(self.d) * self.d {
            return;
        }
        let mut rest = less_parts(&self.basis, v);
        let after = norm(&rest);
        if after > DEPENDENT * before {
            rest.iter_mut().for_each(|r| *r /= after);
            // Once more: of a short rest, rounding is a larger part.
            let rest = less_parts(&self.basis, &rest);
            let length = norm(&rest);
            self.basis.extend(rest.iter().map(|r| r / length));
        }
    }

    fn ritz(&mut self, size: usize) -> Result<()> {
        let d = self.d;
        let mut projected = faer::Mat::zeros(size, size);
        let mut column = vec![0.0; size];
        for (j, image) in self.images.chunks_exact(d).enumerate() {
            dots(&self.basis[..size * d], image, &mut column);
            for (i, value) in column.iter().enumerate() {
                projected[(i, j)] += 0.5 * value;
                projected[(j, i)] += 0.5 * value;
            }
        }
        let (values, combinations) = eigen(&projected)?;
        self.vectors.clear();
        self.vectors.resize(size * d, 0.0);
        for (c, out) in combinations.outer_iter().zip(self.vectors.chunks_exact_mut(d)) {
            axpys(&c.to_vec(), &self.basis[..size * d], out);
        }
        self.values = values;
        Ok(())
    }

    /// The largest error over what is allowed of it: of the wanted pairs, and of the linear system's solution.
    fn error(&self, size: usize, scale: f64) -> f64 {
        let d = self.d;
        let Some(&largest) = self.values.first().filter(|v| **v > 0.0) else { return 0.0 };
        if size < (self.dimension + 1).min(d) {
            return f64::INFINITY;
        }
        let product = |v: &[f64]| -> Vec<f64> {
            let mut coordinates = vec![0.0; size];
            dots(&self.basis[..size * d], v, &mut coordinates);
            let mut out = vec![0.0; d];
            axpys(&coordinates, &self.images, &mut out);
            out
        };
        let mut worst: f64 = 0.0;
        for (i, (y, value)) in
            self.vectors.chunks_exact(d).zip(&self.values).take(self.dimension + 1).enumerate()
        {
            let residual = product(y).iter().zip(y).map(|(a, y)| (a - value * y).powi(2)).sum::<f64>().sqrt();
            // Of the normal one only the value is wanted, whose error is of second order.
            let allowed = if i < self.dimension { TOLERANCE } else { TOLERANCE.sqrt() };
            worst = worst.max(residual / largest / allowed);
        }
        let known = self.dimension.min(size);
        let right = less_parts(&self.vectors[..known * d], &self.shift);
        let length = norm(&right);
        let normal = &self.vectors[known * d..];
        if length > 0.0 && self.values.get(known).is_none_or(|v| scale * v < 1.0) {
            let mut along = vec![0.0; size - known];
            dots(normal, &right, &mut along);
            along.iter_mut().zip(&self.values[known..]).for_each(|(a, v)| *a /= 1.0 - scale * v.max(0.0));
            let mut z = vec![0.0; d];
            axpys(&along, normal, &mut z);
            let image = product(&z);
            let left: Vec<f64> = z.iter().zip(&image).map(|(z, a)| z - scale * a).collect();
            let left = less_parts(&self.vectors[..known * d], &left);
            let off: f64 = left.iter().zip(&right).map(|(l, r)| (l - r) * (l - r)).sum();
            worst = worst.max(off.sqrt() / length / SOLVED);
        }
        worst
    }
}
