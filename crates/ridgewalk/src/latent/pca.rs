//! Principal components: the linear latent space that keeps most variance.
//!
//! ```text
//! S = (1/n) Σ (x_i − μ)(x_i − μ)ᵀ = V diag(λ) Vᵀ          λ decreasing
//! z = diag(1/s) V_kᵀ (x − μ)          x̂ = μ + V_k diag(s) z          s = 1, or √λ (whitened)
//! mean ‖x − x̂‖² = Σ_{j>k} λ_j          explained = Σ_{j≤k} λ_j / Σ_j λ_j
//! ```
//!
//! With s = 1 it is a projection: isotropic noise of level σ stays isotropic noise of level σ, and a
//! distance within the span is that of the data. Whitened, one unit is a standard deviation along each
//! component, so that small variations count as much as large ones.
//!
//! Where n < d the eigenvectors of S come from the n × n matrix of scalar products (x_i − μ)·(x_j − μ),
//! and are made orthonormal again. Cost of a fit: O(n·d·min(n, d)) and O(min(n, d)³), on all threads and
//! on one; of a row either way O(d·k). Signs are fixed: the first of the largest entries is positive.

use faer::Mat;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};
use rayon::prelude::*;

use super::{Latent, check_rows};
use crate::closed_form::covariance::eigen;
use crate::closed_form::rows::{axpys, dot, dots, map_rows, slice};
use crate::closed_form::scatter::weighted_moments;
use crate::error::{Error, Result};
use crate::points::{PointSet, require_finite};

/// Directions of less than this part of the largest variance are rounding: a sum over 10⁶ points leaves
/// about 10⁻¹³.
const ROUNDING: f64 = 1e-12;
/// How far components that were read from a file may be from orthonormal: what f32 keeps.
const ORTHONORMALITY: f64 = 1e-5;
/// Entries this near to the largest are as large: which of them is the largest is rounding.
const AS_LARGE: f64 = 1e-6;

/// How many principal components are kept.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Components {
    /// This many, from 1 to the rank of the data.
    Count(usize),
    /// As few as explain this share of the variance, in (0, 1].
    Share(f64),
}

/// A projection on principal components.
///
/// ```
/// use ridgewalk::latent::{Components, Latent, Pca};
///
/// let digits = ridgewalk_data::digits();
/// let pca = Pca::fit(&digits, Components::Share(0.95))?;
/// assert_eq!((pca.data_dim(), pca.dim()), (64, 29));
/// let error = &pca.reconstruct(digits.values())? - &digits.values();
/// let mean_square = error.iter().map(|e| e * e).sum::<f64>() / digits.len() as f64;
/// assert!((mean_square / pca.residual_variance() - 1.0).abs() < 1e-9);
/// # Ok::<(), ridgewalk::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Pca {
    mean: Array1<f64>,
    /// V_kᵀ, one component a row, `[k, d]`, standard layout.
    components: Array2<f64>,
    scales: Vec<f64>,
    spectrum: Vec<f64>,
}

impl Pca {
    /// The principal components of `data`, not whitened.
    ///
    /// # Errors
    /// If the count is 0 or above the rank of the data, the share is not in (0, 1], all points are equal,
    /// or their spread is beyond the range of f64.
    pub fn fit(data: &PointSet, components: Components) -> Result<Self> {
        if let Components::Share(share) = components
            && !(share > 0.0 && share <= 1.0)
        {
            let help = "choose it above 0 and up to 1, such as 0.95";
            return Err(Error::argument("share", format!("of the variance is {share}"), help));
        }
        let basis = if data.len() < data.dim() { by_products(data)? } else { by_covariance(data)? };
        let Some(largest) = basis.spectrum.first().copied().filter(|v| v.is_normal() && *v > 0.0) else {
            return Err(Error::argument(
                "data",
                "have no principal components: all points are equal, or their spread is beyond the range of f64",
                "give points that vary, or rescale them",
            ));
        };
        let rank = basis.spectrum.iter().take_while(|v| **v > ROUNDING * largest).count();
        let spectrum = basis.spectrum.get(..rank).unwrap_or_default().to_vec();
        let count = match components {
            Components::Count(count) if count == 0 || count > rank => {
                return Err(Error::argument(
                    "components",
                    format!("is {count} for data of rank {rank} ({} points)", data.len()),
                    format!("choose 1 to {rank} principal components"),
                ));
            }
            Components::Count(count) => count,
            Components::Share(share) => enough(&spectrum, share),
        };
        let rows: Vec<usize> = (0..count).collect();
        let mut components = basis.vectors.select(Axis(0), &rows);
        orthonormalize(&mut components);
        components.outer_iter_mut().for_each(|mut row| {
            if sign(row.view()) < 0.0 {
                row.mapv_inplace(|v| -v);
            }
        });
        Ok(Pca { mean: basis.mean, components, scales: vec![1.0; count], spectrum })
    }

    /// The same components, each in units of its standard deviation.
    pub fn whitened(mut self) -> Self {
        self.scales = self.spectrum.iter().take(self.scales.len()).map(|v| v.sqrt()).collect();
        self
    }

    /// From its parts, kept bit for bit: `mean` μ (`[d]`), `components` V_kᵀ (`[k, d]`, orthonormal rows),
    /// `scales` s (`[k]`, above 0) and the `spectrum` λ of the data, decreasing, of which the first k
    /// belong to the components.
    ///
    /// # Errors
    /// If lengths disagree, k is 0, a value is not finite, the rows are not orthonormal to 1e-5, a scale is
    /// not positive, or the spectrum is not positive and decreasing.
    pub fn from_parts(
        mean: Array1<f64>,
        components: Array2<f64>,
        scales: Vec<f64>,
        spectrum: Vec<f64>,
    ) -> Result<Self> {
        let (k, d) = components.dim();
        let fits = k > 0 && k <= d && mean.len() == d && scales.len() == k;
        if !fits || spectrum.len() < k || spectrum.len() > d {
            return Err(Error::shape(
                "the latent space",
                format!(
                    "components of shape {:?}, a mean of {}, {} scales and a spectrum of {}",
                    components.dim(),
                    mean.len(),
                    scales.len(),
                    spectrum.len()
                ),
                "components of shape (k, d), a mean of d, k scales and a spectrum of k to d, with 1 to d components",
            ));
        }
        require_finite("the mean", mean.view().insert_axis(Axis(0)))?;
        require_finite("the components", components.view())?;
        if let Some(bad) = scales.iter().find(|s| !(s.is_finite() && **s > 0.0)) {
            return Err(Error::argument("scales", format!("hold {bad}"), "they are finite and above 0"));
        }
        let above_zero = |v: &f64| v.is_finite() && *v > 0.0;
        if !spectrum.iter().all(above_zero) || !spectrum.is_sorted_by(|a, b| a >= b) {
            let problem = "holds variances that are not finite, above 0 and decreasing";
            return Err(Error::argument("spectrum", problem, "give the eigenvalues of the covariance"));
        }
        let components = components.as_standard_layout().into_owned();
        check_orthonormal(&components)?;
        Ok(Pca { mean, components, scales, spectrum })
    }

    /// μ, `[d]`.
    pub fn mean(&self) -> ArrayView1<'_, f64> {
        self.mean.view()
    }

    /// V_kᵀ, one component a row, `[k, d]`.
    pub fn components(&self) -> ArrayView2<'_, f64> {
        self.components.view()
    }

    /// What one latent unit is along every component, in the data's units, `[k]`: 1 unless whitened.
    pub fn scales(&self) -> &[f64] {
        &self.scales
    }

    /// Whether one unit along a component is something else than one unit of the data.
    pub fn is_scaled(&self) -> bool {
        self.scales.iter().any(|s| *s != 1.0)
    }

    /// λ: the variance of the data along every principal direction, decreasing; its length is their rank.
    pub fn spectrum(&self) -> &[f64] {
        &self.spectrum
    }

    /// Share of the variance that the components hold, in (0, 1].
    pub fn explained(&self) -> f64 {
        1.0 - self.residual_variance() / self.spectrum.iter().sum::<f64>()
    }

    /// Mean squared distance ‖x − x̂‖² of the data that it was fitted to from their reconstructions.
    pub fn residual_variance(&self) -> f64 {
        self.spectrum.iter().skip(self.scales.len()).sum()
    }
}

impl Latent for Pca {
    fn name(&self) -> &'static str {
        "pca"
    }

    fn dim(&self) -> usize {
        self.components.nrows()
    }

    fn data_dim(&self) -> usize {
        self.components.ncols()
    }

    fn encode(&self, x: ArrayView2<f64>) -> Result<Array2<f64>> {
        check_rows("x", x, self.data_dim())?;
        let (k, d) = self.components.dim();
        let z = map_rows(x, k, |x, z| {
            for (x, z) in x.chunks(d).zip(z.chunks_mut(k)) {
                let centred: Vec<f64> = x.iter().zip(&self.mean).map(|(x, m)| x - m).collect();
                dots(slice(&self.components), &centred, z);
                z.iter_mut().zip(&self.scales).for_each(|(z, s)| *z /= s);
            }
        });
        require_finite("the encoded points", z.view())?;
        Ok(z)
    }

    fn decode(&self, z: ArrayView2<f64>) -> Result<Array2<f64>> {
        check_rows("z", z, self.dim())?;
        let (k, d) = self.components.dim();
        let x = map_rows(z, d, |z, x| {
            for (z, x) in z.chunks(k).zip(x.chunks_mut(d)) {
                let along: Vec<f64> = z.iter().zip(&self.scales).map(|(z, s)| z * s).collect();
                x.iter_mut().zip(&self.mean).for_each(|(x, m)| *x = *m);
                axpys(&along, slice(&self.components), x);
            }
        });
        require_finite("the decoded points", x.view())?;
        Ok(x)
    }
}

/// Principal directions of all of a set of points.
struct Basis {
    mean: Array1<f64>,
    /// λ, decreasing.
    spectrum: Vec<f64>,
    /// One direction a row, to rounding orthonormal where λ is far above it.
    vectors: Array2<f64>,
}

fn by_covariance(data: &PointSet) -> Result<Basis> {
    let all: Vec<(usize, f64)> = (0..data.len()).map(|i| (i, 1.0)).collect();
    let (mean, scatter) = weighted_moments(data.values(), &all);
    let (spectrum, vectors) = eigen(&scatter)?;
    Ok(Basis { mean, spectrum, vectors })
}

/// By the matrix of scalar products: if u is one of its eigenvectors, Σ u_i (x_i − μ) is one of S.
fn by_products(data: &PointSet) -> Result<Basis> {
    let (n, d) = data.values().dim();
    let mean = data.moments().mean;
    let centred = &data.values() - &mean;
    let rows = slice(&centred);
    let mut products = vec![0.0; n * n];
    products.par_chunks_mut(n).zip(rows.par_chunks(d)).for_each(|(out, row)| dots(rows, row, out));
    // ⟨a, b⟩ and ⟨b, a⟩ are the same sums of the same products: symmetric to the bit.
    let gram = Mat::from_fn(n, n, |i, j| products.get(i * n + j).copied().unwrap_or_default() / n as f64);
    let (spectrum, combinations) = eigen(&gram)?;
    let vectors = map_rows(combinations.view(), d, |u, out| {
        for (u, out) in u.chunks(n).zip(out.chunks_mut(d)) {
            axpys(u, rows, out);
            normalize(out);
        }
    });
    Ok(Basis { mean, spectrum, vectors })
}

/// The least number of leading variances that make up a share of all.
fn enough(spectrum: &[f64], share: f64) -> usize {
    let wanted = share * (1.0 - ROUNDING) * spectrum.iter().sum::<f64>();
    let mut sum = 0.0;
    let missing = spectrum.iter().take_while(|v| {
        let more = sum < wanted;
        sum += *v;
        more
    });
    missing.count().max(1)
}

/// Gram–Schmidt, in order, so that each row keeps to the span of itself and those before it.
fn orthonormalize(rows: &mut Array2<f64>) {
    let (k, d) = rows.dim();
    let Some(all) = rows.as_slice_mut() else { return };
    for i in 0..k {
        let (before, rest) = all.split_at_mut(i * d);
        let Some(row) = rest.get_mut(..d) else { return };
        let mut along = vec![0.0; i];
        dots(before, row, &mut along);
        along.iter_mut().for_each(|a| *a = -*a);
        axpys(&along, before, row);
        normalize(row);
    }
}

fn normalize(row: &mut [f64]) {
    let norm = dot(row, row).sqrt();
    if norm > 0.0 {
        row.iter_mut().for_each(|v| *v /= norm);
    }
}

/// The sign of the first of the largest entries.
fn sign(row: ArrayView1<f64>) -> f64 {
    let largest = row.iter().fold(0.0f64, |m, v| m.max(v.abs()));
    row.iter().find(|v| v.abs() >= (1.0 - AS_LARGE) * largest).copied().unwrap_or(1.0)
}

fn check_orthonormal(rows: &Array2<f64>) -> Result<()> {
    let (k, d) = rows.dim();
    let all = slice(rows);
    let wrong = all.par_chunks(d).enumerate().find_map_first(|(i, row)| {
        let mut products = vec![0.0; k];
        dots(all, row, &mut products);
        let off = |j: usize, p: f64| (p - f64::from(u8::from(i == j))).abs() > ORTHONORMALITY;
        products.into_iter().enumerate().find(|&(j, p)| off(j, p)).map(|(j, p)| (i, j, p))
    });
    match wrong {
        None => Ok(()),
        Some((i, j, product)) => Err(Error::argument(
            "components",
            format!("{i} and {j} have the scalar product {product}"),
            "give orthonormal rows",
        )),
    }
}

#[cfg(test)]
mod tests;
