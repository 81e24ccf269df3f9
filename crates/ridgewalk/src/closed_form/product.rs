//! Independent blocks of coordinates, each with a field of its own.
//!
//! If p(x) = Π_b p_b(x_b) then, isotropic noise being independent too, p_σ(x) = Π_b p_{b,σ}(x_b):
//! D and its derivatives are those of the blocks, J and the Hessian are block diagonal, log p_σ and
//! the divergence are sums.

use std::fmt;
use std::sync::Arc;

use ndarray::{Array1, Array2, Array3, ArrayView2, Axis};

use super::pointwise::checked_variance;
use crate::denoiser::{Denoiser, Density, Differentiable, check_tangent};
use crate::error::{Error, Result};
use crate::points::Moments;
use crate::random::Stream;

/// Π_b p_b(x_b).
///
/// ```
/// use std::sync::Arc;
///
/// use ndarray::array;
/// use ridgewalk::Denoiser;
/// use ridgewalk::closed_form::{Covariance, Gaussian, Product, Sphere};
///
/// // A cylinder: the unit circle times a Gaussian.
/// let height = Gaussian::new(array![0.0], Covariance::isotropic(1, 1.0)?)?;
/// let cylinder = Product::new(vec![Arc::new(Sphere::new(2, 1.0)?), Arc::new(height)])?;
/// let denoised = cylinder.denoise(array![[0.0, 7.0, 4.0]].view(), 1.0)?;
/// assert_eq!((denoised[[0, 0]], denoised[[0, 2]]), (0.0, 2.0));
/// # Ok::<(), ridgewalk::Error>(())
/// ```
#[derive(Clone)]
pub struct Product {
    blocks: Vec<Block>,
    dim: usize,
}

#[derive(Clone)]
struct Block {
    coordinates: Vec<usize>,
    field: Arc<dyn Density>,
}

impl fmt::Debug for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let coordinates: Vec<_> = self.blocks.iter().map(|b| &b.coordinates).collect();
        f.debug_struct("Product").field("dim", &self.dim).field("blocks", &coordinates).finish()
    }
}

impl Product {
    /// Fields of consecutive coordinates: the first takes the first ones, and so on.
    ///
    /// # Errors
    /// If there are no fields.
    pub fn new(fields: Vec<Arc<dyn Density>>) -> Result<Self> {
        let mut next = 0;
        let blocks = fields.into_iter().map(|field| {
            let first = next;
            next += field.dim();
            ((first..next).collect(), field)
        });
        Self::with_coordinates(blocks.collect())
    }

    /// Fields of the coordinates named with them, in that order; together each of 0..d exactly once.
    ///
    /// # Errors
    /// If there are no fields, a field has another dimension than its coordinates, or a coordinate is
    /// missing, named twice, or out of range.
    pub fn with_coordinates(blocks: Vec<(Vec<usize>, Arc<dyn Density>)>) -> Result<Self> {
        let dim = blocks.iter().map(|(coordinates, _)| coordinates.len()).sum();
        if dim == 0 {
            return Err(Error::argument("blocks", "have no coordinates", "give at least one field"));
        }
        let mut taken = vec![false; dim];
        for (b, (coordinates, field)) in blocks.iter().enumerate() {
            if coordinates.len() != field.dim() {
                return Err(Error::shape(
                    format!("block {b}"),
                    format!("{} coordinates", coordinates.len()),
                    format!("{} (its field's dimension)", field.dim()),
                ));
            }
            for &i in coordinates {
                match taken.get_mut(i) {
                    Some(taken) if !*taken => *taken = true,
                    other => {
                        let why = if other.is_some() { "again" } else { "beyond the last" };
                        return Err(Error::argument(
                            "blocks",
                            format!("have coordinate {i} {why} in block {b}"),
                            format!("name each of 0..{dim} once"),
                        ));
                    }
                }
            }
        }
        let blocks = blocks.into_iter().map(|(coordinates, field)| Block { coordinates, field }).collect();
        Ok(Product { blocks, dim })
    }

    /// Number of blocks.
    #[allow(clippy::len_without_is_empty)] // never empty, by construction
    pub fn len(&self) -> usize {
        self.blocks.len()
    }

    /// Coordinates and field of every block.
    pub fn blocks(&self) -> impl Iterator<Item = (&[usize], &dyn Density)> {
        self.blocks.iter().map(|b| (&b.coordinates[..], &*b.field))
    }

    /// `[batch, d]` from every block's answer to its part of x.
    fn assemble(
        &self,
        x: ArrayView2<f64>,
        answer: impl Fn(&Block, ArrayView2<f64>) -> Result<Array2<f64>>,
    ) -> Result<Array2<f64>> {
        let mut out = Array2::zeros(x.raw_dim());
        for block in &self.blocks {
            let part = answer(block, block.part(x).view())?;
            for (column, &i) in part.columns().into_iter().zip(&block.coordinates) {
                out.column_mut(i).assign(&column);
            }
        }
        Ok(out)
    }

    /// The sum over blocks of one number a row.
    fn sum(
        &self,
        x: ArrayView2<f64>,
        answer: impl Fn(&Block, ArrayView2<f64>) -> Result<Array1<f64>>,
    ) -> Result<Array1<f64>> {
        let mut out = Array1::zeros(x.nrows());
        for block in &self.blocks {
            out += &answer(block, block.part(x).view())?;
        }
        Ok(out)
    }

    /// The block diagonal matrix of every row.
    fn assemble_matrices(
        &self,
        x: ArrayView2<f64>,
        answer: impl Fn(&Block, ArrayView2<f64>) -> Result<Array3<f64>>,
    ) -> Result<Array3<f64>> {
        let mut out = Array3::zeros((x.nrows(), self.dim, self.dim));
        for block in &self.blocks {
            let part = answer(block, block.part(x).view())?;
            for ((row, a, b), &value) in part.indexed_iter() {
                out[(row, block.coordinates[a], block.coordinates[b])] = value;
            }
        }
        Ok(out)
    }
}

impl Block {
    /// This block's coordinates of every row.
    fn part(&self, x: ArrayView2<f64>) -> Array2<f64> {
        x.select(Axis(1), &self.coordinates)
    }
}

impl Denoiser for Product {
    fn dim(&self) -> usize {
        self.dim
    }
    fn denoise(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array2<f64>> {
        checked_variance(self.dim, x, sigma)?;
        self.assemble(x, |b, x| b.field.denoise(x, sigma))
    }
    fn moments(&self) -> Option<Moments> {
        let mut mean = Array1::zeros(self.dim);
        let mut square = 0.0;
        for block in &self.blocks {
            let part = block.field.moments()?;
            for (&i, &m) in block.coordinates.iter().zip(&part.mean) {
                mean[i] = m;
            }
            square += part.std * part.std * block.coordinates.len() as f64;
        }
        Some(Moments { mean, std: (square / self.dim as f64).sqrt() })
    }
    fn draw(&self, stream: &mut Stream) -> Option<Array1<f64>> {
        let mut out = Array1::zeros(self.dim);
        for block in &self.blocks {
            let part = block.field.draw(stream)?;
            for (&i, v) in block.coordinates.iter().zip(&part) {
                out[i] = *v;
            }
        }
        Some(out)
    }
    fn differentiable(&self) -> Option<&dyn Differentiable> {
        Some(self)
    }
    fn density(&self) -> Option<&dyn Density> {
        Some(self)
    }
    fn score(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array2<f64>> {
        checked_variance(self.dim, x, sigma)?;
        self.assemble(x, |b, x| b.field.score(x, sigma))
    }
    fn noise(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array2<f64>> {
        checked_variance(self.dim, x, sigma)?;
        self.assemble(x, |b, x| b.field.noise(x, sigma))
    }
}

impl Differentiable for Product {
    fn jvp(&self, x: ArrayView2<f64>, sigma: f64, v: ArrayView2<f64>) -> Result<Array2<f64>> {
        checked_variance(self.dim, x, sigma)?;
        check_tangent(x, v)?;
        self.assemble(x, |b, x| b.field.jvp(x, sigma, b.part(v).view()))
    }
    fn vjp(&self, x: ArrayView2<f64>, sigma: f64, v: ArrayView2<f64>) -> Result<Array2<f64>> {
        checked_variance(self.dim, x, sigma)?;
        check_tangent(x, v)?;
        self.assemble(x, |b, x| b.field.vjp(x, sigma, b.part(v).view()))
    }
    fn denoise_with_sigma_derivative(
        &self,
        x: ArrayView2<f64>,
        sigma: f64,
    ) -> Result<(Array2<f64>, Array2<f64>)> {
        let derivative =
            |b: &Block, x: ArrayView2<f64>| Ok(b.field.denoise_with_sigma_derivative(x, sigma)?.1);
        Ok((self.denoise(x, sigma)?, self.assemble(x, derivative)?))
    }
    fn divergence(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array1<f64>> {
        checked_variance(self.dim, x, sigma)?;
        self.sum(x, |b, x| b.field.divergence(x, sigma))
    }
    fn jacobian(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array3<f64>> {
        checked_variance(self.dim, x, sigma)?;
        self.assemble_matrices(x, |b, x| b.field.jacobian(x, sigma))
    }
    fn hessian_product(&self, x: ArrayView2<f64>, sigma: f64, v: ArrayView2<f64>) -> Result<Array2<f64>> {
        checked_variance(self.dim, x, sigma)?;
        check_tangent(x, v)?;
        self.assemble(x, |b, x| b.field.hessian_product(x, sigma, b.part(v).view()))
    }
}

impl Density for Product {
    fn log_density(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array1<f64>> {
        checked_variance(self.dim, x, sigma)?;
        self.sum(x, |b, x| b.field.log_density(x, sigma))
    }
    fn hessian(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array3<f64>> {
        checked_variance(self.dim, x, sigma)?;
        self.assemble_matrices(x, |b, x| b.field.hessian(x, sigma))
    }
}
