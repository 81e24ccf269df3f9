//! What the program says when it cannot do what was asked.

use std::io::Write;

/// A message for a person: what was wrong, where, and what to do.
#[derive(Debug)]
pub struct Failure(String);

/// Result with a [`Failure`].
pub type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// From the three parts of a message.
    pub fn new(place: impl std::fmt::Display, problem: impl std::fmt::Display, help: &str) -> Self {
        Failure(format!("{place} {problem}; {help}"))
    }

    /// To stderr.
    pub fn print(&self) {
        writeln!(std::io::stderr(), "error: {}", self.0).ok();
    }
}

impl From<ridgewalk::Error> for Failure {
    fn from(error: ridgewalk::Error) -> Self {
        Failure(error.to_string())
    }
}

impl From<ridgewalk_nn::Error> for Failure {
    fn from(error: ridgewalk_nn::Error) -> Self {
        Failure(error.to_string())
    }
}

impl From<ridgewalk_data::Error> for Failure {
    fn from(error: ridgewalk_data::Error) -> Self {
        Failure(error.to_string())
    }
}
