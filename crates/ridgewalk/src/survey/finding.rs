//! Findings: what a survey returns, and what a report draws.
//!
//! A finding carries its number, interval, sample size and settings, the expected value where one
//! is known, and figures as plain numbers that a report draws.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::film::Film;

/// One measurement, ready to be read by a person (`statement`) or a program (the rest).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Stable identifier in kebab case, such as `memorised-fraction`.
    pub id: String,
    /// The result in one sentence.
    pub statement: String,
    /// The number.
    pub value: f64,
    /// 95 % bootstrap interval of the number, if it is a statistic.
    pub interval: Option<(f64, f64)>,
    /// Number of samples behind it.
    pub n: usize,
    /// Reference set, seed, and whatever else is needed to obtain the number again.
    pub settings: BTreeMap<String, serde_json::Value>,
    /// The known answer or a paper's figure, if there is one.
    pub expectation: Option<Expectation>,
    /// Whether the expectation was met.
    pub holds: Option<bool>,
    /// A table behind the number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<Table>,
    /// Figures behind the number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub figures: Vec<Figure>,
}

/// What a finding is held against.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Expectation {
    /// In words: what is expected, and from where.
    pub text: String,
    /// Smallest value that meets it.
    pub at_least: Option<f64>,
    /// Largest value that meets it.
    pub at_most: Option<f64>,
}

impl Expectation {
    /// Whether a value meets it.
    pub fn holds(&self, value: f64) -> bool {
        self.at_least.is_none_or(|low| value >= low) && self.at_most.is_none_or(|high| value <= high)
    }
}

impl Finding {
    /// A finding with nothing but its number.
    pub fn new(id: impl Into<String>, statement: impl Into<String>, value: f64, n: usize) -> Self {
        Finding {
            id: id.into(),
            statement: statement.into(),
            value,
            interval: None,
            n,
            settings: BTreeMap::new(),
            expectation: None,
            holds: None,
            table: None,
            figures: Vec::new(),
        }
    }

    /// With a 95 % interval.
    pub fn interval(mut self, interval: (f64, f64)) -> Self {
        self.interval = Some(interval);
        self
    }

    /// With one setting.
    pub fn setting(mut self, key: &str, value: impl Into<serde_json::Value>) -> Self {
        self.settings.insert(key.into(), value.into());
        self
    }

    /// With an expectation, which is checked at once.
    pub fn expect(mut self, expectation: Expectation) -> Self {
        self.holds = Some(expectation.holds(self.value));
        self.expectation = Some(expectation);
        self
    }

    /// With a table.
    pub fn table(mut self, table: Table) -> Self {
        self.table = Some(table);
        self
    }

    /// With one more figure.
    pub fn figure(mut self, figure: Figure) -> Self {
        self.figures.push(figure);
        self
    }
}

/// A table of text and numbers.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Table {
    /// Column heads.
    pub columns: Vec<String>,
    /// Rows, each as long as `columns`.
    pub rows: Vec<Vec<Cell>>,
}

/// One cell of a [`Table`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Cell {
    /// A number, shown to four significant digits.
    Number(f64),
    /// A number with its 95 % interval.
    Interval {
        /// The number.
        value: f64,
        /// Its interval.
        interval: (f64, f64),
    },
    /// Text.
    Text(String),
}

impl From<f64> for Cell {
    fn from(value: f64) -> Self {
        Cell::Number(value)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Cell::Text(text.into())
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Cell::Text(text)
    }
}

/// A figure as numbers: a title, a caption that says what to see, and what is drawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// Stable identifier in kebab case, unique in a report; its files are named after it.
    pub id: String,
    /// Title.
    pub title: String,
    /// What it shows and what follows, in a sentence or two.
    pub caption: String,
    /// What is drawn.
    pub plot: Plot,
}

/// What a [`Figure`] draws.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Plot {
    /// Curves of y against x.
    Lines {
        /// Horizontal axis.
        x: Axis,
        /// Vertical axis.
        y: Axis,
        /// The curves.
        series: Vec<Series>,
    },
    /// Points in the plane.
    Scatter {
        /// Horizontal axis.
        x: Axis,
        /// Vertical axis.
        y: Axis,
        /// The point clouds.
        series: Vec<Series>,
    },
    /// Distributions of one quantity in several groups, drawn as densities over a shared axis.
    Distributions {
        /// The quantity.
        x: Axis,
        /// The groups: a name and the raw values.
        groups: Vec<Group>,
    },
    /// One number a group, with its interval.
    Bars {
        /// The quantity.
        y: Axis,
        /// The bars.
        bars: Vec<Bar>,
    },
    /// Images, in labelled rows. Pixels are in the data's units.
    Images {
        /// Rows of an image.
        height: usize,
        /// Columns of an image.
        width: usize,
        /// Channels of an image, 1 or 3.
        channels: usize,
        /// The values shown as black and as white.
        range: (f64, f64),
        /// The rows of the sheet.
        rows: Vec<ImageRow>,
    },
    /// Points and curves in two or three dimensions over a parameter, played frame by frame.
    Film(Film),
}

/// An axis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Axis {
    /// Label, with the unit.
    pub label: String,
    /// Whether it is logarithmic.
    pub log: bool,
}

impl Axis {
    /// A linear axis.
    pub fn linear(label: impl Into<String>) -> Self {
        Axis { label: label.into(), log: false }
    }

    /// A logarithmic axis.
    pub fn log(label: impl Into<String>) -> Self {
        Axis { label: label.into(), log: true }
    }
}

/// A named list of (x, y).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Name in the legend.
    pub name: String,
    /// Points.
    pub points: Vec<(f64, f64)>,
}

/// A named list of values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Name in the legend.
    pub name: String,
    /// Values.
    pub values: Vec<f64>,
}

/// A named number with an interval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bar {
    /// Name under the bar.
    pub name: String,
    /// Height.
    pub value: f64,
    /// 95 % interval.
    pub interval: Option<(f64, f64)>,
}

/// A labelled row of images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageRow {
    /// Label before the row.
    pub label: String,
    /// Images, each height × width × channels values, rows first, channels last.
    pub images: Vec<Vec<f64>>,
    /// A note under each image, such as a distance (may be empty).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}
