//! Grids chosen from the model against Karras's at equal evaluations.
//!
//! `bench_schedules [DATA …]`: for every data set, solver and number of levels a grid is chosen by a pilot of 32
//! paths; then 256 paths of another seed are run on it and on Karras's grid (ρ = 7) of the same range, and held
//! against the flow (Heun's method, 400 levels) from the same starts. Printed are the median distance at the
//! lowest level, before the step to 0, where an empirical model's paths have not yet collapsed to one point;
//! the share of paths that end at another training point, or in another component; and what the pilot cost,
//! in evaluations of the model. DATA are `mixture` (ten components in 64 dimensions), `digits`, names of
//! synthetic manifolds or files, used as empirical models; without any, four of them are taken.

use std::error::Error;

use ndarray::{Array1, Array2, Zip};
use ridgewalk::closed_form::{Covariance, Empirical, Gaussian, Mixture};
use ridgewalk::points::Moments;
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::sampler::Pilot;
use ridgewalk::schedule::range_for;
use ridgewalk::solver::{Order, Step};
use ridgewalk::{
    Denoiser, Euler, Heun, Karras, Levels, LogLinear, PointSet, Sampler, Schedule, Solver, Trace, neighbours,
};
use ridgewalk_data::{Manifold, Synthetic, digits, load};

const PATHS: usize = 256;
const REFERENCE: usize = 400;
const SEED: u64 = 1000;

type Answer<T> = Result<T, Box<dyn Error>>;

fn main() -> Answer<()> {
    println!(
        "| data | solver | levels | karras | log-linear | chosen | chosen/karras | elsewhere: karras | chosen | pilot |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    let asked: Vec<String> = std::env::args().skip(1).collect();
    let all = || ["mixture", "swiss-roll", "two-moons", "digits"].map(String::from).to_vec();
    for name in if asked.is_empty() { all() } else { asked } {
        let kind = match name.as_str() {
            "mixture" => Kind::Mixture(mixture()?),
            "digits" => Kind::empirical(digits())?,
            name => match Manifold::from_name(name) {
                Some(manifold) => {
                    Kind::empirical(Synthetic { n: 2000, ..Synthetic::new(manifold) }.points()?)?
                }
                None => Kind::empirical(load(name)?)?,
            },
        };
        compare(&name, &kind)?;
    }
    Ok(())
}

/// What is sampled from, and where a sample belongs.
enum Kind {
    Mixture(Mixture),
    Empirical(PointSet, Box<Empirical>),
}

impl Kind {
    fn empirical(points: PointSet) -> Answer<Self> {
        let model = Empirical::new(&points)?;
        Ok(Kind::Empirical(points, Box::new(model)))
    }

    fn model(&self) -> &dyn Denoiser {
        match self {
            Kind::Mixture(model) => model,
            Kind::Empirical(_, model) => model.as_ref(),
        }
    }

    /// The component, or the training point, of every sample.
    fn place(&self, samples: &Array2<f64>) -> Answer<Vec<usize>> {
        let largest = |row: ndarray::ArrayView1<f64>| {
            row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(k, _)| k)
        };
        Ok(match self {
            Kind::Mixture(model) => {
                model.responsibilities(samples.view(), 1e-3)?.outer_iter().map(largest).collect()
            }
            Kind::Empirical(points, _) => {
                let found = neighbours::nearest(samples.view(), points.values(), 1)?;
                found.indices.column(0).to_vec()
            }
        })
    }
}

/// Ten components whose variances spread over two decades.
fn mixture() -> Answer<Mixture> {
    let component = |k: u64| {
        let mut stream = Stream::new(1, Purpose::Synthetic, k, 0);
        let mean: Array1<f64> = (0..64).map(|_| stream.normal()).collect();
        let variances: Array1<f64> = (0..64).map(|_| 10f64.powf(-2.0 * stream.uniform())).collect();
        Ok::<_, Box<dyn Error>>(Gaussian::new(
            mean,
            Covariance::from_dense(Array2::from_diag(&variances).view())?,
        )?)
    };
    Ok(Mixture::new(vec![1.0; 10], (0..10).map(component).collect::<Result<_, _>>()?)?)
}

fn compare(name: &str, kind: &Kind) -> Answer<()> {
    let model = kind.model();
    let moments: Moments = model.moments().ok_or("a model without moments")?;
    let range = range_for(&moments);
    let (states, ends) = run(&Heun::new(), &Karras::new(range.clone(), REFERENCE), model)?;
    let places = kind.place(&ends)?;
    let solvers: [&dyn Solver; 3] = [&Euler, &Heun::new(), &Multistep];
    for solver in solvers {
        for n in [6, 10, 16, 24] {
            let grid = Pilot::new().run(model, solver, range.clone(), n)?;
            let judge = |schedule: &dyn Schedule| -> Answer<(f64, f64)> {
                let (own, ends) = run(solver, schedule, model)?;
                let elsewhere = kind.place(&ends)?.iter().zip(&places).filter(|(a, b)| a != b).count();
                Ok((median_distance(&own, &states), elsewhere as f64 / PATHS as f64))
            };
            let (karras, other) = judge(&Karras::new(range.clone(), n))?;
            let (even, _) = judge(&LogLinear::new(range.clone(), n))?;
            let (chosen, own) = judge(&Levels(grid.levels()?))?;
            println!(
                "| {name} | {} | {n} | {karras:.3e} | {even:.3e} | {chosen:.3e} | {:.2} | {:.1} % | {:.1} % | {} |",
                solver.name(),
                chosen / karras,
                100.0 * other,
                100.0 * own,
                grid.evaluations(),
            );
        }
    }
    Ok(())
}

/// The states at the lowest level, and the samples.
fn run(
    solver: &dyn Solver,
    schedule: &dyn Schedule,
    model: &dyn Denoiser,
) -> Answer<(Array2<f64>, Array2<f64>)> {
    let mut trace = Trace::default();
    let samples = Sampler::new(solver, schedule).seed(SEED).run_observed(model, PATHS, &mut trace)?;
    let before_last = trace.states.len().checked_sub(2).ok_or("too few levels")?;
    Ok((trace.states.swap_remove(before_last), samples.points))
}

fn median_distance(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    let mut distances: Vec<f64> = (a - b).outer_iter().map(|row| row.dot(&row).sqrt()).collect();
    distances.sort_by(f64::total_cmp);
    distances[distances.len() / 2]
}

/// DPM-Solver++(2M) (arXiv 2211.01095, algorithm 2).
struct Multistep;

impl Solver for Multistep {
    fn name(&self) -> String {
        "2M".into()
    }
    fn order(&self) -> Order {
        Order::Path(2)
    }
    fn step(&self, mut x: Array2<f64>, step: &mut Step) -> ridgewalk::Result<Array2<f64>> {
        let denoised = step.denoised(x.view())?;
        let ratio = step.next / step.sigma;
        let mut ahead = denoised.clone();
        if let Some(past) = step.past(0) {
            let slope = 0.5 * (step.sigma / step.next).ln() / (past.sigma / step.sigma).ln();
            Zip::from(&mut ahead).and(&past.value).for_each(|a, p| *a += slope * (*a - p));
        }
        step.remember(denoised, 1);
        Zip::from(&mut x).and(&ahead).for_each(|x, a| *x = ratio * *x + (1.0 - ratio) * a);
        Ok(x)
    }
}
