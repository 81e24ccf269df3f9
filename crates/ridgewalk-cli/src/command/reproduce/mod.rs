//! `ridgewalk reproduce`: a paper's experiments, with its findings beside ours.

mod geometry_of_noise;
mod log_domain_smoothing;
mod mad;
mod output;
mod part;
mod ridge;
mod training;

use crate::arguments::{Paper, Reproduce};
use crate::failure::Result;

pub fn run(reproduce: &Reproduce, arguments: &[String]) -> Result<()> {
    match &reproduce.paper {
        Paper::GeometryOfNoise(paper) => geometry_of_noise::run(paper, arguments),
        Paper::LogDomainSmoothing(paper) => log_domain_smoothing::run(paper, arguments),
        Paper::Mad(paper) => mad::run(paper, arguments),
        Paper::Ridge(paper) => ridge::run(paper, arguments),
    }
}
