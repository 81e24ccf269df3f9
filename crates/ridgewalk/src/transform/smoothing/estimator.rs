//! Estimators of the means over a kernel's draws, each with its error known.
//!
//! | estimator | standard normal nodes z | error of D_k (arXiv 2510.02305 is silent about it) |
//! |---|---|---|
//! | Monte Carlo | independent | scale·√(d/n) at least where D does not follow ξ: the score's mean has −mean(ξ)/σ² |
//! | antithetic | pairs ±z | none in all that is odd in ξ, so mean(ξ) = 0 and a linear D is exact |
//! | quasi-Monte Carlo | Sobol points, scrambled after Owen | near n⁻¹ and below where D is smooth |
//! | control variate | independent | Monte Carlo less the part of D − ξ that follows ξ |
//! | Gauss–Hermite | a tensor rule | spectral while σ is above scale × spacing; up to 3 coordinates |
//!
//! Nodes come in groups that are independent and alike, so that the spread of the groups' means gives
//! the standard error of their mean; a quadrature rule is compared with a smaller one instead. They are
//! keyed by (seed, depth of nesting, group, draw): the same for every row, batch and step, so D_k is one
//! deterministic function of x.

use ndarray::Array2;

use super::hermite;
use super::quantile::normal_quantile;
use crate::error::{Error, Result};
use crate::random::{Purpose, Stream};

/// Groups of draws: enough that the standard error itself is known to about 1/√(2·15), 18 %.
const GROUPS: usize = 16;
/// Fewest groups that a rounding to equal groups may choose.
const FEWEST_GROUPS: usize = 8;
/// Groups of quasi-random draws: fewer, since each is better the longer it is.
const RANDOMISATIONS: usize = 8;
/// Points of one scrambled Sobol sequence, and coordinates after which another one is padded on.
const SOBOL_POINTS: usize = 1 << 16;
const SOBOL_COORDINATES: usize = 256;
/// Width of the cells that the single-precision points of the sequence leave open.
const SOBOL_CELL: f64 = 1.0 / (1u64 << 23) as f64;
/// Most coordinates of a tensor rule.
const TENSOR_COORDINATES: usize = 3;
/// Most nodes of a tensor rule along a coordinate.
const TENSOR_NODES: usize = 128;
/// Nodes of smaller weight change no f64 sum.
const NEGLIGIBLE_WEIGHT: f64 = 1e-18;
/// Draws of a group are numbered below 2³²; the group stands above, then the use.
const GROUP_BITS: u32 = 32;
const SCRAMBLE: u64 = 1 << 62;

/// How the mean over a kernel is estimated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Estimator {
    /// Independent draws: the mean of the scores, as in the paper's own experiments. Its error in high
    /// dimension, scale·√(d/n), is often larger than what the smoothing does.
    MonteCarlo,
    /// Pairs ±z: the default.
    #[default]
    Antithetic,
    /// Eight independently scrambled Sobol sequences (Owen's scrambling by hashing, Burley 2020), through
    /// the inverse normal distribution function. Draws are rounded up to a multiple of 8; powers of two
    /// are best. Beyond 256 coordinates independent sequences are padded on.
    QuasiMonteCarlo,
    /// Independent draws with ξ as control variate: mean(D) − β·mean(ξ). By Stein's identity
    /// Cov(D(x+ξ), ξ) = h²·E J_D the best scalar β is the mean diagonal entry of E J_D; it is estimated by
    /// regression over the groups of draws. 1 is Monte Carlo; 0, the usual correction, is worse than that
    /// where D follows ξ. For centred kernels, with at least 3 groups.
    ControlVariate,
    /// A tensor Gauss–Hermite rule with ⌊n^{1/r}⌋ nodes along each of r ≤ 3 coordinates. Unequalled while σ is
    /// above scale × spacing of the data; below, D becomes a step function and quasi-Monte Carlo is better.
    GaussHermite,
}

/// Standard normal nodes in groups of equal size, one group after the other.
#[derive(Debug, Clone)]
pub(super) struct Nodes {
    /// `[draws, r]`.
    pub z: Array2<f64>,
    /// Those of a group sum to one.
    pub weights: Vec<f64>,
    pub groups: usize,
}

/// Which nodes an estimator takes: any range of every group's draws, so that draws can be added.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    estimator: Estimator,
    coordinates: usize,
    seed: u64,
    depth: u64,
    pub groups: usize,
    /// Draws of a group (nodes along a coordinate for a tensor rule); pairs count as two.
    pub per_group: usize,
}

impl Plan {
    pub fn new(
        estimator: Estimator,
        draws: usize,
        coordinates: usize,
        seed: u64,
        depth: u64,
    ) -> Result<Self> {
        let help = "choose at least one draw";
        if draws == 0 || coordinates == 0 {
            return Err(Error::argument(
                "kernel",
                format!("has {draws} draws of {coordinates} coordinates"),
                help,
            ));
        }
        let (groups, per_group) = match estimator {
            Estimator::MonteCarlo | Estimator::ControlVariate => equal_groups(draws),
            Estimator::Antithetic => {
                let (groups, pairs) = equal_groups(draws.div_ceil(2));
                (groups, 2 * pairs)
            }
            Estimator::QuasiMonteCarlo => (draws.min(RANDOMISATIONS), draws.div_ceil(RANDOMISATIONS)),
            Estimator::GaussHermite => (1, root(draws, coordinates).min(TENSOR_NODES)),
        };
        if estimator == Estimator::GaussHermite && coordinates > TENSOR_COORDINATES {
            return Err(Error::argument(
                "estimator",
                format!("is Gauss-Hermite for a kernel of {coordinates} coordinates"),
                "it serves up to 3: draw within the span of few points or in a tangent plane, or use quasi-Monte \
                 Carlo or antithetic draws",
            ));
        }
        if estimator == Estimator::GaussHermite && per_group < 2 {
            return Err(Error::argument(
                "draws",
                format!("of the kernel are {draws} in {coordinates} coordinates, a rule of one node"),
                format!("give at least {}, two nodes a coordinate", 1 << coordinates),
            ));
        }
        if estimator == Estimator::QuasiMonteCarlo && per_group > SOBOL_POINTS {
            return Err(Error::argument(
                "draws",
                format!("of the kernel are {draws}"),
                format!("quasi-Monte Carlo has {} at the most", SOBOL_POINTS * RANDOMISATIONS),
            ));
        }
        if estimator == Estimator::ControlVariate && groups < 3 {
            return Err(Error::argument(
                "draws",
                format!("of the kernel are {draws}"),
                "a control variate needs at least 3, from which its coefficient is estimated",
            ));
        }
        if per_group >> GROUP_BITS != 0 {
            return Err(Error::argument("draws", format!("of the kernel are {draws}"), "choose fewer"));
        }
        Ok(Plan { estimator, coordinates, seed, depth, groups, per_group })
    }

    /// All nodes of the plan.
    pub fn nodes(&self) -> Nodes {
        self.range(0..self.per_group)
    }

    /// The plan with twice the draws, or nothing where its rule has no more.
    pub fn doubled(&self) -> Option<Plan> {
        let mut plan = self.clone();
        match self.estimator {
            Estimator::GaussHermite => {
                let draws = 2 * self.draws();
                plan.per_group = root(draws, self.coordinates).clamp(self.per_group + 1, TENSOR_NODES);
                (self.per_group < TENSOR_NODES).then_some(plan)
            }
            Estimator::QuasiMonteCarlo if 2 * self.per_group > SOBOL_POINTS => None,
            _ => {
                plan.per_group *= 2;
                Some(plan)
            }
        }
    }

    /// Number of draws (of a tensor rule, with those of negligible weight).
    pub fn draws(&self) -> usize {
        match self.estimator {
            Estimator::GaussHermite => self.per_group.pow(self.coordinates as u32),
            _ => self.groups * self.per_group,
        }
    }

    /// Whether a plan with more draws contains the nodes of this one.
    pub fn nested(&self) -> bool {
        self.estimator != Estimator::GaussHermite
    }

    /// The smaller rule with which a quadrature rule is compared: half of the nodes along a coordinate.
    pub fn smaller(&self) -> Option<Plan> {
        let per_group = self.per_group.div_ceil(2);
        (self.estimator == Estimator::GaussHermite && self.per_group > 1)
            .then(|| Plan { per_group, ..self.clone() })
    }

    /// The nodes of a range of every group's draws, weighted as a mean over that range.
    pub fn range(&self, draws: std::ops::Range<usize>) -> Nodes {
        match self.estimator {
            Estimator::GaussHermite => {
                let (z, weights) = tensor(self.per_group, self.coordinates);
                Nodes { z, weights, groups: 1 }
            }
            Estimator::QuasiMonteCarlo => self.fill(draws, |group| {
                let seeds = self.sobol_seeds(group);
                move |draw, row| self.sobol(&seeds, group, draw, row)
            }),
            Estimator::Antithetic => self.fill(draws, |group| {
                move |draw, row| {
                    self.stream(group, draw / 2).fill_normal(row);
                    if draw % 2 == 1 {
                        row.iter_mut().for_each(|z| *z = -*z);
                    }
                }
            }),
            Estimator::MonteCarlo | Estimator::ControlVariate => {
                self.fill(draws, |group| move |draw, row| self.stream(group, draw).fill_normal(row))
            }
        }
    }

    fn fill<F: FnMut(usize, &mut [f64])>(
        &self,
        draws: std::ops::Range<usize>,
        group: impl Fn(usize) -> F,
    ) -> Nodes {
        let (count, r) = (draws.len(), self.coordinates);
        let mut z = vec![0.0; self.groups * count * r];
        for (g, block) in z.chunks_mut((count * r).max(1)).enumerate() {
            let mut draw_one = group(g);
            for (draw, row) in draws.clone().zip(block.chunks_mut(r)) {
                draw_one(draw, row);
            }
        }
        let rows = self.groups * count;
        let z = Array2::from_shape_vec((rows, r), z).unwrap_or_else(|_| Array2::zeros((rows, r)));
        Nodes { z, weights: vec![1.0 / count.max(1) as f64; rows], groups: self.groups }
    }

    fn stream(&self, group: usize, draw: usize) -> Stream {
        let key = ((group as u64) << GROUP_BITS) | draw as u64;
        Stream::new(self.seed, Purpose::Kernel, self.depth, key)
    }

    /// One seed for every 256 coordinates.
    fn sobol_seeds(&self, group: usize) -> Vec<u32> {
        let mut stream = Stream::new(self.seed, Purpose::Kernel, self.depth, SCRAMBLE | group as u64);
        (0..self.coordinates.div_ceil(SOBOL_COORDINATES)).map(|_| (stream.bits() >> 32) as u32).collect()
    }

    fn sobol(&self, seeds: &[u32], group: usize, draw: usize, row: &mut [f64]) {
        // A uniform place in its cell: the sequence has the 23 bits of a single-precision number, whose
        // lowest value would be a normal of −∞.
        let mut within = self.stream(group, draw);
        for (block, seed) in row.chunks_mut(SOBOL_COORDINATES).zip(seeds) {
            for (coordinate, z) in block.iter_mut().enumerate() {
                let cell = f64::from(sobol_burley::sample(draw as u32, coordinate as u32, *seed));
                *z = normal_quantile(cell + SOBOL_CELL * within.uniform());
            }
        }
    }
}

/// (groups, units of each), at least `units` in all and as few more as equal groups allow.
fn equal_groups(units: usize) -> (usize, usize) {
    if units <= GROUPS {
        return (units, 1);
    }
    let total = |groups: usize| groups * units.div_ceil(groups);
    let best = (FEWEST_GROUPS..=GROUPS).rev().min_by_key(|&groups| total(groups)).unwrap_or(GROUPS);
    (best, units.div_ceil(best))
}

/// The largest m with mʳ ≤ n.
fn root(n: usize, r: usize) -> usize {
    let mut m = 1usize;
    while m <= TENSOR_NODES && (m + 1).checked_pow(r as u32).is_some_and(|p| p <= n) {
        m += 1;
    }
    m
}

/// The tensor rule with m nodes along each of r coordinates: nodes `[·, r]` and weights, which sum to one.
fn tensor(m: usize, r: usize) -> (Array2<f64>, Vec<f64>) {
    let (nodes, weights) = hermite::rule(m);
    let (mut z, mut products) = (Vec::new(), Vec::new());
    for index in 0..m.pow(r as u32) {
        let digits = (0..r).map(|k| index / m.pow(k as u32) % m);
        let weight: f64 = digits.clone().map(|i| weights[i]).product();
        if weight >= NEGLIGIBLE_WEIGHT {
            z.extend(digits.map(|i| nodes[i]));
            products.push(weight);
        }
    }
    let sum: f64 = products.iter().sum();
    products.iter_mut().for_each(|w| *w /= sum);
    let z = Array2::from_shape_vec((products.len(), r), z).unwrap_or_else(|_| Array2::zeros((0, r)));
    (z, products)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Estimator; 5] = [
        Estimator::MonteCarlo,
        Estimator::Antithetic,
        Estimator::QuasiMonteCarlo,
        Estimator::ControlVariate,
        Estimator::GaussHermite,
    ];

    /// Mean 0 and covariance I of 4096 nodes in 2 coordinates, within five standard errors of independent
    /// draws (1/64 and √2/64), and in quasi-random points and rules far closer.
    #[test]
    fn nodes_are_standard_normal() {
        for estimator in ALL {
            let nodes = Plan::new(estimator, 4096, 2, 3, 0).unwrap().nodes();
            let share = 1.0 / nodes.groups as f64;
            let moment = |f: &dyn Fn(f64, f64) -> f64| -> f64 {
                nodes.z.outer_iter().zip(&nodes.weights).map(|(z, w)| share * w * f(z[0], z[1])).sum()
            };
            let close = match estimator {
                Estimator::GaussHermite => 1e-11,
                Estimator::QuasiMonteCarlo => 0.01,
                _ => 0.08,
            };
            assert!((moment(&|_, _| 1.0) - 1.0).abs() < 1e-12);
            for (value, expected) in [
                (moment(&|a, _| a), 0.0),
                (moment(&|_, b| b), 0.0),
                (moment(&|a, b| a * b), 0.0),
                (moment(&|a, _| a * a), 1.0),
                (moment(&|_, b| b * b), 1.0),
            ] {
                assert!((value - expected).abs() < close, "{estimator:?}: {value} for {expected}");
            }
        }
    }

    #[test]
    fn groups_are_equal_and_few_draws_are_added() {
        for (draws, groups, total) in
            [(1, 1, 2), (2, 1, 2), (10, 5, 10), (64, 16, 64), (100, 10, 100), (34, 9, 36), (128, 16, 128)]
        {
            let plan = Plan::new(Estimator::Antithetic, draws, 3, 0, 0).unwrap();
            assert_eq!((plan.groups, plan.draws()), (groups, total), "{draws}");
        }
        assert_eq!(Plan::new(Estimator::QuasiMonteCarlo, 100, 3, 0, 0).unwrap().draws(), 104);
        assert_eq!(Plan::new(Estimator::GaussHermite, 100, 3, 0, 0).unwrap().draws(), 64);
    }

    /// Pairs cancel in every group, and a longer plan begins with the shorter one's draws.
    #[test]
    fn pairs_cancel_and_draws_are_added_to() {
        let plan = Plan::new(Estimator::Antithetic, 64, 5, 1, 0).unwrap();
        for group in plan.nodes().z.axis_chunks_iter(ndarray::Axis(0), plan.per_group) {
            assert!(group.sum_axis(ndarray::Axis(0)).iter().all(|s| *s == 0.0));
        }
        for estimator in [Estimator::MonteCarlo, Estimator::Antithetic, Estimator::QuasiMonteCarlo] {
            let plan = Plan::new(estimator, 64, 300, 1, 0).unwrap();
            let (short, long) = (plan.nodes().z, plan.doubled().unwrap().nodes().z);
            let added = plan.range(plan.per_group..2 * plan.per_group).z;
            for group in 0..plan.groups {
                for draw in 0..plan.per_group {
                    let (of_short, of_long) =
                        (group * plan.per_group + draw, 2 * group * plan.per_group + draw);
                    assert_eq!(short.row(of_short), long.row(of_long));
                    assert_eq!(added.row(of_short), long.row(of_long + plan.per_group));
                }
            }
        }
    }

    /// Seeds, depths and groups give other nodes.
    #[test]
    fn nodes_are_keyed() {
        for estimator in [Estimator::MonteCarlo, Estimator::Antithetic, Estimator::QuasiMonteCarlo] {
            let first = |seed, depth| Plan::new(estimator, 64, 2, seed, depth).unwrap().nodes().z;
            assert_eq!(first(1, 0), first(1, 0));
            assert_ne!(first(1, 0), first(2, 0));
            assert_ne!(first(1, 0), first(1, 1));
            let plan = Plan::new(estimator, 64, 2, 1, 0).unwrap();
            assert_ne!(plan.nodes().z.row(0), plan.nodes().z.row(plan.per_group));
        }
    }

    #[test]
    fn what_an_estimator_cannot_do_is_refused() {
        let refused = |estimator, draws, coordinates| {
            Plan::new(estimator, draws, coordinates, 0, 0).unwrap_err().to_string()
        };
        assert!(refused(Estimator::Antithetic, 0, 2).contains("0 draws"));
        assert!(refused(Estimator::GaussHermite, 64, 4).contains("4 coordinates"));
        assert!(refused(Estimator::ControlVariate, 2, 2).contains("at least 3"));
        assert!(refused(Estimator::QuasiMonteCarlo, 1 << 20, 2).contains("524288"));
    }
}
