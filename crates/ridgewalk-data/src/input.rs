//! A file opened for reading whose every claim about its own size is checked before memory is taken.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use crate::element::{Element, Endian};
use crate::error::{Error, ErrorKind, Location, Result};

/// Bytes read at a time: small against any limit, large against a system call.
const CHUNK: usize = 1 << 16;

/// A stream of bytes with a name, an optional known length, and a limit on what it may become.
pub(crate) struct Input<'a> {
    pub path: PathBuf,
    /// The first bytes, up to 64 KiB; they are still to be read.
    pub head: Vec<u8>,
    reader: Box<dyn BufRead + 'a>,
    /// Bytes left, where the length is known without reading (not so within compressed files).
    left: Option<u64>,
    offset: u64,
    limit: u64,
}

impl Input<'static> {
    /// Opens a regular file; a gzipped one is decompressed on the fly.
    pub fn open(path: &Path, limit: u64) -> Result<Self> {
        let (file, length) = open_regular(path)?;
        let mut reader = BufReader::with_capacity(CHUNK, file);
        let gzipped = reader.fill_buf().map_err(|e| Error::io(path, "read", e))?.starts_with(&[0x1f, 0x8b]);
        if gzipped {
            let reader = BufReader::with_capacity(CHUNK, MultiGzDecoder::new(reader));
            return Input::new(path, Box::new(reader), None, limit);
        }
        Input::new(path, Box::new(reader), Some(length), limit)
    }
}

/// Opens a regular file and tells its length. Devices and pipes are refused: they may never end.
pub(crate) fn open_regular(path: &Path) -> Result<(File, u64)> {
    let metadata = std::fs::metadata(path).map_err(|e| Error::io(path, "open", e))?;
    if !metadata.is_file() {
        let error = Error::argument("is not a regular file", "give a file");
        return Err(error.at_path(path));
    }
    if metadata.len() == 0 {
        return Err(Error::malformed("the file is empty").at_path(path));
    }
    let file = File::open(path).map_err(|e| Error::io(path, "open", e))?;
    Ok((file, metadata.len()))
}

impl<'a> Input<'a> {
    /// Wraps a reader; `left` is its length, where that is certain.
    pub fn new(
        path: &Path,
        mut reader: Box<dyn BufRead + 'a>,
        left: Option<u64>,
        limit: u64,
    ) -> Result<Self> {
        let mut head = Vec::new();
        let read = (&mut reader).take(CHUNK as u64).read_to_end(&mut head);
        read.map_err(|e| Error::io(path, "read", e))?;
        if head.is_empty() {
            return Err(Error::malformed("the file is empty").at_path(path));
        }
        let reader = Box::new(Cursor::new(head.clone()).chain(reader));
        Ok(Input { path: path.to_path_buf(), head, reader, left, offset: 0, limit })
    }

    /// The limit on the memory for values, in bytes.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Bytes that are still to be read, where that is known without reading.
    pub fn left(&self) -> Option<u64> {
        self.left
    }

    /// Passes over `bytes`, or fails naming `what` was cut short.
    pub fn skip(&mut self, bytes: u64, what: &str) -> Result<()> {
        let mut buffer = vec![0u8; CHUNK];
        let mut remaining = bytes;
        while remaining > 0 {
            let n = remaining.min(CHUNK as u64) as usize;
            self.fill(&mut buffer[..n], what)?;
            remaining -= n as u64;
        }
        Ok(())
    }

    /// Fills `buffer`, or fails naming `what` was cut short.
    pub fn fill(&mut self, buffer: &mut [u8], what: &str) -> Result<()> {
        self.reader.read_exact(buffer).map_err(|e| match e.kind() {
            std::io::ErrorKind::UnexpectedEof => Error::malformed(format!("the file ends within {what}"))
                .at(Location::Offset(self.offset))
                .at_path(&self.path),
            _ => Error::io(&self.path, "read", e),
        })?;
        self.offset += buffer.len() as u64;
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(buffer.len() as u64);
        }
        Ok(())
    }

    /// Reads the `shape.product()` numbers that a header declares. The claim is held against the
    /// limit and, where the file's length is known, against that length, before any memory is
    /// taken; within compressed files memory grows only as bytes really come.
    pub fn values(&mut self, element: Element, endian: Endian, shape: &[usize]) -> Result<Vec<f64>> {
        let count = shape.iter().try_fold(1usize, |n, &m| n.checked_mul(m));
        let bytes = count.and_then(|n| n.checked_mul(8)).map(|b| b as u64).unwrap_or(u64::MAX);
        let stored = bytes / 8 * element.size() as u64;
        if let Some(left) = self.left.filter(|&left| stored > left) {
            return Err(Error::malformed(format!(
                "the header declares {shape:?} numbers of {} bytes, but only {left} bytes follow",
                element.size()
            ))
            .at_path(&self.path));
        }
        check_limit(bytes, self.limit).map_err(|e| e.at_path(&self.path))?;
        let count = count.unwrap_or(0);
        let mut out = Vec::new();
        let reserved = if self.left.is_some() { count } else { count.min(CHUNK) };
        out.try_reserve(reserved).map_err(|_| too_large(bytes, self.limit).at_path(&self.path))?;
        let mut buffer = vec![0u8; CHUNK];
        let mut remaining = count * element.size();
        while remaining > 0 {
            let n = remaining.min(CHUNK);
            self.fill(&mut buffer[..n], "its data")?;
            element.decode(endian, &buffer[..n], &mut out);
            remaining -= n;
        }
        Ok(out)
    }

    /// Fails if bytes follow where the file should end: a lying header, or two files in one.
    pub fn finish(mut self) -> Result<()> {
        let mut byte = [0u8; 1];
        match self.reader.read(&mut byte) {
            Ok(0) => Ok(()),
            Ok(_) => Err(Error::malformed("more bytes follow than the header declares")
                .at(Location::Offset(self.offset))
                .at_path(&self.path)),
            Err(e) => Err(Error::io(&self.path, "read", e)),
        }
    }

    /// The plain stream, for readers that keep their own books.
    pub fn into_reader(self) -> Box<dyn BufRead + 'a> {
        self.reader
    }
}

/// Fails if `bytes` of values exceed the limit.
pub(crate) fn check_limit(bytes: u64, limit: u64) -> Result<()> {
    if bytes > limit { Err(too_large(bytes, limit)) } else { Ok(()) }
}

fn too_large(bytes: u64, limit: u64) -> Error {
    const GIB: f64 = (1u64 << 30) as f64;
    Error::new(
        ErrorKind::TooLarge,
        format!("needs {:.3} GiB of memory, the limit is {:.3} GiB", bytes as f64 / GIB, limit as f64 / GIB),
        "raise the limit, or give fewer points",
    )
}
