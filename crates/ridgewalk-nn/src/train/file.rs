//! Networks and checkpoints as files: safetensors whose metadata hold a JSON header. The same contents give the same
//! bytes.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use ridgewalk_data::atomic::write_atomically;
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use serde::Serialize;

use crate::error::{Error, Result};

/// Value of the key `format`.
const FORMAT: &str = "ridgewalk-network";
/// The newest version that is read, and the one that is written.
const VERSION: u64 = 1;
const PREFIX: usize = 8;
/// Larger headers are damage.
const LARGEST_HEADER: u64 = 64 << 20;

const DAMAGED: &str = "the file is damaged or was cut short; take an earlier checkpoint";
const FOREIGN: &str = "give a file that `ridgewalk train` wrote";

/// Numbers of a tensor.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Numbers {
    Single(Vec<f32>),
    Double(Vec<f64>),
}

impl Numbers {
    fn len(&self) -> usize {
        match self {
            Numbers::Single(values) => values.len(),
            Numbers::Double(values) => values.len(),
        }
    }

    fn size(&self) -> usize {
        match self {
            Numbers::Single(_) => 4,
            Numbers::Double(_) => 8,
        }
    }
}

/// A header, and tensors by name with their shapes.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct File {
    pub header: String,
    pub tensors: BTreeMap<String, (Vec<usize>, Numbers)>,
}

#[derive(Serialize)]
struct JsonHeader<'a> {
    #[serde(rename = "__metadata__")]
    metadata: BTreeMap<&'static str, &'a str>,
    #[serde(flatten)]
    tensors: BTreeMap<&'a str, TensorInfo>,
}

impl File {
    /// Whether all numbers are.
    pub fn is_finite(&self) -> bool {
        self.tensors.values().all(|(_, numbers)| match numbers {
            Numbers::Single(values) => values.iter().all(|value| value.is_finite()),
            Numbers::Double(values) => values.iter().all(|value| value.is_finite()),
        })
    }

    pub fn add(&mut self, name: &str, shape: Vec<usize>, numbers: Numbers) {
        self.tensors.insert(name.to_string(), (shape, numbers));
    }

    /// Numbers of single precision with this name and number.
    pub fn single(&self, path: &Path, name: &str, length: usize) -> Result<Vec<f32>> {
        match self.tensors.get(name) {
            Some((_, Numbers::Single(values))) if values.len() == length => Ok(values.clone()),
            Some((shape, _)) => {
                let problem =
                    format!("has the shape {shape:?} in `{name}` where {length} numbers are wanted");
                Err(Error::file(path, problem, DAMAGED))
            }
            None => Err(Error::file(path, format!("has no tensor `{name}`"), FOREIGN)),
        }
    }

    /// Numbers of double precision with this name.
    pub fn double(&self, path: &Path, name: &str) -> Result<Vec<f64>> {
        match self.tensors.get(name) {
            Some((_, Numbers::Double(values))) => Ok(values.clone()),
            _ => Err(Error::file(path, format!("has no tensor `{name}` of double precision"), FOREIGN)),
        }
    }

    /// Writes the file, atomically.
    pub fn write(&self, path: &Path) -> Result<()> {
        let mut tensors = BTreeMap::new();
        let mut offset = 0;
        // Doubles first, so that all numbers are aligned.
        let ordered =
            |size: usize| self.tensors.iter().filter(move |(_, (_, numbers))| numbers.size() == size);
        for (name, (shape, numbers)) in ordered(8).chain(ordered(4)) {
            let end = offset + numbers.len() * numbers.size();
            let dtype = if numbers.size() == 8 { Dtype::F64 } else { Dtype::F32 };
            tensors.insert(
                name.as_str(),
                TensorInfo { dtype, shape: shape.clone(), data_offsets: (offset, end) },
            );
            offset = end;
        }
        let version = VERSION.to_string();
        let metadata = BTreeMap::from([("format", FORMAT), ("version", &version), ("header", &self.header)]);
        let mut json = serde_json::to_vec(&JsonHeader { metadata, tensors })
            .map_err(|e| Error::file(path, format!("cannot be written ({e})"), "tell us"))?;
        json.resize(json.len().next_multiple_of(PREFIX), b' ');
        write_atomically(path, |out| {
            out.write_all(&(json.len() as u64).to_le_bytes())?;
            out.write_all(&json)?;
            for (_, (_, numbers)) in ordered(8).chain(ordered(4)) {
                match numbers {
                    Numbers::Single(values) => {
                        values.iter().try_for_each(|value| out.write_all(&value.to_le_bytes()))?;
                    }
                    Numbers::Double(values) => {
                        values.iter().try_for_each(|value| out.write_all(&value.to_le_bytes()))?;
                    }
                }
            }
            Ok(())
        })
        .map_err(Error::data)
    }

    /// Whether a file says that it is one of these.
    pub fn is_one(path: &Path) -> bool {
        header(path).is_ok_and(|(json, _)| {
            let metadata = serde_json::from_slice::<Metadata>(&json).ok();
            metadata
                .and_then(|m| m.metadata().clone())
                .is_some_and(|m| m.get("format").is_some_and(|f| f == FORMAT))
        })
    }

    /// Reads a file, each claim of it checked.
    pub fn read(path: &Path) -> Result<Self> {
        let (json, length) = header(path)?;
        let metadata: Metadata = serde_json::from_slice(&json)
            .map_err(|e| Error::file(path, format!("has a header that makes no sense ({e})"), DAMAGED))?;
        let texts = metadata.metadata().clone().unwrap_or_default();
        if texts.get("format").is_none_or(|format| format != FORMAT) {
            return Err(Error::file(path, "is a safetensors file, but no network of ridgewalk", FOREIGN));
        }
        match texts.get("version").and_then(|version| version.parse::<u64>().ok()) {
            Some(1..=VERSION) => {}
            Some(newer) => {
                let problem =
                    format!("is of format version {newer}, and this ridgewalk reads up to {VERSION}");
                return Err(Error::file(path, problem, "update ridgewalk"));
            }
            None => return Err(Error::file(path, "has no format version", DAMAGED)),
        }
        let start = PREFIX as u64 + json.len() as u64;
        let (declared, follow) = (metadata.data_len() as u64, length.saturating_sub(start));
        if declared != follow {
            let problem = format!("declares {declared} bytes of numbers, and {follow} follow");
            return Err(Error::file(path, problem, DAMAGED));
        }
        let bytes = std::fs::read(path).map_err(|e| cannot(path, &e))?;
        let data = bytes.get(start as usize..).unwrap_or_default();
        let mut file = File { header: texts.get("header").cloned().unwrap_or_default(), ..File::default() };
        for (name, info) in metadata.tensors() {
            let bytes = data.get(info.data_offsets.0..info.data_offsets.1).unwrap_or_default();
            let numbers = match info.dtype {
                Dtype::F32 => {
                    Numbers::Single(bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect())
                }
                Dtype::F64 => {
                    Numbers::Double(bytes.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect())
                }
                other => {
                    let problem = format!("holds `{name}` as {other:?}");
                    return Err(Error::file(path, problem, FOREIGN));
                }
            };
            let finite = match &numbers {
                Numbers::Single(values) => values.iter().all(|v| v.is_finite()),
                Numbers::Double(values) => values.iter().all(|v| v.is_finite()),
            };
            if !finite {
                return Err(Error::file(
                    path,
                    format!("holds numbers in `{name}` that are not finite"),
                    DAMAGED,
                ));
            }
            file.add(&name, info.shape.clone(), numbers);
        }
        Ok(file)
    }
}

fn cannot(path: &Path, error: &std::io::Error) -> Error {
    Error::file(path, format!("cannot be read ({error})"), "check the path")
}

/// The JSON header, and the length of the file.
fn header(path: &Path) -> Result<(Vec<u8>, u64)> {
    use std::io::Read;
    let mut file = std::fs::File::open(path).map_err(|e| cannot(path, &e))?;
    let metadata = file.metadata().map_err(|e| cannot(path, &e))?;
    if !metadata.is_file() {
        return Err(Error::file(path, "is not a regular file", FOREIGN));
    }
    let mut prefix = [0; PREFIX];
    file.read_exact(&mut prefix).map_err(|e| cannot(path, &e))?;
    let declared = u64::from_le_bytes(prefix);
    if declared > LARGEST_HEADER || declared > metadata.len().saturating_sub(PREFIX as u64) {
        return Err(Error::file(path, "is not a safetensors file, or was cut short", FOREIGN));
    }
    let mut json = vec![0; declared as usize];
    file.read_exact(&mut json).map_err(|e| cannot(path, &e))?;
    if json.first() != Some(&b'{') {
        return Err(Error::file(path, "is not in the safetensors format", FOREIGN));
    }
    Ok((json, metadata.len()))
}
