//! Time of one evaluation at each noise level: `cargo run --release --example empirical_speed`.
use ndarray::Array2;
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::{Denoiser, PointSet, closed_form::Empirical};
use std::time::Instant;

fn main() {
    let (n, d) = (60_000, 784);
    let mut s = Stream::new(1, Purpose::Synthetic, 0, 0);
    let centers = Array2::from_shape_simple_fn((100, d), || s.normal() * 0.3);
    let mut x = Array2::from_shape_simple_fn((n, d), || s.normal() * 0.2);
    for (i, mut row) in x.outer_iter_mut().enumerate() {
        row += &centers.row(i % 100);
    }
    let data = PointSet::vectors(x).unwrap();
    let t = Instant::now();
    let model = Empirical::new(&data).unwrap();
    println!("build {:.2} s", t.elapsed().as_secs_f64());
    for sigma in [80.0, 10.0, 5.0, 3.0, 2.0, 1.0, 0.5, 0.1, 0.01, 0.002] {
        let q = Array2::from_shape_fn((64, d), |(i, k)| data.values()[(i * 900, k)] + sigma * s.normal());
        let mut best = f64::INFINITY;
        for _ in 0..5 {
            let t = Instant::now();
            model.denoise(q.view(), sigma).unwrap();
            best = best.min(t.elapsed().as_secs_f64());
        }
        println!("sigma {sigma}: {:.1} ms", best * 1e3);
    }
}
