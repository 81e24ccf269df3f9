//! NPZ, NumPy's format of several named arrays: a ZIP archive of NPY files, stored or deflated.

use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::Path;

use ridgewalk::PointSet;
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use crate::atomic::write_atomically;
use crate::axes::RawArray;
use crate::error::{Error, Location, Result};
use crate::input::{Input, open_regular};
use crate::labels;
use crate::load::LoadOptions;
use crate::npy::{self, FloatWidth};

/// Names under which points are looked for, in any case, if there are several arrays.
const POINT_KEYS: [&str; 5] = ["samples", "x", "images", "data", "arr_0"];

/// Names under which labels are looked for, in any case.
const LABEL_KEYS: [&str; 2] = ["labels", "y"];

/// Deflate cannot shrink data further than 1032 to 1 (RFC 1951: 258 bytes by 2 bits).
const MOST_DEFLATED: u64 = 1032;

/// More arrays than anyone names by hand; a central directory can list millions of empty ones.
const MOST_ARRAYS: usize = 4096;

type Archive = ZipArchive<BufReader<std::fs::File>>;

/// Reads the points and, if there are any, the labels.
pub(crate) fn read(path: &Path, options: &LoadOptions) -> Result<PointSet> {
    let (file, _) = open_regular(path)?;
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|e| failed(path, e))?;
    let keys = keys(&archive).map_err(|e| e.at_path(path))?;
    let points_key = choose(&keys, options.key.as_deref()).map_err(|e| e.at_path(path))?.to_string();
    let here = |e: Error| e.at(Location::Part(points_key.clone())).at_path(path);
    let array = read_key(&mut archive, &points_key, path, options.limit)?;
    let points = array.into_points().map_err(here)?;

    let label_key = match &options.label_key {
        Some(key) => Some(find(&keys, key).map_err(|e| e.at_path(path))?),
        None => LABEL_KEYS.iter().find_map(|wanted| keys.iter().find(|k| k.eq_ignore_ascii_case(wanted))),
    };
    let Some(key) = label_key.filter(|k| **k != points_key) else {
        return with_second_array(points, &mut archive, &keys, &points_key, path, options);
    };
    let array = read_key(&mut archive, key, path, options.limit)?;
    let here = |e: Error| e.at(Location::Part(key.clone())).at_path(path);
    labels::one_per_point(&array.shape).map_err(here)?;
    let labels = labels::from_numbers(&array.values).map_err(here)?;
    points.with_labels(labels).map_err(|e| here(e.into()))
}

/// `numpy.savez(path, images, labels)`, as published sample files do, calls them arr_0 and arr_1:
/// the second is taken as labels where it can be one whole number per point.
fn with_second_array(
    points: PointSet,
    archive: &mut Archive,
    keys: &[String],
    points_key: &str,
    path: &Path,
    options: &LoadOptions,
) -> Result<PointSet> {
    if points_key != "arr_0" || !keys.iter().any(|k| k == "arr_1") {
        return Ok(points);
    }
    let array = read_key(archive, "arr_1", path, options.limit)?;
    let fits = labels::one_per_point(&array.shape).is_ok() && array.values.len() == points.len();
    if fits && array.values.iter().all(|v| v.fract() == 0.0) {
        return Ok(points.with_labels(labels::from_numbers(&array.values)?)?);
    }
    Ok(points)
}

/// The names of the arrays, without `.npy`.
fn keys(archive: &Archive) -> Result<Vec<String>> {
    if archive.len() > MOST_ARRAYS {
        return Err(Error::malformed(format!("the archive lists {} arrays", archive.len())));
    }
    let names = archive.file_names().map(|n| n.map(|n| n.trim_end_matches(".npy").to_string()));
    names.collect::<Result<_, _>>().map_err(|e| Error::malformed(format!("the archive: {e}")))
}

fn choose<'a>(keys: &'a [String], wanted: Option<&str>) -> Result<&'a String> {
    if let Some(wanted) = wanted {
        return find(keys, wanted);
    }
    let is_label = |k: &&String| LABEL_KEYS.iter().any(|l| k.eq_ignore_ascii_case(l));
    let mut others = keys.iter().filter(|k| !is_label(k));
    if let (Some(only), None) = (others.next(), others.next()) {
        return Ok(only);
    }
    let known = POINT_KEYS.iter().find_map(|p| keys.iter().find(|k| k.eq_ignore_ascii_case(p)));
    known.ok_or_else(|| match keys {
        [] => Error::malformed("the archive holds no arrays"),
        _ => Error::argument("does not say which array holds the points", listed(keys)),
    })
}

fn find<'a>(keys: &'a [String], wanted: &str) -> Result<&'a String> {
    keys.iter()
        .find(|k| *k == wanted)
        .ok_or_else(|| Error::argument(format!("there is no array `{wanted}`"), listed(keys)))
}

fn listed(keys: &[String]) -> String {
    const SHOWN: usize = 20;
    let more = if keys.len() > SHOWN { ", …" } else { "" };
    let list = keys.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    format!("name one of its keys: {list}{more}")
}

fn read_key(archive: &mut Archive, key: &str, path: &Path, limit: u64) -> Result<RawArray> {
    let here = |e: Error| e.at(Location::Part(key.to_string())).at_path(path);
    let index = archive.index_for_name(&format!("{key}.npy")).or_else(|| archive.index_for_name(key));
    let Some(index) = index else { return Err(here(Error::malformed("is listed but not there"))) };
    let entry = archive.by_index(index).map_err(|e| here(failed(path, e)))?;
    let (size, packed) = (entry.size(), entry.compressed_size());
    let possible = match entry.compression() {
        CompressionMethod::Stored => size == packed,
        _ => size <= packed.saturating_mul(MOST_DEFLATED),
    };
    if !possible {
        let problem = format!("{packed} stored bytes cannot hold the {size} that the archive declares");
        return Err(here(Error::malformed(problem)));
    }
    // The declared size is only a claim: memory grows with what really comes (`left` unknown).
    let reader: Box<dyn BufRead + '_> = Box::new(BufReader::new(entry));
    let array = Input::new(path, reader, None, limit).and_then(npy::read_array);
    array.map_err(here)
}

fn failed(path: &Path, error: ZipError) -> Error {
    match error {
        ZipError::Io(e) if e.kind() != io::ErrorKind::UnexpectedEof => Error::io(path, "read", e),
        ZipError::UnsupportedArchive(what) => {
            Error::unsupported(format!("the archive: {what}"), "save it with numpy.savez or savez_compressed")
                .at_path(path)
        }
        other => Error::malformed(format!("the archive: {other}")).at_path(path),
    }
}

/// Writes the values as the array `samples` (axes as [`crate::write_npy`]) and the labels, if any,
/// as `labels` (`<u4`), deflated: what `numpy.load` reads, and [`crate::load`] without options.
///
/// # Errors
/// What the operating system reports, with the path.
pub fn write_npz(path: &Path, points: &PointSet, width: FloatWidth) -> Result<()> {
    write_atomically(path, |output| {
        let mut zip = ZipWriter::new(Latched { inner: output, failed: false, position: 0 });
        // A fixed date, so that the same points give the same bytes; large files for beyond 4 GiB.
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(zip::DateTime::default())
            .large_file(points.len() * points.dim() > 1 << 28);
        zip.start_file("samples.npy", options)?;
        npy::write_array(&mut io::BufWriter::new(&mut zip), points.values(), &npy::axes(points), width)?;
        if let Some(labels) = points.labels() {
            zip.start_file("labels.npy", options)?;
            npy::write_labels(&mut io::BufWriter::new(&mut zip), labels)?;
        }
        zip.finish()?;
        Ok(())
    })
}

/// Once a write has failed, all further ones seem to succeed: `ZipWriter` tries to complete the
/// archive when it is dropped and prints on stderr if it cannot, and the first error is returned
/// already.
struct Latched<W> {
    inner: W,
    failed: bool,
    position: u64,
}

impl<W: Write> Write for Latched<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = if self.failed { bytes.len() } else { self.latch(|w| w.write(bytes))? };
        self.position += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.failed { Ok(()) } else { self.latch(Write::flush) }
    }
}

impl<W: Seek> Seek for Latched<W> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = match (self.failed, to) {
            (false, to) => self.latch(|w| w.seek(to))?,
            (true, SeekFrom::Start(position)) => position,
            (true, SeekFrom::Current(by) | SeekFrom::End(by)) => self.position.saturating_add_signed(by),
        };
        Ok(self.position)
    }
}

impl<W> Latched<W> {
    fn latch<T>(&mut self, act: impl FnOnce(&mut W) -> io::Result<T>) -> io::Result<T> {
        let result = act(&mut self.inner);
        // An interrupted call is no failure: the caller tries again.
        self.failed |= result.as_ref().is_err_and(|e| e.kind() != io::ErrorKind::Interrupted);
        result
    }
}
