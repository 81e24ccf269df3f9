//! What a solver's step costs beside the model: nanoseconds for every element of the state and step, of all
//! solvers by their defaults; and of a normal number, one thread or all.
//!
//! The model halves the state; the time within it is taken apart. 256 samples in 100 and in 10,000 dimensions.
//! Medians of five runs. The aim is 10 ns an element and step (an element and move where a step is many).
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

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Between the end of the first step and that of the last but one, without the model: a run's start and end are
/// not a step's.
fn step_cost(text: &str, dim: usize, levels: usize) -> Result<f64> {
    let mut costs = Vec::new();
    for _ in 0..RUNS {
        let model = Half { dim, nanoseconds: AtomicU64::new(0) };
        let states = Array2::from_elem((SAMPLES, dim), 1.0);
        let mut marks = Vec::new();
        let mut mark = |progress: &Progress| {
            if progress.sigma > 0.0 {
                marks.push((Instant::now(), model.nanoseconds.load(Ordering::Relaxed)));
            }
            std::ops::ControlFlow::Continue(())
        };
        let sampler = Sampler::new(named(text, levels)?, LogLinear::new(0.05..20.0, levels));
        sampler.run_from(&model, states.view(), &mut mark)?;
        if let (Some((start, asked)), Some((end, asked_in_all))) = (marks.first(), marks.last()) {
            let own = (*end - *start).as_nanos() as f64 - (asked_in_all - asked) as f64;
            costs.push(own / ((marks.len() - 1) * SAMPLES * dim) as f64);
        }
    }
    Ok(median(costs))
}

fn normals() -> f64 {
    let mut out = vec![0.0; 100];
    let costs = (0..RUNS).map(|run| {
        let start = Instant::now();
        for sample in 0..20_000 {
            Stream::new(run as u64, Purpose::Churn, sample, 0).fill_normal(&mut out);
        }
        start.elapsed().as_nanos() as f64 / 2e6
    });
    median(costs.collect())
}

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    println!("a normal number in rows of 100, one thread: {:.1} ns", normals());
    println!("{:20} {:>10} {:>10}   ns an element and step, model apart", "solver", "d = 100", "d = 10000");
    for entry in SOLVERS {
        // So few moves that a step is one evaluation.
        let text = match named(entry.name, 8)?.order() {
            Order::Langevin if entry.settings.starts_with("moves") => format!("{}:moves=1", entry.name),
            _ => entry.name.to_string(),
        };
        println!("{text:20} {:10.2} {:10.2}", step_cost(&text, 100, 40)?, step_cost(&text, 10_000, 8)?);
    }
    Ok(())
}
