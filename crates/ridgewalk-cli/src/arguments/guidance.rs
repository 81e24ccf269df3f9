//! Flags of guidance between two models.

use clap::Args;

use super::values::{fraction_or_one, not_negative, number, positive_number};

/// How a second model pushes the first away from itself.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Guidance")]
pub struct Guidance {
    /// Guide: D = D₂ + W·(D₁ − D₂). With --class D₁ is the model of that class and D₂ the one of all points
    /// (classifier-free guidance, arXiv 2207.12598); with --guide D₂ is that model. 1 changes nothing
    #[arg(long, value_name = "W", value_parser = number, allow_negative_numbers = true)]
    pub guidance: Option<f64>,
    /// The model to be guided away from: a weaker one of the same data (autoguidance, arXiv 2406.02507), or an
    /// unconditional one
    #[arg(long, value_name = "MODEL", requires = "guidance")]
    pub guide: Option<String>,
    /// Guide at these noise levels only (arXiv 2404.07724), in the data's units; 0.. and ..inf may be open [default:
    /// all]
    #[arg(long, value_name = "LOW..HIGH", requires = "guidance")]
    pub guidance_interval: Option<Interval>,
    /// Bring the spread of the guided answer back to that of D₁, in part: 0 not at all, 1 wholly
    /// (arXiv 2305.08891)
    #[arg(long, value_name = "PHI", requires = "guidance", value_parser = fraction_or_one, allow_negative_numbers = true)]
    pub guidance_rescale: Option<f64>,
}

/// `0.5..3`, in the units of noise levels; `0..3` and `0.5..inf` are open at an end.
#[derive(Debug, Clone, PartialEq)]
pub struct Interval(pub std::ops::Range<f64>);

impl std::str::FromStr for Interval {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (low, high) = text.split_once("..").ok_or("give two noise levels, as in 0.5..3")?;
        let (low, high) = match high.trim() {
            "" | "inf" => (not_negative(low)?, f64::INFINITY),
            high => (not_negative(low)?, positive_number(high)?),
        };
        if low < high { Ok(Interval(low..high)) } else { Err("give the lower level first".into()) }
    }
}
