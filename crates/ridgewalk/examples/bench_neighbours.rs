//! What the nearest neighbours of many queries cost: `bench_neighbours DATA [QUERIES] [K]`.
//!
//! Every twentieth point, moved a little towards the mean, is a query; prints wall and processor seconds, the
//! largest memory before and after, and sums over indices and distances to compare programs by.
use std::error::Error;
use std::time::Instant;

use ndarray::Axis;

/// User and system seconds of this process, and its largest resident memory in MiB (0 where there is no /proc).
fn usage() -> (f64, f64) {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit(')').next().unwrap_or("");
    let ticks: f64 = after.split_whitespace().skip(11).take(2).filter_map(|t| t.parse::<f64>().ok()).sum();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let peak = peak.and_then(|p| p.split_whitespace().next()).and_then(|p| p.parse::<f64>().ok());
    (ticks / 100.0, peak.unwrap_or(0.0) / 1024.0)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let data = ridgewalk_data::load(&arguments.next().ok_or("usage: bench_neighbours DATA [QUERIES] [K]")?)?;
    let count: usize = arguments.next().map_or(Ok(1000), |a| a.parse())?;
    let k: usize = arguments.next().map_or(Ok(1), |a| a.parse())?;
    let values = data.values();
    let mean = values.mean_axis(Axis(0)).ok_or("no points")?;
    let rows: Vec<usize> = (0..count).map(|i| i * 20 % data.len()).collect();
    let queries = values.select(Axis(0), &rows) * 0.9 + &mean * 0.1;
    let ((cpu, peak), start) = (usage(), Instant::now());
    let found = ridgewalk::neighbours::nearest_excluding(queries.view(), values, k, &rows)?;
    let (wall, (cpu_after, peak_after)) = (start.elapsed().as_secs_f64(), usage());
    println!(
        "{count} queries, {} points, {} dimensions, k {k}: {wall:.2} s wall, {:.2} s processor, {peak:.0} -> {peak_after:.0} MiB",
        data.len(),
        data.dim(),
        cpu_after - cpu
    );
    println!("indices {} distances {:.17e}", found.indices.sum(), found.distances.sum());
    Ok(())
}
