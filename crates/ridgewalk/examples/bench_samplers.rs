//! Our side of `bench/run samplers`: solvers on exact fields, as one long-lived process.
//!
//! It answers one line of JSON for every command on stdin:
//!
//! ```text
//! mixture MEANS.npy VECTORS.npy VALUES.npy FLOOR     the field from here on: K Gaussians of rank r
//! gaussian MEAN.npy VARIANCES.npy                    … one of independent coordinates
//! empirical POINTS.npy                               … of points
//! digits POINTS.npy                                  writes the embedded digits, scaled to [-1, 1]
//! run SOLVER LEVELS.npy START.npy END.npy SKIP       the first SKIP steps teleported by the field's Gaussian
//! overhead SOLVER N D LEVELS                         a model that halves its input: seconds beside it
//! ```
use std::error::Error;
use std::io::{BufRead, Write, stdin, stdout};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use ndarray::{Array1, Array2, ArrayView2, Axis};
use ridgewalk::closed_form::{Covariance, CovarianceKind, Empirical, Gaussian, Mixture};
use ridgewalk::{Denoiser, Karras, Levels, PointSet, Progress, Sampler, Schedule, solver};
use ridgewalk_data::{digits, load, write_points};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// A field, with the Gaussian of its mean and covariance.
type Field = (Box<dyn Denoiser>, Gaussian);

fn main() -> Outcome<()> {
    let mut field: Option<Field> = None;
    for line in stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let answer = match words[..] {
            ["mixture", means, vectors, values, floor] => {
                field = Some(mixture(means, vectors, values, floor.parse()?)?);
                "{}".to_string()
            }
            ["gaussian", mean, variances] => {
                let covariance = Covariance::diagonal(load(variances)?.values().iter().copied().collect())?;
                let gaussian = Gaussian::new(load(mean)?.values().row(0).to_owned(), covariance)?;
                field = Some((Box::new(gaussian.clone()), gaussian));
                "{}".to_string()
            }
            ["empirical", points] => {
                let points = load(points)?;
                let gaussian = Gaussian::fit(&points, CovarianceKind::Full)?;
                field = Some((Box::new(Empirical::new(&points)?), gaussian));
                "{}".to_string()
            }
            ["digits", path] => {
                let scaled = digits().values().mapv(|v| v / 8.0 - 1.0);
                write_points(Path::new(path), &PointSet::vectors(scaled)?)?;
                "{}".to_string()
            }
            ["run", name, levels, start, end, skip] => {
                let (model, gaussian) = field.as_ref().ok_or("give a field first")?;
                run(model, gaussian, name, levels, start, end, skip.parse()?)?
            }
            ["overhead", name, n, d, levels] => overhead(name, n.parse()?, d.parse()?, levels.parse()?)?,
            _ => return Err(format!("unknown command `{line}`").into()),
        };
        println!("{answer}");
        stdout().flush()?;
    }
    Ok(())
}

fn mixture(means: &str, vectors: &str, values: &str, floor: f64) -> Outcome<Field> {
    let (means, vectors, values) = (load(means)?, load(vectors)?, load(values)?);
    let (means, vectors, values) = (means.values(), vectors.values(), values.values());
    let (k, rank) = values.dim();
    let mut components = Vec::with_capacity(k);
    let mean = means.mean_axis(Axis(0)).ok_or("no means")?;
    let mut covariance = Array2::from_diag_elem(means.ncols(), floor);
    let outer = |v: &Array1<f64>, weight: f64| {
        let column = v.view().insert_axis(Axis(1));
        weight * column.dot(&column.t())
    };
    for (i, (m, values)) in means.outer_iter().zip(values.outer_iter()).enumerate() {
        let rows: Vec<usize> = (i * rank..(i + 1) * rank).collect();
        let vectors = vectors.select(Axis(0), &rows);
        covariance += &outer(&(&m - &mean), 1.0 / k as f64);
        for (vector, value) in vectors.outer_iter().zip(values) {
            covariance += &outer(&vector.to_owned(), value / k as f64);
        }
        let covariance = Covariance::from_parts(vectors, values.to_vec(), floor)?;
        components.push(Gaussian::new(m.to_owned(), covariance)?);
    }
    let gaussian = Gaussian::new(mean, Covariance::from_dense(covariance.view())?)?;
    Ok((Box::new(Mixture::new(vec![1.0 / k as f64; k], components)?), gaussian))
}

fn run(
    model: &dyn Denoiser,
    gaussian: &Gaussian,
    name: &str,
    levels: &str,
    start: &str,
    end: &str,
    skip: usize,
) -> Outcome<String> {
    let levels: Vec<f64> = load(levels)?.values().iter().copied().collect();
    let mut sampler = Sampler::new(solver::named(name, levels.len())?, Levels(levels)).batch(1024);
    if skip > 0 {
        sampler = sampler.teleport(gaussian, skip);
    }
    let mut ignore = |_: &Progress| ControlFlow::Continue(());
    let samples = sampler.run_from(model, load(start)?.values(), &mut ignore)?;
    write_points(Path::new(end), &PointSet::vectors(samples.points)?)?;
    Ok(format!(r#"{{"evaluations": {}}}"#, samples.evaluations))
}

/// Halves its input, and keeps the time that this takes.
struct Half {
    dim: usize,
    nanoseconds: AtomicU64,
}

impl Denoiser for Half {
    fn dim(&self) -> usize {
        self.dim
    }
    fn denoise(&self, x: ArrayView2<f64>, _: f64) -> ridgewalk::Result<Array2<f64>> {
        let begin = Instant::now();
        let half = x.mapv(|v| 0.5 * v);
        self.nanoseconds.fetch_add(begin.elapsed().as_nanos() as u64, Ordering::Relaxed);
        Ok(half)
    }
}

fn overhead(name: &str, n: usize, d: usize, levels: usize) -> Outcome<String> {
    let schedule = Karras::new(0.002..80.0, levels);
    schedule.levels()?;
    let model = Half { dim: d, nanoseconds: AtomicU64::new(0) };
    let start = Array2::from_shape_fn((n, d), |(i, j)| ((i * 31 + j) % 17) as f64 - 8.0);
    let sampler = Sampler::new(solver::named(name, levels)?, schedule).batch(n);
    let begin = Instant::now();
    sampler.run_from(&model, start.view(), &mut |_: &Progress| ControlFlow::Continue(()))?;
    let spent = Instant::now().duration_since(begin).as_nanos() as u64;
    let beside = spent.saturating_sub(model.nanoseconds.load(Ordering::Relaxed));
    Ok(format!(r#"{{"seconds": {}}}"#, beside as f64 * 1e-9))
}
