//! Safetensors as a box of named f64 tensors: written as a stream, read with every claim checked.
//!
//! Layout: 8 bytes little endian (length of the header), a JSON header (text metadata; type, shape and
//! place of every tensor), then the numbers. The `safetensors` crate defines and checks the header.
//! Its functions for whole files are not used: they write the metadata in random order, where the
//! same model must give the same bytes, and add up declared sizes unchecked when they read.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use serde::Serialize;

use crate::atomic::write_atomically;
use crate::element::{Element, Endian};
use crate::error::{Error, ErrorKind, Location, Result};
use crate::input::{check_limit, open_regular};

/// Bytes of the length that comes first.
const PREFIX: u64 = 8;
/// Largest JSON header: room for 50 000 components, little enough to parse without thought.
const LARGEST_HEADER: u64 = 16 << 20;
/// Bytes read at a time; a multiple of every number's size.
const CHUNK: usize = 1 << 16;

/// A tensor to be written.
pub(super) struct Tensor<'a> {
    pub name: String,
    pub shape: Vec<usize>,
    pub element: Element,
    pub values: Box<dyn Iterator<Item = f64> + 'a>,
}

#[derive(Serialize)]
struct JsonHeader<'a> {
    #[serde(rename = "__metadata__")]
    metadata: &'a BTreeMap<&'static str, String>,
    #[serde(flatten)]
    tensors: BTreeMap<&'a str, TensorInfo>,
}

/// Writes the tensors in the order given (larger numbers first keeps all of them aligned).
pub(super) fn write(
    path: &Path,
    metadata: &BTreeMap<&'static str, String>,
    tensors: Vec<Tensor>,
) -> Result<()> {
    let mut infos = BTreeMap::new();
    let mut offset = 0;
    for tensor in &tensors {
        let end = offset + tensor.shape.iter().product::<usize>() * tensor.element.size();
        let dtype = match tensor.element {
            Element::U8 => Dtype::U8,
            Element::F32 => Dtype::F32,
            _ => Dtype::F64,
        };
        let info = TensorInfo { dtype, shape: tensor.shape.clone(), data_offsets: (offset, end) };
        infos.insert(tensor.name.as_str(), info);
        offset = end;
    }
    let mut json = serde_json::to_vec(&JsonHeader { metadata, tensors: infos })
        .map_err(|e| Error::argument(format!("the header cannot be written: {e}"), "").at_path(path))?;
    json.resize(json.len().next_multiple_of(PREFIX as usize), b' ');
    if json.len() as u64 > LARGEST_HEADER {
        let problem = format!("the header would take {} bytes, and {LARGEST_HEADER} are read", json.len());
        return Err(
            Error::new(ErrorKind::TooLarge, problem, "use fewer components or shorter names").at_path(path)
        );
    }
    write_atomically(path, |output| {
        output.write_all(&(json.len() as u64).to_le_bytes())?;
        output.write_all(&json)?;
        for tensor in tensors {
            for value in tensor.values {
                match tensor.element {
                    Element::U8 => output.write_all(&[value as u8])?,
                    Element::F32 => output.write_all(&(value as f32).to_le_bytes())?,
                    _ => output.write_all(&value.to_le_bytes())?,
                }
            }
        }
        Ok(())
    })
}

/// An open file whose header has been read and holds together.
pub(super) struct Container {
    path: PathBuf,
    file: File,
    metadata: Metadata,
    /// Where the numbers begin.
    start: u64,
    taken: HashSet<String>,
}

impl Container {
    /// Opens the file and checks its header against its length and the limit (bytes of memory that
    /// all tensors take as f64).
    pub fn open(path: &Path, limit: u64) -> Result<Self> {
        let (mut file, length) = open_regular(path)?;
        let mut first = Vec::new();
        (&mut file).take(PREFIX + 1).read_to_end(&mut first).map_err(|e| Error::io(path, "read", e))?;
        let (Some(prefix), Some(b'{')) = (first.first_chunk::<8>(), first.get(8)) else {
            return Err(not_safetensors(&first));
        };
        let header = u64::from_le_bytes(*prefix);
        let rest = length.saturating_sub(PREFIX);
        if header > rest {
            let problem = format!("declares a header of {header} bytes, and {rest} follow");
            return Err(Error::malformed(problem).at(Location::Offset(0)));
        }
        if header > LARGEST_HEADER {
            let problem = format!("a header of {header} bytes, and at most {LARGEST_HEADER} are read");
            return Err(Error::new(ErrorKind::TooLarge, problem, "this is hardly a model"));
        }
        let mut json = vec![0; header as usize];
        file.seek(SeekFrom::Start(PREFIX)).map_err(|e| Error::io(path, "read", e))?;
        file.read_exact(&mut json).map_err(|e| short(path, e))?;
        let metadata: Metadata = serde_json::from_slice(&json)
            .map_err(|e| Error::malformed(format!("the header: {e}")).at(Location::Offset(PREFIX)))?;
        let start = PREFIX + header;
        let (declared, follow) = (metadata.data_len() as u64, length.saturating_sub(start));
        if declared != follow {
            let problem = format!("the header declares {declared} bytes of numbers, and {follow} follow");
            return Err(Error::malformed(problem));
        }
        let count = |info: &TensorInfo| info.shape.iter().map(|&n| n as u64).product::<u64>();
        // No overflow: every product was checked against the file's length.
        let bytes = metadata
            .tensors()
            .values()
            .map(|info| count(info).saturating_mul(8))
            .fold(0, u64::saturating_add);
        check_limit(bytes, limit)?;
        Ok(Container { path: path.to_path_buf(), file, metadata, start, taken: HashSet::new() })
    }

    /// The text metadata.
    pub fn text(&self) -> Option<&HashMap<String, String>> {
        self.metadata.metadata().as_ref()
    }

    /// Whether there is a tensor of this name.
    pub fn has(&self, name: &str) -> bool {
        self.metadata.info(name).is_some()
    }

    /// Names and shapes of the tensors whose names begin so, in order.
    pub fn beginning(&self, prefix: &str) -> Vec<(String, Vec<usize>)> {
        let tensors = self.metadata.tensors();
        let own = tensors.into_iter().filter(|(name, _)| name.starts_with(prefix));
        let mut found: Vec<(String, Vec<usize>)> =
            own.map(|(name, info)| (name, info.shape.clone())).collect();
        found.sort();
        found
    }

    /// The shape of a tensor; fails if there is none of this name, or its number of axes is another.
    pub fn shape<const AXES: usize>(&self, name: &str) -> Result<[usize; AXES]> {
        let shape = &self.info(name)?.shape;
        shape.as_slice().try_into().map_err(|_| {
            here(name, Error::malformed(format!("has the shape {shape:?}, not one of {AXES} axes")))
        })
    }

    /// The numbers of a tensor that must have this shape and one of these types; all are finite.
    pub fn values(&mut self, name: &str, shape: &[usize], types: &[Element]) -> Result<Vec<f64>> {
        let info = self.info(name)?.clone();
        if info.shape != shape {
            let problem = format!("has the shape {:?} where {shape:?} was expected", info.shape);
            return Err(here(name, Error::malformed(problem)));
        }
        let element = match info.dtype {
            Dtype::U8 => Some(Element::U8),
            Dtype::F32 => Some(Element::F32),
            Dtype::F64 => Some(Element::F64),
            _ => None,
        };
        let Some(element) = element.filter(|e| types.contains(e)) else {
            let problem = format!("holds numbers of type {}, where {types:?} is read", info.dtype);
            return Err(here(name, Error::malformed(problem)));
        };
        let (from, to) = info.data_offsets;
        self.file
            .seek(SeekFrom::Start(self.start + from as u64))
            .map_err(|e| Error::io(&self.path, "read", e))?;
        let mut left = to - from;
        let mut out = Vec::new();
        out.try_reserve_exact(left / element.size()).map_err(|_| {
            let problem = format!("there is no memory for {} numbers", left / element.size());
            here(name, Error::new(ErrorKind::TooLarge, problem, "close other programs"))
        })?;
        let mut buffer = vec![0; CHUNK.min(left)];
        while left > 0 {
            let n = left.min(CHUNK);
            self.file.read_exact(&mut buffer[..n]).map_err(|e| short(&self.path, e))?;
            element.decode(Endian::Little, &buffer[..n], &mut out);
            left -= n;
        }
        if let Some(i) = out.iter().position(|v| !v.is_finite()) {
            let problem = format!("value {i} (counted from 0) is {}", out[i]);
            return Err(here(
                name,
                Error::new(ErrorKind::NonFinite, problem, "the file is damaged; fit the model again"),
            ));
        }
        self.taken.insert(name.to_string());
        Ok(out)
    }

    /// Fails if there are tensors that nobody asked for: what they mean is unknown.
    pub fn finish(self) -> Result<()> {
        match self.metadata.tensors().into_keys().filter(|name| !self.taken.contains(name)).min() {
            Some(name) => Err(here(&name, Error::malformed("is no part of such a model"))),
            None => Ok(()),
        }
    }

    fn info(&self, name: &str) -> Result<&TensorInfo> {
        self.metadata.info(name).ok_or_else(|| here(name, Error::malformed("this tensor is missing")))
    }
}

/// The error, in the tensor `name`.
pub(super) fn here(name: &str, error: Error) -> Error {
    error.at(Location::Part(name.to_string()))
}

fn short(path: &Path, error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Error::malformed("the file became shorter while it was read"),
        _ => Error::io(path, "read", error),
    }
}

fn not_safetensors(first: &[u8]) -> Error {
    let help = "give a model that `ridgewalk fit` wrote";
    if first.starts_with(b"PK\x03\x04") || first.starts_with(&[0x80, 0x02]) {
        return Error::unsupported(
            "is an archive or a pickle, as torch.save writes; pickles can run code and are never loaded",
            help,
        );
    }
    if first.starts_with(b"\x93NUMPY") || first.starts_with(b"PAR1") {
        return Error::unsupported("holds data, not a model", help);
    }
    Error::unsupported("is not a safetensors file", help)
}
