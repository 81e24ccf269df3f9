//! What a file does not say of its network: what it answers, and what it is told of the noise.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use ridgewalk::Process;

use crate::preconditioning::Preconditioning;

/// What a network answers, for x = x₀ + σε.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Answer {
    /// D(x; σ) itself, of x as it is: networks that were exported with their preconditioning around them.
    Denoised,
    /// The score (D − x)/σ² at x.
    Score,
    /// F(c_in x; ·), from which the denoiser is made by these coefficients.
    Network(Preconditioning),
}

/// What a network is told of the noise level σ.
#[derive(Clone)]
#[non_exhaustive]
pub enum Told {
    /// σ itself.
    Sigma,
    /// ln(σ)/4, the noise label of EDM (arXiv 2206.00364, table 1).
    QuarterLog,
    /// factor · t + offset, where t is the time at which the process has the level σ.
    Time {
        /// The process.
        process: Arc<dyn Process>,
        /// What the time is multiplied by.
        factor: f64,
        /// What is added then: −1 for steps that are counted from 0.
        offset: f64,
    },
    /// Nothing: the network is blind.
    Nothing,
}

impl Told {
    /// The steps of a process of DDPM, counted from 0 as diffusers does; between them lie fractions, where the network's input is
    /// not an integer.
    pub fn step(process: impl Process + 'static) -> Self {
        Told::Time { process: Arc::new(process), factor: 1.0, offset: -1.0 }
    }

    /// The time of a process.
    pub fn time(process: impl Process + 'static) -> Self {
        Told::Time { process: Arc::new(process), factor: 1.0, offset: 0.0 }
    }

    /// The number that says σ, if one does.
    pub(super) fn number(&self, sigma: f64) -> Option<f64> {
        match self {
            Told::Sigma => Some(sigma),
            Told::QuarterLog => Some(0.25 * sigma.ln()),
            Told::Time { process, factor, offset } => Some(factor * process.time(sigma) + offset),
            Told::Nothing => None,
        }
    }
}

impl fmt::Debug for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Told::Sigma => f.write_str("Sigma"),
            Told::QuarterLog => f.write_str("QuarterLog"),
            Told::Time { process, factor, offset } => {
                write!(f, "Time({}, {factor} t + {offset})", process.name())
            }
            Told::Nothing => f.write_str("Nothing"),
        }
    }
}

/// How a file is used. What is none is found in the file, where it tells it beyond doubt.
#[derive(Debug, Clone, Default)]
pub struct OnnxOptions {
    /// What the network answers. By itself: [`Answer::Denoised`], if its output is named `denoised`, or its level `sigma`.
    pub answer: Option<Answer>,
    /// What it is told. By itself: nothing, if it has one input; σ, if the second is named `sigma`.
    pub told: Option<Told>,
    /// Name of the input of noisy points. By itself: the first of rank 2 or 4.
    pub noisy: Option<String>,
    /// Name of the input of the noise level. By itself: the other one.
    pub level: Option<String>,
    /// Name of the output. By itself: the first of the points' rank.
    pub output: Option<String>,
    /// Rows and columns, of a network of images of any size.
    pub sides: Option<(usize, usize)>,
    /// Threads of the library [default: one a core].
    pub threads: Option<usize>,
    /// The library's file [default: `ORT_DYLIB_PATH`, else that of the package onnxruntime of Python].
    pub library: Option<PathBuf>,
}
