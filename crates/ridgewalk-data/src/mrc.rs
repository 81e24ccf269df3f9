//! MRC, the format of electron microscopy: a header of 1024 bytes, an extended header, then the numbers, columns
//! fastest, then rows, then sections. Source: A. Cheng et al., "MRC2014: Extensions to the MRC format header for
//! electron cryo-microscopy and tomography", J. Struct. Biol. 192 (2015) 146–150.
//!
//! Every section is one image: a micrograph is one point, a stack of n particles is n, and a volume gives its
//! sections. Rows keep the order that they have in the file.
//!
//! A file counts as MRC by its tag `MAP ` at byte 208, by its name, or, having neither, if its length is exactly the
//! one that its header implies: older programs leave tag and machine stamp empty.

mod header;
mod write;

use std::path::Path;

use ndarray::Array2;
use ridgewalk::{PointSet, Shape};

pub use header::MrcHeader;
pub use write::write_mrc;

use crate::error::{Error, ErrorKind, Location, Result};
use crate::input::{Input, check_limit};
use crate::load::DEFAULT_LIMIT;
use header::{Layout, is_plausible, is_tagged};

/// Endings that belong to MRC alone.
const ENDINGS: [&str; 3] = [".mrc", ".mrcs", ".ccp4"];
/// Endings that MRC shares with others: a text so named stays a text.
const SHARED_ENDINGS: [&str; 3] = [".map", ".rec", ".st"];

/// Whether a file is MRC by its tag or its name.
pub(crate) fn recognise(input: &Input<'_>) -> bool {
    is_tagged(&input.head) || is_named(&input.path, &input.head)
}

/// Whether a file without tag and name has exactly the length that its header would give it.
pub(crate) fn fits(input: &Input<'_>) -> bool {
    let Some((bytes, _)) = input.head.split_first_chunk() else { return false };
    is_plausible(bytes)
        && Layout::parse(bytes).is_ok_and(|layout| input.left().map(u128::from) == Some(layout.file_length()))
}

fn is_named(path: &Path, head: &[u8]) -> bool {
    let name = path.file_name().map(|n| n.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    ENDINGS.iter().any(|ending| name.ends_with(ending))
        || SHARED_ENDINGS.iter().any(|ending| name.ends_with(ending)) && head.contains(&0)
}

/// What the header of an MRC file says of the images; none for a name of data, a folder and a file of another format.
///
/// # Errors
/// If the file cannot be read, or is MRC with a header that makes no sense.
pub fn mrc_header(spec: &str) -> Result<Option<MrcHeader>> {
    let path = Path::new(spec);
    if !path.is_file() {
        return Ok(None);
    }
    let mut input = Input::open(path, DEFAULT_LIMIT)?;
    if !recognise(&input) && !fits(&input) {
        return Ok(None);
    }
    Ok(Some(layout(&mut input)?.header))
}

fn layout(input: &mut Input<'_>) -> Result<Layout> {
    let mut bytes = [0u8; header::LENGTH];
    input.fill(&mut bytes, "the MRC header")?;
    Layout::parse(&bytes).map_err(|e| e.at_path(&input.path))
}

/// Reads the sections of an MRC file as grey images.
pub(crate) fn read(mut input: Input<'_>) -> Result<PointSet> {
    let path = input.path.clone();
    let length = input.left();
    let layout = layout(&mut input)?;
    check(&layout, length, input.limit()).map_err(|e| e.at_path(&path))?;
    input.skip(layout.extended, "the extended header")?;
    let MrcHeader { columns, rows, sections, .. } = layout.header;
    let values = input.values(layout.element, layout.endian, &[sections, rows, columns])?;
    input.finish()?;
    let shape = Shape::Image { height: rows, width: columns, channels: 1 };
    let values = Array2::from_shape_vec((sections, shape.dim()), values)
        .map_err(|e| Error::malformed(e.to_string()).at_path(&path))?;
    PointSet::new(values, shape).map_err(|e| within_section(e, columns).at_path(&path))
}

/// Holds what the header declares against the file's length, where that is known, and against the limit.
fn check(layout: &Layout, length: Option<u64>, limit: u64) -> Result<()> {
    let MrcHeader { columns, rows, sections, .. } = layout.header;
    let declared = layout.file_length();
    if let Some(length) = length.map(u128::from).filter(|&length| length != declared) {
        let problem = format!(
            "the header declares {sections} sections of {rows}×{columns} values of {} bytes after {} bytes of extended \
             header: {declared} bytes in all, and the file has {length}",
            layout.element.size(),
            layout.extended
        );
        let without = declared - u128::from(layout.extended);
        let help = match length.checked_sub(without) {
            Some(0) => "there seems to be no extended header: set NSYMBT (byte 92) to 0".to_string(),
            Some(rest) if length > declared => {
                format!(
                    "cut off what follows; or, if the extended header has {rest} bytes, set NSYMBT (byte 92) to that"
                )
            }
            _ => "the file was cut short: copy it again".to_string(),
        };
        return Err(Error::new(ErrorKind::Malformed, problem, help));
    }
    let bytes = layout.values().saturating_mul(size_of::<f64>() as u128);
    check_limit(u64::try_from(bytes).unwrap_or(u64::MAX), limit)
}

/// A value that is not finite, found by the place where a viewer shows it.
fn within_section(error: ridgewalk::Error, columns: usize) -> Error {
    match error {
        ridgewalk::Error::NonFinite { row: section, column: index, value, .. } => {
            let (row, column) = (index / columns.max(1), index % columns.max(1));
            Error::new(
                ErrorKind::NonFinite,
                format!("the value is {value}"),
                "repair or leave out that section",
            )
            .at(Location::Pixel { section, row, column })
        }
        other => other.into(),
    }
}

#[cfg(test)]
mod tests;
