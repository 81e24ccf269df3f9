//! Exact fields between two mixtures of Gaussians.
//!
//! Of independent ends Σ_i w_i N(m_i, Σ_i) and Σ_j w_j N(m_j, Σ_j), x_t is the mixture of all pairs,
//! N(a m_i + b m_j, C_ij) with C_ij = a²Σ_i + b²Σ_j + γ²I, and in each pair all is jointly Gaussian. With
//! r_ij the responsibilities, w_ij = C_ij⁻¹(x − a m_i − b m_j), and s_ij = −w_ij:
//!
//! ```text
//! s = Σ r_ij s_ij        v = Σ r_ij [a′m_i + b′m_j + (aa′Σ_i + bb′Σ_j) w_ij]
//! ∇·b = Σ r_ij tr(½C′_ij C_ij⁻¹) + Σ r_ij ⟨s_ij − s, b_ij⟩
//! ```
//!
//! Neither divides by γ. Ends of variance 0 are points: then the fields are those of two data sets.

use ndarray::{Array1, Array2, ArrayView2, Axis, Slice};

use super::bridge::{Bridge, Fields, check};
use super::pair::{End, Pair};
use super::{Coefficients, Interpolant, Path};
use crate::closed_form::rows::map_rows;
use crate::closed_form::{Covariance, Gaussian, Mixture};
use crate::error::{Error, Result};
use crate::points::{PointSet, require_finite};

/// How near to an end without a density the fields are asked, unless told otherwise.
pub(super) const CLIP: f64 = 1e-3;

/// Pairs of components beyond which a bridge is refused.
const MOST_PAIRS: usize = 1 << 16;

/// A pair of a smaller responsibility moves no sum by a rounding error.
const NEGLIGIBLE: f64 = 1e-30;

/// The exact fields of an interpolant between two mixtures of Gaussians.
///
/// Cost of a call: O(K₀K₁d³), or O(K₀K₁d) if all covariances are diagonal, and O(K₀K₁d²) or O(K₀K₁d) a state.
///
/// ```
/// use ndarray::array;
/// use ridgewalk::closed_form::{Covariance, Gaussian};
/// use ridgewalk::interpolant::{self, Bridge, MixtureBridge};
///
/// let first = Gaussian::new(array![0.0], Covariance::isotropic(1, 1.0)?)?;
/// let last = Gaussian::new(array![2.0], Covariance::isotropic(1, 0.25)?)?;
/// let bridge = MixtureBridge::gaussians(interpolant::named("linear:scale=2")?, &first, &last)?;
/// // At t = ½ the law is N(1, ¼ + 1/16 + ½), and its variance falls at −¾ a unit of time.
/// let b = bridge.velocity(array![[1.0 + 0.8125]].view(), 0.5)?;
/// assert!((b[[0, 0]] - (2.0 + 0.5 * -0.75)).abs() < 1e-14);
/// # Ok::<(), ridgewalk::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct MixtureBridge {
    interpolant: Interpolant,
    ends: Vec<End>,
    /// Which of `ends` are x₀ (none where it has no part) and x₁, and the log of their weight.
    pairs: Vec<(Option<usize>, usize, f64)>,
    dim: usize,
    range: (f64, f64),
    /// The least variances of the two ends' components.
    least: (f64, f64),
}

impl MixtureBridge {
    /// Between two mixtures, independent of each other. On the mirror path the first has no part.
    ///
    /// # Errors
    /// If the dimensions differ, there are more than 65,536 pairs of components, or the path is one-sided,
    /// and so begins in N(0, I) ([`MixtureBridge::one_sided`]).
    pub fn new(interpolant: Interpolant, first: &Mixture, last: &Mixture) -> Result<Self> {
        if interpolant.is_one_sided() {
            let help = "use MixtureBridge::one_sided, or a path with two ends";
            return Err(Error::argument("interpolant", "is one-sided: it begins in N(0, I)", help));
        }
        let first = if interpolant.path() == Path::Mirror { None } else { Some(first) };
        Self::build(interpolant, first, last)
    }

    /// Between two Gaussians. Errors as [`MixtureBridge::new`].
    pub fn gaussians(interpolant: Interpolant, first: &Gaussian, last: &Gaussian) -> Result<Self> {
        let alone = |g: &Gaussian| Mixture::new(vec![1.0], vec![g.clone()]);
        Self::new(interpolant, &alone(first)?, &alone(last)?)
    }

    /// Between two data sets: every point of one with every point of the other. Errors as
    /// [`MixtureBridge::new`].
    pub fn empirical(interpolant: Interpolant, first: &PointSet, last: &PointSet) -> Result<Self> {
        if first.len().saturating_mul(last.len()) > MOST_PAIRS {
            return Err(too_many(first.len(), last.len()));
        }
        let points = |set: &PointSet| {
            let still = Covariance::isotropic(set.dim(), 0.0)?;
            let one = |row: ndarray::ArrayView1<f64>| Gaussian::new(row.to_owned(), still.clone());
            let components = set.values().outer_iter().map(one).collect::<Result<Vec<_>>>()?;
            Mixture::new(vec![1.0; set.len()], components)
        };
        Self::new(interpolant, &points(first)?, &points(last)?)
    }

    /// From N(0, I) to a mixture, on a one-sided path.
    ///
    /// # Errors
    /// If the path is not one-sided, or there are more than 65,536 components.
    pub fn one_sided(interpolant: Interpolant, last: &Mixture) -> Result<Self> {
        if !interpolant.is_one_sided() {
            let help = "choose one-sided-linear or one-sided-trigonometric";
            return Err(Error::argument("interpolant", "is not one-sided", help));
        }
        Self::build(interpolant, None, last)
    }

    /// Asked no nearer to an end whose law has no density than this; 10⁻³ is the default. Ends that have
    /// one are not clipped.
    ///
    /// # Errors
    /// If it is not in (0, ½).
    pub fn clip(mut self, distance: f64) -> Result<Self> {
        if !(distance > 0.0 && distance < 0.5) {
            let help = "choose a small positive distance in t, such as 1e-3";
            return Err(Error::argument("distance", format!("is {distance}"), help));
        }
        if self.range.0 > 0.0 {
            self.range.0 = distance;
        }
        if self.range.1 < 1.0 {
            self.range.1 = 1.0 - distance;
        }
        Ok(self)
    }

    fn build(interpolant: Interpolant, first: Option<&Mixture>, last: &Mixture) -> Result<Self> {
        let (count, dim) = (first.map_or(1, Mixture::len), dimension(last));
        if let Some(first) = first
            && dimension(first) != dim
        {
            let found = format!("{} dimensions", dimension(first));
            return Err(Error::shape("the first end", found, format!("{dim} (as the last)")));
        }
        if count.saturating_mul(last.len()) > MOST_PAIRS {
            return Err(too_many(count, last.len()));
        }
        let start = if interpolant.is_one_sided() || first.is_some_and(has_density) { 0.0 } else { CLIP };
        let end = if has_density(last) { 1.0 } else { 1.0 - CLIP };
        let start = if first.is_none() && !interpolant.is_one_sided() { 1.0 - end } else { start };
        let ends = first.iter().flat_map(|m| m.components()).chain(last.components()).map(End::of).collect();
        let firsts: Vec<(Option<usize>, f64)> = match first {
            Some(mixture) => mixture.weights().iter().enumerate().map(|(i, w)| (Some(i), *w)).collect(),
            None => vec![(None, 1.0)],
        };
        let offset = first.map_or(0, Mixture::len);
        let mut pairs = Vec::with_capacity(count * last.len());
        for (i, first_weight) in firsts {
            for (j, last_weight) in last.weights().iter().enumerate() {
                pairs.push((i, offset + j, libm::log(first_weight * last_weight)));
            }
        }
        pairs.retain(|(.., log_weight)| *log_weight > f64::NEG_INFINITY);
        let least = (first.map_or(0.0, least_variance), least_variance(last));
        Ok(MixtureBridge { interpolant, ends, pairs, dim, range: (start, end), least })
    }

    /// log ρ_t(x), `[batch]`, in nats.
    ///
    /// # Errors
    /// As [`Bridge::fields`].
    pub fn log_density(&self, x: ArrayView2<f64>, t: f64) -> Result<Array1<f64>> {
        let at = check(self, x, t)?;
        Ok(self.ask(x, &at, false)?.column(2 * self.dim).to_owned())
    }

    /// Every pair at one time.
    fn at(&self, at: &Coefficients, traces: bool) -> Result<Vec<Pair>> {
        let pair = |(first, last, log_weight): &(Option<usize>, usize, f64)| {
            let first = first.and_then(|i| self.ends.get(i));
            let last = self.ends.get(*last).ok_or_else(|| Error::empty("the last end", "give components"))?;
            Pair::new(first, last, *log_weight, at, traces)
        };
        self.pairs.iter().map(pair).collect()
    }

    /// v, s, log ρ and ∇·b side by side, `[batch, 2d + 2]`; ∇·b only if asked for.
    fn ask(&self, x: ArrayView2<f64>, at: &Coefficients, traces: bool) -> Result<Array2<f64>> {
        let (pairs, d) = (self.at(at, traces)?, self.dim);
        let width = 2 * d + 2;
        let out = map_rows(x, width, |x, out| {
            let mut whitened = vec![0.0; pairs.len() * d];
            let mut weights = vec![0.0; pairs.len()];
            for (x, out) in x.chunks(d).zip(out.chunks_mut(width)) {
                for ((pair, weight), w) in pairs.iter().zip(&mut weights).zip(whitened.chunks_mut(d)) {
                    *weight = pair.whiten(x, w);
                }
                let (velocity, rest) = out.split_at_mut(d);
                let (score, rest) = rest.split_at_mut(d);
                let [log_density, divergence] = rest else { continue };
                *log_density = normalise(&mut weights);
                let mut outer = 0.0;
                for ((pair, &weight), w) in pairs.iter().zip(&weights).zip(whitened.chunks(d)) {
                    if weight <= NEGLIGIBLE {
                        continue;
                    }
                    pair.add_mean_velocity(weight, w, velocity);
                    score.iter_mut().zip(w).for_each(|(s, w)| *s -= weight * w);
                    if traces {
                        let mut moved = vec![0.0; d];
                        pair.add_mean_velocity(1.0, w, &mut moved);
                        let along = moved.iter().zip(w).map(|(v, w)| (v + at.gamma_product * w) * w);
                        outer -= weight * along.sum::<f64>();
                        *divergence += weight * pair.trace();
                    }
                }
                let along = velocity.iter().zip(score.iter()).map(|(v, s)| (v - at.gamma_product * s) * s);
                *divergence += outer - along.sum::<f64>();
            }
        });
        require_finite("the answer (x is too far away, or gamma too small, for f64)", out.view())?;
        Ok(out)
    }
}

fn dimension(mixture: &Mixture) -> usize {
    mixture.components().first().map_or(0, |g| g.covariance().dim())
}

/// Whether every component is regular.
fn has_density(mixture: &Mixture) -> bool {
    mixture.components().iter().all(|g| g.modes().first().is_some_and(|mode| mode.variance > 0.0))
}

fn too_many(first: usize, last: usize) -> Error {
    let problem = format!("have {first} times {last} components, more than {MOST_PAIRS} pairs");
    Error::argument("ends", problem, "fit mixtures of fewer components, or take part of the points")
}

/// Turns logarithms into weights that sum to one; gives the logarithm of their sum.
fn normalise(logs: &mut [f64]) -> f64 {
    let top = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for value in logs.iter_mut() {
        *value = libm::exp(*value - top);
        sum += *value;
    }
    logs.iter_mut().for_each(|value| *value /= sum);
    top + libm::log(sum)
}

/// The least variance of any component in any direction.
fn least_variance(mixture: &Mixture) -> f64 {
    let of = |g: &Gaussian| g.modes().first().map_or(0.0, |mode| mode.variance.max(0.0));
    mixture.components().iter().map(of).fold(f64::INFINITY, f64::min)
}

impl Bridge for MixtureBridge {
    fn dim(&self) -> usize {
        self.dim
    }
    fn interpolant(&self) -> Interpolant {
        self.interpolant
    }
    fn range(&self) -> (f64, f64) {
        self.range
    }
    fn least_variance(&self, t: f64) -> Option<f64> {
        let at = self.interpolant.coefficients(t).ok()?;
        Some(at.a * at.a * self.least.0 + at.b * at.b * self.least.1 + at.gamma * at.gamma)
    }
    fn fields(&self, x: ArrayView2<f64>, t: f64) -> Result<Fields> {
        let at = check(self, x, t)?;
        let all = self.ask(x, &at, false)?;
        let part = |from: usize| all.slice_axis(Axis(1), Slice::from(from..from + self.dim)).to_owned();
        Fields::new(part(0), part(self.dim), &at)
    }
    fn divergence(&self, x: ArrayView2<f64>, t: f64) -> Result<Array1<f64>> {
        let at = check(self, x, t)?;
        Ok(self.ask(x, &at, true)?.column(2 * self.dim + 1).to_owned())
    }
}
