//! What attraction costs where the model has its derivative in σ: `bench_attraction [DATA [POINTS]]`.
//!
//! The processor time of an attracted call over that of a plain one (of all threads: the clock's says little on a
//! machine that is shared), at noise levels from high to low, in parts of the data's scale: the two by turns, the
//! median of the ratios of pairs, and in brackets their quartiles. For the empirical model, a mixture and a Gaussian
//! of the digits; and for the empirical model of DATA, as MNIST's images.
use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use ndarray::{Array2, ArrayView2};
use ridgewalk::closed_form::{CovarianceKind, Empirical, Gaussian, MixtureFit};
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::{Denoiser, Mad, MadConfig, PointSet, Result};
use ridgewalk_data::{digits, load};

const LEVELS: [f64; 7] = [30.0, 10.0, 3.0, 1.0, 0.3, 0.1, 0.03];

/// Points of the data with noise of this level.
fn queries(data: &PointSet, count: usize, sigma: f64) -> Array2<f64> {
    let every = (data.len() / count).max(1);
    let mut x = data.values().select(ndarray::Axis(0), &(0..count).map(|i| i * every).collect::<Vec<_>>());
    for (i, mut row) in x.outer_iter_mut().enumerate() {
        let mut stream = Stream::new(1, Purpose::Evaluation, i as u64, 0);
        row.iter_mut().for_each(|v| *v += sigma * stream.normal());
    }
    x
}

/// Seconds that the threads of this process have been running, where the system tells (Linux).
fn running() -> Option<f64> {
    let threads = std::fs::read_dir("/proc/self/task").ok()?;
    let of = |entry: std::io::Result<std::fs::DirEntry>| -> Option<f64> {
        let text = std::fs::read_to_string(entry.ok()?.path().join("schedstat")).ok()?;
        Some(text.split_whitespace().next()?.parse::<f64>().ok()? * 1e-9)
    };
    threads.map(of).sum()
}

fn seconds(model: &dyn Denoiser, x: ArrayView2<f64>, sigma: f64, calls: usize) -> Result<f64> {
    let (clock, before) = (Instant::now(), running());
    for _ in 0..calls {
        black_box(model.denoise(x, sigma)?);
    }
    let taken = running().zip(before).map(|(after, before)| after - before);
    Ok(taken.filter(|taken| *taken > 0.0).unwrap_or_else(|| clock.elapsed().as_secs_f64()))
}

fn row(name: &str, data: &PointSet, model: &dyn Denoiser, count: usize, pairs: usize) -> Result<()> {
    let scale = data.moments().std;
    // Every level is below the onset.
    let mad = Mad::new(model, MadConfig { a: 1e-4, ..MadConfig::default() })?;
    let mut cells = Vec::new();
    for level in LEVELS {
        let sigma = level * scale;
        let x = queries(data, count, sigma);
        let once = seconds(model, x.view(), sigma, 1)?;
        let calls = ((0.03 / once) as usize).clamp(1, 1000);
        let mut ratios = Vec::new();
        for _ in 0..pairs {
            let plain = seconds(model, x.view(), sigma, calls)?;
            ratios.push(seconds(&mad, x.view(), sigma, calls)? / plain);
        }
        ratios.sort_by(f64::total_cmp);
        let at = |part: usize| ratios.get(pairs * part / 4).copied().unwrap_or(f64::NAN);
        cells.push(format!("{:.2} ({:.2}, {:.2})", at(2), at(1), at(3)));
    }
    println!("| {name} | {} |", cells.join(" | "));
    Ok(())
}

fn main() -> std::result::Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    println!("| model | {} |", LEVELS.map(|level| level.to_string()).join(" | "));
    println!("|---|{}", "---|".repeat(LEVELS.len()));
    let data = digits();
    row("empirical, 1797 × 64", &data, &Empirical::new(&data)?, 256, 21)?;
    let mixture = MixtureFit::new(20, CovarianceKind::LowRank(16)).fit(&data)?;
    row("mixture, 20 of rank 16", &data, &mixture, 256, 21)?;
    row("gaussian, 64", &data, &Gaussian::fit(&data, CovarianceKind::Full)?, 256, 21)?;
    if let Some(path) = arguments.next() {
        let mut data = load(&path)?;
        if let Some(points) = arguments.next() {
            let points: usize = points.parse()?;
            data = data.select(&(0..points.min(data.len())).collect::<Vec<_>>())?;
        }
        let name = format!("empirical, {} × {}", data.len(), data.dim());
        row(&name, &data, &Empirical::new(&data)?, 32, 5)?;
    }
    Ok(())
}
