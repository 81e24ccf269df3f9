//! An autoencoder as a latent space.

use std::collections::BTreeMap;
use std::sync::Arc;

use burn::tensor::{Device, TensorData};
use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;
use ridgewalk::{Error, Latent, PointSet, Result, Shape};

use super::{AutoencoderModel, Coder};
use crate::network::Dual;
use crate::ops::Matrix;
use crate::parameters::Leaves;

/// Vectors that are coded together: a single one takes as long as these.
const VECTORS: usize = 64;

/// A trained autoencoder: z = (μ(x) − c̄)/t, and back.
///
/// Values are f64 at this boundary and f32 within. Results depend neither on the batch nor on the number of threads:
/// images are coded one by one, vectors in groups of one size.
#[derive(Clone)]
pub struct Autoencoder {
    coder: Arc<Coder>,
    leaves: Leaves,
    values: Arc<Vec<f32>>,
    mean: Vec<f64>,
    deviation: f64,
    device: Device,
}

impl Autoencoder {
    /// Of these numbers, in the order of its own arrays; z = μ(x) until it is [standardised](Autoencoder::standardised).
    ///
    /// # Errors
    /// If the model is not sound, or the numbers are not as many as it has or not finite.
    pub fn new(model: &AutoencoderModel, values: Vec<f32>) -> Result<Self> {
        let coder = Coder::new(model)?;
        if values.len() != coder.layout().len() {
            return Err(Error::shape("the autoencoder's numbers", values.len(), coder.layout().len()));
        }
        if values.iter().any(|value| !value.is_finite()) {
            let help = "take an earlier checkpoint";
            return Err(Error::argument("the autoencoder's numbers", "are not all finite", help));
        }
        let device = Device::flex();
        let leaves = Leaves::new(coder.layout(), &values, &device);
        let mean = vec![0.0; coder.latent()];
        Ok(Autoencoder {
            coder: Arc::new(coder),
            leaves,
            values: Arc::new(values),
            mean,
            deviation: 1.0,
            device,
        })
    }

    /// As its training begins, with random numbers from `seed`.
    ///
    /// # Errors
    /// If the model is not sound.
    pub fn initial(model: &AutoencoderModel, seed: u64) -> Result<Self> {
        let values = Coder::new(model)?.layout().initial(seed);
        Self::new(model, values)
    }

    /// Of arrays by PyTorch's names: shape and values. Linear maps of a whole map read it in the order (height, width,
    /// channel).
    ///
    /// # Errors
    /// As [`Autoencoder::new`], and if an array is missing or has another shape.
    pub fn from_torch(
        model: &AutoencoderModel,
        arrays: &BTreeMap<String, (Vec<usize>, Vec<f32>)>,
    ) -> Result<Self> {
        let values = Coder::new(model)?.layout().read_torch(arrays);
        let help = "give the settings with which the weights were made";
        Self::new(
            model,
            values.map_err(|problem| Error::argument("the autoencoder's arrays", problem, help))?,
        )
    }

    /// The same with c̄ and t of these points: encoded, every coordinate has mean 0, and all together deviation 1.
    ///
    /// # Errors
    /// If they are not of its shape, or all are encoded as one.
    pub fn standardised(self, points: &PointSet) -> Result<Self> {
        let plain = self.with_moments(Vec::new(), 1.0)?;
        let codes = PointSet::vectors(plain.encode(points.values())?)?.moments();
        plain.with_moments(codes.mean.to_vec(), codes.std)
    }

    /// The same with this c̄ (zeros, if it is empty) and t.
    ///
    /// # Errors
    /// If there are not k of them, or t is not positive.
    pub fn with_moments(self, mean: Vec<f64>, deviation: f64) -> Result<Self> {
        let mean = if mean.is_empty() { vec![0.0; self.coder.latent()] } else { mean };
        if mean.len() != self.coder.latent() || mean.iter().any(|m| !m.is_finite()) {
            return Err(Error::shape("the mean of latents", mean.len(), self.coder.latent()));
        }
        if !(deviation > 0.0 && deviation.is_finite()) {
            let problem =
                format!("have the deviation {deviation}: the autoencoder encodes all points as one");
            return Err(Error::argument("latents", problem, "train longer, or with a smaller kl"));
        }
        Ok(Autoencoder { mean, deviation, ..self })
    }

    /// What determines it besides its numbers.
    pub fn model(&self) -> &AutoencoderModel {
        self.coder.model()
    }

    /// Shape of a point.
    pub fn shape(&self) -> Shape {
        self.model().shape
    }

    /// Its numbers, in the order of its arrays.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// c̄, `[k]`.
    pub fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// t.
    pub fn deviation(&self) -> f64 {
        self.deviation
    }

    /// Its arrays by PyTorch's names: name, shape, values.
    pub fn to_torch(&self) -> Vec<(String, Vec<usize>, Vec<f32>)> {
        self.coder.layout().to_torch(&self.values)
    }

    /// J v of the decoder at every row of z (`[n, k]`), `[n, d]`: exact up to rounding.
    ///
    /// # Errors
    /// If either is not `[n, k]` and finite, or a result is not finite.
    pub fn decode_jvp(&self, z: ArrayView2<f64>, v: ArrayView2<f64>) -> Result<Array2<f64>> {
        check("z", z, self.dim())?;
        check("v", v, self.dim())?;
        if z.nrows() != v.nrows() {
            return Err(Error::shape("v", format!("{} rows", v.nrows()), z.nrows()));
        }
        let both = ndarray::concatenate(Axis(1), &[z, v])
            .map_err(|_| Error::shape("v", format!("{} rows", v.nrows()), z.nrows()))?;
        let k = self.dim();
        let scale = self.model().scale;
        let out = self.each(both.view(), self.data_dim(), |values, rows| {
            let part = |first: usize, map: &dyn Fn(usize, f64) -> f64| {
                let own = values.chunks(2 * k).flat_map(|row| row.iter().skip(first).take(k).enumerate());
                self.matrix(own.map(|(i, x)| map(i, *x) as f32).collect(), rows)
            };
            let at = part(0, &|i, z| self.code(i, z));
            let along = part(k, &|_, v| self.deviation * v);
            self.coder.decode(&self.leaves, Dual::new(at, along)).tangent()
        })?;
        Ok(out * scale)
    }

    /// c of coordinate i of z.
    fn code(&self, i: usize, z: f64) -> f64 {
        self.mean.get(i).copied().unwrap_or(0.0) + self.deviation * z
    }

    fn matrix(&self, values: Vec<f32>, rows: usize) -> Matrix {
        let columns = values.len() / rows.max(1);
        Matrix::from_data(TensorData::new(values, [rows, columns]), &self.device)
    }

    /// An answer of `columns` numbers to every row, in groups of one size, filled up with zeros.
    fn each(
        &self,
        x: ArrayView2<f64>,
        columns: usize,
        answer: impl Fn(&[f64], usize) -> Matrix + Sync,
    ) -> Result<Array2<f64>> {
        let (n, width) = x.dim();
        let group = if self.shape().is_image() { 1 } else { VECTORS };
        let parts: Vec<Vec<f64>> = (0..n.div_ceil(group))
            .into_par_iter()
            .map(|index| {
                let range = index * group..n.min((index + 1) * group);
                let own = ridgewalk::points::rows(&x, range);
                let mut values: Vec<f64> = own.iter().copied().collect();
                values.resize(group * width, 0.0);
                let data = answer(&values, group).into_data();
                data.iter::<f32>().take(own.nrows() * columns).map(f64::from).collect()
            })
            .collect();
        let values = parts.concat();
        if let Some(index) = values.iter().position(|value| !value.is_finite()) {
            let problem = format!("is not finite at row {}", index / columns.max(1));
            let help = "ask within the values of its training";
            return Err(Error::argument("the autoencoder's answer", problem, help));
        }
        Array2::from_shape_vec((n, columns), values)
            .map_err(|_| Error::shape("the autoencoder's answer", n, columns))
    }
}

/// Rows that are finite and of this many columns.
fn check(what: &'static str, x: ArrayView2<f64>, columns: usize) -> Result<()> {
    if x.ncols() != columns {
        return Err(Error::shape(what, format!("{} columns", x.ncols()), columns));
    }
    match x.outer_iter().position(|row| row.iter().any(|value| !value.is_finite())) {
        Some(row) => Err(Error::argument(what, format!("is not finite at row {row}"), "give finite numbers")),
        None => Ok(()),
    }
}

impl Latent for Autoencoder {
    fn name(&self) -> &'static str {
        "autoencoder"
    }

    fn dim(&self) -> usize {
        self.coder.latent()
    }

    fn data_dim(&self) -> usize {
        self.shape().dim()
    }

    fn encode(&self, x: ArrayView2<f64>) -> Result<Array2<f64>> {
        check("x", x, self.data_dim())?;
        let AutoencoderModel { center, scale, .. } = self.model();
        let mut codes = self.each(x, self.dim(), |values, rows| {
            let inputs = values.iter().map(|x| ((x - center) / scale) as f32).collect();
            self.coder.encode(&self.leaves, self.matrix(inputs, rows)).0
        })?;
        for mut row in codes.outer_iter_mut() {
            row.iter_mut().zip(&self.mean).for_each(|(c, mean)| *c = (*c - mean) / self.deviation);
        }
        Ok(codes)
    }

    fn decode(&self, z: ArrayView2<f64>) -> Result<Array2<f64>> {
        check("z", z, self.dim())?;
        let AutoencoderModel { center, scale, .. } = self.model();
        let k = self.dim();
        let out = self.each(z, self.data_dim(), |values, rows| {
            let codes = values.chunks(k).flat_map(|row| row.iter().enumerate());
            let codes = codes.map(|(i, z)| self.code(i, *z) as f32).collect();
            self.coder.decode(&self.leaves, self.matrix(codes, rows))
        })?;
        Ok(out.mapv(|u| center + scale * u))
    }
}
