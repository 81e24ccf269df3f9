//! Mixtures of Gaussians fitted by expectation-maximisation (Dempster, Laird & Rubin 1977).
//!
//! ```text
//! E  γ_ik ∝ w_k N(x_i; μ_k, Σ_k)
//! M  N_k = Σ_i γ_ik,  w_k = N_k/n,  μ_k = Σ_i γ_ik x_i / N_k,  S_k = Σ_i γ_ik (x_i − μ_k)(x_i − μ_k)ᵀ / N_k
//!    Full: Σ_k = S_k with eigenvalues at least f²;  LowRank(r): Tipping & Bishop's maximum, at least f²
//!    Diagonal: the diagonal of S_k, at least f²
//! ```
//!
//! All M steps maximise the likelihood over all covariances whose variances are at least f², so
//! the likelihood rises at every iteration, unless a component was emptied and seeded again.
//!
//! Start: k-means++ and Lloyd's iterations, several times; after a few iterations of each the most
//! likely goes on ("short EM", Biernacki, Celeux & Govaert 2003). Cost of an iteration: O(n·d·Σr)
//! and, for every component that is not diagonal, its points' O(n_k·d²) and O(d³). Peak memory: O(n·k), and
//! d² a thread.

use ndarray::Array2;
use rayon::prelude::*;

use super::covariance::{Covariance, CovarianceKind};
use super::gaussian::Gaussian;
use super::kmeans;
use super::mixture::Mixture;
use super::posterior::Level;
use crate::error::{Error, Result};
use crate::points::PointSet;
use crate::random::{Purpose, Stream};

/// Iterations of every restart before they are compared.
const SHORT: usize = 5;
/// A point that belongs to a component with less probability than this is not part of it.
const SKIPPED: f64 = 1e-8;
/// Components with less than this many points are empty: less than half of a point has no shape.
const EMPTY: f64 = 0.5;

/// How to fit a [`Mixture`]: [`MixtureFit::new`], then what should differ from its defaults.
///
/// ```
/// use ndarray::array;
/// use ridgewalk::PointSet;
/// use ridgewalk::closed_form::{CovarianceKind, MixtureFit};
///
/// let points = PointSet::vectors(array![[0.0], [0.2], [9.0], [9.2]])?;
/// let mixture = MixtureFit::new(2, CovarianceKind::Full).fit(&points)?;
/// let mut means: Vec<f64> = mixture.components().iter().map(|g| g.mean()[0]).collect();
/// means.sort_by(f64::total_cmp);
/// assert!((means[0] - 0.1).abs() < 1e-9 && (means[1] - 9.1).abs() < 1e-9);
/// # Ok::<(), ridgewalk::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct MixtureFit {
    /// Number of components K, from 1 to the number of points.
    pub components: usize,
    /// Form of every component's covariance.
    pub kind: CovarianceKind,
    /// Seed of the starts (default 0).
    pub seed: u64,
    /// Starts of which the best goes on (default 3).
    pub restarts: usize,
    /// Iterations at the most (default 200).
    pub max_iterations: usize,
    /// Stop when the log-likelihood per point rises by less than this, in nats (default 1e-4).
    pub tolerance: f64,
    /// Smallest standard deviation f of a component, as a part of the data's σ_data (default 1e-3).
    ///
    /// Without it the likelihood is unbounded: constant pixels, and components of n_k ≤ d points,
    /// have directions without variance. A thousandth is below what a sampler resolves (the usual
    /// last noise level is 0.002 for σ_data = 0.5, which is 0.004 of it), so that D does not show it.
    pub floor: f64,
}

/// What a fit did.
#[derive(Debug, Clone, PartialEq)]
pub struct FitReport {
    /// Iterations made by the start that won.
    pub iterations: usize,
    /// Whether the tolerance was met.
    pub converged: bool,
    /// Log-likelihood per point in nats: before the first iteration, and after each.
    pub trace: Vec<f64>,
    /// Log-likelihood per point of the result, in nats.
    pub log_likelihood: f64,
    /// Schwarz's criterion −2·log-likelihood + parameters·log n; smaller is better.
    pub bic: f64,
    /// Free parameters of the mixture.
    pub parameters: usize,
    /// How often an empty component was seeded again, in the start that won.
    pub reseeded: usize,
}

/// A mixture and the report of its fit.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    /// The mixture.
    pub mixture: Mixture,
    /// How it was found.
    pub report: FitReport,
}

impl MixtureFit {
    /// K components of this kind; other settings at their defaults.
    pub fn new(components: usize, kind: CovarianceKind) -> Self {
        MixtureFit {
            components,
            kind,
            seed: 0,
            restarts: 3,
            max_iterations: 200,
            tolerance: 1e-4,
            floor: 1e-3,
        }
    }

    /// The most likely mixture found; [`MixtureFit::fit_with_report`] also tells how.
    ///
    /// # Errors
    /// As [`MixtureFit::fit_with_report`].
    pub fn fit(&self, points: &PointSet) -> Result<Mixture> {
        Ok(self.fit_with_report(points)?.mixture)
    }

    /// Fits the mixture. It has fewer components than asked for, if some stay empty (which needs
    /// repeated points).
    ///
    /// # Errors
    /// If there are no components or more than points, all points are equal (their likelihood is
    /// unbounded: [`Gaussian::fit`] gives the point mass), a setting is out of range, or an
    /// eigenvalue computation fails.
    pub fn fit_with_report(&self, points: &PointSet) -> Result<Fitted> {
        let floor = self.variance_floor(points)?;
        let mut best: Option<Run> = None;
        for restart in 0..self.restarts as u64 {
            let mut run = Run::start(self, points, floor, restart)?;
            run.advance(self, SHORT.min(self.max_iterations))?;
            // A tie goes to the earlier start.
            if best.as_ref().is_none_or(|b| run.log_likelihood() > b.log_likelihood()) {
                best = Some(run);
            }
        }
        let mut run = best.ok_or_else(|| Error::argument("restarts", "is 0", "give at least 1"))?;
        run.advance(self, self.max_iterations)?;
        Ok(run.finish(self.kind))
    }

    /// Fits every number of components in `range` and gives all fits, best (smallest BIC) first.
    ///
    /// # Errors
    /// If the range is empty, and as [`MixtureFit::fit_with_report`].
    pub fn choose_components(
        &self,
        points: &PointSet,
        range: impl IntoIterator<Item = usize>,
    ) -> Result<Vec<Fitted>> {
        let fit = |components| MixtureFit { components, ..self.clone() }.fit_with_report(points);
        let mut fits = range.into_iter().map(fit).collect::<Result<Vec<_>>>()?;
        if fits.is_empty() {
            return Err(Error::argument("range", "is empty", "give at least one number of components"));
        }
        fits.sort_by(|a, b| a.report.bic.total_cmp(&b.report.bic));
        Ok(fits)
    }

    /// f², after a check of all settings.
    fn variance_floor(&self, points: &PointSet) -> Result<f64> {
        if self.components == 0 || self.components > points.len() {
            return Err(Error::argument(
                "components",
                format!("is {} for {} points", self.components, points.len()),
                "choose at least 1 and at most one for each point",
            ));
        }
        if !(self.floor > 0.0 && self.floor <= 1.0) {
            return Err(Error::argument("floor", format!("is {}", self.floor), "choose it in (0, 1]"));
        }
        if !(self.tolerance >= 0.0 && self.tolerance.is_finite()) {
            return Err(Error::argument(
                "tolerance",
                format!("is {}", self.tolerance),
                "choose a finite number that is not negative",
            ));
        }
        let floor = self.floor * points.moments().std;
        let floor = floor * floor;
        if floor.is_normal() {
            return Ok(floor);
        }
        Err(Error::argument(
            "points",
            "are all equal, or their spread is beyond the range of f64",
            "use Gaussian::fit for a point mass, or rescale the data",
        ))
    }
}

/// One start and where it got to.
struct Run<'a> {
    points: &'a PointSet,
    floor: f64,
    mixture: Mixture,
    /// γ, `[n, K]`, of `mixture`.
    responsibilities: Array2<f64>,
    /// log p(x_i) of `mixture`.
    log_densities: Vec<f64>,
    trace: Vec<f64>,
    converged: bool,
    reseeded: usize,
}

impl<'a> Run<'a> {
    fn start(config: &MixtureFit, points: &'a PointSet, floor: f64, restart: u64) -> Result<Self> {
        let (n, k) = (points.len(), config.components);
        let mut stream = Stream::new(config.seed, Purpose::Fit, restart, 0);
        let clusters = kmeans::cluster(points.values(), k, &mut stream);
        let responsibilities = Array2::from_shape_fn((n, k), |(i, c)| f64::from(u8::from(clusters[i] == c)));
        let parts = maximise(points, &responsibilities, config.kind, floor)?;
        let mut run = Run {
            points,
            floor,
            mixture: assemble(parts.into_iter().flatten().collect())?,
            responsibilities,
            log_densities: Vec::new(),
            trace: Vec::new(),
            converged: false,
            reseeded: 0,
        };
        run.expect()?;
        Ok(run)
    }

    /// Iterates until convergence, or `limit` iterations in all.
    fn advance(&mut self, config: &MixtureFit, limit: usize) -> Result<()> {
        while !self.converged && self.trace.len() <= limit {
            let before = self.log_likelihood();
            let reseeded = self.reseeded;
            let mut parts = maximise(self.points, &self.responsibilities, config.kind, self.floor)?;
            self.reseed(&mut parts, config)?;
            self.mixture = assemble(parts.into_iter().flatten().collect())?;
            self.expect()?;
            self.converged = self.reseeded == reseeded && self.log_likelihood() - before < config.tolerance;
        }
        Ok(())
    }

    /// Puts empty components at the points that the mixture explains worst, with the shape of all
    /// data. After K times in all they are dropped instead, or repeated points would keep it going.
    fn reseed(&mut self, parts: &mut [Option<(f64, Gaussian)>], config: &MixtureFit) -> Result<()> {
        if parts.iter().all(Option::is_some) {
            return Ok(());
        }
        let mut worst: Vec<usize> = (0..self.points.len()).collect();
        worst.sort_by(|&a, &b| self.log_densities[a].total_cmp(&self.log_densities[b]));
        let mut worst = worst.into_iter();
        for part in parts.iter_mut().filter(|p| p.is_none()) {
            let Some(i) = worst.next().filter(|_| self.reseeded < config.components) else { return Ok(()) };
            let mean = self.points.point(i).to_owned();
            let scale = self.points.moments().std;
            let covariance = Covariance::isotropic(self.points.dim(), (scale * scale).max(self.floor))?;
            *part = Some((1.0, Gaussian::new(mean, covariance)?));
            self.reseeded += 1;
        }
        Ok(())
    }

    /// E step: γ and log p of the present mixture.
    fn expect(&mut self) -> Result<()> {
        let level = Level::new(self.mixture.components(), self.mixture.log_weights(), 0.0);
        (self.responsibilities, self.log_densities) = level.posterior(self.points.values())?;
        // Sequential: the order of summation is that of the points.
        let sum: f64 = self.log_densities.iter().sum();
        self.trace.push(sum / self.points.len() as f64);
        Ok(())
    }

    fn log_likelihood(&self) -> f64 {
        self.trace.last().copied().unwrap_or(f64::NEG_INFINITY)
    }

    fn finish(self, kind: CovarianceKind) -> Fitted {
        let (n, d, k) = (self.points.len() as f64, self.points.dim(), self.mixture.len());
        let parameters = k - 1 + k * (d + kind.parameters(d));
        let log_likelihood = self.log_likelihood();
        let report = FitReport {
            iterations: self.trace.len() - 1,
            converged: self.converged,
            log_likelihood,
            bic: -2.0 * n * log_likelihood + parameters as f64 * libm::log(n),
            parameters,
            reseeded: self.reseeded,
            trace: self.trace,
        };
        Fitted { mixture: self.mixture, report }
    }
}

/// M step: (N_k, component) for every column of γ, nothing for an empty one.
fn maximise(
    points: &PointSet,
    responsibilities: &Array2<f64>,
    kind: CovarianceKind,
    floor: f64,
) -> Result<Vec<Option<(f64, Gaussian)>>> {
    let one = |k: usize| {
        let column = responsibilities.column(k);
        let rows: Vec<(usize, f64)> =
            column.iter().copied().enumerate().filter(|(_, w)| *w >= SKIPPED).collect();
        let count: f64 = rows.iter().map(|(_, w)| w).sum();
        if count < EMPTY {
            return Ok(None);
        }
        let (mean, covariance) = Covariance::fit(points.values(), &rows, kind, floor)?;
        Ok(Some((count, Gaussian::new(mean, covariance)?)))
    };
    (0..responsibilities.ncols()).into_par_iter().map(one).collect()
}

fn assemble(parts: Vec<(f64, Gaussian)>) -> Result<Mixture> {
    let (weights, components) = parts.into_iter().unzip();
    Mixture::new(weights, components)
}
