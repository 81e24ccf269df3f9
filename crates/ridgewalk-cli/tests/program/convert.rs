//! `data make`, `data convert` and `data info`.

use crate::support::Folder;

const NAMES: [&str; 9] = [
    "digits",
    "circle",
    "wavy-circle",
    "swiss-roll",
    "sphere",
    "torus",
    "two-moons",
    "shapes",
    "projections",
];
const FORMATS: [&str; 4] = ["npy", "npz", "csv", "parquet"];

#[test]
fn every_name_is_made() {
    let folder = Folder::new();
    for name in NAMES {
        folder.ok(&format!("data make {name} --points 30 -o {name}.npy"));
        assert_eq!(folder.points(&format!("{name}.npy")).len(), 30, "{name}");
        let info = folder.ok(&format!("data info {name}:n=30"));
        assert!(info.out.contains("points       30"), "{}", info.out);
    }
    folder.ok("data make circle --points 9 -o c.npy");
    for point in folder.points("c.npy").values().outer_iter() {
        assert!((point[0].hypot(point[1]) - 1.0).abs() < 1e-12, "{point} is not on the unit circle");
    }
    folder.ok("data make torus --points 9 --dim 12 -o t.npy");
    assert_eq!(folder.points("t.npy").dim(), 12);
}

#[test]
fn every_format_to_every_other_and_back() {
    let folder = Folder::new();
    folder.ok("data make two-moons --points 40 --noise 0.1 -o first.npz");
    let first = folder.points("first.npz");
    for from in FORMATS {
        folder.ok(&format!("data convert first.npz a.{from}"));
        for to in FORMATS {
            folder.ok(&format!("data convert a.{from} b.{to}"));
            let back = folder.points(&format!("b.{to}"));
            assert_eq!(back.values(), first.values(), "{from} to {to}");
            // NPY has no place for labels.
            let labels = if [from, to].contains(&"npy") { None } else { first.labels() };
            assert_eq!(back.labels(), labels, "{from} to {to}");
        }
    }
}

#[test]
fn images_and_names_are_kept_where_the_format_can() {
    let folder = Folder::new();
    folder.ok("data convert digits:n=9 a.npz");
    folder.ok("data convert a.npz b.npy");
    assert_eq!(folder.points("b.npy").shape(), folder.points("a.npz").shape());
    folder.ok("data convert a.npz sheet.png");
    assert_eq!(&folder.read("sheet.png")[..4], b"\x89PNG");
    folder.write("t.csv", "height,weight\n1,2\n3,4\n");
    folder.ok("data convert t.csv t.parquet");
    folder.ok("data convert t.parquet u.csv");
    assert!(folder.text("u.csv").starts_with("height,weight\n"));
    assert_eq!(folder.points("u.csv").values(), folder.points("t.csv").values());
}

/// Points 0 and 4 have mean 2 and standard deviation 2.
#[test]
fn standardized_data_by_hand() {
    let folder = Folder::with("p.csv", "x,y\n0,7\n4,7\n");
    folder.ok("data convert p.csv z.csv --standardize");
    assert_eq!(folder.text("z.csv"), "x,y\n-1.0,0.0\n1.0,0.0\n");
}

#[test]
fn one_class_and_a_part() {
    let folder = Folder::with("p.csv", "x,label\n1,0\n2,1\n3,1\n4,0\n");
    folder.ok("data convert p.csv one.csv --class 1");
    assert_eq!(folder.text("one.csv"), "x,label\n2.0,1\n3.0,1\n");
    folder.ok("data convert p.csv first.csv --points 2");
    assert_eq!(folder.points("first.csv").len(), 2);
    folder.ok("data convert p.csv kept.csv --hold-out 0.25");
    assert_eq!(folder.points("kept.csv").len(), 3);
}

/// A seed in the name means those points, whatever --seed says of noise and fits.
#[test]
fn a_seed_in_the_name_stands() {
    let folder = Folder::new();
    folder.ok("data make torus --points 9 --seed 7 -o flag.npy");
    folder.ok("data make torus:seed=7 --points 9 -o name.npy");
    folder.ok("data make torus:seed=7 --points 9 --seed 8 -o both.npy");
    folder.ok("data make torus --points 9 -o other.npy");
    let [flag, name, both, other] =
        ["flag", "name", "both", "other"].map(|set| folder.read(&format!("{set}.npy")));
    assert!(flag == name && name == both && both != other);
}
