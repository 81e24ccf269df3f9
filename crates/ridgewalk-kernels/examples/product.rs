//! Speed of the packed product against the machine's limit: `cargo run --release --example product`.
use ridgewalk_kernels::{Groups, LANES, Panels, instruction_set};
use std::time::Instant;

fn main() {
    let (rows, depth, queries) = (60_000, 784, 64);
    let panels = Panels::pack(rows, depth, |r, c| ((r * 31 + c * 17) % 97) as f32 / 97.0);
    let groups = Groups::pack(queries, depth, |r, c| ((r * 13 + c * 7) % 89) as f32 / 89.0);
    let mut best = f64::INFINITY;
    for _ in 0..10 {
        let start = Instant::now();
        let mut out = vec![0.0f32; queries * LANES];
        for panel in 0..panels.count() {
            panels.multiply(panel, &groups, 112, &mut out);
            std::hint::black_box(&mut out);
        }
        best = best.min(start.elapsed().as_secs_f64());
    }
    let flops = 2.0 * (rows * depth * queries) as f64;
    println!("{}: {:.1} ms, {:.0} GFLOP/s on one core", instruction_set(), best * 1e3, flops / best / 1e9);
}
