//! IDX, the format of MNIST: 0, 0, a type byte, the number of axes, big-endian sizes, big-endian
//! numbers. Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits".

use std::path::{Path, PathBuf};

use ridgewalk::PointSet;

use crate::axes::RawArray;
use crate::element::{Element, Endian};
use crate::error::{Error, Location, Result};
use crate::input::Input;

/// The type that the third byte names.
fn element(code: u8) -> Option<Element> {
    Some(match code {
        0x08 => Element::U8,
        0x09 => Element::I8,
        0x0b => Element::I16,
        0x0c => Element::I32,
        0x0d => Element::F32,
        0x0e => Element::F64,
        _ => return None,
    })
}

/// Whether a file that begins so may be IDX.
pub(crate) fn recognise(head: &[u8]) -> bool {
    matches!(head, [0, 0, code, axes, ..] if element(*code).is_some() && (1..=8).contains(axes))
}

/// Reads an array and checks that the file ends with it.
pub(crate) fn read_array(mut input: Input<'_>) -> Result<RawArray> {
    let path = input.path.clone();
    let mut magic = [0u8; 4];
    input.fill(&mut magic, "the IDX header")?;
    let element = element(magic[2]).filter(|_| recognise(&magic)).ok_or_else(|| {
        Error::malformed(format!("{magic:02x?} does not begin an IDX file"))
            .at(Location::Offset(0))
            .at_path(&path)
    })?;
    let mut shape = Vec::new();
    for _ in 0..magic[3] {
        let mut size = [0u8; 4];
        input.fill(&mut size, "the IDX header")?;
        shape.push(u32::from_be_bytes(size) as usize);
    }
    let values = input.values(element, Endian::Big, &shape)?;
    input.finish()?;
    Ok(RawArray { shape, fortran: false, values })
}

/// Reads the points of an IDX file.
pub(crate) fn read(input: Input<'_>) -> Result<PointSet> {
    let path = input.path.clone();
    read_array(input)?.into_points().map_err(|e| e.at_path(&path))
}

/// The labels that belong to a file of images by MNIST's naming, if they lie beside it:
/// `train-images-idx3-ubyte.gz` → `train-labels-idx1-ubyte.gz` or `train-labels-idx1-ubyte`.
pub(crate) fn labels_beside(images: &Path) -> Option<PathBuf> {
    let name = images.file_name()?.to_str()?;
    if !name.contains("images") {
        return None;
    }
    let mut name = name.replace("images", "labels");
    for axes in 2..=8 {
        name = name.replace(&format!("idx{axes}"), "idx1");
    }
    let other = match name.strip_suffix(".gz") {
        Some(plain) => plain.to_string(),
        None => format!("{name}.gz"),
    };
    [name, other].iter().map(|n| images.with_file_name(n)).find(|p| p.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn parse(bytes: &[u8]) -> Result<PointSet> {
        read(Input::new(Path::new("x"), Box::new(bytes), Some(bytes.len() as u64), 1 << 30)?)
    }

    #[test]
    fn reads_hand_written_files_of_every_type() {
        let set = parse(&[0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 1, 7, 255]).unwrap();
        assert_eq!(set.values(), ndarray::array![[7.0], [255.0]]);
        for (code, number, value) in [
            (0x09, &[0xff][..], -1.0),
            (0x0b, &[0xff, 0xfe], -2.0),
            (0x0c, &[0, 1, 0, 0], 65536.0),
            (0x0d, &[0x3f, 0xc0, 0, 0], 1.5),
            (0x0e, &[0x3f, 0xf8, 0, 0, 0, 0, 0, 0], 1.5),
        ] {
            let bytes = [&[0, 0, code, 1, 0, 0, 0, 1], number].concat();
            assert_eq!(parse(&bytes).unwrap().values(), ndarray::array![[value]]);
        }
    }

    #[test]
    fn truncated_lying_and_trailing() {
        let whole = [0, 0, 8, 1, 0, 0, 0, 2, 1, 2];
        for end in 0..whole.len() {
            assert_eq!(parse(&whole[..end]).unwrap_err().kind, ErrorKind::Malformed, "cut at {end}");
        }
        assert!(
            parse(&[0, 0, 8, 1, 0, 0, 0, 1, 1, 2]).unwrap_err().to_string().contains("more bytes follow")
        );
        let lie = [&[0, 0, 8, 4][..], &[0xff; 16], &[0; 32]].concat();
        assert_eq!(parse(&lie).unwrap_err().kind, ErrorKind::Malformed);
        assert!(parse(&[0, 0, 7, 1, 0, 0, 0, 1, 1]).is_err());
    }

    #[test]
    fn labels_lie_beside_images() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for (images, labels) in [
            ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
            ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte"),
            ("val-images.idx3-ubyte", "val-labels.idx1-ubyte"),
        ] {
            assert_eq!(labels_beside(&at(images)), None);
            std::fs::write(at(labels), b"").unwrap();
            assert_eq!(labels_beside(&at(images)), Some(at(labels)));
        }
    }
}
