//! What averaging over displacements costs, in calls without: `bench_displaced DATA [DIMENSIONS]`.
//!
//! For noise levels relative to the data's radius and displacements as large as the noise, prints seconds of
//! a plain call of 64 queries, and those of means over 64 and 256 draws in plain calls. With DIMENSIONS
//! the data are first projected on as many random directions.
use std::error::Error;
use std::time::Instant;

use ndarray::{Array2, Axis};
use ridgewalk::closed_form::{Empirical, KernelDensity};
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::{Denoiser, Displacements, PointSet, Visit};
use ridgewalk_data::load;

const QUERIES: usize = 64;
const LEVELS: [f64; 7] = [0.003, 0.01, 0.03, 0.06, 0.1, 0.3, 3.0];

fn normals(n: usize, d: usize, seed: u64) -> Array2<f64> {
    let mut stream = Stream::new(seed, Purpose::Evaluation, 0, 0);
    Array2::from_shape_simple_fn((n, d), || stream.normal())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut data = load(arguments.next().ok_or("usage: bench_displaced DATA [DIMENSIONS]")?)?;
    if let Some(k) = arguments.next() {
        let k: usize = k.parse()?;
        data = PointSet::vectors(data.values().dot(&(normals(data.dim(), k, 1) / (k as f64).sqrt())))?;
    }
    let model = Empirical::new(&data)?;
    let mean = data.values().mean_axis(Axis(0)).ok_or("no points")?;
    let square =
        |row: ndarray::ArrayView1<f64>| row.iter().zip(&mean).map(|(x, m)| (x - m) * (x - m)).sum::<f64>();
    let radius = data.values().outer_iter().map(square).fold(0.0, f64::max).sqrt();
    println!(
        "{} points in {} dimensions, radius {radius:.1}, {}",
        data.len(),
        data.dim(),
        ridgewalk_kernels::instruction_set()
    );
    println!("sigma/radius  plain s  64 draws  256 draws (in plain calls)");
    for level in LEVELS {
        let sigma = level * radius;
        let mut x = normals(QUERIES, data.dim(), 2) * sigma;
        for (q, mut row) in x.outer_iter_mut().enumerate() {
            row += &data.values().row(q * 31 % data.len());
        }
        let plain = median(|| model.denoise(x.view(), sigma).map(|_| ()))?;
        let mut factors = Vec::new();
        for draws in [64, 256] {
            let nodes = normals(draws, data.dim(), 3) * sigma;
            let weights = vec![1.0 / draws as f64; draws];
            let displacements =
                Displacements { nodes: nodes.view(), frames: None, weights: &weights, groups: 1 };
            let seconds = median(|| {
                model.denoise_displaced(x.view(), sigma, &displacements, &Visit::default()).map(|_| ())
            })?;
            factors.push(seconds / plain);
        }
        println!("{level:12} {plain:8.3} {:9.2} {:10.2}", factors[0], factors[1]);
    }
    let start = Instant::now();
    let choice = ridgewalk::transform::choose_scale(&data, 0)?;
    println!("scale {} spacing {} in {:.1} s", choice.scale, choice.spacing, start.elapsed().as_secs_f64());
    for ((h, loss), error) in choice.curve.iter().zip(&choice.standard_errors) {
        println!("  {:.4} {loss:.4} ± {error:.4}", h / choice.spacing);
    }
    for level in &choice.levels {
        println!(
            "  sigma {:.4}: scale {:.4} improvement {:.4} ± {:.4}",
            level.sigma, level.scale, level.improvement, level.standard_error
        );
    }
    let start = Instant::now();
    let choice = KernelDensity::choose_bandwidth(&data, 0)?;
    println!(
        "bandwidth {} log-likelihood {} ± {} in {:.1} s",
        choice.bandwidth,
        choice.log_likelihood,
        choice.standard_error,
        start.elapsed().as_secs_f64()
    );
    Ok(())
}

fn median(mut call: impl FnMut() -> ridgewalk::Result<()>) -> ridgewalk::Result<f64> {
    let mut seconds = Vec::new();
    for _ in 0..3 {
        let start = Instant::now();
        call()?;
        seconds.push(start.elapsed().as_secs_f64());
    }
    seconds.sort_unstable_by(f64::total_cmp);
    Ok(seconds[1])
}
