//! The caller's own levels.

use super::{Schedule, checked};
use crate::error::{Error, Result};

/// The caller's own levels.
#[derive(Debug, Clone, PartialEq)]
pub struct Levels(pub Vec<f64>);

impl Levels {
    /// Reads a list such as `80, 40, 10`: numbers between commas, semicolons, white space or ends of line.
    /// What follows a `#` on a line is a remark.
    ///
    /// ```
    /// use ridgewalk::Levels;
    ///
    /// assert_eq!(Levels::parse("80,40,10")?, Levels(vec![80.0, 40.0, 10.0]));
    /// assert!(Levels::parse("80,90").is_err());
    /// # Ok::<(), ridgewalk::Error>(())
    /// ```
    ///
    /// # Errors
    /// If a word is not a number (the message names its line), or the numbers make no grid.
    pub fn parse(text: &str) -> Result<Self> {
        let mut levels = Vec::new();
        for (line, content) in text.lines().enumerate() {
            let content = content.split('#').next().unwrap_or_default();
            let words = content.split(|c: char| c.is_whitespace() || c == ',' || c == ';');
            for word in words.filter(|word| !word.is_empty()) {
                levels.push(word.parse::<f64>().map_err(|_| {
                    let word: String = word.chars().take(40).collect();
                    let problem = format!("has '{word}' in line {}", line + 1);
                    Error::argument("levels", problem, "list numbers, as 80,40,10")
                })?);
            }
        }
        Ok(Levels(checked(levels)?))
    }
}

impl Schedule for Levels {
    fn name(&self) -> String {
        "own levels".into()
    }

    fn levels(&self) -> Result<Vec<f64>> {
        checked(self.0.clone())
    }
}
