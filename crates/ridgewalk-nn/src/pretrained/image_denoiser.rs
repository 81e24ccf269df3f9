//! A blind denoiser of images of one size: a noise-blind field with Jacobian products.

use std::fmt;
use std::sync::Arc;

use burn::tensor::Tensor;
use ndarray::{Array1, Array2, Array3, ArrayView1, ArrayView2, Axis};
use rayon::prelude::*;
use ridgewalk::autonomous::{Autonomous, Target};
use ridgewalk::{Error, Moments, Result};

use super::network::{Network, cotangent, image};
use super::strips::strips;

/// Images of more pixels are refused: their values alone would take gigabytes.
const MOST_PIXELS: usize = 1 << 28;
/// Mean and deviation of the law of a pixel of which nothing is known but that it lies within 0…1: the uniform one.
const MIDDLE: f64 = 0.5;
const DEVIATION: f64 = 0.288_675_134_594_812_9; // 1/√12

/// A pretrained blind denoiser of grey images of one size, as a noise-blind field f(u) = D(u) of [`Target::Data`] on the
/// process that explodes its variance, u = x₀ + σε with x₀ in 0…1.
///
/// Values are f64 at this boundary and f32 within the network: results are exact to about 1e-6. They depend neither
/// on the batch nor on the number of threads.
#[derive(Clone)]
pub struct ImageDenoiser {
    network: Arc<dyn Network>,
    height: usize,
    width: usize,
}

/// What of a network is asked.
#[derive(Clone, Copy)]
enum Quantity {
    Denoised,
    /// J v.
    Jacobian,
    /// Jᵀ v.
    Transposed,
}

impl ImageDenoiser {
    pub(super) fn new(network: Arc<dyn Network>, height: usize, width: usize) -> crate::Result<Self> {
        let pixels = height.checked_mul(width).filter(|pixels| (1..=MOST_PIXELS).contains(pixels));
        if pixels.is_none() {
            let problem = format!("is {height}×{width}");
            let help = format!("give an image of 1 to {MOST_PIXELS} pixels");
            return Err(Error::argument("size", problem, help).into());
        }
        Ok(ImageDenoiser { network, height, width })
    }

    /// Rows of an image.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Columns of an image.
    pub fn width(&self) -> usize {
        self.width
    }

    /// J v for every row of `u`, `[batch, d]`: forward mode, exact up to rounding.
    ///
    /// The Jacobian of a trained network is not symmetric, although that of a posterior mean is: [`ImageDenoiser::vjp`]
    /// gives something else.
    ///
    /// # Errors
    /// If `u` or `v` does not have d columns or is not finite, or their numbers of rows differ; so all that follow.
    pub fn jvp(&self, u: ArrayView2<f64>, v: ArrayView2<f64>) -> Result<Array2<f64>> {
        ridgewalk::denoiser::check_tangent(u, v)?;
        self.apply(u, Some(v), Quantity::Jacobian)
    }

    /// Jᵀ v for every row, `[batch, d]`: reverse mode, exact up to rounding.
    pub fn vjp(&self, u: ArrayView2<f64>, v: ArrayView2<f64>) -> Result<Array2<f64>> {
        ridgewalk::denoiser::check_tangent(u, v)?;
        self.apply(u, Some(v), Quantity::Transposed)
    }

    /// J of every row, `[batch, d, d]` (row index: output), by d backward passes. For patches: d² values each.
    ///
    /// # Errors
    /// As [`ImageDenoiser::jvp`], and if a Jacobian has more than 2²⁸ values.
    pub fn jacobian(&self, u: ArrayView2<f64>) -> Result<Array3<f64>> {
        self.check(u)?;
        let d = self.dim();
        if d.checked_mul(d).is_none_or(|values| values > MOST_PIXELS) {
            let problem = format!("have {d} pixels, and a Jacobian that many squared values");
            return Err(Error::argument("images", problem, "ask for products, or take smaller patches"));
        }
        let mut all = Array3::zeros((u.nrows(), d, d));
        for (row, mut jacobian) in u.outer_iter().zip(all.outer_iter_mut()) {
            let Some(same) = row.broadcast((d, d)) else { continue };
            jacobian.assign(&self.apply(same, Some(Array2::eye(d).view()), Quantity::Transposed)?);
        }
        Ok(all)
    }

    /// tr J of every row, `[batch]`, by the mean of vᵀJv over the given directions, `[probes, d]`: of random signs it is
    /// unbiased, of the d unit vectors times √d it is exact.
    ///
    /// # Errors
    /// As [`ImageDenoiser::jvp`], and if there are no probes.
    pub fn trace(&self, u: ArrayView2<f64>, probes: ArrayView2<f64>) -> Result<Array1<f64>> {
        if probes.nrows() == 0 {
            return Err(Error::empty("the set of probes", "give at least one direction"));
        }
        let mut sum = Array1::zeros(u.nrows());
        for probe in probes.outer_iter() {
            let Some(v) = probe.broadcast(u.raw_dim()) else {
                return Err(Error::shape("a probe", probe.len(), self.dim()));
            };
            let product = self.jvp(u, v)?;
            for (sum, row) in sum.iter_mut().zip(product.outer_iter()) {
                *sum += row.iter().zip(probe).map(|(j, v)| j * v).sum::<f64>();
            }
        }
        Ok(sum / probes.nrows() as f64)
    }

    fn check(&self, u: ArrayView2<f64>) -> Result<()> {
        // The noise level has no part in it: any will do.
        ridgewalk::denoiser::check_query(self.dim(), u, 1.0)
    }

    /// One image at a time, each by the same operations whatever its neighbours are.
    fn apply(&self, u: ArrayView2<f64>, v: Option<ArrayView2<f64>>, what: Quantity) -> Result<Array2<f64>> {
        self.check(u)?;
        let rows: Vec<Array1<f64>> = (0..u.nrows())
            .into_par_iter()
            .map(|row| {
                let v = v.as_ref().map(|v| v.row(row));
                self.one(u.row(row), v, what).and_then(|out| finite(out, row))
            })
            .collect::<Result<_>>()?;
        let mut out = Array2::zeros(u.raw_dim());
        for (mut to, from) in out.outer_iter_mut().zip(&rows) {
            to.assign(from);
        }
        Ok(out)
    }

    fn one(&self, u: ArrayView1<f64>, v: Option<ArrayView1<f64>>, what: Quantity) -> Result<Array1<f64>> {
        let u = self.padded(self.grid(u));
        let v = v.map(|v| match what {
            // The adjoint of a cut is a margin of zeros; that of a reflection follows below.
            Quantity::Transposed => self.margin(self.grid(v)),
            _ => self.padded(self.grid(v)),
        });
        let (height, width) = u.dim();
        let radius = self.network.radius();
        let halo = if v.is_some() { 2 * radius } else { radius };
        let mut out = Array2::zeros(u.raw_dim());
        for strip in strips(height, width, halo, self.network.multiple()) {
            let x = tensor(&u, strip.read.clone());
            let y = match (&v, what) {
                (None, _) | (_, Quantity::Denoised) => Some(self.network.forward(x)),
                (Some(v), Quantity::Jacobian) => Some(self.network.tangent(x, tensor(v, strip.read.clone()))),
                (Some(v), Quantity::Transposed) => {
                    cotangent(self.network.as_ref(), x, tensor(v, strip.read.clone()))
                }
            };
            let values = y.and_then(|y| y.try_into_vec_as::<f32>().ok()).unwrap_or_default();
            let skipped = (strip.give.start - strip.read.start) * width;
            let Some(values) = values.get(skipped..skipped + strip.give.len() * width) else {
                return Err(Error::Numerical {
                    what: "network",
                    problem: format!("gave {} values for {} rows of {width}", values.len(), strip.read.len()),
                    help: "this is a fault of the program: report it".into(),
                });
            };
            let mut to = out.view_mut();
            to.slice_axis_inplace(Axis(0), strip.give.into());
            to.iter_mut().zip(values).for_each(|(to, value)| *to = *value);
        }
        Ok(match what {
            Quantity::Transposed => self.folded(out),
            _ => self.cut(&out),
        })
    }

    fn grid(&self, u: ArrayView1<f64>) -> Array2<f32> {
        // Values beyond the range of f32 become infinite, and what comes out is found to be.
        let values = u.iter().map(|value| *value as f32).collect();
        Array2::from_shape_vec((self.height, self.width), values).unwrap_or_default()
    }

    /// Sides of the image that the network sees.
    fn sides(&self) -> (usize, usize) {
        let multiple = self.network.multiple();
        (self.height.next_multiple_of(multiple), self.width.next_multiple_of(multiple))
    }

    /// With its margin reflected.
    fn padded(&self, x: Array2<f32>) -> Array2<f32> {
        let sides = self.sides();
        if x.dim() == sides {
            return x;
        }
        Array2::from_shape_fn(sides, |(i, j)| x[(reflected(i, self.height), reflected(j, self.width))])
    }

    /// With a margin of zeros.
    fn margin(&self, x: Array2<f32>) -> Array2<f32> {
        let sides = self.sides();
        if x.dim() == sides {
            return x;
        }
        Array2::from_shape_fn(sides, |at| x.get(at).copied().unwrap_or(0.0))
    }

    fn cut(&self, y: &Array2<f32>) -> Array1<f64> {
        let rows = y.outer_iter().take(self.height);
        rows.flat_map(|row| row.iter().take(self.width).map(|v| f64::from(*v)).collect::<Vec<_>>()).collect()
    }

    /// The adjoint of the reflection: what falls on the margin goes back to where that came from.
    fn folded(&self, y: Array2<f32>) -> Array1<f64> {
        let mut out = Array2::zeros((self.height, self.width));
        for ((i, j), value) in y.indexed_iter() {
            out[(reflected(i, self.height), reflected(j, self.width))] += f64::from(*value);
        }
        out.into_iter().collect()
    }
}

/// The row of an image that row `i` of the padded one shows.
fn reflected(i: usize, side: usize) -> usize {
    if i < side { i } else { (2 * side).saturating_sub(i + 2).min(side.saturating_sub(1)) }
}

fn tensor(x: &Array2<f32>, rows: std::ops::Range<usize>) -> Tensor<4> {
    let mut view = x.view();
    view.slice_axis_inplace(Axis(0), rows.into());
    let (height, width) = view.dim();
    image(view.iter().copied().collect(), height, width)
}

fn finite(out: Array1<f64>, row: usize) -> Result<Array1<f64>> {
    match out.iter().position(|value| !value.is_finite()) {
        None => Ok(out),
        Some(column) => Err(Error::NonFinite {
            what: "the network's answer (f32; it knows images of 0 to 1)".into(),
            row,
            column,
            value: out[column],
        }),
    }
}

impl Autonomous for ImageDenoiser {
    fn dim(&self) -> usize {
        self.height * self.width
    }

    fn field(&self, u: ArrayView2<f64>) -> Result<Array2<f64>> {
        self.apply(u, None, Quantity::Denoised)
    }

    fn target(&self) -> Target {
        Target::Data
    }

    /// Those of pixels uniform on 0…1: the network does not know its data's.
    fn moments(&self) -> Option<Moments> {
        Some(Moments { mean: Array1::from_elem(self.dim(), MIDDLE), std: DEVIATION })
    }
}

impl fmt::Debug for ImageDenoiser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ImageDenoiser({}×{})", self.height, self.width)
    }
}
