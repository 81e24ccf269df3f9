//! What can go wrong with a network: its file, or the mathematics that it is used for.

use std::fmt;
use std::path::{Path, PathBuf};

/// Result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Error {
    /// A file is not one of a network that can be read.
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and where in it.
        problem: String,
        /// What to do about it.
        help: String,
    },
    /// An argument, or a result of the network.
    Model(ridgewalk::Error),
}

impl Error {
    pub(crate) fn file(path: &Path, problem: impl Into<String>, help: impl Into<String>) -> Self {
        Error::File { path: path.to_path_buf(), problem: problem.into(), help: help.into() }
    }

    pub(crate) fn data(error: ridgewalk_data::Error) -> Self {
        let because = error.source.as_ref().map(|source| format!(" ({source})")).unwrap_or_default();
        let problem = format!("{}{because}", error.problem);
        Error::File { path: error.path.unwrap_or_default(), problem, help: error.help }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::File { path, problem, help } => write!(f, "{}: {problem}; {help}", path.display()),
            Error::Model(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {}

impl From<ridgewalk::Error> for Error {
    fn from(error: ridgewalk::Error) -> Self {
        Error::Model(error)
    }
}
