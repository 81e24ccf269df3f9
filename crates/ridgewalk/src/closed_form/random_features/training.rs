//! Training random features in closed form: gradient flow, ridge regression and their limit (arXiv 2602.06021).
//!
//! Of m = W σ (W = A/√p in the paper's notation) and the moments U, V, C, training time τ being gradient-flow time
//! divided by d,
//!
//! ```text
//! L(W)  = p tr(W U Wᵀ) − 2p tr(V Wᵀ) + C        dW/dτ = −2 (W U − V)
//! W(τ)  = V U⁺ + (W(0) − V U⁺) exp(−2τU)        W(∞)  = V U⁺ + W(0)(I − U U⁺)
//! ridge   W = V (U + λI)⁻¹
//! ```
//!
//! One eigendecomposition of U serves every τ and λ: along an eigenvector each row of W decays on its own.
//! U⁺ inverts the eigenvalues above 1/(10⁴ p), as the paper's experiments do. What little V has along the others is
//! not followed, at any τ.

use std::sync::Arc;

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatRef, Par};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2};

use super::denoiser::{RandomFeatures, check_scale};
use super::features::{Activation, Features, STREAMS};
use super::moments::{Design, FeatureMoments, SamplingError};
use super::sampled::{sampled, whole};
use super::times::{Instant, TimeGrid, Weighting};
use crate::closed_form::covariance::eigen;
use crate::closed_form::rows::{dot, slice};
use crate::denoiser::check_sigma;
use crate::error::{Error, Result};
use crate::points::{Moments, PointSet, require_finite};
use crate::random::{Purpose, Stream};

/// 1/(this p) is the eigenvalue of U from which on it is inverted.
const CUT: f64 = 1e4;
/// Numbers in a matrix of points × features: 4 GiB, of which cosine features take three.
const MOST_NUMBERS: usize = 1 << 29;

/// When training stops.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Stopping {
    /// Gradient flow from W(0) for the time τ, 0 to infinity.
    GradientFlow(f64),
    /// Ridge regression W = V (U + λI)⁻¹, λ > 0.
    Ridge(f64),
    /// W = V U⁺: the gradient flow's limit from W(0) = 0.
    LeastSquares,
}

impl From<f64> for Stopping {
    fn from(time: f64) -> Self {
        Stopping::GradientFlow(time)
    }
}

/// What is trained on which loss: [`Training::new`], then what should differ.
#[derive(Debug, Clone, PartialEq)]
pub struct Training {
    /// The frozen features.
    pub features: Features,
    /// Quadrature over time.
    pub times: TimeGrid,
    /// Weight of the times.
    pub weighting: Weighting,
    /// c and s: the model is trained on (x − c)/s. By default 0 and 1.
    pub center: Array1<f64>,
    /// s.
    pub scale: f64,
    /// W(0), `[d, p]`. By default A(0) ~ N(0, 1), W(0) = A(0)/√p.
    pub initial: Array2<f64>,
    /// Eigenvalues of U above this are inverted; 1/(10⁴ p) by default.
    pub cut: f64,
    /// Draws of the noise for every point and time, at least, for features of which the second moments have to be
    /// estimated.
    pub draws: usize,
    /// Seed of those draws.
    pub seed: u64,
}

impl Training {
    /// Weight h², data as they are, W(0) by this seed.
    pub fn new(features: Features, times: TimeGrid, seed: u64) -> Self {
        let (p, d) = (features.len(), features.dim());
        let mut initial = Array2::zeros((d, p));
        for (j, mut column) in initial.columns_mut().into_iter().enumerate() {
            // By features, so that those of a smaller set begin as they do in a larger one.
            let mut stream = Stream::new(seed, Purpose::Fit, STREAMS + 3, j as u64);
            column.iter_mut().for_each(|w| *w = stream.normal() / (p as f64).sqrt());
        }
        Training {
            features,
            times,
            weighting: Weighting::HSquared,
            center: Array1::zeros(d),
            scale: 1.0,
            initial,
            cut: 1.0 / (CUT * p as f64),
            draws: 64,
            seed,
        }
    }

    /// Computes the moments and the eigendecomposition. Cost for cosine features: O(n p²) a time, and O(p³).
    ///
    /// # Errors
    /// If the points have another dimension than the features, shapes disagree, a number is out of range, the
    /// points and features are too many for memory, or the eigendecomposition fails.
    pub fn train(self, points: &PointSet) -> Result<TrainedFeatures> {
        let (p, d) = (self.features.len(), self.features.dim());
        if points.dim() != d || self.center.len() != d || self.initial.dim() != (d, p) {
            return Err(Error::shape(
                "the training",
                format!(
                    "points of {} coordinates, a center of {} and initial weights {:?}",
                    points.dim(),
                    self.center.len(),
                    self.initial.dim()
                ),
                format!("{d} coordinates and weights [{d}, {p}], as the features have it"),
            ));
        }
        check_scale(self.scale)?;
        require_finite("the initial weights", self.initial.view())?;
        if !(self.cut >= 0.0 && self.cut.is_finite()) {
            let help = "give a finite number that is not negative";
            return Err(Error::argument("cut", format!("is {}", self.cut), help));
        }
        if points.len().saturating_mul(p) > MOST_NUMBERS {
            return Err(Error::argument(
                "features",
                format!("are {p} for {} points, too many for memory", points.len()),
                "use fewer of one or the other",
            ));
        }
        let mut scaled = (&points.values() - &self.center) / self.scale;
        scaled = scaled.as_standard_layout().into_owned();
        require_finite("the centred and scaled points", scaled.view())?;
        let times = self.times.weighted(self.weighting)?;
        let shared = Shared {
            features: Arc::new(self.features),
            points: scaled,
            center: self.center,
            scale: self.scale,
            times: self.times.range(),
            moments: points.moments(),
            cut: self.cut,
            draws: whole(self.draws),
            seed: self.seed,
        };
        TrainedFeatures::solve(shared, &times, &self.initial)
    }
}

/// What the fits of all times and of one time have in common.
#[derive(Debug, Clone)]
struct Shared {
    features: Arc<Features>,
    /// Centred and scaled, `[n, d]`.
    points: Array2<f64>,
    center: Array1<f64>,
    scale: f64,
    times: (f64, f64),
    moments: Moments,
    cut: f64,
    draws: usize,
    seed: u64,
}

/// A random feature model at every training time at once.
#[derive(Debug, Clone)]
pub struct TrainedFeatures {
    shared: Shared,
    /// Eigenvalues of U, decreasing, none negative.
    eigenvalues: Vec<f64>,
    /// Eigenvectors of U, one a row, `[p, p]`.
    eigenvectors: Array2<f64>,
    /// How many eigenvalues are inverted.
    rank: usize,
    /// Rows of V along the eigenvectors, `[d, p]`.
    first: Array2<f64>,
    /// Rows of W(0) along the eigenvectors, `[d, p]`.
    initial: Array2<f64>,
    /// C of every coordinate.
    target: Vec<f64>,
    power: f64,
    sampling: Option<SamplingError>,
}

impl TrainedFeatures {
    fn solve(shared: Shared, times: &[(Instant, f64)], initial: &Array2<f64>) -> Result<Self> {
        let design = Design::new(&shared.features, &shared.points);
        let FeatureMoments { second, first, target, power, sampling } = match shared.features.activation() {
            Activation::Cosine => design.cosine(times),
            Activation::Relu => sampled(&design, times, shared.draws, shared.seed),
        };
        let (mut eigenvalues, eigenvectors) = eigen(&second)?;
        eigenvalues.iter_mut().for_each(|value| *value = value.max(0.0));
        let rank = eigenvalues.iter().take_while(|value| **value > shared.cut).count();
        let first = Array2::from_shape_fn((first.nrows(), first.ncols()), |(i, j)| first[(i, j)]);
        let along = |rows: &Array2<f64>| product(rows, eigenvectors.t());
        let (first, initial) = (along(&first), along(initial));
        Ok(TrainedFeatures {
            shared,
            eigenvalues,
            eigenvectors,
            rank,
            first,
            initial,
            target,
            power,
            sampling,
        })
    }

    /// The model when training stops: at a training time (a number, or infinity), or otherwise.
    ///
    /// # Errors
    /// If the time is negative or not a number, or the ridge's λ is not positive.
    pub fn at(&self, stopping: impl Into<Stopping>) -> Result<RandomFeatures> {
        let weights = product(&self.modes(stopping.into())?, self.eigenvectors.view());
        let Shared { features, center, scale, times, moments, .. } = &self.shared;
        RandomFeatures::from_parts(
            Arc::clone(features),
            weights,
            (center.clone(), *scale),
            *times,
            moments.clone(),
        )
    }

    /// The best that these features can do at one noise level alone, V_t U_t⁺: what [`Stopping::LeastSquares`] loses
    /// against it is the price of sharing the weights among all times. Costs the moments of one time and an
    /// eigendecomposition.
    ///
    /// # Errors
    /// If `sigma` is not a positive number, or the eigendecomposition fails.
    pub fn at_level_alone(&self, sigma: f64) -> Result<RandomFeatures> {
        check_sigma(sigma)?;
        let at = Instant::at_level(sigma / self.shared.scale, self.shared.times);
        let nothing = Array2::zeros(self.first.dim());
        TrainedFeatures::solve(self.shared.clone(), &[(at, 1.0)], &nothing)?.at(Stopping::LeastSquares)
    }

    /// L of every coordinate, `[d]`: integrated over time with its weight, of m in units of the scale.
    ///
    /// # Errors
    /// As [`TrainedFeatures::at`].
    pub fn loss(&self, stopping: impl Into<Stopping>) -> Result<Vec<f64>> {
        let modes = self.modes(stopping.into())?;
        let rows = modes.outer_iter().zip(self.first.outer_iter()).zip(&self.target);
        Ok(rows.map(|((w, v), c)| self.row_loss(w, v, *c)).collect())
    }

    /// L along a direction (`[d]`, any length but 0), as [`TrainedFeatures::loss`].
    ///
    /// # Errors
    /// As [`TrainedFeatures::at`], and if the direction has not d coordinates or no length.
    pub fn loss_along(&self, direction: ArrayView1<f64>, stopping: impl Into<Stopping>) -> Result<f64> {
        let length = direction.dot(&direction).sqrt();
        if direction.len() != self.target.len() || !(length > 0.0 && length.is_finite()) {
            let expected = format!("{} coordinates that are not all 0", self.target.len());
            return Err(Error::shape("the direction", format!("{direction}"), expected));
        }
        let unit = direction.to_owned() / length;
        let row = |of: &Array2<f64>| unit.dot(of);
        let modes = self.modes(stopping.into())?;
        let unit_row = unit.as_slice().unwrap_or_default();
        let squares = slice(&self.shared.points).chunks(unit.len()).map(|x| dot(x, unit_row).powi(2));
        let target = self.power * squares.sum::<f64>() / self.shared.points.nrows() as f64;
        Ok(self.row_loss(row(&modes).view(), row(&self.first).view(), target))
    }

    /// C of every coordinate, `[d]`: the loss of W = 0.
    pub fn loss_of_nothing(&self) -> &[f64] {
        &self.target
    }

    /// Eigenvalues of U, decreasing.
    pub fn eigenvalues(&self) -> &[f64] {
        &self.eigenvalues
    }

    /// How many eigenvalues are inverted.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// Largest by smallest eigenvalue that is inverted; 1 if none is.
    pub fn condition(&self) -> f64 {
        let kept = self.eigenvalues.get(..self.rank).unwrap_or_default();
        kept.first().zip(kept.last()).map_or(1.0, |(most, least)| most / least)
    }

    /// How far estimated moments are from exact ones; none where they are exact.
    pub fn sampling_error(&self) -> Option<SamplingError> {
        self.sampling
    }

    /// The frozen features.
    pub fn features(&self) -> &Features {
        &self.shared.features
    }

    /// Rows of W along the eigenvectors, `[d, p]`.
    fn modes(&self, stopping: Stopping) -> Result<Array2<f64>> {
        let values = &self.eigenvalues;
        let limit = |j: usize, v: f64| if j < self.rank { v / values[j] } else { 0.0 };
        match stopping {
            Stopping::LeastSquares => Ok(each_mode(&self.first, limit)),
            Stopping::Ridge(ridge) if ridge > 0.0 && ridge.is_finite() => {
                Ok(each_mode(&self.first, |j, v| v / (values[j] + ridge)))
            }
            Stopping::Ridge(ridge) => {
                Err(Error::argument("ridge", format!("is {ridge}"), "give a positive number"))
            }
            Stopping::GradientFlow(time) if time >= 0.0 => {
                let left: Vec<f64> = (0..values.len())
                    .map(|j| match (time == f64::INFINITY, j < self.rank) {
                        (true, kept) => f64::from(u8::from(!kept)),
                        (false, _) => libm::exp(-2.0 * time * values[j]),
                    })
                    .collect();
                let mut modes = each_mode(&self.first, limit);
                for (mut row, start) in modes.outer_iter_mut().zip(self.initial.outer_iter()) {
                    for ((w, start), left) in row.iter_mut().zip(start).zip(&left) {
                        *w += (start - *w) * left;
                    }
                }
                Ok(modes)
            }
            Stopping::GradientFlow(time) => {
                let help = "a training time is not negative, and may be infinite";
                Err(Error::argument("time", format!("is {time}"), help))
            }
        }
    }

    /// p Σ_j (λ_j w_j² − 2 v_j w_j) + c.
    fn row_loss(&self, w: ArrayView1<f64>, v: ArrayView1<f64>, c: f64) -> f64 {
        let terms = w.iter().zip(v).zip(&self.eigenvalues).map(|((w, v), value)| w * (value * w - 2.0 * v));
        self.eigenvalues.len() as f64 * terms.sum::<f64>() + c
    }
}

fn each_mode(rows: &Array2<f64>, of: impl Fn(usize, f64) -> f64) -> Array2<f64> {
    let mut out = rows.clone();
    for mut row in out.outer_iter_mut() {
        row.iter_mut().enumerate().for_each(|(j, v)| *v = of(j, *v));
    }
    out
}

/// a b, by one thread.
fn product(a: &Array2<f64>, b: ArrayView2<f64>) -> Array2<f64> {
    let view = |m: &Array2<f64>| Mat::from_fn(m.nrows(), m.ncols(), |i, j| m[[i, j]]);
    let (left, right) = (view(a), view(&b.to_owned()));
    let mut out = Mat::<f64>::zeros(a.nrows(), b.ncols());
    let (left, right): (MatRef<f64>, MatRef<f64>) = (left.as_ref(), right.as_ref());
    matmul(&mut out, Accum::Replace, left, right, 1.0, Par::Seq);
    Array2::from_shape_fn((a.nrows(), b.ncols()), |(i, j)| out[(i, j)])
}
