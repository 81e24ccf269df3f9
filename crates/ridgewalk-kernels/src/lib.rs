//! The hot loops of ridgewalk, with SIMD chosen at run time (AVX-512, AVX2, NEON or scalar).
//!
//! Every result is a function of its inputs alone: each output element is a sum of chains of fused
//! multiply-adds in a fixed order, whatever the vector width, the number of threads, or the other
//! rows of the batch. That is what lets a sample be the same bytes in every batch.
#![deny(missing_docs)]
#![forbid(unsafe_code)]

mod exponential;
pub mod network;
mod panels;
mod rows;
mod sums;
mod vector;

pub use exponential::{LIFT, exp_lifted_f32, exp_scaled_f32, exp_shifted_f64};
pub use panels::{GROUP, Groups, LANES, Panels};
pub use rows::{add_bias, add_f32, max_f32, sum_and_dot_f32};
pub use sums::{mark_reaching_f32, max_of_sums_f32};
pub use vector::{add_scaled, dot, squared_distance, squared_distances_by_column};

/// The instruction set that the kernels use on this machine, for reports of measurements.
pub fn instruction_set() -> &'static str {
    match pulp::Arch::new() {
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        pulp::Arch::V4(_) => "AVX-512",
        #[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
        pulp::Arch::V3(_) => "AVX2",
        #[cfg(target_arch = "aarch64")]
        pulp::Arch::Neon(_) => "NEON",
        _ => "scalar",
    }
}
