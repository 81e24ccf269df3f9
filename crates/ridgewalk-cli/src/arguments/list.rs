//! Flags of `ridgewalk list`.

use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
pub struct List {
    /// Only these
    #[arg(value_enum)]
    pub kind: Option<Kind>,
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// What can be listed.
#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
pub enum Kind {
    Solvers,
    Schedules,
    Processes,
    /// What --blind may predict: c x₀ + d ε
    Targets,
    /// Those of `ridgewalk bridge`
    Paths,
}
