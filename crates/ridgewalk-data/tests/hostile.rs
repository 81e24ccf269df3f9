//! Files that lie, break off or were made to do harm: an error that says where, never a panic,
//! a hang, or memory beyond the limit.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use flate2::Compression;
use flate2::write::GzEncoder;
use ndarray::Array2;
use proptest::prelude::*;
use ridgewalk::{PointSet, Shape};
use ridgewalk_data::{Error, ErrorKind, LoadOptions, Location, load_with, write_points};

/// Enough for every valid file here, little enough for a test.
const LIMIT: u64 = 1 << 20;

fn try_load(path: &Path) -> Result<PointSet, Error> {
    let options = LoadOptions { limit: LIMIT, ..LoadOptions::default() };
    load_with(path.to_str().unwrap(), &options)
}

fn load_bytes(name: &str, bytes: &[u8]) -> Result<PointSet, Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    try_load(&path)
}

fn error_of(name: &str, bytes: &[u8]) -> Error {
    let error = load_bytes(name, bytes).expect_err(name);
    assert!(error.path.as_ref().is_some_and(|p| p.ends_with(name)), "{error}");
    error
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n");
    let length = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), data].concat()
}

#[test]
fn empty_files() {
    for name in ["x.npy", "x.npz", "x-idx3-ubyte", "x.csv", "x.parquet", "x.mrc", "x.png", "x"] {
        assert!(error_of(name, b"").to_string().contains("empty"), "{name}");
    }
    assert!(error_of("x.csv.gz", &gzip(b"")).to_string().contains("empty"));
    assert!(error_of("x.csv", b"\n\n# nothing\n").to_string().contains("no lines"));
    assert!(error_of("x.csv", b"a,b,c\n").to_string().contains("no points"));
}

#[test]
fn a_wrong_beginning() {
    for name in ["x.npy", "x.npz", "x-idx3-ubyte.gz", "x.parquet", "x.mrcs", "x.png", "x.jpg"] {
        assert_eq!(error_of(name, b"1,2\n3,4\n").kind, ErrorKind::Malformed, "{name}");
    }
    assert_eq!(error_of("x.dat", b"\x7fELF\x00\x01\x02").kind, ErrorKind::Unsupported);
}

#[test]
fn claims_beyond_the_file_or_the_limit() {
    let lie = npy("'<f8'", "(1000000, 1000000)", &[0; 80]);
    assert_eq!(error_of("x.npy", &lie).kind, ErrorKind::Malformed);
    // Compressed, the length is unknown: then the limit speaks.
    assert_eq!(error_of("x.npy.gz", &gzip(&lie)).kind, ErrorKind::TooLarge);
    let small_lie = npy("'<f8'", "(1000, 10)", &[0; 80]);
    assert_eq!(error_of("x.npy.gz", &gzip(&small_lie)).kind, ErrorKind::Malformed);
    let idx =
        [&[0, 0, 8, 3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff][..], &[1; 20]];
    assert_eq!(error_of("x", &idx.concat()).kind, ErrorKind::Malformed);
    assert_eq!(error_of("x.gz", &gzip(&idx.concat())).kind, ErrorKind::TooLarge);
}

#[test]
fn bombs() {
    let zeros = vec![0u8; 4 << 20];
    // 4 MiB behind an IDX header that declares 16 bytes.
    let idx = [&[0, 0, 8, 1, 0, 0, 0, 16][..], &zeros].concat();
    assert!(error_of("x.gz", &gzip(&idx)).to_string().contains("more bytes follow"));
    // The same behind a header of MRC, and as an extended header that never ends.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.mrc");
    let one =
        PointSet::new(Array2::zeros((1, 1)), Shape::Image { height: 1, width: 1, channels: 1 }).unwrap();
    write_points(&path, &one).unwrap();
    let mut mrc = fs::read(&path).unwrap();
    assert!(
        error_of("x.mrc.gz", &gzip(&[&mrc[..], &zeros].concat())).to_string().contains("more bytes follow")
    );
    mrc[92..96].copy_from_slice(&i32::MAX.to_le_bytes());
    let endless = error_of("x.mrc.gz", &gzip(&[&mrc[..], &zeros].concat())).to_string();
    assert!(endless.contains("the file ends within the extended header"), "{endless}");
    // A table that unpacks to more than the limit.
    let table = b"0,0,0,0\n".repeat(1 << 18);
    assert_eq!(error_of("x.csv.gz", &gzip(&table)).kind, ErrorKind::TooLarge);
    // An array within an archive.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npz");
    write_points(&path, &PointSet::vectors(Array2::zeros((1 << 10, 1 << 8))).unwrap()).unwrap();
    assert!(fs::metadata(&path).unwrap().len() < 1 << 14);
    assert_eq!(try_load(&path).unwrap_err().kind, ErrorKind::TooLarge);
    // The same as a table: constant columns shrink to nothing.
    let path = folder.path().join("x.parquet");
    write_points(&path, &PointSet::vectors(Array2::zeros((1 << 16, 4))).unwrap()).unwrap();
    assert_eq!(try_load(&path).unwrap_err().kind, ErrorKind::TooLarge);
}

#[test]
fn a_huge_image_is_refused_by_its_header() {
    // A PNG header that declares 60000×60000; its checksum is right, so that the size is believed.
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    png.extend([0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60, 8, 0, 0, 0, 0]);
    let mut crc = flate2::Crc::new();
    crc.update(&png[12..]);
    png.extend(crc.sum().to_be_bytes());
    png.extend(b"\0\0\0\x01IDAT\0\0\0\0\0");
    assert_eq!(error_of("x.png", &png).kind, ErrorKind::TooLarge);
}

#[test]
fn not_finite_values_are_named() {
    let data: Vec<u8> = [1.0, f64::INFINITY].iter().flat_map(|v: &f64| v.to_le_bytes()).collect();
    let error = error_of("x.npy", &npy("'<f8'", "(1, 2)", &data));
    assert_eq!(
        (error.kind, error.location),
        (ErrorKind::NonFinite, Some(Location::Row { row: 0, column: 1 }))
    );
    let error = error_of("x.csv", b"a,b\n1,2\n3,nan\n");
    let place = Location::Line { line: 3, column: Some(2) };
    assert_eq!((error.kind, error.location), (ErrorKind::NonFinite, Some(place)));
}

#[test]
fn tables_that_do_not_hold_together() {
    let cases: [(&[u8], u64, Option<usize>, &str); 7] = [
        (b"1,2\n3,4\n5\n", 3, None, "1 fields where 2"),
        (b"1,2\n3,4,5\n", 2, None, "3 fields where 2"),
        (b"a,b\n1,2\n3,x\n", 3, Some(2), "`x` is not a number"),
        (b"a,b\r\n1,2\r\n\r\n# pause\r\n3,x", 5, Some(2), "`x`"),
        (b"a,b\n\"1\",2\n3,\"x\"\n", 3, Some(2), "`x`"),
        (b"a,b\n1,2\n3,\n", 3, Some(2), "empty"),
        (b"a,b\n1,2\n3,\xff\n", 3, Some(2), "UTF-8"),
    ];
    for (text, line, column, words) in cases {
        let error = error_of("x.csv", text);
        assert_eq!(error.location, Some(Location::Line { line, column }), "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
    assert!(error_of("x.csv", b"3,2,cat,dog\n1,2,0\n3,4,1\n").to_string().contains("declares 3 rows"));
    assert!(error_of("x.csv", b"a,target\n1,0.5\n2,1.5\n").to_string().contains("fractions"));
}

#[test]
fn objects_are_never_unpickled() {
    let error = error_of("x.npy", &npy("'|O'", "(1,)", b"\x80\x04N."));
    assert_eq!(error.kind, ErrorKind::Unsupported);
    assert_eq!(error_of("x.npy", &npy("[('a', '<f8')]", "(1,)", &[0; 8])).kind, ErrorKind::Unsupported);
}

#[test]
fn folders_without_images_or_with_odd_ones() {
    let folder = tempfile::tempdir().unwrap();
    let error = try_load(folder.path()).unwrap_err();
    assert!(error.to_string().contains("no images"), "{error}");
    for (name, width) in [("a.png", 2), ("b.png", 2), ("c.png", 3)] {
        let pixels = vec![0; width as usize];
        image::save_buffer(folder.path().join(name), &pixels, width, 1, image::ExtendedColorType::L8)
            .unwrap();
    }
    let error = try_load(folder.path()).unwrap_err();
    assert!(error.path.as_ref().unwrap().ends_with("c.png"), "{error}");
    assert!(error.to_string().contains("1×3") && error.to_string().contains("a.png is 1×2"), "{error}");
    fs::remove_file(folder.path().join("c.png")).unwrap();
    let clear = [255, 0, 0, 128, 0, 0, 0, 255];
    image::save_buffer(folder.path().join("b.png"), &clear, 2, 1, image::ExtendedColorType::Rgba8).unwrap();
    assert!(try_load(folder.path()).unwrap_err().to_string().contains("transparent"));
}

#[test]
fn an_archive_that_does_not_say_which() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npz");
    let mut zip = zip::ZipWriter::new(fs::File::create(&path).unwrap());
    for name in ["first.npy", "second.npy"] {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(&npy("'<f8'", "(1, 1)", &[0; 8])).unwrap();
    }
    zip.finish().unwrap();
    assert!(try_load(&path).unwrap_err().to_string().contains("first, second"));
    let options = LoadOptions { key: Some("second".into()), ..LoadOptions::default() };
    assert_eq!(load_with(path.to_str().unwrap(), &options).unwrap().len(), 1);
}

#[test]
fn labels_that_do_not_fit_name_their_file() {
    let folder = tempfile::tempdir().unwrap();
    let images = folder.path().join("t-images-idx2-ubyte");
    fs::write(&images, [0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 1, 7, 8]).unwrap();
    fs::write(folder.path().join("t-labels-idx1-ubyte"), [0, 0, 8, 1, 0, 0, 0, 1, 1]).unwrap();
    let error = try_load(&images).unwrap_err();
    assert!(error.path.unwrap().ends_with("t-labels-idx1-ubyte"));
}

#[cfg(unix)]
#[test]
fn devices_are_refused() {
    assert!(try_load(Path::new("/dev/zero")).unwrap_err().to_string().contains("not a regular file"));
}

/// A small valid file of every format, made once.
fn valid_files() -> &'static [(String, Vec<u8>)] {
    static FILES: OnceLock<Vec<(String, Vec<u8>)>> = OnceLock::new();
    FILES.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let shape = Shape::Image { height: 3, width: 2, channels: 1 };
        let values = Array2::from_shape_fn((5, 6), |(i, j)| (i * 6 + j) as f64);
        let points = PointSet::new(values, shape).unwrap().with_labels(vec![0, 1, 0, 1, 2]).unwrap();
        let mut files = Vec::new();
        for name in ["x.npy", "x.npz", "x.csv", "x.parquet", "x.mrc", "x.png"] {
            let path: PathBuf = folder.path().join(name);
            write_points(&path, &points).unwrap();
            files.push((name.to_string(), fs::read(&path).unwrap()));
        }
        let jpeg = folder.path().join("x.jpg");
        image::save_buffer(&jpeg, &[100; 64], 8, 8, image::ExtendedColorType::L8).unwrap();
        files.push(("x.jpg".into(), fs::read(&jpeg).unwrap()));
        let idx = [0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6];
        files.push(("x-idx2-ubyte".into(), idx.to_vec()));
        files.push(("x-idx2-ubyte.gz".into(), gzip(&idx)));
        let stack = fs::read(folder.path().join("x.mrc")).unwrap();
        files.push(("x.mrcs.gz".into(), gzip(&stack)));
        // Its tag and its stamp alone, so that changed bytes reach sizes, modes and orders of a nameless file.
        files.push(("x".into(), stack));
        files
    })
}

#[test]
fn every_truncation_is_an_error_or_a_shorter_table() {
    for (name, bytes) in valid_files() {
        assert!(load_bytes(name, bytes).is_ok(), "{name}");
        let step = (bytes.len() / 200).max(1);
        for end in (0..bytes.len()).step_by(step) {
            // A text that is cut off can be a shorter text; a PNG may lack its end mark, but no
            // pixel.
            match load_bytes(name, &bytes[..end]) {
                Ok(points) if name == "x.png" => assert_eq!(points, load_bytes(name, bytes).unwrap()),
                Ok(_) => assert!(name == "x.csv", "{name} cut at {end}"),
                Err(_) => {}
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any bytes may change: what comes back is points or an error, and what is said of a file
    /// that is no longer valid names it.
    #[test]
    fn changed_bytes_never_panic(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let (name, bytes) = which.get(valid_files());
        let mut bytes = bytes.clone();
        for (place, value) in changes {
            let i = place.index(bytes.len());
            bytes[i] = value;
        }
        match load_bytes(name, &bytes) {
            Ok(points) => prop_assert!(points.values().iter().all(|v| v.is_finite())),
            Err(error) => prop_assert!(error.path.is_some(), "{}", error),
        }
    }
}
