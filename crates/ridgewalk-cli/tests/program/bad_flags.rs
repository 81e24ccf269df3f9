//! Flags without meaning: a message that names the flag, lists what there is, and nothing written.

use crate::support::Folder;

fn folder() -> Folder {
    let folder = Folder::with("p.csv", "1,2\n3,4\n5,7\n");
    folder.write("x3.csv", "1,2,3\n");
    folder
}

#[test]
fn numbers_out_of_range() {
    let folder = folder();
    for value in ["0", "-1", "nan", "inf", "-inf", "1e999", "much", ""] {
        let eval = format!("eval p.csv --at p.csv --sigma={value} -o y.npy");
        folder.refused(&eval, &["--sigma"]);
        for flag in ["--sigma-min", "--sigma-max"] {
            folder.refused(&format!("sample p.csv -n 2 {flag}={value} -o y"), &[flag]);
        }
        for flag in ["--smooth-tolerance", "--smooth-below"] {
            folder.refused(&format!("sample p.csv -n 2 --smooth 1 {flag}={value} -o y"), &[flag]);
        }
    }
    for value in ["-1", "nan", "inf", "x"] {
        for flag in ["--noise", "--smooth", "--kde"] {
            folder.refused(&format!("sample p.csv -n 2 {flag}={value} -o y"), &[flag]);
        }
        folder
            .refused(&format!("sample p.csv -n 2 --solver heun:churn={value} -o y"), &["--solver", "churn"]);
    }
    for value in ["0", "-3", "1.5", "x", "99999999999999999999"] {
        for flag in ["-n", "--steps", "--batch", "--points", "--components", "--smooth-draws"] {
            folder.refused(&format!("sample p.csv {flag}={value} -o y"), &[flag]);
        }
        folder.refused(&format!("survey p.csv --data p.csv --resamples={value} -o y"), &["--resamples"]);
    }
    for value in ["-0.1", "1", "2", "nan"] {
        folder.refused(&format!("sample p.csv --hold-out={value} -o y"), &["--hold-out"]);
    }
    folder.refused("sample p.csv --sigma-min 5 --sigma-max 1 -o y", &["sigma"]);
    folder.refused("sample p.csv --rank=-1 -o y", &["--rank", "full, diagonal or a whole number"]);
    folder.refused("sample p.csv --seed=-1 -o y", &["--seed"]);
}

/// A negative number after a space is a value, not an unknown flag.
#[test]
fn negative_values_are_told_by_their_flag() {
    let folder = folder();
    folder.refused("sample p.csv --smooth -1 -o y", &["--smooth", "not negative"]);
    folder.refused("sample p.csv --noise -0.5 -o y", &["--noise", "not negative"]);
    folder.refused("sample p.csv --salt-and-pepper 1.5 -o y", &["--salt-and-pepper", "from 0 to 1"]);
    folder.refused("sample p.csv --format mrcs -o y", &["--format mrcs", "grey images", "vector of 2"]);
    folder.refused("data info digits --tile 0", &["--tile", "at least 1"]);
    folder.refused("data info digits --tile 9", &["--tile 9", "9×9", "8×8", "from 1 to 8"]);
    folder.refused("data info p.csv --tile 1", &["--tile 1", "p.csv", "vector of 2"]);
    folder.refused("sample p.csv --kde -1 -o y", &["--kde", "not negative"]);
    folder.refused("eval p.csv --at p.csv --sigma -1 -o y.npy", &["--sigma", "above 0"]);
    folder.refused("sample p.csv --sigma-max -1 -o y", &["--sigma-max", "above 0"]);
    folder.refused("sample p.csv --hold-out -0.5 -o y", &["--hold-out", "fraction"]);
    folder.refused("sample p.csv -n -1 -o y", &["-n"]);
}

/// More than any machine holds is refused before it is asked for.
#[test]
fn numbers_beyond_memory() {
    let folder = folder();
    let huge = "1000000000000";
    folder.refused(&format!("sample p.csv -n {huge} -o y"), &["-n", "GiB"]);
    folder.refused(&format!("sample p.csv --kde 1 -n {huge} -o y"), &["-n", "GiB"]);
    folder.refused(&format!("sample p.csv -n {} -o y", usize::MAX), &["-n"]);
    folder.refused(&format!("sample p.csv --steps {huge} -o y"), &["--steps"]);
    folder.refused(&format!("sample p.csv --smooth 1 --smooth-draws {huge} -o y"), &["--smooth-draws"]);
    folder.refused(&format!("survey p.csv --data p.csv --resamples {huge} -o y"), &["--resamples"]);
    folder.refused(&format!("data make circle --points {huge} -o y.npy"), &["GiB"]);
    folder.refused(&format!("data make circle --dim {huge} -o y.npy"), &["GiB"]);
    folder.refused(&format!("sample p.csv --model mixture --components {huge} -o y"), &["component"]);
    // A rank beyond the dimension is full.
    folder.ok(&format!("sample p.csv -n 3 --model gaussian --rank {huge} -o low"));
    folder.ok("sample p.csv -n 3 --model gaussian --rank 2 -o full");
    assert_eq!(folder.read("low/samples.npy"), folder.read("full/samples.npy"));
    // The largest batch is the whole set: no memory is taken for what is not there.
    folder.ok(&format!("sample p.csv -n 3 --batch {} -o s", usize::MAX));
}

#[test]
fn unknown_names_list_the_known() {
    let folder = folder();
    let lists: [(&str, &[&str]); 12] = [
        ("sample nothing -o y", &["nothing", "digits", "circle", "two-moons", "NPY", "CSV"]),
        ("fit nothing.npy -o y.safetensors", &["nothing.npy", "neither a file nor a name"]),
        ("data make nothing -o y.npy", &["nothing", "digits", "swiss-roll"]),
        ("data info nothing", &["nothing", "torus"]),
        ("data info circle:size=3", &["size", "n, seed, dim"]),
        ("data info circle:n=x", &["n", "`x`"]),
        ("sample p.csv --solver rk7 -o y", &["--solver", "rk7", "euler", "heun", "unipc"]),
        ("sample p.csv --schedule x -o y", &["--schedule", "karras", "log-linear"]),
        ("sample p.csv --model net -o y", &["--model", "empirical", "gaussian", "mixture"]),
        ("sample p.csv --format xls -o y", &["--format", "npy", "parquet"]),
        ("eval p.csv --at p.csv --sigma 1 --what hessian", &["--what", "denoised", "score", "divergence"]),
        ("survey p.csv --data nothing -o y", &["nothing", "digits"]),
    ];
    for (words, parts) in lists {
        folder.refused(words, parts);
    }
}

#[test]
fn unknown_flags_and_missing_arguments() {
    let folder = folder();
    for command in
        ["walk", "fit p.csv", "sample p.csv", "survey p.csv", "data info p.csv", "rerun p.csv", "man"]
    {
        folder.refused(&format!("{command} --fly"), &["--fly", "--help"]);
    }
    folder.refused("fly", &["fly", "--help"]);
    folder.refused("sample p.csv --step 3", &["--steps"]);
    folder.refused("fit", &["DATA"]);
    folder.refused("eval p.csv --sigma 1", &["--at"]);
    folder.refused("eval p.csv --at p.csv", &["--sigma"]);
    folder.refused("survey p.csv", &["--data"]);
    folder.refused("data make circle", &["--output"]);
    assert_eq!(folder.run("").code, Some(2));
}

#[test]
fn bad_settings_of_attraction() {
    let folder = folder();
    for (setting, parts) in [
        ("a", ["a", "name=number"]),
        ("a=", ["a", "number"]),
        ("a=0", ["--mad", "above 0"]),
        ("b=-1", ["--mad", "not negative"]),
        ("p=nan", ["nan", "finite"]),
        ("d=1", ["'d'", "onset, a, b, p, c and reach"]),
        ("a=1;b=2", ["--mad", "number"]),
        ("onset=0", ["--mad", "above 0"]),
    ] {
        folder.refused(&format!("sample p.csv --model gaussian --mad={setting} -o y"), &parts);
    }
    folder.refused("sample p.csv --mad --kde 1 -o y", &["--kde", "--mad"]);
    folder.refused("sample p.csv --solver heun-euler -o y", &["heun-euler", "add --mad"]);
    folder.refused("sample p.csv --solver euler:churn=1 -o y", &["--solver", "churn", "takes none"]);
}

#[test]
fn bad_settings_of_smoothing() {
    let folder = folder();
    for (setting, parts) in [
        ("round", ["'round'", "isotropic and manifold"]),
        ("isotropic:2", ["'isotropic'", "manifold"]),
        ("manifold:0", ["--smooth-kernel", "at least 1"]),
        ("manifold:x", ["'x'", "whole number"]),
        ("manifold,near=3", ["'near'", "neighbours"]),
        ("manifold,neighbours", ["--smooth-kernel", "whole number"]),
        ("manifold,neighbours=9", ["neighbours", "2 to 3"]),
        ("manifold:2,neighbours=2", ["dimension", "1"]),
        ("manifold:3", ["dimension", "tangent planes is 3"]),
    ] {
        folder.refused(&format!("sample p.csv --smooth 1 --smooth-kernel {setting} -o y"), &parts);
    }
    folder.refused(
        "sample swiss-roll:n=30,dim=5 --smooth 1 --smooth-estimator gauss-hermite -o y",
        &["Gauss-Hermite", "5 coordinates", "up to 3"],
    );
    folder.ok("fit p.csv --model gaussian -o m.safetensors");
    folder.refused("sample m.safetensors --smooth 1 --smooth-kernel manifold -o y", &["manifold", "DATA"]);
}

#[test]
fn shapes_and_classes_that_do_not_fit() {
    let folder = folder();
    folder.refused("eval p.csv --at x3.csv --sigma 1 -o y.npy", &["x3.csv", "3 coordinates", "2"]);
    folder.refused("sample p.csv --class 1 -o y", &["class", "labels", "none"]);
    folder.refused("sample two-moons --class 7 -o y", &["class", "7", "[0, 1]"]);
    folder.refused("sample p.csv --hold-out 0.9 -o y", &["--hold-out", "smaller"]);
    folder.refused("sample p.csv --model mixture --components 4 -o y", &["component"]);
    folder.refused("sample p.csv --columns z -o y", &["p.csv", "z"]);
    folder.refused("sample p.csv --label-column z -o y", &["p.csv", "z"]);
    folder.refused("sample p.csv --labels absent.txt -o y", &["absent.txt"]);
    folder.refused("sample p.csv --labels x3.csv -o y", &["x3.csv"]);
    folder.ok("data convert p.csv p.npz");
    folder.refused("sample p.npz --key z -o y", &["p.npz", "z"]);
    folder.refused("data make circle --dim 1 -o y.npy", &["circle", "dim"]);
    for name in ["shapes", "projections"] {
        folder.refused(&format!("data make {name} --dim 300 -o y.npy"), &[name, "300 pixels", "dim=1024"]);
    }
    folder.refused("data make circle --points 3 -o y.mrcs", &["y.mrcs", "images", "vector of 2"]);
    folder.refused("data make circle --points 3 -o y.png", &["y.png", "images"]);
}

#[test]
fn a_model_file_cannot_do_what_needs_data() {
    let folder = folder();
    folder.ok("fit p.csv --model gaussian -o m.safetensors");
    folder.refused("sample m.safetensors --smooth auto -o y", &["--smooth auto", "DATA"]);
    folder.refused("sample m.safetensors --kde 1 -o y", &["--kde", "DATA"]);
    folder.refused("eval p.csv --mad --at p.csv --sigma 1 --what divergence -o y.npy", &["drop --mad"]);
    folder.refused("eval p.csv --smooth 1 --at p.csv --sigma 1 --what log-density -o y.npy", &["--smooth"]);
}

/// Flags that cannot act on a model that is fitted already are refused, not passed over.
#[test]
fn flags_for_data_beside_a_model() {
    let folder = folder();
    folder.ok("fit p.csv -o m.safetensors");
    for flag in [
        "--noise 1",
        "--noise 0",
        "--salt-and-pepper 0.1",
        "--points 2",
        "--class 1",
        "--labels p.csv",
        "--standardize",
        "--hold-out 0.5",
        "--hold-out 0",
        "--model empirical",
        "--model mixture",
        "--components 3",
        "--rank 1",
        "--latent pca",
    ] {
        let name = flag.split(' ').next().unwrap();
        folder.refused(&format!("sample m.safetensors -n 2 {flag} -o s"), &[name, "ridgewalk fit"]);
        let eval = format!("eval m.safetensors --at p.csv --sigma 1 {flag} -o y.npy");
        folder.refused(&eval, &[name, "ridgewalk fit"]);
    }
    // eval reads a table, sample none.
    for flag in ["--columns a", "--label-column a", "--key a", "--tile 8"] {
        let name = flag.split(' ').next().unwrap();
        folder.refused(&format!("sample m.safetensors -n 2 {flag} -o s"), &[name, "drop"]);
    }
}

#[test]
fn flags_without_effect() {
    let folder = folder();
    for flag in [
        "--solver heun",
        "--schedule karras",
        "--steps 3",
        "--sigma-min 1",
        "--sigma-max 9",
        "--guidance 2",
        "--from p.csv",
        "--batch 9",
        "--model gaussian",
        "--components 3",
        "--rank 1",
        "--smooth 1",
        "--mad",
    ] {
        let name = flag.split(' ').next().unwrap();
        folder.refused(&format!("sample p.csv -n 2 --kde 1 {flag} -o y"), &["--kde", name]);
    }
    for (flags, parts) in [
        ("--schedule log-linear:rho=3", ["'rho'", "takes none"]),
        ("--schedule karras:rho=0", ["rho", "positive"]),
        ("--schedule 9,3,1 --steps 3", ["--steps", "lists its levels"]),
        ("--schedule 9,3,1 --sigma-max 9", ["--sigma-max", "lists its levels"]),
        ("--schedule 9,9,1", ["levels", "9 at 0"]),
        ("--guidance 2", ["--guidance", "--class"]),
        ("--guidance-rescale 0.5", ["--guidance-rescale", "--guidance"]),
        ("--guidance-interval 1..2", ["--guidance-interval", "--guidance"]),
        ("--guidance 2 --guidance-interval 2..1", ["--guidance-interval", "lower level first"]),
        ("--guidance 2 --guide p.csv", ["--guide p.csv", "ridgewalk fit"]),
        ("--smooth-draws 9", ["--smooth-draws", "--smooth"]),
        ("--smooth-kernel manifold", ["--smooth-kernel", "--smooth"]),
        ("--smooth-estimator qmc", ["--smooth-estimator", "--smooth"]),
        ("--smooth-tolerance 9", ["--smooth-tolerance", "--smooth"]),
        ("--smooth-below 9", ["--smooth-below", "--smooth"]),
        ("--components 2", ["--components", "--model mixture"]),
        ("--model gaussian --components 2", ["--components", "--model mixture"]),
        ("--rank 1", ["--rank", "--model gaussian"]),
        ("--model gaussian --mad a=1,onset=2", ["onset", "one of them"]),
        ("--model gaussian --mad b=1,b=2", ["'b'", "twice"]),
    ] {
        folder.refused(&format!("sample p.csv -n 2 {flags} -o y"), &parts);
    }
    folder.ok("sample p.csv -n 2 --schedule linear-time:process=vp -o y");
    folder.ok("sample p.csv -n 2 --schedule karras:rho=3 -o y");
    folder.refused("data info p.csv --hold-out 0.5", &["--hold-out"]);
    folder.refused("data info p.csv --standardize", &["--standardize"]);
    folder.refused("survey p.csv --data p.csv --standardize -o s", &["--standardize"]);
}

#[test]
fn output_that_cannot_be_written() {
    let folder = folder();
    folder.refused("fit p.csv -o model", &["model", ".safetensors", "--output"]);
    folder.refused("data convert p.csv y.xls", &["y.xls", ".npy"]);
    folder.refused("data convert p.csv y", &["y", ".npy"]);
    folder.refused("eval p.csv --at p.csv --sigma 1 -o y.xls", &["y.xls", ".npy"]);
    // A file where a folder is wanted, and the other way round.
    folder.write("file", "mine");
    folder.refused("sample p.csv -n 2 -o file", &["file"]);
    folder.refused("sample p.csv -n 2 -o file/deeper", &["file/deeper"]);
    folder.refused("fit p.csv -o file/m.safetensors", &["file"]);
    folder.refused("survey p.csv --data p.csv --resamples 9 -o file", &["file"]);
    folder.refused("man -o file", &["file"]);
    std::fs::create_dir(folder.path("y.npy")).unwrap();
    folder.refused("data convert p.csv y.npy", &["y.npy", "not a regular file"]);
    folder.refused("data convert p.csv absent/y.csv", &["absent/y.csv", "folder"]);
    folder.refused("eval p.csv --at p.csv --sigma 1 -o absent/y.csv", &["absent/y.csv", "folder"]);
    // A folder that no one may write into, whoever runs the tests.
    folder.refused("sample p.csv -n 2 -o /proc/none", &["/proc/none"]);
    folder.refused("data convert p.csv /proc/none.csv", &["/proc/none.csv"]);
    folder.refused("fit p.csv -o /proc/none/m.safetensors", &["/proc/none"]);
}
