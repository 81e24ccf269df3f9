//! Images as points: one PNG or JPEG file, or a folder of them.
//!
//! A folder holds the images themselves, in the order of their names; or one folder for each
//! class, whose sorted names are numbered 0, 1, 2, …. All images must have one size. If all are
//! grey the points are grey (`[h, w, 1]`), else RGB. Values are 0…255, or 0…65535 for 16 bits.
//! A transparent image is refused: any background would be an invention. An alpha channel that is
//! opaque everywhere is dropped.

use std::fs;
use std::io::{BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use image::{ColorType, DynamicImage, ImageReader, Limits};
use ndarray::Array2;
use ridgewalk::{PointSet, Shape};

use crate::error::{Error, ErrorKind, Result};
use crate::input::{check_limit, open_regular};
use crate::load::LoadOptions;

/// Longer sides belong to no image that could be a point.
const LONGEST_SIDE: u32 = 1 << 16;

/// Whether a file that begins so is a PNG or JPEG image.
pub(crate) fn is_image(head: &[u8]) -> bool {
    head.starts_with(b"\x89PNG\r\n\x1a\n") || head.starts_with(&[0xff, 0xd8, 0xff])
}

/// One image as a set of one point.
pub(crate) fn read_image(path: &Path, options: &LoadOptions) -> Result<PointSet> {
    stack(&[path.to_path_buf()], options.limit)
}

/// All images of a folder.
pub(crate) fn read(folder: &Path, options: &LoadOptions) -> Result<PointSet> {
    let (all, labels) = images(folder)?;
    if all.is_empty() {
        let help = "give a folder of PNG or JPEG images, or of folders of them, one for each class";
        return Err(
            Error::new(ErrorKind::NotFound, "there are no images in this folder", help).at_path(folder)
        );
    }
    let points = stack(&all, options.limit)?;
    match labels {
        Some(labels) => Ok(points.with_labels(labels)?),
        None => Ok(points),
    }
}

/// The files that [`read`] reads, in the order of the points.
pub(crate) fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    Ok(images(folder)?.0)
}

/// Images in the order of the points; with labels where they lie in folders of classes.
fn images(folder: &Path) -> Result<(Vec<PathBuf>, Option<Vec<u32>>)> {
    let (files, folders) = list(folder)?;
    if !files.is_empty() {
        return Ok((files, None));
    }
    let (mut all, mut labels, mut classes) = (Vec::new(), Vec::new(), 0u32);
    for class in folders {
        let (files, _) = list(&class)?;
        if !files.is_empty() {
            labels.extend(std::iter::repeat_n(classes, files.len()));
            all.extend(files);
            classes += 1;
        }
    }
    Ok((all, Some(labels)))
}

/// Images and folders within `folder`, each sorted by name; hidden ones and others are left out.
fn list(folder: &Path) -> Result<(Vec<PathBuf>, Vec<PathBuf>)> {
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(folder).map_err(|e| Error::io(folder, "list", e))? {
        let path = entry.map_err(|e| Error::io(folder, "list", e))?.path();
        let hidden = path.file_name().is_some_and(|n| n.as_encoded_bytes().starts_with(b"."));
        let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
        let image = matches!(extension.as_deref(), Some("png" | "jpg" | "jpeg"));
        if hidden {
        } else if path.is_dir() {
            folders.push(path);
        } else if image {
            files.push(path);
        }
    }
    files.sort();
    folders.sort();
    Ok((files, folders))
}

/// Reads images of one size; the first one tells it.
fn stack(files: &[PathBuf], limit: u64) -> Result<PointSet> {
    let mut size = None;
    let mut channels = 1;
    let mut values: Vec<f64> = Vec::new();
    for (i, path) in files.iter().enumerate() {
        let image = decode(path, limit).and_then(opaque).map_err(|e| e.at_path(path))?;
        let found = (image.height() as usize, image.width() as usize);
        let (height, width) = *size.get_or_insert(found);
        if found != (height, width) {
            let problem = format!(
                "the image is {}×{} (height×width), {} is {height}×{width}",
                found.0,
                found.1,
                files[0].display()
            );
            let help = "all images must have the same size; resize or crop them";
            return Err(Error::new(ErrorKind::Malformed, problem, help).at_path(path));
        }
        if channels == 1 && image.color().has_color() {
            channels = 3;
            values = values.iter().flat_map(|&v| [v; 3]).collect();
        }
        let bytes = files.len() as u64 * (height * width * channels) as u64 * 8;
        check_limit(bytes, limit).map_err(|e| e.at_path(path))?;
        if i == 0 {
            values.try_reserve(bytes as usize / 8).map_err(|_| {
                let problem = format!("{bytes} bytes of memory are not there");
                Error::new(ErrorKind::TooLarge, problem, "give fewer images").at_path(path)
            })?;
        }
        append(&image, channels, &mut values);
    }
    let Some((height, width)) = size else { return Err(Error::malformed("there are no images")) };
    let shape = Shape::Image { height, width, channels };
    let values = Array2::from_shape_vec((files.len(), shape.dim()), values);
    Ok(PointSet::new(values.map_err(|e| Error::malformed(e.to_string()))?, shape)?)
}

fn decode(path: &Path, limit: u64) -> Result<DynamicImage> {
    let (mut file, _) = open_regular(path)?;
    require_end(path, &mut file)?;
    let reader = ImageReader::new(BufReader::new(file)).with_guessed_format();
    let mut reader = reader.map_err(|e| Error::io(path, "read", e))?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(LONGEST_SIDE);
    limits.max_image_height = Some(LONGEST_SIDE);
    limits.max_alloc = Some(limit.min(limits.max_alloc.unwrap_or(limit)));
    reader.limits(limits);
    reader.decode().map_err(|error| match error {
        image::ImageError::Limits(e) => {
            Error::new(ErrorKind::TooLarge, format!("the image is too large: {e}"), "give smaller images")
        }
        image::ImageError::Unsupported(e) => Error::unsupported(e.to_string(), "save it as PNG or JPEG"),
        image::ImageError::IoError(e) if e.kind() == std::io::ErrorKind::PermissionDenied => {
            Error::io(path, "read", e)
        }
        other => Error::malformed(other.to_string()),
    })
}

/// Fails for a JPEG file without an end mark after its last scan: the decoder would fill what is
/// missing with grey and say nothing. (A thumbnail within the header has marks of its own.)
fn require_end(path: &Path, file: &mut fs::File) -> Result<()> {
    let failed = |e| Error::io(path, "read", e);
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(failed)?;
    file.rewind().map_err(failed)?;
    let last = |mark: &[u8]| bytes.windows(2).rposition(|w| w == mark);
    if bytes.starts_with(&[0xff, 0xd8]) && last(&[0xff, 0xd9]) < last(&[0xff, 0xda]) {
        return Err(Error::malformed("the image breaks off before its end"));
    }
    Ok(())
}

fn opaque(image: DynamicImage) -> Result<DynamicImage> {
    let transparent = match image.color() {
        ColorType::La8 | ColorType::Rgba8 => image.to_rgba8().pixels().any(|p| p[3] != u8::MAX),
        ColorType::La16 | ColorType::Rgba16 => image.to_rgba16().pixels().any(|p| p[3] != u16::MAX),
        _ => false,
    };
    if transparent {
        return Err(Error::unsupported("the image is transparent in places", "put it on a background first"));
    }
    Ok(image)
}

/// Appends the pixels, grey ones repeated where the set is RGB.
fn append(image: &DynamicImage, channels: usize, out: &mut Vec<f64>) {
    let wide =
        matches!(image.color(), ColorType::L16 | ColorType::La16 | ColorType::Rgb16 | ColorType::Rgba16);
    match (wide, channels) {
        (false, 1) => out.extend(image.to_luma8().as_raw().iter().map(|&v| f64::from(v))),
        (false, _) => out.extend(image.to_rgb8().as_raw().iter().map(|&v| f64::from(v))),
        (true, 1) => out.extend(image.to_luma16().as_raw().iter().map(|&v| f64::from(v))),
        (true, _) => out.extend(image.to_rgb16().as_raw().iter().map(|&v| f64::from(v))),
    }
}
