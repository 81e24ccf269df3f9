//! The kernel and its scale chosen together: the least held-out loss among kernels that do not copy.
//!
//! ```text
//! loss(h)    = mean over k of ‖D_h⁻ᵏ(xₖ + σε; σ) − xₖ‖²      without point k: how well a new point is found
//! novelty(h) = median over k of ‖D_h − xₖ‖ / ‖D_h⁻ᵏ − xₖ‖     with point k, over without
//! ```
//!
//! A model that copies gives a training point back and cannot find it once it is left out: novelty 0. One
//! that has learnt what the points have in common hardly notices: novelty 1 (the influence of a training
//! point on its own neighbourhood, as in the counterfactual memorisation of arXiv 2112.12938). The loss alone
//! has a flat minimum, at whose lower end samples still come to rest on training points.
//!
//! So each kernel takes the scale of its least loss, or if that copies the first at which half of a point's
//! way back is the others' doing ([`NOVELTY`]), as long as the loss is within [`SLACK`] of the least. Of the
//! kernels the one that reaches that novelty at the least loss is chosen: the comparison at equal novelty that
//! arXiv 2510.02305 makes between kernels. A kernel that falls short of that novelty by more than a tenth is left
//! for one that does not, whatever its loss.

use ndarray::{Array2, Array3};

use super::held_out::{HeldOut, Loss, nodes};
use super::smoothing::{Dimension, Kernel, LocalPca};
use crate::closed_form::Empirical;
use crate::error::{Error, Result};
use crate::points::PointSet;

/// The novelty asked for.
pub const NOVELTY: f64 = 0.5;
/// How far above its least the mean squared loss may go for novelty: 10 %, 5 % of a distance.
pub const SLACK: f64 = 0.1;
/// Noise level of the comparison, in units of the spacing of neighbours.
const LEVEL: f64 = 0.03;
/// Noisy points that are denoised.
const ROWS: usize = 128;
/// Fewest different points to choose from.
const FEWEST: usize = 20;
/// Scales tried, in units of the spacing of neighbours, or of the neighbours' spread.
const IN_SPACINGS: [f64; 17] =
    [0.025, 0.035, 0.05, 0.07, 0.1, 0.14, 0.2, 0.28, 0.4, 0.56, 0.8, 1.1, 1.6, 2.2, 3.2, 4.5, 6.4];
const IN_SPREADS: [f64; 15] =
    [0.05, 0.08, 0.12, 0.18, 0.25, 0.35, 0.5, 0.7, 0.9, 1.1, 1.3, 1.6, 2.0, 2.5, 3.2];
/// Neighbours that tell a tangent plane: at most this many, and an eighth of the points.
const NEIGHBOURS: usize = 30;
/// A kernel along the data acts up to this noise level, in units of spacing over √d: the norm of the noise is
/// then three spacings, and what the kernel would change is below the noise.
const ONSET: f64 = 3.0;

/// A kernel with its scale, and what it was weighed against.
#[derive(Debug, Clone)]
pub struct KernelChoice {
    /// The kernel, ready for [`Smoothed::new`](super::Smoothed::new).
    pub kernel: Kernel,
    /// Which of the candidates it is.
    pub chosen: usize,
    /// Isotropic and along the data, each at its best scale.
    pub candidates: Vec<KernelCandidate>,
    /// Median distance between nearest neighbours, in the data's units.
    pub spacing: f64,
    /// (dimension, neighbours) of the tangent planes, if the kernel chosen has any.
    pub planes: Option<(usize, usize)>,
}

/// One kernel at the scale chosen for it.
#[derive(Debug, Clone, PartialEq)]
pub struct KernelCandidate {
    /// `isotropic`, or `manifold`: in the tangent planes and in proportion to the spread of the neighbours.
    pub name: &'static str,
    /// Its scale: in the data's units, or a multiple of the spread.
    pub scale: f64,
    /// Log of the mean squared loss there.
    pub loss: f64,
    /// Standard error of that over held-out points.
    pub standard_error: f64,
    /// Novelty there, 0 to about 1.
    pub novelty: f64,
    /// (scale, log loss, novelty) of all scales tried.
    pub curve: Vec<(f64, f64, f64)>,
}

/// Chooses kernel and scale for `data`.
///
/// # Errors
/// With fewer than 20 different points.
pub fn choose_kernel(data: &PointSet, seed: u64) -> Result<KernelChoice> {
    let model = Empirical::new(data)?;
    let held_out = Weighed::new(&model, seed)?;
    let isotropic = held_out.isotropic()?;
    let neighbours = NEIGHBOURS.min(model.len() / 8).max(2);
    let dimension = data.dim().min(2 * neighbours / 3).max(1);
    let points = PointSet::vectors(model.points().to_owned())?;
    let planes = LocalPca::new(&points, neighbours, Dimension::Chosen(dimension))?.by_spread();
    let along = held_out.along(&planes)?;

    let chosen = usize::from(along.better_than(&isotropic));
    let spacing = held_out.spacing;
    let kernel = if chosen == 1 {
        Kernel::manifold(along.scale, planes).below(ONSET * spacing / (data.dim() as f64).sqrt())
    } else {
        Kernel::isotropic(isotropic.scale)
    };
    Ok(KernelChoice {
        kernel: kernel.seed(seed),
        chosen,
        candidates: vec![isotropic, along],
        spacing,
        planes: (chosen == 1).then_some((dimension, neighbours)),
    })
}

/// Chooses the scale of a kernel in the given tangent planes of `data`, by the same rule.
///
/// # Errors
/// With fewer than 20 different points, or those of the planes.
pub fn choose_scale_along(data: &PointSet, planes: &LocalPca, seed: u64) -> Result<KernelCandidate> {
    let model = Empirical::new(data)?;
    // Without copies, as the points of the model are: a point is left out of its own plane with them.
    let planes = planes.of(&PointSet::vectors(model.points().to_owned())?)?;
    Weighed::new(&model, seed)?.along(&planes)
}

impl KernelCandidate {
    /// More novel where one of them copies; at equal novelty, of less loss.
    fn better_than(&self, other: &KernelCandidate) -> bool {
        let novelty = |c: &KernelCandidate| c.novelty.min(NOVELTY);
        let gain = novelty(self) - novelty(other);
        // A difference in novelty that would not show does not outweigh the loss.
        if gain.abs() > 0.1 * NOVELTY { gain > 0.0 } else { self.loss < other.loss }
    }
}

/// Noisy points at the level of the comparison.
struct Weighed<'a> {
    held_out: HeldOut<'a>,
    spacing: f64,
    sigma: f64,
    x: Array2<f64>,
    seed: u64,
}

impl<'a> Weighed<'a> {
    fn new(model: &'a Empirical, seed: u64) -> Result<Self> {
        if model.len() < FEWEST {
            return Err(Error::argument(
                "data",
                format!("has {} different points, too few to choose a kernel from", model.len()),
                format!("give at least {FEWEST}, or a kernel and a scale of your own"),
            ));
        }
        let held_out = HeldOut::new(model, seed, ROWS);
        let spacing = held_out.spacing()?;
        let sigma = LEVEL * spacing;
        let x = held_out.noisy(sigma);
        Ok(Weighed { held_out, spacing, sigma, x, seed })
    }

    fn isotropic(&self) -> Result<KernelCandidate> {
        let scales: Vec<f64> = IN_SPACINGS.iter().map(|s| s * self.spacing).collect();
        let squares = |leave_out| self.held_out.squares(self.x.view(), self.sigma, &scales, None, leave_out);
        Ok(weigh("isotropic", &scales, &squares(true)?, &squares(false)?))
    }

    fn along(&self, planes: &LocalPca) -> Result<KernelCandidate> {
        let scales: Vec<f64> = if planes.is_by_spread() {
            IN_SPREADS.to_vec()
        } else {
            IN_SPACINGS.iter().map(|s| s * self.spacing).collect()
        };
        let nodes = nodes(self.seed, self.held_out.draws(), planes.dimension());
        let squares = |frames: Array3<f64>, leave_out| {
            let frames = Some((nodes.view(), frames.view()));
            self.held_out.squares(self.x.view(), self.sigma, &scales, frames, leave_out)
        };
        let origin: Vec<usize> = self.held_out.origin.iter().map(|&i| i as usize).collect();
        let without = squares(planes.tangents_excluding(self.x.view(), &origin)?, true)?;
        let with = squares(planes.tangents(self.x.view())?, false)?;
        Ok(weigh("manifold", &scales, &without, &with))
    }
}

/// The candidate from the squares of the distances to the clean points, without each point and with it.
fn weigh(name: &'static str, scales: &[f64], without: &[Vec<f64>], with: &[Vec<f64>]) -> KernelCandidate {
    let losses: Vec<Loss> = without.iter().map(|squares| Loss::of(squares)).collect();
    let curve: Vec<(f64, f64, f64)> = scales
        .iter()
        .zip(losses.iter().zip(without.iter().zip(with)))
        .map(|(&scale, (loss, (without, with)))| (scale, libm::log(loss.mean), median_ratio(with, without)))
        .collect();
    let (scale, loss, novelty) = pick(&curve);
    let nearest = scales.iter().position(|&s| s >= scale).and_then(|i| losses.get(i));
    let standard_error = nearest.map_or(0.0, |l| l.error / l.mean);
    KernelCandidate { name, scale, loss, standard_error, novelty, curve }
}

/// Median of √(a/b).
fn median_ratio(a: &[f64], b: &[f64]) -> f64 {
    let mut ratios: Vec<f64> = a
        .iter()
        .zip(b)
        .map(|(a, b)| if *b > 0.0 { (a.max(0.0) / b).sqrt() } else { f64::from(u8::from(*a > 0.0)) })
        .collect();
    ratios.sort_unstable_by(f64::total_cmp);
    ratios.get(ratios.len() / 2).copied().unwrap_or(0.0)
}

/// (scale, log loss, novelty) by the rule of the module, between the scales tried by interpolation in log scale.
fn pick(curve: &[(f64, f64, f64)]) -> (f64, f64, f64) {
    let Some(best) = (0..curve.len()).reduce(|b, i| if curve[i].1 < curve[b].1 { i } else { b }) else {
        return (0.0, f64::INFINITY, 0.0);
    };
    let bound = curve[best].1 + SLACK;
    if curve[best].2 >= NOVELTY {
        return curve[best];
    }
    for pair in curve[best..].windows(2) {
        let (from, to) = (pair[0], pair[1]);
        // The first of the two limits that lies between them, if any.
        let share = |from: f64, to: f64, limit: f64| {
            if to > limit { ((limit - from) / (to - from)).clamp(0.0, 1.0) } else { 2.0 }
        };
        let along = share(from.2, to.2, NOVELTY).min(share(from.1, to.1, bound));
        if along <= 1.0 {
            let between = |a: f64, b: f64| a + along * (b - a);
            let scale = libm::exp(between(libm::log(from.0), libm::log(to.0)));
            return (scale, between(from.1, to.1), between(from.2, to.2));
        }
    }
    curve[curve.len() - 1]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Denoiser;
    use crate::random::{Purpose, Stream};
    use crate::transform::Smoothed;

    fn ring(n: usize, dim: usize) -> PointSet {
        let mut stream = Stream::new(1, Purpose::Synthetic, 0, 0);
        let angles: Vec<f64> = (0..n).map(|_| std::f64::consts::TAU * stream.uniform()).collect();
        PointSet::vectors(Array2::from_shape_fn((n, dim), |(i, k)| match k {
            0 => angles[i].cos(),
            1 => angles[i].sin(),
            _ => 0.0,
        }))
        .unwrap()
    }

    /// The rule by hand: least loss at scale 2; novelty crosses half way between 2 and 4; the bound on the
    /// loss, where it is nearer, comes first; a least loss that is novel enough is taken as it stands.
    #[test]
    fn the_rule() {
        let curve = [(1.0, 1.0, 0.0), (2.0, 0.0, 0.25), (4.0, 0.05, 0.75), (8.0, 3.0, 1.0)];
        let (scale, loss, novelty) = pick(&curve);
        assert!((scale - 8f64.sqrt()).abs() < 1e-12 && (loss - 0.025).abs() < 1e-12 && novelty == 0.5);
        let steep = [(1.0, 1.0, 0.0), (2.0, 0.0, 0.25), (4.0, 0.2, 0.26)];
        assert!((pick(&steep).0 - 8f64.sqrt()).abs() < 1e-12 && (pick(&steep).1 - SLACK).abs() < 1e-12);
        assert_eq!(pick(&[(1.0, 1.0, 0.1), (2.0, 0.0, 0.6), (4.0, 0.1, 0.9)]).0, 2.0);
        assert_eq!(pick(&[(1.0, 1.0, 0.1), (2.0, 0.0, 0.3)]).0, 2.0);
    }

    /// Novelty rises with the scale, from where a point finds itself, and the choice acts.
    #[test]
    fn choices_on_a_ring() {
        let data = ring(160, 3);
        let choice = choose_kernel(&data, 0).unwrap();
        assert_eq!(choice.candidates.len(), 2);
        for candidate in &choice.candidates {
            let (first, last) = (candidate.curve[0], candidate.curve[candidate.curve.len() - 1]);
            assert!(first.2 < NOVELTY && last.2 > NOVELTY, "{candidate:?}");
            assert!(candidate.scale > first.0 && candidate.scale < last.0);
        }
        let model = Empirical::new(&data).unwrap();
        let smoothed = Smoothed::new(&model, choice.kernel).unwrap();
        let x = data.values().slice_axis(ndarray::Axis(0), (0..4).into()).to_owned();
        assert_ne!(
            smoothed.denoise(x.view(), 0.1 * choice.spacing).unwrap(),
            model.denoise(x.view(), 0.1 * choice.spacing).unwrap()
        );
    }

    #[test]
    fn too_few_points_are_refused() {
        let error = choose_kernel(&ring(19, 2), 0).unwrap_err().to_string();
        assert!(error.contains("19 different points") && error.contains("at least 20"), "{error}");
    }
}
