//! The library's one error type: every message says what was wrong, where, and what to do.

/// What can go wrong in ridgewalk's mathematics.
///
/// Nothing in this crate panics on a caller's input; it returns one of these.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An argument has a value for which the operation has no meaning.
    #[error("{name} {problem}; {help}")]
    Argument {
        /// The argument, as the caller spells it.
        name: &'static str,
        /// What is wrong with it, with the value.
        problem: String,
        /// What to do about it.
        help: String,
    },
    /// Two things that must agree in shape do not.
    #[error("{what} has {found} where {expected} was expected")]
    Shape {
        /// What was looked at.
        what: String,
        /// The shape that it has.
        found: String,
        /// The shape that it should have.
        expected: String,
    },
    /// A set of points is empty (or empty after a selection).
    #[error("{what} holds no points; {help}")]
    Empty {
        /// The set.
        what: String,
        /// What to do about it.
        help: String,
    },
    /// A value that must be finite is NaN or infinite.
    #[error("{what} has the value {value} at row {row}, column {column}; remove or repair that row")]
    NonFinite {
        /// Where it was found.
        what: String,
        /// Row (counted from 0).
        row: usize,
        /// Column (counted from 0).
        column: usize,
        /// The value.
        value: f64,
    },
    /// A sampler's state stopped being finite.
    #[error(
        "the state of sample {sample} is not finite in step {step} (sigma {sigma:.6e}); \
         use more steps, weaker attraction (a smaller b), or a smaller sigma range"
    )]
    Diverged {
        /// Step (counted from 0).
        step: usize,
        /// Noise level at which the step began.
        sigma: f64,
        /// Sample index.
        sample: u64,
    },
    /// A model answered a sampler with a value that is not finite.
    #[error(
        "the model's answer for sample {sample} is not finite in step {step} (sigma {sigma:.6e}); \
         check the model there (its precision, the noise levels that it knows), or change the sigma range"
    )]
    Answer {
        /// Step (counted from 0).
        step: usize,
        /// Noise level at which it was asked.
        sigma: f64,
        /// Sample index.
        sample: u64,
    },
    /// An observer asked the sampler to stop.
    #[error("stopped by request after step {step}")]
    Stopped {
        /// The last finished step (counted from 0).
        step: usize,
    },
    /// A numerical method failed to give a usable result.
    #[error("{what}: {problem}; {help}")]
    Numerical {
        /// The method.
        what: &'static str,
        /// What happened.
        problem: String,
        /// What to do about it.
        help: String,
    },
}

/// Result with the library's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An [`Error::Argument`].
    pub fn argument(name: &'static str, problem: impl Into<String>, help: impl Into<String>) -> Self {
        Error::Argument { name, problem: problem.into(), help: help.into() }
    }

    /// An [`Error::Shape`].
    pub fn shape(
        what: impl Into<String>,
        found: impl std::fmt::Display,
        expected: impl std::fmt::Display,
    ) -> Self {
        Error::Shape { what: what.into(), found: found.to_string(), expected: expected.to_string() }
    }

    /// An [`Error::Empty`].
    pub fn empty(what: impl Into<String>, help: impl Into<String>) -> Self {
        Error::Empty { what: what.into(), help: help.into() }
    }
}
