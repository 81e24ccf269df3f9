//! Delimited text: one point a line, numbers between commas, semicolons, tabs or spaces.
//!
//! The delimiter is the one of the first three that is most frequent in the first line, else
//! spaces. The first line
//! is a header if it has a word where the second line has a number, or nothing but words.
//! scikit-learn's own form (first line: rows, columns, class names; label last) is known too.
//! Lines that begin with `#` are skipped; fields may be quoted.

use std::io::{BufRead, Read};
use std::path::PathBuf;

use ::csv::{ByteRecord, Position, ReaderBuilder, Trim};
use ndarray::Array2;
use ridgewalk::PointSet;

use crate::error::{Error, ErrorKind, Location, Result};
use crate::input::{Input, check_limit};
use crate::labels;
use crate::load::LoadOptions;
use crate::table::{self, LabelColumn, Parts};

/// A longer line is no table but something that was compressed to fill the memory.
const LONGEST_LINE: u64 = 1 << 26;

/// Reads points and, if there is a label column, their labels.
pub(crate) fn read(input: Input<'_>, options: &LoadOptions) -> Result<PointSet> {
    let path = input.path.clone();
    let limit = input.limit();
    let mut lines = Lines::new(input);
    let mut table = Rows::begin(&mut lines, options).map_err(|e| e.at_path(&path))?;
    while let Some(record) = lines.next()? {
        table.push(record).map_err(|e| e.at_path(&path))?;
        check_limit(table.values.len() as u64 * 8, limit).map_err(|e| e.at_path(&path))?;
    }
    table.finish(options).map_err(|e| e.at_path(&path))
}

/// The first field of every line, for files of labels.
pub(crate) fn read_words(input: Input<'_>) -> Result<Vec<String>> {
    let path = input.path.clone();
    let mut lines = Lines::new(input);
    let mut words = Vec::new();
    while let Some(record) = lines.next()? {
        if record.len() != 1 {
            let problem = format!("has {} fields", record.len());
            let error = Error::unsupported(problem, "a file of labels has one label a line");
            return Err(error.at(line_of(record)).at_path(&path));
        }
        words.push(field(record, 0)?.to_string());
    }
    let heading = words.len() > 1 && !is_number(&words[0]) && words[1..].iter().all(|w| is_number(w));
    words.drain(..usize::from(heading));
    Ok(words)
}

struct Rows {
    names: Option<Vec<String>>,
    width: usize,
    parts: Parts,
    values: Vec<f64>,
    words: Vec<String>,
    rows: usize,
    /// The number of rows that scikit-learn's first line declares.
    declared: Option<usize>,
}

impl Rows {
    /// Looks at the first two lines to find out what the columns are.
    fn begin(lines: &mut Lines, options: &LoadOptions) -> Result<Self> {
        let Some(first) = lines.next()?.cloned() else {
            return Err(Error::malformed("there are no lines in it"));
        };
        let second = lines.next()?.cloned();
        let declared = second.as_ref().and_then(|s| scikit_learn(&first, s.len()));
        let header = declared.is_none() && is_header(&first, second.as_ref());
        let width = if declared.is_some() { second.as_ref().map_or(0, ByteRecord::len) } else { first.len() };
        let names: Vec<String> = if header {
            (0..width)
                .map(|i| Ok(field(&first, i)?.trim_start_matches('\u{feff}').into()))
                .collect::<Result<_>>()?
        } else {
            (0..width).map(|i| i.to_string()).collect()
        };
        let label = match (&options.label_column, declared) {
            (LabelColumn::Auto, Some(_)) => LabelColumn::Named("-1".into()),
            (LabelColumn::Auto, None) if !header => LabelColumn::None,
            (other, _) => other.clone(),
        };
        let parts = table::split(&names, &label, options.columns.as_deref())?;
        let names = header.then_some(names);
        let mut table = Rows { names, width, parts, values: vec![], words: vec![], rows: 0, declared };
        if !header && declared.is_none() {
            table.push(&first)?;
        }
        if let Some(second) = second {
            table.push(&second)?;
        }
        Ok(table)
    }

    fn push(&mut self, record: &ByteRecord) -> Result<()> {
        if record.len() != self.width {
            let problem = format!("has {} fields where {} were expected", record.len(), self.width);
            return Err(Error::new(
                ErrorKind::Malformed,
                problem,
                "every line needs the same number of fields",
            )
            .at(line_of(record)));
        }
        for &i in &self.parts.coordinates {
            self.values.push(number(record, i)?);
        }
        if let Some(i) = self.parts.label {
            self.words.push(field(record, i)?.to_string());
        }
        self.rows += 1;
        Ok(())
    }

    fn finish(self, options: &LoadOptions) -> Result<PointSet> {
        if let Some(declared) = self.declared.filter(|&n| n != self.rows) {
            return Err(Error::malformed(format!(
                "the first line declares {declared} rows, there are {}",
                self.rows
            )));
        }
        let d = self.parts.coordinates.len();
        let values = Array2::from_shape_vec((self.rows, d), self.values)
            .map_err(|_| Error::malformed("the rows do not form a table"))?;
        let mut points = PointSet::vectors(values)?;
        if let Some(names) = &self.names {
            points =
                points.with_columns(self.parts.coordinates.iter().map(|&i| names[i].clone()).collect())?;
        }
        let Some(column) = self.parts.label else { return Ok(points) };
        if options.label_column == LabelColumn::Auto && labels::are_fractions(&self.words) {
            let name = self.names.as_ref().map_or_else(|| column.to_string(), |n| n[column].clone());
            return Err(table::fractions(name));
        }
        Ok(points.with_labels(labels::from_words(&self.words)?)?)
    }
}

/// The number of rows that `first` declares, if it is scikit-learn's form: rows, columns, names.
fn scikit_learn(first: &ByteRecord, width: usize) -> Option<usize> {
    let size = |i: usize| field(first, i).ok()?.parse::<usize>().ok();
    let names = (2..first.len()).all(|i| field(first, i).is_ok_and(|f| !is_number(f)));
    (first.len() > 2 && names && size(1)?.checked_add(1)? == width).then(|| size(0)).flatten()
}

fn is_header(first: &ByteRecord, second: Option<&ByteRecord>) -> bool {
    let number = |record: &ByteRecord, i: usize| field(record, i).is_ok_and(is_number);
    let words = (0..first.len()).filter(|&i| !number(first, i));
    let mut count = 0;
    let mut above_number = false;
    for i in words {
        count += 1;
        above_number |= second.is_some_and(|s| i < s.len() && number(s, i));
    }
    above_number || count == first.len()
}

fn is_number(text: &str) -> bool {
    text.parse::<f64>().is_ok()
}

fn line_of(record: &ByteRecord) -> Location {
    Location::Line { line: record.position().map_or(0, |p| p.line()), column: None }
}

fn field_of(record: &ByteRecord, i: usize) -> Location {
    Location::Line { line: record.position().map_or(0, |p| p.line()), column: Some(i + 1) }
}

fn field(record: &ByteRecord, i: usize) -> Result<&str> {
    std::str::from_utf8(record.get(i).unwrap_or_default())
        .map_err(|_| Error::unsupported("is not text in UTF-8", crate::load::FORMATS).at(field_of(record, i)))
}

fn number(record: &ByteRecord, i: usize) -> Result<f64> {
    const LONGEST_SHOWN: usize = 40;
    let text = field(record, i)?;
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        Ok(_) => Err(Error::new(
            ErrorKind::NonFinite,
            format!("the value is {text}"),
            "remove or repair that line",
        )
        .at(field_of(record, i))),
        Err(_) if text.is_empty() => {
            let help = "fill in the missing value, or remove that line";
            Err(Error::new(ErrorKind::Malformed, "the field is empty", help).at(field_of(record, i)))
        }
        Err(_) => {
            let shown: String = text.chars().take(LONGEST_SHOWN).collect();
            let help = "give numbers, or name the columns to read and the label column";
            let problem = format!("`{}` is not a number", shown.escape_debug());
            Err(Error::new(ErrorKind::Malformed, problem, help).at(field_of(record, i)))
        }
    }
}

/// The lines of a file as records, each at its true line number: a reader of whole files counts
/// wrongly where lines end in CR LF or blank lines lie between. The price is that a quoted field
/// cannot hold a line break, which no number needs.
struct Lines<'a> {
    reader: Box<dyn BufRead + 'a>,
    delimiter: u8,
    line: Vec<u8>,
    position: Position,
    record: ByteRecord,
    path: PathBuf,
}

impl<'a> Lines<'a> {
    fn new(input: Input<'a>) -> Self {
        let (delimiter, path) = (delimiter(&input.head), input.path.clone());
        let reader = input.into_reader();
        let (position, record) = (Position::new(), ByteRecord::new());
        Lines { reader, delimiter, line: Vec::new(), position, record, path }
    }

    /// The next line that is neither blank nor a comment.
    fn next(&mut self) -> Result<Option<&ByteRecord>> {
        loop {
            self.line.clear();
            let mut bounded = (&mut self.reader).take(LONGEST_LINE);
            let n =
                bounded.read_until(b'\n', &mut self.line).map_err(|e| Error::io(&self.path, "read", e))?;
            if n == 0 {
                return Ok(None);
            }
            let number = self.position.record() + 1;
            self.position.set_record(number).set_line(number);
            self.record.clear();
            self.record.set_position(Some(self.position.clone()));
            if n as u64 == LONGEST_LINE {
                let error = Error::unsupported("the line is longer than 64 MiB", "give fewer columns");
                return Err(error.at(line_of(&self.record)).at_path(&self.path));
            }
            let line = self.line.trim_ascii_end();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            split(line, self.delimiter, &mut self.record);
            return Ok(Some(&self.record));
        }
    }
}

fn split(line: &[u8], delimiter: u8, record: &mut ByteRecord) {
    if delimiter == b' ' {
        let fields = line.split(u8::is_ascii_whitespace).filter(|f| !f.is_empty());
        return fields.for_each(|field| record.push_field(field));
    }
    if !line.contains(&b'"') {
        line.split(|&b| b == delimiter).for_each(|field| record.push_field(field.trim_ascii()));
        return;
    }
    let mut quoted = ReaderBuilder::new();
    quoted.has_headers(false).flexible(true).delimiter(delimiter).trim(Trim::All);
    for parsed in quoted.from_reader(line).byte_records().flatten() {
        parsed.iter().for_each(|field| record.push_field(field));
    }
}

fn delimiter(head: &[u8]) -> u8 {
    let line = head.split(|&b| b == b'\n').find(|l| !l.trim_ascii().is_empty() && !l.starts_with(b"#"));
    let count = |d: u8| line.map_or(0, |l| l.iter().filter(|&&b| b == d).count());
    match [b'\t', b';', b','].into_iter().max_by_key(|&d| count(d)) {
        Some(d) if count(d) > 0 => d,
        _ => b' ',
    }
}
