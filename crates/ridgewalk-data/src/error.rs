//! The crate's one error type: which file, where in it, what is wrong, and what to do.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The sort of failure, for programs that must tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Neither a file nor a known name.
    NotFound,
    /// The operating system refused to read or write.
    Io,
    /// The file breaks the rules of its format: truncated, inconsistent, or not what it claims.
    Malformed,
    /// The file may be sound, but holds something that is not read (complex numbers, objects, …).
    Unsupported,
    /// The contents exceed [`crate::LoadOptions::limit`].
    TooLarge,
    /// A value is NaN or infinite.
    NonFinite,
    /// An argument or option has a value without meaning.
    Argument,
}

/// A place within a file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Location {
    /// Line and field of a text file, both counted from 1, as editors do.
    Line {
        /// Line.
        line: u64,
        /// Field within the line; none if the whole line is meant.
        column: Option<usize>,
    },
    /// Row and coordinate of the points, both counted from 0.
    Row {
        /// Point.
        row: usize,
        /// Coordinate.
        column: usize,
    },
    /// Pixel of an image in a stack, all counted from 0.
    Pixel {
        /// Image.
        section: usize,
        /// Row of the image.
        row: usize,
        /// Column of the image.
        column: usize,
    },
    /// Byte offset, counted from 0.
    Offset(u64),
    /// A named part: an array of an archive, a column of a table.
    Part(String),
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::Line { line, column: Some(column) } => write!(f, "line {line}, field {column}"),
            Location::Line { line, column: None } => write!(f, "line {line}"),
            Location::Row { row, column } => write!(f, "row {row}, column {column} (counted from 0)"),
            Location::Pixel { section, row, column } => {
                write!(f, "section {section}, row {row}, column {column} (counted from 0)")
            }
            Location::Offset(offset) => write!(f, "byte {offset}"),
            Location::Part(name) => write!(f, "`{name}`"),
        }
    }
}

/// What went wrong while reading or writing data.
#[derive(Debug)]
pub struct Error {
    /// The sort of failure.
    pub kind: ErrorKind,
    /// The file, if there is one.
    pub path: Option<PathBuf>,
    /// Where in the file.
    pub location: Option<Location>,
    /// What is wrong.
    pub problem: String,
    /// What to do about it.
    pub help: String,
    /// The operating system's own error.
    pub source: Option<io::Error>,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.path {
            write!(f, "{}: ", path.display())?;
        }
        if let Some(location) = &self.location {
            write!(f, "{location}: ")?;
        }
        write!(f, "{}", self.problem)?;
        if let Some(source) = &self.source {
            write!(f, " ({source})")?;
        }
        if !self.help.is_empty() {
            write!(f, "; {}", self.help)?;
        }
        Ok(())
    }
}

// `source()` stays empty on purpose: Display already carries the operating system's words, and a
// reporter that prints the chain would repeat them.
impl std::error::Error for Error {}

impl Error {
    pub(crate) fn new(kind: ErrorKind, problem: impl Into<String>, help: impl Into<String>) -> Self {
        Error { kind, path: None, location: None, problem: problem.into(), help: help.into(), source: None }
    }

    pub(crate) fn malformed(problem: impl Into<String>) -> Self {
        Self::new(ErrorKind::Malformed, problem, "the file is damaged or was cut short; write it again")
    }

    pub(crate) fn unsupported(problem: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unsupported, problem, help)
    }

    pub(crate) fn argument(problem: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(ErrorKind::Argument, problem, help)
    }

    /// A failure of the operating system on `path`; `action` completes "cannot …".
    pub(crate) fn io(path: &Path, action: &str, source: io::Error) -> Self {
        let help = match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space there",
            io::ErrorKind::PermissionDenied => "check the permissions",
            io::ErrorKind::NotFound => "check that the folder and the file exist",
            // What a decompressor says of a stream that breaks off or makes no sense.
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
                "the file is damaged or was cut short; write it again"
            }
            _ => "",
        };
        let mut error = Self::new(ErrorKind::Io, format!("cannot {action}"), help).at_path(path);
        error.source = Some(source);
        error
    }

    /// The same error, about this file; a path that is already named stays.
    pub(crate) fn at_path(mut self, path: &Path) -> Self {
        self.path.get_or_insert_with(|| path.to_path_buf());
        self
    }

    /// The same error, at this place; a place that is already named stays.
    pub(crate) fn at(mut self, location: Location) -> Self {
        self.location.get_or_insert(location);
        self
    }
}

impl From<ridgewalk::Error> for Error {
    fn from(error: ridgewalk::Error) -> Self {
        match error {
            ridgewalk::Error::NonFinite { row, column, value, .. } => Error::new(
                ErrorKind::NonFinite,
                format!("the value is {value}"),
                "remove or repair that point",
            )
            .at(Location::Row { row, column }),
            ridgewalk::Error::Empty { .. } => {
                Error::new(ErrorKind::Malformed, "there are no points in it", "give at least one point")
            }
            other => Error::new(ErrorKind::Argument, other.to_string(), ""),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_where_what_and_what_to_do() {
        let error = Error::new(ErrorKind::Malformed, "`a` is not a number", "repair it")
            .at(Location::Line { line: 3, column: Some(2) })
            .at_path(Path::new("x.csv"));
        assert_eq!(error.to_string(), "x.csv: line 3, field 2: `a` is not a number; repair it");
    }

    #[test]
    fn a_full_disk_names_the_path() {
        let error = Error::io(Path::new("out/x.npy"), "write", io::ErrorKind::StorageFull.into());
        assert!(error.to_string().starts_with("out/x.npy: cannot write"), "{error}");
        assert!(error.to_string().ends_with("free some space there"), "{error}");
    }
}
