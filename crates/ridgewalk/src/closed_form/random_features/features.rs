//! Random features of a noisy point and its time (arXiv 2602.06021, the random feature model).
//!
//! ```text
//! σ_t(x) = act(W_x x + W_t φ(t) + b)      φ(t) = [1, sin(2πkt/T), cos(2πkt/T)]_{k = 1..K}
//! ```
//!
//! W_x, W_t and b are drawn once and stay. x is in the coordinates of the Ornstein–Uhlenbeck process
//! x_t = a x₀ + √h z, a = e^{−t}, h = 1 − e^{−2t}. Of such an x the mean over z is known in closed form:
//! with q = W_x a x₀ + W_t φ(t) + b and s = √h |w|,
//!
//! ```text
//! cosine  act(q) = √2 cos q      E[σ] = √2 e^{−s²/2} cos q
//! relu    act(q) = max(q, 0)     E[σ] = q Φ(q/s) + s φ(q/s)
//! ```

use std::f64::consts::{FRAC_1_SQRT_2, SQRT_2, TAU};

use ndarray::{Array2, ArrayView2, Axis};

use crate::closed_form::pointwise::each_row;
use crate::closed_form::rows::{dot, dots, slice};
use crate::error::{Error, Result};
use crate::points::{require_finite, rows};
use crate::random::{Purpose, Stream};

use super::times::Instant;

/// More features than this make moments of more than 2 GiB.
pub(super) const MOST_FEATURES: usize = 16_384;
/// More frequencies than this are a slip.
const MOST_FREQUENCIES: usize = 4_096;
/// First of the streams that belong to features, apart from those of other fits.
pub(super) const STREAMS: u64 = 1 << 32;

/// The function of a feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// √2 cos: every expectation over the noise is exact.
    Cosine,
    /// max(·, 0): the second moments are estimated.
    Relu,
}

impl Activation {
    /// `cosine` or `relu`.
    pub fn name(self) -> &'static str {
        match self {
            Activation::Cosine => "cosine",
            Activation::Relu => "relu",
        }
    }

    pub(super) fn value(self, q: f64) -> f64 {
        match self {
            Activation::Cosine => SQRT_2 * libm::cos(q),
            Activation::Relu => q.max(0.0),
        }
    }

    /// The derivative; 0 at the corner of relu.
    pub(super) fn derivative(self, q: f64) -> f64 {
        match self {
            Activation::Cosine => -SQRT_2 * libm::sin(q),
            Activation::Relu => f64::from(u8::from(q > 0.0)),
        }
    }

    /// E[act(q + s z)] over z ~ N(0, 1).
    pub(super) fn expectation(self, q: f64, s: f64) -> f64 {
        match self {
            Activation::Cosine => SQRT_2 * libm::exp(-0.5 * s * s) * libm::cos(q),
            Activation::Relu if s > 0.0 => {
                let u = q / s;
                let density = libm::exp(-0.5 * u * u) / TAU.sqrt();
                0.5 * q * libm::erfc(-u * FRAC_1_SQRT_2) + s * density
            }
            Activation::Relu => q.max(0.0),
        }
    }
}

/// How features are drawn: [`FeatureDraw::new`], then what should differ.
///
/// Feature j depends on the seed and on j alone, so that the first p of a larger set are the set of p.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FeatureDraw {
    /// Number of features p.
    pub features: usize,
    /// Dimension d of the points.
    pub dim: usize,
    /// The function.
    pub activation: Activation,
    /// K, the frequencies of the time embedding; 0 for features that do not see the time.
    pub frequencies: usize,
    /// T, the period of the time embedding.
    pub period: f64,
    /// ℓ: W_x ~ N(0, 1)/(ℓ√d). Cosine features vary on this length, in units of √d.
    pub length: f64,
    /// Seed.
    pub seed: u64,
}

impl FeatureDraw {
    /// p cosine features of points of d dimensions, blind to the time; length 1, seed 0.
    pub fn new(features: usize, dim: usize) -> Self {
        let activation = Activation::Cosine;
        FeatureDraw { features, dim, activation, frequencies: 0, period: 1.0, length: 1.0, seed: 0 }
    }

    /// W_x ~ N(0, 1)/(ℓ√d), W_t ~ N(0, 1)/√(2K + 1); b is uniform on (0, 2π) for cosine features, which makes
    /// them unbiased features of a kernel that depends on differences alone, and N(0, 1) for relu.
    ///
    /// # Errors
    /// If there are no features, dimensions, period or length, or too many of them.
    pub fn draw(&self) -> Result<Features> {
        if self.features == 0 || self.features > MOST_FEATURES {
            let help = format!("choose 1 to {MOST_FEATURES}");
            return Err(Error::argument("features", format!("is {}", self.features), help));
        }
        if self.frequencies > MOST_FREQUENCIES {
            let help = format!("choose at most {MOST_FREQUENCIES}");
            return Err(Error::argument("frequencies", format!("is {}", self.frequencies), help));
        }
        if !(self.length > 0.0 && self.length.is_finite()) {
            let help = "choose a positive number";
            return Err(Error::argument("length", format!("is {}", self.length), help));
        }
        let width = if self.frequencies == 0 { 0 } else { 2 * self.frequencies + 1 };
        let mut directions = Array2::zeros((self.features, self.dim));
        let mut embedding = Array2::zeros((self.features, width));
        let mut biases = vec![0.0; self.features];
        let shrink = 1.0 / (self.length * (self.dim as f64).sqrt());
        for (j, bias) in biases.iter_mut().enumerate() {
            let part = |part: u64| Stream::new(self.seed, Purpose::Fit, STREAMS + part, j as u64);
            fill(part(0), directions.row_mut(j), shrink);
            fill(part(1), embedding.row_mut(j), 1.0 / (width as f64).sqrt());
            *bias = match self.activation {
                Activation::Cosine => TAU * part(2).uniform(),
                Activation::Relu => part(2).normal(),
            };
        }
        Features::new(self.activation, directions, embedding, biases, self.period)
    }
}

fn fill(mut stream: Stream, mut row: ndarray::ArrayViewMut1<f64>, scale: f64) {
    row.iter_mut().for_each(|v| *v = scale * stream.normal());
}

/// Frozen features σ_t(x) = act(W_x x + W_t φ(t) + b).
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    activation: Activation,
    directions: Array2<f64>,
    embedding: Array2<f64>,
    biases: Vec<f64>,
    period: f64,
}

impl Features {
    /// From W_x (`[p, d]`), W_t (`[p, 2K + 1]`, or `[p, 0]` for features that do not see the time), b (`[p]`) and the
    /// period T of the embedding.
    ///
    /// # Errors
    /// If there are no features or dimensions, the shapes disagree, or a number is not finite or the period not
    /// positive.
    pub fn new(
        activation: Activation,
        directions: Array2<f64>,
        embedding: Array2<f64>,
        biases: Vec<f64>,
        period: f64,
    ) -> Result<Self> {
        let (p, d) = directions.dim();
        let width = embedding.ncols();
        if p == 0
            || d == 0
            || embedding.nrows() != p
            || biases.len() != p
            || (width > 0 && width.is_multiple_of(2))
        {
            return Err(Error::shape(
                "the features",
                format!(
                    "directions {:?}, embedding {:?} and {} biases",
                    directions.dim(),
                    embedding.dim(),
                    biases.len()
                ),
                "directions [p, d], embedding [p, 2K + 1] or [p, 0] and p biases, with p and d above 0",
            ));
        }
        require_finite("the features' directions", directions.view())?;
        require_finite("the features' embedding", embedding.view())?;
        if let Some(j) = biases.iter().position(|b| !b.is_finite()) {
            return Err(Error::NonFinite {
                what: "the features' biases".into(),
                row: j,
                column: 0,
                value: biases.get(j).copied().unwrap_or(f64::NAN),
            });
        }
        if !(period > 0.0 && period.is_finite()) {
            let help = "give the positive period of the time embedding";
            return Err(Error::argument("period", format!("is {period}"), help));
        }
        let directions = directions.as_standard_layout().into_owned();
        let embedding = embedding.as_standard_layout().into_owned();
        Ok(Features { activation, directions, embedding, biases, period })
    }

    /// The first `count` features (all, if there are fewer).
    ///
    /// # Errors
    /// If the count is 0.
    pub fn first(&self, count: usize) -> Result<Self> {
        let count = count.min(self.len());
        let cut = |a: &Array2<f64>| rows(&a.view(), 0..count).to_owned();
        let biases = self.biases.iter().take(count).copied().collect();
        Features::new(self.activation, cut(&self.directions), cut(&self.embedding), biases, self.period)
    }

    /// The function.
    pub fn activation(&self) -> Activation {
        self.activation
    }

    /// Number of features p.
    pub fn len(&self) -> usize {
        self.biases.len()
    }

    /// Never: there is a feature at least.
    pub fn is_empty(&self) -> bool {
        self.biases.is_empty()
    }

    /// Dimension d of the points.
    pub fn dim(&self) -> usize {
        self.directions.ncols()
    }

    /// W_x, `[p, d]`.
    pub fn directions(&self) -> ArrayView2<'_, f64> {
        self.directions.view()
    }

    /// W_t, `[p, 2K + 1]` or `[p, 0]`.
    pub fn embedding(&self) -> ArrayView2<'_, f64> {
        self.embedding.view()
    }

    /// b, `[p]`.
    pub fn biases(&self) -> &[f64] {
        &self.biases
    }

    /// T, the period of the time embedding.
    pub fn period(&self) -> f64 {
        self.period
    }

    /// σ_t(x) for every row of `x` (`[batch, d]`, in the coordinates of the process), `[batch, p]`.
    ///
    /// # Errors
    /// If `x` does not have d columns or is not finite, or t is not.
    pub fn values(&self, x: ArrayView2<f64>, t: f64) -> Result<Array2<f64>> {
        self.map(x, t, |q, _| self.activation.value(q))
    }

    /// E[σ_t(a x₀ + √h z)] over z ~ N(0, I) for every row x₀ of `x`, `[batch, p]`, exact.
    ///
    /// # Errors
    /// As [`Features::values`], and if t is negative.
    pub fn expectation(&self, x: ArrayView2<f64>, t: f64) -> Result<Array2<f64>> {
        let at = Instant::new(t)?;
        let spread: Vec<f64> = self.squared_norms().iter().map(|n| (at.h * n).sqrt()).collect();
        self.map((&x * at.a).view(), t, |q, j| self.activation.expectation(q, spread[j]))
    }

    fn map(&self, x: ArrayView2<f64>, t: f64, of: impl Fn(f64, usize) -> f64 + Sync) -> Result<Array2<f64>> {
        if x.ncols() != self.dim() {
            let expected = format!("{} (the features' dimension)", self.dim());
            return Err(Error::shape("x", format!("{} columns", x.ncols()), expected));
        }
        require_finite("x", x)?;
        if !t.is_finite() {
            return Err(Error::argument("t", format!("is {t}"), "give a finite time"));
        }
        let phase = self.phase(t);
        each_row(x, self.len(), |x, out| {
            self.project(x, out);
            for (j, (q, phase)) in out.iter_mut().zip(&phase).enumerate() {
                *q = of(*q + phase, j);
            }
        })
    }

    /// W_x x of one point.
    pub(super) fn project(&self, x: &[f64], out: &mut [f64]) {
        dots(slice(&self.directions), x, out);
    }

    /// |w_j|², `[p]`.
    pub(super) fn squared_norms(&self) -> Vec<f64> {
        slice(&self.directions).chunks(self.dim()).map(|w| dot(w, w)).collect()
    }

    /// W_t φ(t) + b, `[p]`.
    pub(super) fn phase(&self, t: f64) -> Vec<f64> {
        self.embedded(t, 1.0, |angle, _| [libm::sin(angle), libm::cos(angle)], &self.biases)
    }

    /// W_t φ′(t), `[p]`.
    pub(super) fn phase_derivative(&self, t: f64) -> Vec<f64> {
        let turn = |angle: f64, rate: f64| [rate * libm::cos(angle), -rate * libm::sin(angle)];
        self.embedded(t, 0.0, turn, &vec![0.0; self.len()])
    }

    fn embedded(&self, t: f64, first: f64, of: impl Fn(f64, f64) -> [f64; 2], start: &[f64]) -> Vec<f64> {
        let width = self.embedding.len_of(Axis(1));
        let mut out = start.to_vec();
        if width == 0 {
            return out;
        }
        let mut phi = vec![first];
        for k in 1..=width / 2 {
            let rate = TAU * k as f64 / self.period;
            phi.extend(of(rate * t, rate));
        }
        for (out, w) in out.iter_mut().zip(slice(&self.embedding).chunks(width)) {
            *out += dot(w, &phi);
        }
        out
    }
}
