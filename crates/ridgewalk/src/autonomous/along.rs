//! What a blind model makes of points of a known noise level: how well they tell it, and what its error does.
//!
//! The level of noise that is kept, exp(−∫μ dt) from a time to the end times the level there, says what becomes of an early
//! error: the homogeneous part of du/dt = μu + νf (arXiv 2602.18428, eq. 63).

use ndarray::ArrayView2;

use super::{Autonomous, Blind, Target, TimePosterior};
use crate::error::Result;
use crate::process::Process;
use crate::sampler::Trace;

/// Levels of the posterior beyond this, in the data's standard deviation, count as this.
pub(super) const FARTHEST: f64 = 1000.0;

/// What is measured at one level, over noisy data.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AtLevel {
    /// The time.
    pub time: f64,
    /// The noise level σ/α there, in the data's units.
    pub level: f64,
    /// The level as the points tell it: the geometric mean of what their posteriors say.
    pub read: f64,
    /// Root mean square over points of the deviation of ln σ given u.
    pub width: f64,
    /// Mean of the marginal energy, in nats.
    pub energy: f64,
    /// Mean of Jensen's gap.
    pub gap: f64,
    /// Its root mean square.
    pub gap_rms: f64,
    /// ν(t).
    pub gain: f64,
    /// Root mean square of ν‖f* − f_t‖, per unit of t.
    pub drift_error: f64,
    /// The noise level that is left at the end if all noise of this level is kept: the level times the factor by which an
    /// error of u/α grows from here to the end.
    pub kept: f64,
}

/// What there is to be measured at points x = u/α, at one time of a run that ends at another.
pub(super) fn measure(
    blind: &Blind,
    target: Target,
    x: ArrayView2<f64>,
    (time, end): (f64, f64),
    most: f64,
) -> Result<AtLevel> {
    let process = blind.process();
    let coefficients = target.coefficients(process, time)?;
    let level = process.noise_level(time);
    let u = &x * coefficients.alpha;
    let posteriors = blind.posterior(u.view())?;
    let n = posteriors.len().max(1) as f64;
    let mean = |g: &dyn Fn(&TimePosterior) -> f64| posteriors.iter().map(g).sum::<f64>() / n;
    let width = mean(&|p| p.level(process, most).1.powi(2)).sqrt();
    let read = libm::exp(mean(&|p| libm::log(p.level(process, most).0)));
    let gap = mean(&|p| p.jensen_gap(process, coefficients.sigma));
    let gap_rms = mean(&|p| p.jensen_gap(process, coefficients.sigma).powi(2)).sqrt();
    let field = blind.field(target).field(u.view())?;
    let (of_u, of_d) = coefficients.of_state_and_denoised();
    let mut off = blind.model().denoise(x, level)?;
    off.zip_mut_with(&u, |d, u| *d = of_u * u + of_d * *d);
    off -= &field;
    let error = (off.iter().map(|v| v * v).sum::<f64>() / n).sqrt();
    Ok(AtLevel {
        time,
        level,
        read,
        width,
        energy: mean(&|p| -p.log_evidence()),
        gap,
        gap_rms,
        gain: coefficients.gain,
        drift_error: coefficients.gain.abs() * error,
        kept: level * growth(process, target, time, end),
    })
}

/// The same along a run: at every state of a trace (`[n, d]` each, as x = u/α, as samplers keep them) and its noise level, what the
/// blind model makes of it. The trace of a told run shows where a blind one would part from it; that of a blind run, how far the
/// clock and what the points tell have parted.
///
/// ```
/// use ridgewalk::autonomous::{Blind, Clocked, Target, TimePrior, along};
/// use ridgewalk::closed_form::Empirical;
/// use ridgewalk::{Euler, FlowMatching, LinearTime, Sampler, Trace};
///
/// let data = ridgewalk_data::digits().select(&(0..30).collect::<Vec<_>>())?;
/// let model = Empirical::new(&data)?;
/// let blind = Blind::from(&model, FlowMatching, TimePrior::uniform(1e-3..0.999)?)?.tolerance(1e-6);
/// let mut trace = Trace::default();
/// let sampler = Sampler::new(Euler, LinearTime::new(FlowMatching, 0.05..50.0, 8));
/// sampler.run_observed(&Clocked::new(blind.field(Target::Velocity), FlowMatching), 4, &mut trace)?;
/// for at in along(&blind, Target::Velocity, &trace)? {
///     println!("clock {:.3}, read {:.3} ± {:.0} %", at.level, at.read, 100.0 * at.width);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`Blind::posterior`], and if a level is none of the process. States at level 0, the samples themselves, are left out.
pub fn along(blind: &Blind, target: Target, trace: &Trace) -> Result<Vec<AtLevel>> {
    let process = blind.process();
    let scale = blind.model().moments().map_or(1.0, |m| m.std);
    let levels = || trace.sigmas.iter().copied().zip(&trace.states).filter(|(level, _)| *level > 0.0);
    let end = levels().map(|(level, _)| level).fold(f64::INFINITY, f64::min);
    levels()
        .map(|(level, state)| {
            let times = (process.time(level), process.time(end));
            measure(blind, target, state.view(), times, FARTHEST * scale)
        })
        .collect()
}

/// exp(−∫μ dt) from `end` to `time`, times α(time)/α(end): the factor of an error of x = u/α. A descent has no clock:
/// whatever is done early is undone later.
fn growth(process: &dyn Process, target: Target, time: f64, end: f64) -> f64 {
    if target == Target::Equilibrium {
        return 0.0;
    }
    // Simpson's rule in the logarithm of the level, in which the integrand is smooth also where α vanishes.
    let intervals = 400;
    let (low, high) = (libm::log(process.noise_level(end)), libm::log(process.noise_level(time)));
    let step = (high - low) / f64::from(intervals);
    let at = |i: i32| {
        let level = libm::exp(low + f64::from(i) * step);
        let c = target.unchecked(process, process.time(level));
        let t = process.time(level);
        let rate = process.sigma_derivative(t) / c.sigma - process.alpha_derivative(t) / c.alpha;
        c.drift / rate
    };
    let middle: f64 = (1..intervals).map(|i| if i % 2 == 1 { 4.0 * at(i) } else { 2.0 * at(i) }).sum();
    let integral = step / 3.0 * (at(0) + middle + at(intervals));
    libm::exp(-integral) * process.alpha(time) / process.alpha(end)
}

/// p in ν ∝ σ^(−p) as σ → 0: far below the end, where the process has its limiting form.
pub(super) fn gain_exponent(process: &dyn Process, target: Target, end: f64) -> f64 {
    let level = 1e-3 * process.noise_level(end);
    let [a, b] = [level, 2.0 * level].map(|level| target.unchecked(process, process.time(level)));
    -(libm::log((a.gain / b.gain).abs())) / libm::log(a.sigma / b.sigma)
}
