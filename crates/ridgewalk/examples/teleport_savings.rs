//! What teleporting saves on data: `teleport_savings [DATA|digits [POINTS [SMOOTHING [TOLERANCE]]]]`.
//!
//! The model is the kernel density of the data, of bandwidth SMOOTHING (a part of the data's scale, 0.1 by
//! default). First the pilot's table; then, for runs of Heun's method with and without the teleport to the level
//! of a tolerance, the evaluations, the median error of the samples against a fine run, relative to the data's
//! scale, and the share of paths that end nearest to another point of the data.
use std::error::Error;
use std::ops::ControlFlow;

use ndarray::{Array2, ArrayView2, Axis};
use ridgewalk::closed_form::{CovarianceKind, Empirical, Gaussian};
use ridgewalk::sampler::TeleportPilot;
use ridgewalk::{Denoiser, Heun, Karras, LogLinear, Moments, Progress, Result, Sampler, Schedule};
use ridgewalk_data::{digits, load};

const PATHS: usize = 64;

/// The data with Gaussian noise of the bandwidth h: D is the data's own at √(σ² + h²), drawn back to x.
struct Blurred {
    data: Empirical,
    bandwidth: f64,
}

impl Denoiser for Blurred {
    fn dim(&self) -> usize {
        self.data.dim()
    }
    fn denoise(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array2<f64>> {
        let total = sigma.hypot(self.bandwidth);
        let kept = (self.bandwidth / total) * (self.bandwidth / total);
        let denoised = self.data.denoise(x, total)?;
        Ok(&denoised * (1.0 - kept) + &x * kept)
    }
    fn moments(&self) -> Option<Moments> {
        self.data.moments()
    }
}

fn nearest(x: ArrayView2<f64>, points: ArrayView2<f64>) -> Vec<usize> {
    let square = |a: ndarray::ArrayView1<f64>, b: ndarray::ArrayView1<f64>| {
        a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>()
    };
    let one = |row: ndarray::ArrayView1<f64>| {
        let all = points.outer_iter().map(|p| square(row, p)).enumerate();
        all.min_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |(i, _)| i)
    };
    x.outer_iter().map(one).collect()
}

fn main() -> std::result::Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut data = match arguments.next() {
        Some(path) if path != "digits" => load(&path)?,
        _ => digits(),
    };
    if let Some(points) = arguments.next() {
        let points: usize = points.parse()?;
        data = data.select(&(0..points.min(data.len())).collect::<Vec<_>>())?;
    }
    let smoothing: f64 = arguments.next().map_or(Ok(0.1), |text| text.parse())?;
    let tolerance: f64 = arguments.next().map_or(Ok(0.02), |text| text.parse())?;
    let scale = data.moments().std;
    let model = Blurred { data: Empirical::new(&data)?, bandwidth: smoothing * scale };
    let gaussian = Gaussian::fit(&data, CovarianceKind::Full)?;
    let range = 0.004 * scale..160.0 * scale;
    println!("{} points in {} dimensions, scale {scale:.3}", data.len(), data.dim());

    let pilot =
        TeleportPilot::new(tolerance).samples(24).resolution(0.25).landmarks(data.values().to_owned());
    let choice = pilot.measure(&model, &gaussian, &Karras::new(range.clone(), 18))?;
    println!("level/scale  floor     other point");
    for row in &choice.table {
        println!("{:10.3}  {:.2e}  {:?}", row.level / scale, row.floor, row.strays);
    }
    println!("chosen for {tolerance}: {:.2}", choice.level / scale);

    let starts: Array2<f64> = {
        let mut stream = ridgewalk::random::Stream::new(1, ridgewalk::random::Purpose::Start, 0, 0);
        let deviation = range.end.hypot(scale);
        let noise = Array2::from_shape_simple_fn((PATHS, data.dim()), || deviation * stream.normal());
        noise + &data.moments().mean
    };
    let mut ignore = |_: &Progress| ControlFlow::Continue(());
    let fine = Sampler::new(Heun::new(), LogLinear::new(range.clone(), 250));
    let exact = fine.run_from(&model, starts.view(), &mut ignore)?.points;
    let homes = nearest(exact.view(), data.values());
    println!("levels  teleported  evaluations  median error  other point");
    for n in [8, 10, 12, 14, 16, 18, 22, 26, 32, 40] {
        let schedule = Karras::new(range.clone(), n);
        let steps = schedule.levels()?.iter().rposition(|level| *level >= choice.level * 0.999).unwrap_or(0);
        for k in [0, steps] {
            let sampler = Sampler::new(Heun::new(), schedule.clone()).teleport(&gaussian, k);
            let found = sampler.run_from(&model, starts.view(), &mut ignore)?;
            let off = (&found.points - &exact).mapv(|e| e * e).mean_axis(Axis(1)).ok_or("no paths")?;
            let mut errors: Vec<f64> = off.iter().map(|square| square.sqrt() / scale).collect();
            errors.sort_by(f64::total_cmp);
            let ends = nearest(found.points.view(), data.values());
            let strays = homes.iter().zip(&ends).filter(|(a, b)| a != b).count();
            let (evaluations, median) =
                (found.evaluations, errors.get(PATHS / 2).copied().unwrap_or(f64::NAN));
            println!("{n:6}  {k:10}  {evaluations:11}  {median:12.2e}  {:.3}", strays as f64 / PATHS as f64);
        }
    }
    Ok(())
}
