//! Flags of log-domain smoothing: the kernel, and how the mean over it is taken.

use clap::{Args, ValueEnum};

use super::values::{count, not_negative, positive, positive_number};

/// The smoothing of a score.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Smoothing")]
pub struct Smoothing {
    /// Smooth the score with a kernel of this scale (data's units; with --standardize or --latent: the
    /// model's), or with one chosen by held-out loss: the kernel too, unless --smooth-kernel names it (empirical
    /// models)
    #[arg(long, value_name = "auto|H", allow_negative_numbers = true)]
    pub smooth: Option<Smooth>,
    /// Directions of the kernel: all alike, or those of the tangent plane at each point, of dimension DIM
    /// [default: by the spectral gap], told by its K nearest data points [default: 20, or twice DIM]; with
    /// "spread" the scale is in units of those points' spread [default: isotropic, or with --smooth auto the
    /// better of isotropic and manifold with spread]
    #[arg(long, value_name = "isotropic|manifold[:DIM][,neighbours=K][,spread]", requires = "smooth")]
    pub smooth_kernel: Option<SmoothKernel>,
    /// How the mean over the kernel is taken
    #[arg(long, value_name = "NAME", value_enum, default_value_t = EstimatorName::Antithetic, requires = "smooth")]
    pub smooth_estimator: EstimatorName,
    /// Draws of the kernel; with --smooth-tolerance at least
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = count, allow_negative_numbers = true, requires = "smooth")]
    pub smooth_draws: usize,
    /// Double the draws until the standard error of every denoised point is at most this (units of the
    /// scale) [default: no more draws]
    #[arg(long, value_name = "T", value_parser = positive_number, allow_negative_numbers = true, requires = "smooth")]
    pub smooth_tolerance: Option<f64>,
    /// Smooth only at noise levels up to this one: fewer evaluations, and above a few scales it makes no
    /// difference [default: at all; a manifold kernel that --smooth auto chose: three spacings of neighbours over √d]
    #[arg(long, value_name = "SIGMA", value_parser = positive_number, allow_negative_numbers = true, requires = "smooth")]
    pub smooth_below: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Smooth {
    Auto,
    Scale(f64),
}

impl std::str::FromStr for Smooth {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Smooth::Auto),
            _ => not_negative(text).map(Smooth::Scale).map_err(|e| format!("{e}, or auto")),
        }
    }
}

/// The bandwidth of a kernel density estimate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Bandwidth {
    Auto,
    Width(f64),
}

impl std::str::FromStr for Bandwidth {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Bandwidth::Auto),
            _ => not_negative(text).map(Bandwidth::Width).map_err(|e| format!("{e}, or auto")),
        }
    }
}

/// `isotropic`, `manifold`, `manifold:2`, the latter two with `,neighbours=30` or `,spread`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SmoothKernel {
    Isotropic,
    Manifold { dimension: Option<usize>, neighbours: Option<usize>, spread: bool },
}

impl std::str::FromStr for SmoothKernel {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "isotropic" {
            return Ok(SmoothKernel::Isotropic);
        }
        let mut parts = text.split(',');
        let name = parts.next().unwrap_or_default();
        let (kind, dimension) = name.split_once(':').map_or((name, None), |(kind, dim)| (kind, Some(dim)));
        if kind != "manifold" {
            return Err(format!("'{kind}' is not a kernel; there are isotropic and manifold"));
        }
        let (mut neighbours, mut spread) = (None, false);
        for part in parts {
            match part.split_once('=').unwrap_or((part, "")) {
                ("neighbours", number) => neighbours = Some(positive(number)?),
                ("spread", "") => spread = true,
                (other, _) => {
                    return Err(format!("'{other}' is not a setting; there are neighbours and spread"));
                }
            }
        }
        Ok(SmoothKernel::Manifold { dimension: dimension.map(positive).transpose()?, neighbours, spread })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
pub enum EstimatorName {
    /// Pairs of opposite draws
    Antithetic,
    /// Independent draws, as in the experiments of arXiv 2510.02305
    MonteCarlo,
    /// Quasi-Monte Carlo: scrambled Sobol sequences
    Qmc,
    /// Independent draws, corrected by their mean
    ControlVariate,
    /// A quadrature rule, for kernels of up to 3 coordinates
    GaussHermite,
}
