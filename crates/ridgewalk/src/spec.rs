//! Specifications: a name with settings, as `unipc:order=3,variant=bh1`, by which solvers, schedules and
//! processes are chosen on a command line and in records.

use std::cell::RefCell;

use crate::error::{Error, Result};

/// The largest count: a slip of the keyboard, not a wish, is beyond.
const MOST: usize = 1_000_000;

/// A name with settings. Every setting must be asked for by what is built from it: [`Spec::done`] refuses
/// what nobody asked for.
#[derive(Debug, Clone)]
pub struct Spec<'a> {
    what: &'static str,
    name: &'a str,
    settings: Vec<(&'a str, &'a str)>,
    asked: RefCell<Vec<&'static str>>,
}

impl<'a> Spec<'a> {
    /// Reads `name` or `name:key=value,…`; `what` is named in errors (solver, schedule, …).
    ///
    /// # Errors
    /// If a setting is not of the form key=value, or is given twice.
    pub fn parse(what: &'static str, text: &'a str) -> Result<Self> {
        let (name, rest) = text.split_once(':').unwrap_or((text, ""));
        let mut settings: Vec<(&str, &str)> = Vec::new();
        for part in rest.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (key, value) = part.split_once('=').ok_or_else(|| {
                Error::argument(what, format!("has the setting '{part}'"), "write it as key=value")
            })?;
            let (key, value) = (key.trim(), value.trim());
            if settings.iter().any(|(k, _)| *k == key) {
                return Err(Error::argument(what, format!("has '{key}' twice"), "give it once"));
            }
            settings.push((key, value));
        }
        Ok(Spec { what, name: name.trim(), settings, asked: RefCell::default() })
    }

    /// The name.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// A setting as it was written, if it was given.
    pub fn text(&self, key: &'static str) -> Option<&'a str> {
        self.asked.borrow_mut().push(key);
        self.settings.iter().find(|(k, _)| *k == key).map(|(_, value)| *value)
    }

    /// A finite number, or `default`.
    ///
    /// # Errors
    /// If it is given and is not one.
    pub fn number(&self, key: &'static str, default: f64) -> Result<f64> {
        let Some(text) = self.text(key) else { return Ok(default) };
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(value),
            _ => Err(self.refuse(key, text, "give a finite number")),
        }
    }

    /// A whole number of at most a million, or `default`.
    ///
    /// # Errors
    /// If it is given and is not one.
    pub fn count(&self, key: &'static str, default: usize) -> Result<usize> {
        let Some(text) = self.text(key) else { return Ok(default) };
        match text.parse() {
            Ok(count) if count <= MOST => Ok(count),
            Ok(_) => Err(self.refuse(key, text, &format!("give at most {MOST}"))),
            Err(_) => Err(self.refuse(key, text, "give a whole number")),
        }
    }

    /// One of some words: its place among them. The first is the default.
    ///
    /// # Errors
    /// If it is given and is none of them.
    pub fn word(&self, key: &'static str, words: &[&str]) -> Result<usize> {
        let Some(text) = self.text(key) else { return Ok(0) };
        let found = words.iter().position(|word| *word == text);
        found.ok_or_else(|| self.refuse(key, text, &format!("choose among {}", words.join(", "))))
    }

    /// Refuses settings that were never asked for.
    ///
    /// # Errors
    /// If there are any; the message lists those that there are.
    pub fn done(&self) -> Result<()> {
        let asked = self.asked.borrow();
        let Some((key, _)) = self.settings.iter().find(|(key, _)| !asked.contains(key)) else {
            return Ok(());
        };
        let mut known: Vec<&str> = asked.clone();
        known.dedup();
        let help = match known.is_empty() {
            true => format!("{} takes none", self.name),
            false => format!("{} takes {}", self.name, known.join(", ")),
        };
        Err(Error::argument(self.what, format!("has the setting '{key}', which it does not know"), help))
    }

    /// That nothing of this name is known.
    pub fn unknown<'n>(&self, names: impl Iterator<Item = &'n str>) -> Error {
        let names: Vec<&str> = names.collect();
        let help = format!("choose among {}", names.join(", "));
        Error::argument(self.what, format!("'{}' is not known", self.name), help)
    }

    fn refuse(&self, key: &str, text: &str, help: &str) -> Error {
        Error::argument(self.what, format!("has {key}={text}"), help)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_and_none_is_ignored() {
        let spec = Spec::parse("solver", "unipc:order=3, variant=bh1").unwrap();
        assert_eq!(spec.name(), "unipc");
        assert_eq!(spec.count("order", 2), Ok(3));
        assert!(spec.done().unwrap_err().to_string().contains("'variant'"));
        assert_eq!(spec.word("variant", &["bh2", "bh1"]), Ok(1));
        assert_eq!(spec.number("eta", 0.5), Ok(0.5));
        assert_eq!(spec.done(), Ok(()));
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        for (text, words) in [
            ("unipc:order", "key=value"),
            ("unipc:order=2,order=3", "twice"),
            ("unipc:order=two", "whole number"),
            ("unipc:order=1000001", "at most 1000000"),
            ("unipc:variant=bh3", "bh2, bh1"),
            ("unipc:eta=inf", "finite"),
        ] {
            let told = Spec::parse("solver", text).and_then(|spec| {
                spec.count("order", 2)?;
                spec.number("eta", 1.0)?;
                spec.word("variant", &["bh2", "bh1"])
            });
            let message = told.unwrap_err().to_string();
            assert!(message.starts_with("solver ") && message.contains(words), "{message}");
        }
    }
}
