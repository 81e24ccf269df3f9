//! [`load`]: from a path or a name to points, whatever the format.

use std::fs;
use std::io::ErrorKind as IoErrorKind;
use std::path::{Path, PathBuf};

use ridgewalk::PointSet;

use crate::error::{Error, Result};
use crate::input::Input;
use crate::table::LabelColumn;
use crate::{csv, folder, idx, labels, mrc, names, npy, npz, parquet};

/// The known formats, for messages.
pub(crate) const FORMATS: &str =
    "give NPY, NPZ, IDX, MRC, CSV, Parquet, a PNG or JPEG image, or a folder of images";

/// Memory that the values may take: 16 GiB, that is 2·10⁹ numbers.
pub const DEFAULT_LIMIT: u64 = 16 << 30;

/// What [`load_with`] cannot know from the file itself.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadOptions {
    /// A file of labels, one per point (NPY, IDX, or text with one a line); overrides all others.
    pub labels: Option<PathBuf>,
    /// CSV and Parquet: the column that holds the labels.
    pub label_column: LabelColumn,
    /// CSV and Parquet: the columns to read as coordinates (by name or number), in this order;
    /// otherwise all but the label.
    pub columns: Option<Vec<String>>,
    /// NPZ: the array that holds the points.
    pub key: Option<String>,
    /// NPZ: the array that holds the labels.
    pub label_key: Option<String>,
    /// Bytes of memory that the values may take; larger data is refused before it is read.
    pub limit: u64,
    /// Synthetic sets: number of points. All others: keep the first n at most.
    pub n: Option<usize>,
    /// Synthetic sets: the seed, unless the name gives one.
    pub seed: Option<u64>,
    /// Synthetic sets: the ambient dimension.
    pub dim: Option<usize>,
}

impl Default for LoadOptions {
    fn default() -> Self {
        LoadOptions {
            labels: None,
            label_column: LabelColumn::Auto,
            columns: None,
            key: None,
            label_key: None,
            limit: DEFAULT_LIMIT,
            n: None,
            seed: None,
            dim: None,
        }
    }
}

/// Points from a path (NPY, NPZ, IDX, MRC, CSV, Parquet, an image, a folder of images; NPY, IDX, MRC and CSV
/// also gzipped) or a name (`digits`, or a synthetic set such as `circle` or
/// `torus:n=2000,seed=7,dim=10`; see [`crate::names`]). A path wins over a name. Values keep the
/// scale that they have in the file. How axes become points: [`crate::axes`].
///
/// # Errors
/// If there is no such file and no such name (the names are listed), or the file cannot be read
/// as points: the message names the file, the place in it, and what to do.
///
/// # Examples
/// ```
/// let circle = ridgewalk_data::load("circle:n=500,seed=7")?;
/// assert_eq!((circle.len(), circle.dim()), (500, 2));
/// # Ok::<(), ridgewalk_data::Error>(())
/// ```
pub fn load(spec: &str) -> Result<PointSet> {
    load_with(spec, &LoadOptions::default())
}

/// As [`load`], with what the file itself does not tell.
///
/// # Errors
/// As [`load`]; also if labels are not one per point, or an option names what is not there.
pub fn load_with(spec: &str, options: &LoadOptions) -> Result<PointSet> {
    let path = Path::new(spec);
    let (mut points, synthetic) = match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => (folder::read(path, options)?, false),
        Ok(_) => (read_file(path, options)?, false),
        Err(e) if e.kind() == IoErrorKind::PermissionDenied => return Err(Error::io(path, "open", e)),
        Err(_) => names::read(spec, options)?,
    };
    if let Some(file) = &options.labels {
        let labels = labels::read(file, options.limit)?;
        points = points.with_labels(labels).map_err(|e| Error::from(e).at_path(file))?;
    }
    match options.n {
        Some(0) => Err(Error::argument("0 points were asked for", "ask for at least one")),
        Some(n) if !synthetic && n < points.len() => Ok(points.select(&(0..n).collect::<Vec<_>>())?),
        _ => Ok(points),
    }
}

/// The files that [`load`] reads of a path: the file itself, with the labels that lie beside a file of IDX
/// images; all images of a folder, in the order of the points. Empty for a name.
///
/// # Errors
/// If the folder cannot be listed or the file cannot be opened.
pub fn files(spec: &str) -> Result<Vec<PathBuf>> {
    let path = Path::new(spec);
    if path.is_dir() {
        return folder::files(path);
    }
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let input = Input::open(path, DEFAULT_LIMIT)?;
    let images = idx::recognise(&input.head) && !mrc::recognise(&input);
    let labels = idx::labels_beside(path).filter(|_| images);
    Ok(std::iter::once(path.to_path_buf()).chain(labels).collect())
}

fn read_file(path: &Path, options: &LoadOptions) -> Result<PointSet> {
    let input = Input::open(path, options.limit)?;
    let head = input.head.as_slice();
    if head.starts_with(npy::MAGIC) {
        npy::read(input)
    } else if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        npz::read(path, options)
    } else if head.starts_with(b"PAR1") {
        parquet::read(path, options)
    } else if folder::is_image(head) {
        folder::read_image(path, options)
    } else if mrc::recognise(&input) {
        // Before IDX: the size of an image, in big endian, may begin a file as IDX begins.
        mrc::read(input)
    } else if idx::recognise(head) {
        let points = idx::read(input)?;
        match idx::labels_beside(path).filter(|_| options.labels.is_none()) {
            Some(file) => {
                let labels = labels::read(&file, options.limit)?;
                points.with_labels(labels).map_err(|e| Error::from(e).at_path(&file))
            }
            None => Ok(points),
        }
    } else if mrc::fits(&input) {
        mrc::read(input)
    } else {
        check_extension(path)?;
        if head.contains(&0) {
            return Err(Error::unsupported("is of no known format", FORMATS).at_path(path));
        }
        csv::read(input, options)
    }
}

/// A file whose name promises a binary format must begin as one: better than "not a number".
fn check_extension(path: &Path) -> Result<()> {
    let name = path.file_name().map(|n| n.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    if name.ends_with(".safetensors") {
        let help = format!("a model goes to `sample` or `eval`; of data, {FORMATS}");
        return Err(Error::unsupported("is named as a model, and is not data", help).at_path(path));
    }
    for extension in ["npy", "npz", "parquet", "png", "jpg", "jpeg", "ubyte"] {
        if name.ends_with(extension) {
            let error = Error::malformed(format!("does not begin as a file named .{extension} must"));
            return Err(error.at_path(path));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Images in the order of the points, those of class folders after each other; labels beside IDX images
    /// only; nothing of a name.
    #[test]
    fn files_that_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let listed = |name: &str| files(at(name).to_str().unwrap()).unwrap();
        for name in ["flat/b.png", "flat/a.JPG", "flat/note.txt", "classes/y/1.png", "classes/x/2.png"] {
            fs::create_dir_all(at(name).parent().unwrap()).unwrap();
            fs::write(at(name), b"").unwrap();
        }
        assert_eq!(listed("flat"), [at("flat/a.JPG"), at("flat/b.png")]);
        assert_eq!(listed("classes"), [at("classes/x/2.png"), at("classes/y/1.png")]);
        fs::write(at("t-images-idx3"), [0, 0, 8, 3, 0, 0, 0, 1]).unwrap();
        fs::write(at("t-images.csv"), b"1,2").unwrap();
        fs::write(at("t-labels-idx1"), b"").unwrap();
        fs::write(at("t-labels.csv"), b"").unwrap();
        assert_eq!(listed("t-images-idx3"), [at("t-images-idx3"), at("t-labels-idx1")]);
        assert_eq!(listed("t-images.csv"), [at("t-images.csv")]);
        assert_eq!(files("circle:n=9").unwrap(), Vec::<PathBuf>::new());
    }
}
