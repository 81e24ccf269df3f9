//! The 1024 bytes with which an MRC file begins, as offsets of 4-byte words:
//!
//! | byte | word | meaning |
//! |---|---|---|
//! | 0, 4, 8 | NX, NY, NZ | columns, rows, sections |
//! | 12 | MODE | type of the numbers |
//! | 28, 32, 36 | MX, MY, MZ | voxels along the cell |
//! | 40, 44, 48 | CELLA | sides of the cell, Å |
//! | 88 | ISPG | 0 images, 1 a volume, from 401 a stack of volumes |
//! | 92 | NSYMBT | bytes of the extended header |
//! | 152, 156 | IMOD's stamp and flags | whether bytes are signed |
//! | 208 | MAP | the tag `MAP ` |
//! | 212 | MACHST | the order of bytes: 0x44 little, 0x11 big endian |

use std::fmt;

use serde::Serialize;

use crate::element::{Element, Endian};
use crate::error::{Error, Location, Result};

/// Bytes of the header.
pub(super) const LENGTH: usize = 1024;
/// Longer sides are not those of an image, but of one read in the wrong order of bytes.
const LONGEST_SIDE: i32 = 1 << 16;
/// All modes that files have been written in; not all are read.
const MODES: [i32; 8] = [0, 1, 2, 3, 4, 6, 12, 101];
/// Byte 152 where IMOD wrote the file: "IMOD" read as a number.
const IMOD: i32 = 1_146_047_817;

/// What the header of an MRC file says of the images in it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct MrcHeader {
    /// Columns of a section.
    pub columns: usize,
    /// Rows of a section.
    pub rows: usize,
    /// Sections: images, or planes of a volume.
    pub sections: usize,
    /// Type of the numbers, MODE.
    pub mode: i32,
    /// Space group, ISPG: 0 for images, 1 for a volume, from 401 for a stack of volumes. Many stacks of images say 1.
    pub space_group: i32,
    /// Sides of a voxel along columns, rows and sections, in Å, where the header gives a cell.
    pub voxel_size: Option<[f64; 3]>,
}

impl MrcHeader {
    /// Whether the header calls the sections those of a volume.
    pub fn is_volume(&self) -> bool {
        self.space_group != 0 && self.sections > 1
    }
}

impl fmt::Display for MrcHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.mode {
            0 => "8-bit integers",
            1 => "16-bit integers",
            6 => "16-bit integers without sign",
            12 => "16-bit floats",
            _ => "32-bit floats",
        };
        write!(f, "MRC          mode {} ({kind}), ", self.mode)?;
        match self.voxel_size {
            Some([x, y, z]) if self.is_volume() => write!(f, "voxels of {x:.4}×{y:.4}×{z:.4} Å")?,
            Some([x, y, _]) => write!(f, "pixels of {x:.4}×{y:.4} Å")?,
            None => write!(f, "no voxel size")?,
        }
        if self.is_volume() {
            let group = self.space_group;
            write!(
                f,
                "\n             a volume by its header (ISPG {group}): its sections are taken as images"
            )?;
        }
        Ok(())
    }
}

/// The header, and what is needed to read the rest.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    pub header: MrcHeader,
    pub element: Element,
    pub endian: Endian,
    /// Bytes of the extended header.
    pub extended: u64,
}

/// The header's words in one order of bytes.
#[derive(Clone, Copy)]
struct Words<'a> {
    bytes: &'a [u8; LENGTH],
    endian: Endian,
}

impl Words<'_> {
    fn word(&self, offset: usize) -> [u8; 4] {
        self.bytes.get(offset..).and_then(|rest| rest.first_chunk()).copied().unwrap_or_default()
    }

    fn integer(&self, offset: usize) -> i32 {
        match self.endian {
            Endian::Little => i32::from_le_bytes(self.word(offset)),
            Endian::Big => i32::from_be_bytes(self.word(offset)),
        }
    }

    fn float(&self, offset: usize) -> f64 {
        f64::from(f32::from_bits(self.integer(offset) as u32))
    }

    /// Columns, rows, sections.
    fn sizes(&self) -> [i32; 3] {
        [0, 4, 8].map(|offset| self.integer(offset))
    }

    fn mode(&self) -> i32 {
        self.integer(12)
    }

    /// Sizes of images and a mode that exists: sides below 2¹⁶ exceed it in the other order of bytes.
    fn is_plausible(&self) -> bool {
        let [columns, rows, sections] = self.sizes();
        let side = 1..LONGEST_SIDE;
        side.contains(&columns) && side.contains(&rows) && sections > 0 && MODES.contains(&self.mode())
    }

    fn voxel_size(&self) -> Option<[f64; 3]> {
        let size = [0, 1, 2].map(|axis| {
            let voxels = f64::from(self.integer(28 + 4 * axis));
            self.float(40 + 4 * axis) / voxels
        });
        size.iter().all(|s| s.is_finite() && *s > 0.0).then_some(size)
    }
}

/// The order that the machine stamp names, unless only the other one makes sense.
fn words(bytes: &[u8; LENGTH]) -> Words<'_> {
    let [little, big] = [Endian::Little, Endian::Big].map(|endian| Words { bytes, endian });
    let stamp = little.word(212);
    let [first, second] = if stamp.starts_with(&[0x11, 0x11]) { [big, little] } else { [little, big] };
    if !first.is_plausible() && second.is_plausible() { second } else { first }
}

/// Whether a file that begins so bears the tag of MRC, and is no text with such a word in that place.
pub(super) fn is_tagged(head: &[u8]) -> bool {
    head.first_chunk().is_some_and(|bytes| words(bytes).word(208).starts_with(b"MAP") && bytes.contains(&0))
}

/// Whether sizes and mode are those of images, in either order of bytes.
pub(super) fn is_plausible(bytes: &[u8; LENGTH]) -> bool {
    words(bytes).is_plausible()
}

impl Layout {
    /// # Errors
    /// Sizes or a length of the extended header that are not, modes that are not read: with the byte.
    pub fn parse(bytes: &[u8; LENGTH]) -> Result<Self> {
        let words = words(bytes);
        let [columns, rows, sections] = words.sizes();
        if !words.is_plausible() && !is_tagged(bytes) {
            let problem = format!(
                "does not begin as an MRC file does: it would have {columns} columns, {rows} rows, {sections} sections \
                 and mode {}",
                words.mode()
            );
            return Err(Error::malformed(problem).at(Location::Offset(0)));
        }
        let [columns, rows, sections] =
            [(columns, "columns (NX)", 0), (rows, "rows (NY)", 4), (sections, "sections (NZ)", 8)]
                .map(|(size, what, offset)| positive(size, what, offset));
        let extended = words.integer(92);
        let extended = u64::try_from(extended).map_err(|_| {
            let problem = format!("the extended header has {extended} bytes (NSYMBT)");
            Error::malformed(problem).at(Location::Offset(92))
        })?;
        let header = MrcHeader {
            columns: columns?,
            rows: rows?,
            sections: sections?,
            mode: words.mode(),
            space_group: words.integer(88),
            voxel_size: words.voxel_size(),
        };
        Ok(Layout { header, element: element(&words)?, endian: words.endian, extended })
    }

    /// How many numbers follow the headers.
    pub fn values(&self) -> u128 {
        let MrcHeader { columns, rows, sections, .. } = self.header;
        // Each is below 2³¹, so that the product is below 2⁹³.
        columns as u128 * rows as u128 * sections as u128
    }

    /// Bytes that the file must have.
    pub fn file_length(&self) -> u128 {
        LENGTH as u128 + u128::from(self.extended) + self.values() * self.element.size() as u128
    }
}

fn positive(size: i32, what: &str, offset: u64) -> Result<usize> {
    match usize::try_from(size) {
        Ok(size) if size > 0 => Ok(size),
        _ => {
            let error = Error::malformed(format!("the header declares {size} {what}"));
            Err(error.at(Location::Offset(offset)))
        }
    }
}

/// The type of the numbers.
fn element(words: &Words<'_>) -> Result<Element> {
    let mode = words.mode();
    let refused = |what: String| {
        let help = "save it as 32-bit floats (mode 2)";
        Err(Error::unsupported(what, help).at(Location::Offset(12)))
    };
    match mode {
        // IMOD wrote bytes without sign, and now says so in its flags.
        0 if words.integer(152) == IMOD && words.integer(156) & 1 == 0 => Ok(Element::U8),
        0 => Ok(Element::I8),
        1 => Ok(Element::I16),
        2 => Ok(Element::F32),
        6 => Ok(Element::U16),
        12 => Ok(Element::F16),
        3 => refused("mode 3, complex numbers of 16-bit integers, is not read".into()),
        4 => refused("mode 4, complex numbers of 32-bit floats, is not read".into()),
        101 => refused("mode 101, 4-bit integers, is not read".into()),
        _ => refused(format!("mode {mode} is unknown")),
    }
}
