//! What is written is read back: values to the bit, shape, labels and names.

use ndarray::{Array2, array};
use ridgewalk::{PointSet, Shape};
use ridgewalk_data::{
    FloatWidth, LabelColumn, LoadOptions, Manifold, SheetOptions, Synthetic, digits, load, load_with,
    mrc_header, write_csv, write_mrc, write_npy, write_npz, write_parquet, write_points, write_sheet,
};

/// Values that lose something in careless hands.
fn awkward() -> PointSet {
    let values = array![
        [0.1, -0.0, 1e300],
        [f64::MIN_POSITIVE / 4.0, std::f64::consts::PI, -1e-300],
        [f64::MAX, 4503599627370497.5, 1.0 / 3.0]
    ];
    let names = ["a", "the \"second\", quoted", "c"].map(String::from).to_vec();
    PointSet::vectors(values).unwrap().with_labels(vec![7, 0, u32::MAX]).unwrap().with_columns(names).unwrap()
}

fn bits(points: &PointSet) -> Vec<u64> {
    points.values().iter().map(|v| v.to_bits()).collect()
}

fn through(name: &str, points: &PointSet) -> PointSet {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    write_points(&path, points).unwrap();
    load(path.to_str().unwrap()).unwrap()
}

#[test]
fn tables_keep_everything() {
    for name in ["x.csv", "x.parquet"] {
        let back = through(name, &awkward());
        assert_eq!(bits(&back), bits(&awkward()), "{name}");
        assert_eq!((back.labels(), back.columns()), (awkward().labels(), awkward().columns()), "{name}");
    }
}

#[test]
fn arrays_keep_values_and_npz_labels() {
    assert_eq!(bits(&through("x.npy", &awkward())), bits(&awkward()));
    let back = through("x.npz", &awkward());
    assert_eq!((bits(&back), back.labels()), (bits(&awkward()), awkward().labels()));
}

#[test]
fn images_keep_their_shape() {
    for channels in [1, 3] {
        let shape = Shape::Image { height: 2, width: 3, channels };
        let values = Array2::from_shape_fn((4, shape.dim()), |(i, j)| (i * 100 + j) as f64);
        let points = PointSet::new(values, shape).unwrap();
        assert_eq!(through("x.npy", &points), points);
        assert_eq!(through("x.npz", &points), points);
    }
}

#[test]
fn half_width_rounds_to_the_nearest_f32() {
    let folder = tempfile::tempdir().unwrap();
    let points = PointSet::vectors(array![[0.1], [16777217.0]]).unwrap();
    for name in ["x.npy", "x.npz", "x.parquet"] {
        let path = folder.path().join(name);
        match name {
            "x.npy" => write_npy(&path, &points, FloatWidth::F32).unwrap(),
            "x.npz" => write_npz(&path, &points, FloatWidth::F32).unwrap(),
            _ => write_parquet(&path, &points, FloatWidth::F32).unwrap(),
        }
        let back = load(path.to_str().unwrap()).unwrap();
        assert_eq!(back.values(), array![[f64::from(0.1f32)], [16777216.0]], "{name}");
    }
}

#[test]
fn the_same_points_give_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["x.npy", "x.npz", "x.csv", "x.parquet", "x.mrcs", "x.png"] {
        let path = folder.path().join(name);
        let points = Synthetic::new(Manifold::Shapes).points().unwrap();
        write_points(&path, &points).unwrap();
        let first = std::fs::read(&path).unwrap();
        write_points(&path, &points).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), first, "{name}");
    }
}

#[test]
fn a_sheet_of_one_image_at_scale_one_is_that_image_in_a_frame() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.png");
    let shape = Shape::Image { height: 1, width: 2, channels: 3 };
    let points = PointSet::new(array![[0.0, 10.0, 20.0, 255.0, 254.0, 1.0]], shape).unwrap();
    let options = SheetOptions { scale: Some(1), range: Some((0.0, 255.0)), ..Default::default() };
    write_sheet(&path, &points, &options).unwrap();
    let back = load(path.to_str().unwrap()).unwrap();
    assert_eq!(back.shape(), Shape::Image { height: 5, width: 6, channels: 3 });
    let row = 2 * 6 * 3;
    assert_eq!(back.point(0).to_vec()[row + 6..row + 12], [0.0, 10.0, 20.0, 255.0, 254.0, 1.0]);
}

/// Pixels that are f32 already come back to the bit, and the header states what any viewer computes from them.
#[test]
fn stacks_of_images() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.mrcs");
    let shape = Shape::Image { height: 2, width: 3, channels: 1 };
    let points = PointSet::new(Array2::from_shape_fn((4, 6), |(i, j)| (i * 6 + j) as f64), shape).unwrap();
    write_mrc(&path, &points, 2.5).unwrap();
    assert_eq!(load(path.to_str().unwrap()).unwrap(), points);
    let header = mrc_header(path.to_str().unwrap()).unwrap().unwrap();
    assert_eq!((header.columns, header.rows, header.sections, header.mode), (3, 2, 4, 2));
    assert_eq!((header.space_group, header.is_volume(), header.voxel_size), (0, false, Some([2.5; 3])));
    let bytes = std::fs::read(&path).unwrap();
    assert_eq!(bytes.len(), 1024 + 4 * 24);
    let float = |at: usize| f32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    // Of 0, 1, …, 23: the mean is 23/2, the variance (24² − 1)/12.
    assert_eq!([76, 80, 84, 216].map(float), [0.0, 23.0, 11.5, (575.0f64 / 12.0).sqrt() as f32]);
    assert_eq!((&bytes[208..216], &bytes[224..234]), (&b"MAP \x44\x44\0\0"[..], &b"ridgewalk "[..]));
    assert_eq!((&bytes[36..40], &bytes[92..96]), (&[1, 0, 0, 0][..], &[0; 4][..]));
    assert_eq!(mrc_header("digits").unwrap(), None);
}

#[test]
fn what_mrc_cannot_hold_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.mrc");
    let grey = |value: f64| {
        PointSet::new(array![[1.0, value]], Shape::Image { height: 1, width: 2, channels: 1 }).unwrap()
    };
    let rgb = PointSet::new(array![[1.0, 2.0, 3.0]], Shape::Image { height: 1, width: 1, channels: 3 });
    for (points, voxel, words) in [
        (awkward(), 1.0, "images of one channel, each point is a vector of 3"),
        (rgb.unwrap(), 1.0, "images of one channel"),
        (grey(1e300), 1.0, "row 0, column 1 (counted from 0): the value"),
        (grey(1.0), 0.0, "voxel size cannot be 0"),
        (grey(1.0), f64::NAN, "voxel size cannot be NaN"),
    ] {
        let error = write_mrc(&path, &points, voxel).unwrap_err().to_string();
        assert!(error.contains("x.mrc") && error.contains(words), "{error}");
        assert!(!path.exists());
    }
}

/// More rows than one Parquet row group holds.
#[test]
fn many_rows_cross_row_groups() {
    let values = Array2::from_shape_fn((70_000, 1), |(i, _)| i as f64);
    let labels = (0..70_000).collect();
    let points = PointSet::vectors(values).unwrap().with_labels(labels).unwrap();
    let back = through("x.parquet", &points);
    assert_eq!((back.values(), back.labels()), (points.values(), points.labels()));
}

#[test]
fn columns_and_labels_by_option() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["x.csv", "x.parquet"] {
        let path = folder.path().join(name);
        write_points(&path, &awkward()).unwrap();
        let options = LoadOptions {
            columns: Some(vec!["c".into(), "a".into()]),
            label_column: LabelColumn::None,
            ..LoadOptions::default()
        };
        let back = load_with(path.to_str().unwrap(), &options).unwrap();
        assert_eq!((back.dim(), back.labels()), (2, None), "{name}");
        assert_eq!(back.values()[[0, 0]], 1e300, "{name}");
    }
    let (data, labels) = (folder.path().join("d.npy"), folder.path().join("l.txt"));
    write_npy(&data, &awkward(), FloatWidth::F64).unwrap();
    std::fs::write(&labels, "species\ncat\ndog\ncat\n").unwrap();
    let error = load_with(
        data.to_str().unwrap(),
        &LoadOptions { labels: Some(labels.clone()), ..LoadOptions::default() },
    );
    // Words above words are all labels: four of them for three points.
    assert!(error.unwrap_err().to_string().contains("l.txt"));
    std::fs::write(&labels, "cat\ndog\ncat\n").unwrap();
    let options = LoadOptions { labels: Some(labels), n: Some(2), ..LoadOptions::default() };
    assert_eq!(load_with(data.to_str().unwrap(), &options).unwrap().labels(), Some(&[0, 1][..]));
}

#[test]
fn csv_is_read_as_people_write_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.csv");
    let read = |text: &str| {
        std::fs::write(&path, text).unwrap();
        load(path.to_str().unwrap()).unwrap()
    };
    let expected = array![[1.0, 2.0], [3.0, -4.5e3]];
    for text in [
        "1,2\n3,-4.5e3\n",
        "1;2\r\n3;-4.5e3",
        "# by numpy.savetxt\n 1.0  2.0\n3 -4.5e3\n",
        "# made by hand\n1\t2\n\n3\t-4.5e3\n",
        "\u{feff}a, \"b\"\n 1 , 2\n3,\"-4.5e3\"\n",
        "a,class,b\n1,x,2\n3,w,-4.5e3\n",
        "2,2,cat,dog\n1,2,0\n3,-4.5e3,1\n",
    ] {
        assert_eq!(read(text).values(), expected, "{text}");
    }
    assert_eq!(read("a,class,b\n1,x,2\n3,w,-4.5e3\n").labels(), Some(&[1, 0][..]));
    assert_eq!(read("2,2,cat,dog\n1,2,0\n3,-4.5e3,1\n").labels(), Some(&[0, 1][..]));
    assert_eq!(read("x,y\n1,2\n").columns().unwrap(), ["x", "y"]);
}

#[test]
fn a_folder_of_images() {
    let folder = tempfile::tempdir().unwrap();
    let save = |name: &str, pixels: &[u8], color: image::ExtendedColorType| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        image::save_buffer(path, pixels, 2, 1, color).unwrap();
    };
    save("b/2.png", &[1, 2], image::ExtendedColorType::L8);
    save("a/1.png", &[3, 4], image::ExtendedColorType::L8);
    std::fs::write(folder.path().join("a/notes.txt"), "not an image").unwrap();
    let set = load(folder.path().to_str().unwrap()).unwrap();
    assert_eq!(set.shape(), Shape::Image { height: 1, width: 2, channels: 1 });
    assert_eq!((set.values(), set.labels()), (array![[3.0, 4.0], [1.0, 2.0]].view(), Some(&[0, 1][..])));

    save("b/3.png", &[5, 6, 7, 8, 9, 10], image::ExtendedColorType::Rgb8);
    save("c/4.png", &[1, 2, 3, 255, 4, 5, 6, 255], image::ExtendedColorType::Rgba8);
    let set = load(folder.path().to_str().unwrap()).unwrap();
    assert_eq!(set.labels(), Some(&[0, 1, 1, 2][..]));
    assert_eq!(set.point(0).to_vec(), [3.0, 3.0, 3.0, 4.0, 4.0, 4.0]);
    assert_eq!(set.point(3).to_vec(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
}

#[test]
fn csv_and_digits_agree() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("digits.csv");
    write_csv(&path, &digits()).unwrap();
    let back = load(path.to_str().unwrap()).unwrap();
    assert_eq!((back.values(), back.labels()), (digits().values(), digits().labels()));
    let reduced = load("digits:n=10").unwrap();
    assert_eq!(reduced.values(), digits().values().slice(ndarray::s![..10, ..]));
}
