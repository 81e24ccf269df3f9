//! What a solver's step costs beside the model: nanoseconds for every element of the state and step, of all
//! solvers by their defaults; and of a normal number, one thread or all.
//!
//! The model halves the state; the time within it is taken apart. 256 samples in 100, 1,000 and 10,000 dimensions.
//! Median over the steps of five runs, and the least: on a machine that is shared the latter is nearer to what a
//! step takes. The aim is 10 ns an element and step (an element and move where a step is many).
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use ndarray::{Array2, ArrayView2};
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::solver::{Order, SOLVERS, named};
use ridgewalk::{Denoiser, LogLinear, Progress, Result, Sampler};

struct Half {
    dim: usize,
    nanoseconds: AtomicU64,
}

impl Denoiser for Half {
    fn dim(&self) -> usize {
        self.dim
    }
    fn denoise(&self, x: ArrayView2<f64>, _sigma: f64) -> Result<Array2<f64>> {
        let start = Instant::now();
        let half = &x * 0.5;
        self.nanoseconds.fetch_add(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
        Ok(half)
    }
}

const SAMPLES: usize = 256;
const RUNS: usize = 5;

/// Median and least.
fn summary(mut values: Vec<f64>) -> (f64, f64) {
    values.sort_by(f64::total_cmp);
    let at = |k: usize| values.get(k).copied().unwrap_or(f64::NAN);
    (at(values.len() / 2), at(0))
}

/// Every step but the first and the one to σ = 0: a run's start and end are not a step's.
fn step_cost(text: &str, dim: usize, levels: usize) -> Result<(f64, f64)> {
    let mut costs = Vec::new();
    for _ in 0..RUNS {
        let model = Half { dim, nanoseconds: AtomicU64::new(0) };
        let states = Array2::from_elem((SAMPLES, dim), 1.0);
        let mut last: Option<(Instant, u64)> = None;
        let mut mark = |progress: &Progress| {
            let now = (Instant::now(), model.nanoseconds.load(Ordering::Relaxed));
            if let Some((start, asked)) = last.filter(|_| progress.sigma > 0.0) {
                let own = (now.0 - start).as_nanos() as f64 - (now.1 - asked) as f64;
                costs.push(own / (SAMPLES * dim) as f64);
            }
            last = Some(now);
            std::ops::ControlFlow::Continue(())
        };
        let sampler = Sampler::new(named(text, levels)?, LogLinear::new(0.05..20.0, levels));
        sampler.run_from(&model, states.view(), &mut mark)?;
    }
    Ok(summary(costs))
}

fn normals() -> (f64, f64) {
    let mut out = vec![0.0; 100];
    let mut cost = |batch: u64| {
        let start = Instant::now();
        for sample in 0..256 {
            Stream::new(batch, Purpose::Churn, sample, 0).fill_normal(&mut out);
        }
        start.elapsed().as_nanos() as f64 / 25_600.0
    };
    summary((0..200).map(&mut cost).collect())
}

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let (median, least) = normals();
    println!("a normal number in rows of 100, one thread: {median:.1} ns, at the least {least:.1}");
    println!("ns an element and step, the model apart: median and least\n");
    println!("{:26} {:17} {:17} {:17}", "solver", "d = 100", "d = 1000", "d = 10000");
    for entry in SOLVERS {
        // So few moves that a step is one evaluation.
        let text = match named(entry.name, 8)?.order() {
            Order::Langevin if entry.settings.starts_with("moves") => format!("{}:moves=1", entry.name),
            _ => entry.name.to_string(),
        };
        print!("{text:26}");
        for (dim, levels) in [(100, 40), (1000, 20), (10_000, 8)] {
            let (median, least) = step_cost(&text, dim, levels)?;
            print!(" {median:8.2} {least:8.2}");
        }
        println!();
    }
    Ok(())
}
