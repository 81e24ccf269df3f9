//! Which columns of a table are coordinates and which one is the label.

use crate::error::{Error, Location, Result};

/// Where the labels of a table are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum LabelColumn {
    /// The column called `label`, `labels`, `class`, `target` or `y`, in any case, if there is one.
    /// A `y` beside an `x` is a coordinate.
    #[default]
    Auto,
    /// Nowhere: every column is a coordinate.
    None,
    /// The column of this name, or of this number (from 0; negative from the end, −1 is the last).
    Named(String),
}

/// Names that mean a label, in the order in which they are tried.
const LABEL_NAMES: [&str; 5] = ["label", "labels", "class", "target", "y"];

/// The parts of a table, as positions of columns.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Parts {
    pub label: Option<usize>,
    pub coordinates: Vec<usize>,
}

/// Splits columns with these names.
///
/// # Errors
/// If a column that is asked for does not exist, or no coordinate remains.
pub(crate) fn split(names: &[String], label: &LabelColumn, wanted: Option<&[String]>) -> Result<Parts> {
    let label = match label {
        LabelColumn::None => None,
        LabelColumn::Named(name) => Some(find(names, name)?),
        LabelColumn::Auto => automatic(names),
    };
    let coordinates: Vec<usize> = match wanted {
        Some(wanted) => wanted.iter().map(|name| find(names, name)).collect::<Result<_>>()?,
        None => (0..names.len()).filter(|&i| Some(i) != label).collect(),
    };
    if coordinates.is_empty() {
        return Err(Error::argument("no column is left for the coordinates", "name other columns"));
    }
    Ok(Parts { label, coordinates })
}

/// The error for a column that is called like a label but holds measurements.
pub(crate) fn fractions(name: String) -> Error {
    Error::argument(
        "is called like a class label but holds fractions",
        "name the label column, or say that there is none",
    )
    .at(Location::Part(name))
}

fn automatic(names: &[String]) -> Option<usize> {
    let position = |wanted: &str| names.iter().position(|n| n.trim().eq_ignore_ascii_case(wanted));
    let found = LABEL_NAMES.iter().find_map(|name| position(name))?;
    let is_coordinate = names[found].trim().eq_ignore_ascii_case("y") && position("x").is_some();
    (!is_coordinate && names.len() > 1).then_some(found)
}

fn find(names: &[String], wanted: &str) -> Result<usize> {
    if let Some(found) = names.iter().position(|n| n == wanted) {
        return Ok(found);
    }
    let numbered = wanted.parse::<i64>().ok().and_then(|i| {
        let i = if i < 0 { i.checked_add(names.len() as i64)? } else { i };
        usize::try_from(i).ok().filter(|&i| i < names.len())
    });
    numbered.ok_or_else(|| {
        const SHOWN: usize = 20;
        let more = if names.len() > SHOWN { ", …" } else { "" };
        let list = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
        Error::argument(format!("there is no column `{wanted}`"), format!("the columns are {list}{more}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &str) -> Vec<String> {
        list.split(',').map(String::from).collect()
    }

    fn label(list: &str) -> Option<usize> {
        split(&names(list), &LabelColumn::Auto, None).unwrap().label
    }

    #[test]
    fn the_label_is_found_by_its_name() {
        assert_eq!(label("a,Class,b"), Some(1));
        assert_eq!(label("y,a,label"), Some(2));
        assert_eq!(label("a,b,y"), Some(2));
        assert_eq!(label("x,y"), None);
        assert_eq!(label("y"), None);
    }

    #[test]
    fn names_and_numbers_select() {
        let all = names("a,b,c");
        let last = LabelColumn::Named("-1".into());
        assert_eq!(split(&all, &last, None).unwrap(), Parts { label: Some(2), coordinates: vec![0, 1] });
        let wanted = names("c,a");
        assert_eq!(split(&all, &LabelColumn::None, Some(&wanted)).unwrap().coordinates, [2, 0]);
        let error = split(&all, &LabelColumn::Named("d".into()), None).unwrap_err();
        assert!(error.to_string().contains("the columns are a, b, c"), "{error}");
        for number in ["3", "-4", "-9223372036854775808"] {
            assert!(split(&all, &LabelColumn::Named(number.into()), None).is_err());
        }
    }
}
