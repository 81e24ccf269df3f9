//! Time of projecting 256 points onto the ridge of a data set's p_σ, over the noise level.
//!
//! `cargo run --release -p ridgewalk --example bench_ridge -- FILE DIMENSION SIGMA…`, or with no file random images.

use std::time::Instant;

use ndarray::{Array2, Axis};
use ridgewalk::closed_form::Empirical;
use ridgewalk::geometry::Ridge;
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::{Frames, PointSet};

/// Points that are projected.
const QUERIES: usize = 256;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let data = match arguments.first() {
        Some(file) if file != "-" => ridgewalk_data::load(file)?,
        _ => {
            let mut stream = Stream::new(0, Purpose::Synthetic, 0, 0);
            PointSet::vectors(Array2::from_shape_simple_fn((60_000, 784), || stream.uniform()))?
        }
    };
    let dimension = arguments.get(1).map_or(Ok(4), |a| a.parse())?;
    let range = data.range();
    println!("{} points in {} dimensions, values {} to {}", data.len(), data.dim(), range.0, range.1);
    // The last points are not part of the model: they are what is projected.
    let n = data.len() - QUERIES;
    let train = data.select(&(0..n).collect::<Vec<_>>())?;
    let queries = data.values().select(Axis(0), &(n..data.len()).collect::<Vec<_>>());
    let model = Empirical::new(&train)?;
    println!("sigma\tseconds\tsteps (median, most)\ton the ridge\tframe (s)\tmedian distance");
    for sigma in arguments.iter().skip(2) {
        let sigma: f64 = sigma.parse()?;
        let began = Instant::now();
        Frames::at(&model, queries.view(), sigma, dimension)?;
        let frame = began.elapsed().as_secs_f64();
        let began = Instant::now();
        let found = Ridge::new(&model, dimension)?.project(queries.view(), sigma)?;
        let seconds = began.elapsed().as_secs_f64();
        let mut steps = found.steps().to_vec();
        steps.sort_unstable();
        let mut distances = found.distances().to_vec();
        distances.sort_by(f64::total_cmp);
        let on = (0..QUERIES).filter(|&row| found.on_ridge(row)).count();
        println!(
            "{sigma}\t{seconds:.2}\t{} {}\t{on} of {QUERIES}\t{frame:.2}\t{:.4}",
            steps[QUERIES / 2],
            steps[QUERIES - 1],
            distances[QUERIES / 2]
        );
    }
    Ok(())
}
