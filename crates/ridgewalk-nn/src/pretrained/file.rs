//! The tensors of a safetensors file, each claim of it checked: the length of the header, every shape, every number.

use std::collections::BTreeMap;
use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::Metadata;

use crate::error::{Error, Result};

/// Bytes of the length that comes first.
const PREFIX: usize = 8;
/// Larger files are of networks that a CPU would not run.
const LARGEST: u64 = 1 << 30;

/// How the names of PyTorch's counters of training batches end, which are integers and take no part in a network.
const COUNTER: &str = ".num_batches_tracked";

const DAMAGED: &str = "the file is damaged or was cut short; fetch it again";
const FOREIGN: &str = "give a safetensors file of a network";

/// Shape and values of one tensor.
pub(crate) struct Values {
    pub shape: Vec<usize>,
    pub values: Vec<f32>,
}

/// All tensors of a file by name.
pub(crate) fn read(path: &Path) -> Result<BTreeMap<String, Values>> {
    let failed = |e: std::io::Error| Error::file(path, format!("cannot be read ({e})"), "check the path");
    let metadata = std::fs::metadata(path).map_err(failed)?;
    if !metadata.is_file() {
        return Err(Error::file(path, "is not a regular file", FOREIGN));
    }
    if metadata.len() > LARGEST {
        let problem = format!("has {} bytes, and at most {LARGEST} are read", metadata.len());
        return Err(Error::file(path, problem, "give a smaller network"));
    }
    let bytes = std::fs::read(path).map_err(failed)?;
    let (Some((prefix, rest)), Some(b'{')) = (bytes.split_first_chunk::<PREFIX>(), bytes.get(PREFIX)) else {
        return Err(Error::file(path, "is not in the safetensors format", FOREIGN));
    };
    let declared = usize::try_from(u64::from_le_bytes(*prefix)).unwrap_or(usize::MAX);
    let Some((json, data)) = rest.split_at_checked(declared) else {
        let problem = format!("declares a header of {declared} bytes, and {} follow", rest.len());
        return Err(Error::file(path, problem, DAMAGED));
    };
    let header: Metadata = serde_json::from_slice(json)
        .map_err(|e| Error::file(path, format!("has a header that makes no sense ({e})"), DAMAGED))?;
    if header.data_len() != data.len() {
        let problem = format!("declares {} bytes of numbers, and {} follow", header.data_len(), data.len());
        return Err(Error::file(path, problem, DAMAGED));
    }
    let mut tensors = BTreeMap::new();
    for (name, info) in header.tensors() {
        if name.ends_with(COUNTER) {
            continue;
        }
        if info.dtype != Dtype::F32 {
            let problem = format!("holds `{name}` as {:?}", info.dtype);
            return Err(Error::file(path, problem, "store the network as F32"));
        }
        // The header's own check holds offsets and shapes together.
        let bytes = data.get(info.data_offsets.0..info.data_offsets.1).unwrap_or_default();
        let values: Vec<f32> = bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        if let Some(place) = values.iter().position(|v| !v.is_finite()) {
            let problem = format!("holds {} in `{name}` at place {place}", values[place]);
            return Err(Error::file(path, problem, "the network was not trained to an end; give another"));
        }
        tensors.insert(name, Values { shape: info.shape.clone(), values });
    }
    Ok(tensors)
}
