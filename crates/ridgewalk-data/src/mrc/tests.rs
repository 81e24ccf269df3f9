use std::path::Path;

use ndarray::array;

use super::*;

const PATH: &str = "x.mrc";

/// A file written by hand, word by word from the table of the format.
struct File {
    sizes: [i32; 3],
    mode: i32,
    extended: i32,
    tag: [u8; 4],
    stamp: [u8; 4],
    big: bool,
    data: Vec<u8>,
}

impl File {
    /// Two sections of 1×3 in f32, of little endian.
    fn new() -> Self {
        let data = [1.0f32, 2.0, 3.0, -4.0, 5.5, 6.0].iter().flat_map(|v| v.to_le_bytes()).collect();
        File {
            sizes: [3, 1, 2],
            mode: 2,
            extended: 0,
            tag: *b"MAP ",
            stamp: [0x44, 0x44, 0, 0],
            big: false,
            data,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let mut out = vec![0u8; 1024];
        let mut put = |offset: usize, value: i32| {
            let bytes = if self.big { value.to_be_bytes() } else { value.to_le_bytes() };
            out[offset..offset + 4].copy_from_slice(&bytes);
        };
        for (k, size) in self.sizes.into_iter().enumerate() {
            put(4 * k, size);
            put(28 + 4 * k, size);
            put(40 + 4 * k, (1.5f32 * size as f32).to_bits() as i32);
        }
        put(12, self.mode);
        put(92, self.extended);
        out[208..212].copy_from_slice(&self.tag);
        out[212..216].copy_from_slice(&self.stamp);
        out.extend(vec![7; self.extended.clamp(0, 4096) as usize]);
        out.extend(&self.data);
        out
    }
}

fn parse_as(name: &str, bytes: &[u8]) -> Result<PointSet> {
    read(Input::new(Path::new(name), Box::new(bytes), Some(bytes.len() as u64), 1 << 30)?)
}

fn parse(file: &File) -> Result<PointSet> {
    parse_as(PATH, &file.bytes())
}

fn error(file: &File) -> Error {
    parse(file).unwrap_err()
}

#[test]
fn a_stack_by_hand() {
    let points = parse(&File::new()).unwrap();
    assert_eq!(points.shape(), Shape::Image { height: 1, width: 3, channels: 1 });
    assert_eq!(points.values(), array![[1.0, 2.0, 3.0], [-4.0, 5.5, 6.0]]);
    let extended = File { extended: 160, ..File::new() };
    assert_eq!(parse(&extended).unwrap(), points);
}

#[test]
fn every_mode_in_both_orders() {
    for (mode, number, value) in [
        (0, &[0xfe][..], -2.0),
        (1, &[0xff, 0xfe], -2.0),
        (2, &[0xc0, 0, 0, 0], -2.0),
        (6, &[0xff, 0xfe], 65534.0),
        (12, &[0xc0, 0], -2.0),
    ] {
        let reversed: Vec<u8> = number.iter().rev().copied().collect();
        let little = File { sizes: [1; 3], mode, data: reversed, ..File::new() };
        let big = File { data: number.to_vec(), big: true, stamp: [0x11, 0x11, 0, 0], ..little };
        // Stamps that are empty, and that name the wrong order.
        let stamps = [[0; 4], [0x44, 0x41, 0, 0], [0x11, 0x11, 0, 0], *b"junk"];
        for file in
            [File { sizes: [1; 3], mode, data: number.iter().rev().copied().collect(), ..File::new() }, big]
        {
            assert_eq!(parse(&file).unwrap().values(), array![[value]], "mode {mode}");
            for stamp in stamps {
                let bytes = File { stamp, data: file.data.clone(), ..file }.bytes();
                assert_eq!(
                    parse_as(PATH, &bytes).unwrap().values(),
                    array![[value]],
                    "mode {mode} {stamp:?}"
                );
            }
        }
    }
}

/// IMOD's stamp without the flag of signed bytes.
#[test]
fn bytes_of_imod_have_no_sign() {
    let mut bytes = File { sizes: [1; 3], mode: 0, data: vec![0xfe], ..File::new() }.bytes();
    bytes[152..156].copy_from_slice(b"IMOD");
    assert_eq!(parse_as(PATH, &bytes).unwrap().values(), array![[254.0]]);
    bytes[156] = 1;
    assert_eq!(parse_as(PATH, &bytes).unwrap().values(), array![[-2.0]]);
}

#[test]
fn modes_that_are_not_read_are_refused_by_name() {
    for (mode, word) in [(3, "complex"), (4, "complex"), (101, "4-bit"), (7, "mode 7 is unknown")] {
        let error = error(&File { mode, ..File::new() });
        assert_eq!((error.kind, &error.location), (ErrorKind::Unsupported, &Some(Location::Offset(12))));
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[test]
fn sizes_that_are_not() {
    for (sizes, word, offset) in [
        ([0, 1, 2], "0 columns", 0),
        ([3, -1, 2], "-1 rows", 4),
        ([3, 1, i32::MIN], "-2147483648 sections", 8),
    ] {
        let error = error(&File { sizes, ..File::new() });
        assert_eq!((error.kind, &error.location), (ErrorKind::Malformed, &Some(Location::Offset(offset))));
        assert!(error.to_string().contains(word), "{error}");
        // Without the tag nothing speaks for MRC but the name.
        let untagged = super::tests::error(&File { sizes, tag: [0; 4], ..File::new() });
        assert!(untagged.to_string().contains("does not begin as an MRC file"), "{untagged}");
    }
    let absurd = error(&File { sizes: [i32::MAX; 3], ..File::new() });
    assert!(
        absurd.kind == ErrorKind::Malformed && absurd.to_string().contains("the file has 1048"),
        "{absurd}"
    );
    let negative = error(&File { extended: -4, ..File::new() });
    assert_eq!(negative.location, Some(Location::Offset(92)));
}

/// Where the length is not known, as within compressed files, the limit speaks before memory is taken.
#[test]
fn absurd_sizes_of_unknown_length_exceed_the_limit() {
    for sizes in [[i32::MAX; 3], [65535, 65535, 1]] {
        let bytes = File { sizes, ..File::new() }.bytes();
        let input = Input::new(Path::new(PATH), Box::new(&bytes[..]), None, 1 << 30).unwrap();
        assert_eq!(read(input).unwrap_err().kind, ErrorKind::TooLarge);
    }
}

#[test]
fn lengths_that_disagree() {
    let whole = File::new().bytes();
    for end in 0..whole.len() {
        assert_eq!(parse_as(PATH, &whole[..end]).unwrap_err().kind, ErrorKind::Malformed, "cut at {end}");
    }
    let cut = parse_as(PATH, &whole[..whole.len() - 1]).unwrap_err().to_string();
    assert!(cut.contains("1048 bytes in all, and the file has 1047; the file was cut short"), "{cut}");
    let longer = parse_as(PATH, &[&whole[..], &[0; 5]].concat()).unwrap_err().to_string();
    assert!(longer.contains("if the extended header has 5 bytes, set NSYMBT (byte 92)"), "{longer}");
    let lie = File { extended: 4096, ..File::new() }.bytes();
    let lie = parse_as(PATH, &[&lie[..1024], &lie[1024 + 4096..]].concat()).unwrap_err().to_string();
    assert!(lie.contains("set NSYMBT (byte 92) to 0"), "{lie}");
}

#[test]
fn a_nan_is_named_by_section_row_and_column() {
    let values = [0.0f32, 1.0, 2.0, 3.0, 4.0, f32::NAN, 6.0, 7.0];
    let data = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let error = error(&File { sizes: [2, 2, 2], data, ..File::new() });
    assert_eq!(error.kind, ErrorKind::NonFinite);
    assert_eq!(error.location, Some(Location::Pixel { section: 1, row: 0, column: 1 }));
    assert!(error.to_string().contains("section 1, row 0, column 1"), "{error}");
}

/// Tag, name, and length, each alone.
#[test]
fn what_counts_as_mrc() {
    let tagged = File::new().bytes();
    let bare = File { tag: [0; 4], stamp: [0; 4], ..File::new() }.bytes();
    let longer = [&bare[..], &[0]].concat();
    let found = |name: &str, bytes: &[u8]| {
        let input = Input::new(Path::new(name), Box::new(bytes), Some(bytes.len() as u64), 1 << 30).unwrap();
        (recognise(&input), fits(&input))
    };
    assert_eq!(found("x", &tagged), (true, true));
    assert_eq!(found("x", &bare), (false, true));
    assert_eq!(found("x", &longer), (false, false));
    let text = [&b"1,2\n".repeat(52)[..], b"MAP ", &b"1,2\n".repeat(300)].concat();
    assert_eq!(found("x", &text), (false, false));
    for name in ["x.mrc", "x.MRCS", "x.ccp4.gz", "x.map", "x.rec", "x.st.gz"] {
        assert_eq!(found(name, &longer), (true, false), "{name}");
    }
    assert_eq!((found("x.mrc", b"1,2"), found("x.map", b"1,2")), ((true, false), (false, false)));
}

#[test]
fn voxels_and_what_a_volume_says() {
    let mut bytes = File::new().bytes();
    let header = |bytes: &[u8]| Layout::parse(bytes.first_chunk().unwrap()).unwrap().header;
    assert_eq!(header(&bytes).voxel_size, Some([1.5; 3]));
    assert!(header(&bytes).to_string().contains("pixels of 1.5000×1.5000 Å"), "{}", header(&bytes));
    bytes[88] = 1;
    assert!(header(&bytes).to_string().contains("sections are taken as images"), "{}", header(&bytes));
    bytes[40..44].copy_from_slice(&[0; 4]);
    assert_eq!(header(&bytes).voxel_size, None);
}
