//! Files that lie or break off, through every command that reads them: a message that names the file,
//! and nothing written.

use crate::support::{Folder, gzip, npy, npy_f64};

/// Every command that reads data from `NAME`, and would write `y`.
const READERS: [&str; 9] = [
    "fit NAME -o y.safetensors",
    "sample NAME -n 2 -o y",
    "sample NAME -n 2 --model gaussian --mad -o y",
    "eval NAME --at good.csv --sigma 1 -o y.npy",
    "eval good.csv --at NAME --sigma 1 -o y.npy",
    "survey NAME --data good.csv -o y",
    "survey good.csv --data NAME -o y",
    "data info NAME",
    "data convert NAME y.npy",
];

fn good() -> Folder {
    Folder::with("good.csv", "a,b\n1,2\n3,4\n5,7\n")
}

/// Refused by all commands with a message that holds the file's name and `parts`.
fn refused_everywhere(folder: &Folder, name: &str, parts: &[&str]) {
    for reader in READERS {
        let message = folder.refused(&reader.replace("NAME", name), &[&[name], parts].concat());
        assert!(message.contains("; "), "says what to do: {message}");
    }
}

#[test]
fn empty_files() {
    let folder = good();
    for name in ["x.npy", "x.npz", "x.csv", "x.parquet", "x.mrc", "x.png", "x-idx3-ubyte", "x.safetensors"] {
        folder.write(name, "");
        refused_everywhere(&folder, name, &["empty"]);
    }
    folder.write("x.csv.gz", gzip(b""));
    refused_everywhere(&folder, "x.csv.gz", &["empty"]);
    std::fs::create_dir(folder.path("images")).unwrap();
    refused_everywhere(&folder, "images", &[]);
}

#[test]
fn values_that_are_not_finite() {
    let folder = good();
    for (value, word) in [(f64::NAN, "NaN"), (f64::INFINITY, "inf"), (f64::NEG_INFINITY, "-inf")] {
        folder.write("x.npy", npy_f64("(2, 2)", &[1.0, 2.0, 3.0, value]));
        refused_everywhere(&folder, "x.npy", &["row 1", "column 1", word]);
    }
    for word in ["nan", "inf", "-Infinity", "1e999"] {
        folder.write("x.csv", format!("a,b\n1,2\n3,{word}\n"));
        refused_everywhere(&folder, "x.csv", &["line 3", "field 2"]);
    }
}

#[test]
fn a_wrong_beginning() {
    let folder = good();
    for name in ["x.npy", "x.npz", "x.parquet", "x.png", "x.jpg", "x-idx3-ubyte.gz"] {
        folder.write(name, "1,2\n3,4\n");
        refused_everywhere(&folder, name, &["does not begin"]);
    }
    folder.write("x.dat", b"\x7fELF\x00\x01\x02");
    refused_everywhere(&folder, "x.dat", &["no known format"]);
}

#[test]
fn ragged_and_wordy_tables() {
    let folder = good();
    folder.write("x.csv", "1,2\n3,4\n5\n");
    refused_everywhere(&folder, "x.csv", &["line 3"]);
    folder.write("x.csv", "1,2\n3,4,5\n");
    refused_everywhere(&folder, "x.csv", &["line 2"]);
    folder.write("x.csv", "a,b\n1,2\n3,cat\n");
    refused_everywhere(&folder, "x.csv", &["line 3", "`cat`"]);
    folder.write("x.csv", "a,b\n");
    refused_everywhere(&folder, "x.csv", &["no points"]);
}

#[test]
fn objects_and_lies() {
    let folder = good();
    folder.write("x.npy", npy("'|O'", "(1,)", b"\x80\x04N."));
    refused_everywhere(&folder, "x.npy", &[]);
    folder.write("x.npy", npy("'<f8'", "(1000000, 1000000)", &[0; 80]));
    refused_everywhere(&folder, "x.npy", &["only 80 bytes follow"]);
    folder.write("x.npy", npy("'<f8'", "(18446744073709551615, 9)", &[0; 80]));
    refused_everywhere(&folder, "x.npy", &[]);
    folder.write("x.npy.gz", gzip(&npy("'<f8'", "(1000000, 1000000)", &[0; 80])));
    refused_everywhere(&folder, "x.npy.gz", &["GiB"]);
    let idx = [&[0, 0, 8, 3][..], &[0xff; 12], &[1; 20]].concat();
    folder.write("x-idx3-ubyte", &idx);
    refused_everywhere(&folder, "x-idx3-ubyte", &[]);
    folder.write("x-idx3-ubyte.gz", gzip(&idx));
    refused_everywhere(&folder, "x-idx3-ubyte.gz", &["GiB"]);
    // 64 MiB of zeros behind a header that declares 16 bytes.
    let bomb = [&[0, 0, 8, 1, 0, 0, 0, 16][..], &vec![0; 64 << 20]].concat();
    folder.write("x-idx1-ubyte.gz", gzip(&bomb));
    refused_everywhere(&folder, "x-idx1-ubyte.gz", &["more bytes follow"]);
}

/// Every format, cut at every eighth of its length: an error from every command.
#[test]
fn files_that_break_off() {
    let folder = good();
    let values: Vec<f64> = (0..600).map(|i| f64::from(i * 37 % 256)).collect();
    folder.write("whole.npy", npy_f64("(6, 10, 10)", &values));
    folder.ok("data convert whole.npy whole.npz");
    folder.ok("data convert whole.npy whole.parquet");
    folder.ok("data convert whole.npy whole.png");
    folder.ok("fit whole.npy -o whole.safetensors");
    let pixels: Vec<u8> = values.iter().map(|v| *v as u8).collect();
    let idx = [&[0, 0, 8, 3, 0, 0, 0, 6, 0, 0, 0, 10, 0, 0, 0, 10][..], &pixels].concat();
    folder.write("whole-idx3-ubyte", &idx);
    folder.write("whole-idx3-ubyte.gz", gzip(&idx));
    let names =
        ["npy", "npz", "parquet", "png", "safetensors", "-idx3-ubyte", "-idx3-ubyte.gz"].map(|ending| {
            if ending.starts_with('-') { format!("whole{ending}") } else { format!("whole.{ending}") }
        });
    for name in names {
        let cut = name.replace("whole", "cut");
        let whole = folder.read(&name);
        for eighth in 0..8 {
            folder.write(&cut, &whole[..whole.len() * eighth / 8]);
            folder.refused(&format!("sample {cut} -n 2 -o y"), &[&cut]);
        }
        if name.ends_with(".png") {
            continue; // without its last byte a PNG still gives all its pixels
        }
        folder.write(&cut, &whole[..whole.len() - 1]);
        folder.refused(&format!("sample {cut} -n 2 -o y"), &[&cut, "; "]);
    }
}

#[test]
fn a_model_that_is_not_ours() {
    let folder = good();
    let safetensors = |json: &str| [&(json.len() as u64).to_le_bytes()[..], json.as_bytes()].concat();
    let torch = "{\"weight\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}";
    for content in [
        safetensors(torch),
        safetensors("{}"),
        safetensors("{\"__metadata__\":{\"format\":\"pt\"}}"),
        safetensors("not json"),
        u64::MAX.to_le_bytes().to_vec(),
        b"1,2\n3,4\n".to_vec(),
        vec![0; 100],
    ] {
        folder.write("x.safetensors", content);
        for words in [
            "sample x.safetensors -n 2 -o y",
            "eval x.safetensors --at good.csv --sigma 1 -o y.npy",
            "fit x.safetensors -o y.safetensors",
        ] {
            folder.refused(words, &["x.safetensors", "; "]);
        }
    }
}

/// A model whose numbers were changed is checked again: NaN among its points is no model.
#[test]
fn a_model_that_was_tampered_with() {
    let folder = good();
    folder.write("p.csv", "0.1,0.2\n0.3,0.4\n");
    folder.ok("fit p.csv -o m.safetensors");
    let mut bytes = folder.read("m.safetensors");
    let end = bytes.len();
    bytes[end - 8..].copy_from_slice(&f64::NAN.to_le_bytes());
    folder.write("bad.safetensors", bytes);
    folder.refused("sample bad.safetensors -n 2 -o y", &["bad.safetensors"]);
}
