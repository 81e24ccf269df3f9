//! Our side of `bench/run denoiser`: the empirical denoiser as one long-lived process.
//!
//! `bench_denoiser DATA.npy` (bytes 0..255, scaled to [-1, 1]) answers one line once the model is
//! built, then one line of JSON for every command on stdin:
//!
//! ```text
//! call SIGMA QUERIES.npy RESULT.npy    one evaluation of D
//! trajectory STATES.npy RESULT.npy     18 Heun steps, Karras levels 80 … 0.002
//! ```
//!
//! Reading and writing of files is not in the reported seconds. `-` as RESULT writes nothing.
use std::error::Error;
use std::io::{BufRead, Write, stdin, stdout};
use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use ndarray::Array2;
use ridgewalk::closed_form::Empirical;
use ridgewalk::{Denoiser, Heun, Karras, PointSet, Progress, Sampler};
use ridgewalk_data::{load, write_points};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: bench_denoiser DATA.npy")?;
    let mut values = load(&path)?.shared_values();
    values.mapv_inplace(|v| v / 127.5 - 1.0);
    let scaled = PointSet::vectors(values.into_owned())?;
    let start = Instant::now();
    let model = Empirical::new(&scaled)?;
    println!(
        r#"{{"build_seconds": {}, "instruction_set": "{}"}}"#,
        start.elapsed().as_secs_f64(),
        ridgewalk_kernels::instruction_set()
    );
    stdout().flush()?;
    for line in stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let (seconds, result, to) = match words[..] {
            ["call", sigma, from, to] => {
                let (x, sigma) = (load(from)?, sigma.parse()?);
                let start = Instant::now();
                let result = model.denoise(x.values(), sigma)?;
                (start.elapsed(), result, to)
            }
            ["trajectory", from, to] => {
                let states = load(from)?;
                let sampler = Sampler::new(Heun::new(), Karras::new(0.002..80.0, 18));
                let start = Instant::now();
                let samples = sampler
                    .run_from(&model, states.values(), &mut |_: &Progress| ControlFlow::Continue(()))?;
                (start.elapsed(), samples.points, to)
            }
            _ => return Err(format!("unknown command `{line}`").into()),
        };
        keep(result, to)?;
        println!(r#"{{"seconds": {}}}"#, seconds.as_secs_f64());
        stdout().flush()?;
    }
    Ok(())
}

fn keep(result: Array2<f64>, to: &str) -> Result<(), Box<dyn Error>> {
    if to != "-" {
        write_points(Path::new(to), &PointSet::vectors(result)?)?;
    }
    Ok(())
}
