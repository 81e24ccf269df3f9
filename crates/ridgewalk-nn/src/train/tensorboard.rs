//! Event files that TensorBoard reads, written by hand.
//!
//! A file is a sequence of records: length (u64), masked CRC-32C of its bytes, data, masked CRC-32C of the data; all little
//! endian. The data are a protobuf `Event`: wall_time (double, field 1), step (varint, 2), and file_version (string, 3) or
//! summary (message, 5), which has values (message, 1) of tag (string, 1) and simple_value (float, 2).

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use ridgewalk_data::atomic::write_atomically;

use super::log::LogLine;
use crate::error::{Error, Result};

/// Name of the file; TensorBoard takes whatever has `tfevents` in it.
pub const EVENTS: &str = "events.out.tfevents.ridgewalk";
const MASK: u32 = 0xa282_ead8;
/// Polynomial of CRC-32C, bits reversed.
const CASTAGNOLI: u32 = 0x82f6_3b78;
/// Field numbers with their wire types: 0 varint, 1 eight bytes, 2 with a length, 5 four bytes.
const WALL_TIME: u8 = 1 << 3 | 1;
const STEP: u8 = 2 << 3;
const FILE_VERSION: u8 = 3 << 3 | 2;
const SUMMARY: u8 = 5 << 3 | 2;
const VALUE: u8 = 1 << 3 | 2;
const TAG: u8 = 1 << 3 | 2;
const SIMPLE_VALUE: u8 = 2 << 3 | 5;

fn crc32c(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (CASTAGNOLI & (crc & 1).wrapping_neg()))
    };
    !bytes.iter().fold(!0, step)
}

fn masked(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(MASK)
}

fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let mut out = length.to_vec();
    out.extend(masked(crc32c(&length)).to_le_bytes());
    out.extend(data);
    out.extend(masked(crc32c(data)).to_le_bytes());
    out
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn field(key: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(key);
    varint(bytes.len() as u64, out);
    out.extend(bytes);
}

fn event(wall_time: f64, step: u64, content: (u8, &[u8])) -> Vec<u8> {
    let mut out = vec![WALL_TIME];
    out.extend(wall_time.to_le_bytes());
    out.push(STEP);
    varint(step, &mut out);
    field(content.0, content.1, &mut out);
    record(&out)
}

fn scalars(wall_time: f64, step: u64, values: &[(String, f64)]) -> Vec<u8> {
    let mut summary = Vec::new();
    for (tag, value) in values {
        let mut one = Vec::new();
        field(TAG, tag.as_bytes(), &mut one);
        one.push(SIMPLE_VALUE);
        one.extend((*value as f32).to_le_bytes());
        field(VALUE, &one, &mut summary);
    }
    event(wall_time, step, (SUMMARY, &summary))
}

/// The records of a file, up to the first that is cut short or damaged.
fn records(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<8>() {
        let Some((check, rest)) = rest.split_first_chunk::<4>() else { break };
        let whole = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let Some((data, rest)) = rest.split_at_checked(whole) else { break };
        let Some((sum, rest)) = rest.split_first_chunk::<4>() else { break };
        if masked(crc32c(length)) != u32::from_le_bytes(*check)
            || masked(crc32c(data)) != u32::from_le_bytes(*sum)
        {
            break;
        }
        found.push(data);
        bytes = rest;
    }
    found
}

/// The step of an event that this module wrote.
fn step_of(event: &[u8]) -> Option<u64> {
    let mut value = 0;
    // wall_time and the key of the step come first.
    for (index, byte) in event.get(10..)?.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index as u32).min(63);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// An event file, open at its end.
#[derive(Debug)]
pub(crate) struct Events {
    path: PathBuf,
}

impl Events {
    /// The events of a folder up to a step; those after it are of a run that went on after its checkpoint.
    pub fn open(folder: &Path, step: u64) -> Result<Self> {
        let path = folder.join(EVENTS);
        let old = std::fs::read(&path).unwrap_or_default();
        let mut kept = event(now(), 0, (FILE_VERSION, b"brain.Event:2"));
        for data in
            records(&old).into_iter().skip(1).filter(|data| step_of(data).is_some_and(|of| of <= step))
        {
            kept.extend(record(data));
        }
        write_atomically(&path, |out| out.write_all(&kept)).map_err(Error::data)?;
        Ok(Events { path })
    }

    /// All numbers of a line of the log.
    pub fn append(&self, line: &LogLine) -> Result<()> {
        let mut values = vec![
            ("loss/training".to_string(), line.loss),
            ("learning_rate".to_string(), line.learning_rate),
            ("gradient_norm".to_string(), line.gradient_norm),
            ("images_per_second".to_string(), line.images_per_second),
        ];
        let optional = [
            ("loss/held_out", line.held_out),
            ("fokker_planck", line.fokker_planck),
            ("noise_scale", line.noise_scale),
            ("effective_samples", line.effective_samples),
            ("k", line.k),
            ("reconstruction", line.reconstruction),
            ("divergence", line.divergence),
        ];
        values.extend(optional.into_iter().filter_map(|(tag, value)| Some((tag.to_string(), value?))));
        values.extend(line.by_level.iter().map(|(sigma, loss)| (format!("loss_by_level/{sigma:.4}"), *loss)));
        let bytes = scalars(now(), line.step, &values);
        let written = std::fs::OpenOptions::new()
            .append(true)
            .open(&self.path)
            .and_then(|mut file| file.write_all(&bytes));
        written.map_err(|e| {
            Error::file(&self.path, format!("cannot be written ({e})"), "make room, then go on with --resume")
        })
    }
}

fn now() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of RFC 3720, appendix B.4, and the check value of the catalogue of CRCs.
    #[test]
    fn checksums_are_those_of_the_standard() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        let rising: Vec<u8> = (0..32).collect();
        assert_eq!(crc32c(&rising), 0x46dd_794e);
    }

    /// An event by hand, byte by byte.
    #[test]
    fn an_event_has_the_bytes_of_its_fields() {
        let bytes = scalars(1.0, 300, &[("a".into(), 0.5)]);
        let mut data = vec![0x09];
        data.extend(1.0_f64.to_le_bytes());
        data.extend([0x10, 0xac, 0x02, 0x2a, 10, 0x0a, 8, 0x0a, 1, b'a', 0x15, 0, 0, 0, 0x3f]);
        assert_eq!(records(&bytes), [data.as_slice()]);
        assert_eq!(step_of(&data), Some(300));
    }

    #[test]
    fn damaged_and_cut_records_end_a_file() {
        let mut bytes = [scalars(1.0, 1, &[]), scalars(2.0, 2, &[]), scalars(3.0, 3, &[])].concat();
        assert_eq!(records(&bytes).len(), 3);
        assert_eq!(records(&bytes[..bytes.len() - 1]).len(), 2);
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        assert_eq!(records(&bytes).len(), 1);
    }

    #[test]
    fn what_came_after_the_checkpoint_goes() {
        let folder = tempfile::tempdir().unwrap();
        let events = Events::open(folder.path(), 0).unwrap();
        let mut line = LogLine {
            step: 0,
            images: 0,
            loss: 1.0,
            held_out: None,
            held_out_by_level: None,
            fokker_planck: None,
            by_level: vec![(0.5, 1.0)],
            learning_rate: 1e-3,
            gradient_norm: 1.0,
            noise_scale: Some(7.0),
            effective_samples: None,
            k: None,
            reconstruction: None,
            divergence: None,
            images_per_second: 1.0,
        };
        for step in [100, 200, 300] {
            line.step = step;
            events.append(&line).unwrap();
        }
        Events::open(folder.path(), 200).unwrap();
        let bytes = std::fs::read(folder.path().join(EVENTS)).unwrap();
        let steps: Vec<_> = records(&bytes).into_iter().map(|data| step_of(data).unwrap()).collect();
        assert_eq!(steps, [0, 100, 200]);
    }
}
