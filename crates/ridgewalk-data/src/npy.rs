//! NPY, NumPy's format of one array: magic, version, a header that is a Python dictionary, then
//! the raw numbers. Source: NEP 1, versions 1.0 to 3.0.
//!
//! The crate `ndarray-npy` wants the number type at compile time and takes memory by the header's
//! word alone; here the type is found in the file and every claim is checked first.

mod header;
mod write;

pub use write::{FloatWidth, write_npy};
pub(crate) use write::{axes, write_array, write_labels};

use ridgewalk::PointSet;

use crate::axes::RawArray;
use crate::error::{Error, Location, Result};
use crate::input::Input;

/// The first bytes of every NPY file.
pub(crate) const MAGIC: &[u8] = b"\x93NUMPY";

/// Longer headers belong to structured types (NumPy itself stops at 10,000).
const LONGEST_HEADER: usize = 1 << 16;

/// Reads an array and checks that the file ends with it.
pub(crate) fn read_array(mut input: Input<'_>) -> Result<RawArray> {
    let path = input.path.clone();
    let mut prefix = [0u8; 8];
    input.fill(&mut prefix, "the NPY header")?;
    if !prefix.starts_with(MAGIC) {
        let error = Error::malformed("does not begin as an NPY file does");
        return Err(error.at(Location::Offset(0)).at_path(&path));
    }
    let length = match prefix[6] {
        1 => {
            let mut bytes = [0u8; 2];
            input.fill(&mut bytes, "the NPY header")?;
            usize::from(u16::from_le_bytes(bytes))
        }
        2 | 3 => {
            let mut bytes = [0u8; 4];
            input.fill(&mut bytes, "the NPY header")?;
            u32::from_le_bytes(bytes) as usize
        }
        version => {
            let problem = format!("NPY version {version} is unknown");
            return Err(Error::unsupported(problem, "save it with numpy.save").at_path(&path));
        }
    };
    if length > LONGEST_HEADER {
        let error = Error::malformed(format!("an NPY header of {length} bytes is not plausible"));
        return Err(error.at(Location::Offset(8)).at_path(&path));
    }
    let mut text = vec![0u8; length];
    input.fill(&mut text, "the NPY header")?;
    let header = header::parse(&text).map_err(|e| e.at_path(&path))?;
    let values = input.values(header.element, header.endian, &header.shape)?;
    input.finish()?;
    Ok(RawArray { shape: header.shape, fortran: header.fortran, values })
}

/// Reads the points of an NPY file.
pub(crate) fn read(input: Input<'_>) -> Result<PointSet> {
    let path = input.path.clone();
    read_array(input)?.into_points().map_err(|e| e.at_path(&path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use std::path::Path;

    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        let mut out = b"\x93NUMPY\x01\x00".to_vec();
        out.extend((header.len() as u16).to_le_bytes());
        out.extend(header.as_bytes());
        out.extend(data);
        out
    }

    fn parse(bytes: &[u8]) -> Result<PointSet> {
        let length = Some(bytes.len() as u64);
        read(Input::new(Path::new("x.npy"), Box::new(bytes), length, 1 << 30)?)
    }

    #[test]
    fn reads_a_hand_written_file() {
        let header = "{'descr': '>i2', 'fortran_order': True, 'shape': (2, 2), }\n";
        let set = parse(&file(header, &[0, 1, 0, 2, 0, 3, 0xff, 0xfc])).unwrap();
        assert_eq!(set.values(), ndarray::array![[1.0, 3.0], [2.0, -4.0]]);
    }

    #[test]
    fn a_claim_of_a_million_millions_is_refused_before_memory_is_taken() {
        for shape in [
            "(1000000, 1000000)",
            "(18446744073709551615, 18446744073709551615)",
            "(99999999999999999999999,)",
        ] {
            let header = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}\n");
            assert_eq!(parse(&file(&header, &[0; 64])).unwrap_err().kind, ErrorKind::Malformed, "{shape}");
        }
    }

    #[test]
    fn truncated_trailing_and_wrong_magic() {
        let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 1), }\n";
        let whole = file(header, &[0; 16]);
        assert!(parse(&whole).is_ok());
        for end in 0..whole.len() {
            assert_eq!(parse(&whole[..end]).unwrap_err().kind, ErrorKind::Malformed, "cut at {end}");
        }
        let longer = [whole.as_slice(), &[0]].concat();
        assert!(parse(&longer).unwrap_err().to_string().contains("more bytes follow"));
        assert!(parse(b"\x93NUMPZ\x01\x00rest").is_err());
    }

    #[test]
    fn objects_structures_and_complex_numbers_are_refused_by_name() {
        for (descr, word) in
            [("'|O'", "objects"), ("[('a', '<f8')]", "structured"), ("'<c16'", "`<c16`"), ("'<U3'", "`<U3`")]
        {
            let header = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': (1,), }}\n");
            let error = parse(&file(&header, &[0; 16])).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Unsupported);
            assert!(error.to_string().contains(word), "{error}");
        }
    }

    #[test]
    fn a_nan_is_named_by_row_and_column() {
        let header = "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2), }\n";
        let data: Vec<u8> = [0.0, 1.0, 2.0, f64::NAN].iter().flat_map(|v: &f64| v.to_le_bytes()).collect();
        let error = parse(&file(header, &data)).unwrap_err();
        assert_eq!(error.kind, ErrorKind::NonFinite);
        assert_eq!(error.location, Some(Location::Row { row: 1, column: 1 }));
    }
}
