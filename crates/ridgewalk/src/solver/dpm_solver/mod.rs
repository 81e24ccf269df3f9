//! DPM-Solver++ (arXiv 2211.01095): the flow in λ = −ln σ, its linear part solved exactly,
//!
//! ```text
//! x′ = (σ′/σ) x + σ′ ∫_λ^λ′ e^l D(l) dl,    h = λ′ − λ,    σ′/σ = e^{−h}
//! ```
//!
//! and D along the path expanded around λ: from a point between the levels (2S), or from earlier levels
//! (2M, 3M). Of first order it is Euler's method.

mod multistep;
mod single_step;

pub use multistep::{DpmSolver2M, DpmSolver3M};
pub use single_step::DpmSolver2S;
