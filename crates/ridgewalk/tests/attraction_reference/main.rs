//! Attraction against reference values that were worked out independently of this code, laws that hold for it, and
//! what it costs.
//!
//! The reference's settings, unless said: Karras levels (ρ = 7) from 80 to 0.002, 40 of them; a = 2.5,
//! σ_data = 0.5 (onset 0.2), p = 8; A by a difference quotient with δ = 0.05; Heun's method above the level at
//! which κ = 0.01, Euler's below.

mod along_the_path;
mod circle;
mod counts;
mod gaussians;
mod laws;
mod point_masses;

use ridgewalk::transform::Attraction;
use ridgewalk::{Euler, Heun, MadConfig, Solver, Switched};

const DIFFERENCE: Attraction = Attraction::VarianceDifference(0.05);

fn with(b: f64, attraction: Attraction) -> MadConfig {
    MadConfig { b, attraction, sigma_data: Some(0.5), ..MadConfig::default() }
}

fn hybrid(level: f64) -> Box<dyn Solver> {
    Box::new(Switched::new(Heun::new(), Euler, level))
}
