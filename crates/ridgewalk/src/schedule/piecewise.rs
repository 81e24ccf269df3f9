//! Schedules joined end to end.

use super::{Schedule, checked};
use crate::error::{Error, Result};

/// How close the end of one piece and the beginning of the next count as one level, relative to it.
const JOIN: f64 = 1e-9;

/// Pieces with ranges and counts of their own, from the highest down. Where one ends at the level at which
/// the next begins, the level is there once.
///
/// ```
/// use ridgewalk::schedule::Piecewise;
/// use ridgewalk::{Karras, LogLinear, Schedule};
///
/// let high = LogLinear::new(1.0..100.0, 3);
/// let low = Karras::new(0.01..1.0, 4);
/// let joined = Piecewise::new(vec![Box::new(high), Box::new(low)]);
/// assert_eq!(joined.levels()?.len(), 3 + 4 - 1);
/// # Ok::<(), ridgewalk::Error>(())
/// ```
pub struct Piecewise {
    pieces: Vec<Box<dyn Schedule>>,
}

impl Piecewise {
    /// From its pieces, the highest first.
    pub fn new(pieces: Vec<Box<dyn Schedule>>) -> Self {
        Piecewise { pieces }
    }
}

impl Schedule for Piecewise {
    fn name(&self) -> String {
        self.pieces.iter().map(Schedule::name).collect::<Vec<_>>().join(", then ")
    }

    /// Errors as those of the pieces, and if a piece begins above the end of the one before it.
    fn levels(&self) -> Result<Vec<f64>> {
        let mut joined: Vec<f64> = Vec::new();
        for (i, piece) in self.pieces.iter().enumerate() {
            let levels = piece.levels()?;
            let mut rest = levels.as_slice();
            if let (Some(&last), Some((&first, others))) = (joined.last(), levels.split_first()) {
                if (first / last - 1.0).abs() <= JOIN {
                    rest = others;
                } else if first > last {
                    return Err(Error::argument(
                        "pieces",
                        format!(
                            "has {first} at the beginning of piece {i}, above {last}, where the last ends"
                        ),
                        "give the pieces from the highest levels down, without overlap",
                    ));
                }
            }
            joined.extend_from_slice(rest);
        }
        checked(joined)
    }
}
