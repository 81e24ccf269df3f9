//! Models that are never told the noise level: `sample --blind`.

use ndarray::ArrayView1;
use ridgewalk::process::PROCESSES;
use ridgewalk::{PointSet, Target};
use serde_json::Value;

use crate::support::Folder;

/// Distance of a point to the nearest of a set.
fn nearest(x: ArrayView1<f64>, data: &PointSet) -> f64 {
    let to = |y: ArrayView1<f64>| (&x - &y).mapv(|d| d * d).sum().sqrt();
    data.values().outer_iter().map(to).fold(f64::INFINITY, f64::min)
}

/// Twenty digits: 64 coordinates tell the noise level to about a tenth.
fn digits(folder: &Folder) -> PointSet {
    folder.ok("data make digits --points 20 -o digits.npy");
    folder.points("digits.npy")
}

/// Every target under every process, the same bytes in any batch.
#[test]
fn every_target_samples_under_every_process() {
    let folder = Folder::new();
    for target in Target::ALL {
        for entry in PROCESSES {
            let words = format!(
                "sample swiss-roll:n=30 --blind {target} --process {} -n 3 --steps 7 --seed 2",
                entry.name
            );
            let said = folder.ok(&format!("{words} -o s")).err;
            assert!(said.contains("noise left") && said.contains("divided by"), "{said}");
            let settings = &folder.json("s/run.json")["settings"];
            assert_eq!(settings["blind"]["target"], target.name());
            assert_eq!(settings["levels"].as_array().map(Vec::len), Some(7));
            assert_eq!(settings["evaluations"], 7);
            folder.ok(&format!("{words} --batch 2 -o t"));
            assert_eq!(folder.read("s/samples.npy"), folder.read("t/samples.npy"), "{words}");
        }
    }
}

/// A blind denoiser's samples of data points are data points; so are those of a descent. A blind velocity leaves some noise.
#[test]
fn samples_end_at_the_data() {
    let folder = Folder::new();
    let data = digits(&folder);
    // Euler's last step from the lowest level, and Descent's field below 1e-4, leave far less than a grey level.
    for words in [
        "--blind data",
        "--blind equilibrium --descent step=0.2,steps=200,stop=1e-4",
        "--blind data --descent step=0.2",
    ] {
        folder.ok(&format!("sample digits.npy {words} -n 6 -o s"));
        let samples = folder.points("s/samples.npy");
        for x in samples.values().outer_iter() {
            assert!(nearest(x, &data) < 0.5, "{words}: {}", nearest(x, &data));
        }
        let left = &folder.json("s/run.json")["settings"]["blind"]["noise_left"];
        assert_eq!(left["failed"], 0, "{words}");
        assert!(left["median"].as_f64() >= left["of_model"].as_f64().map(|level| 0.5 * level));
    }
    let steps: Vec<u64> = {
        folder.ok("sample digits.npy --blind equilibrium --descent step=0.2,steps=200,stop=1e-4 -n 6 -o s");
        let settings = folder.json("s/run.json")["settings"].clone();
        serde_json::from_value(settings["descent"]["steps"].clone()).unwrap()
    };
    // |f| shrinks by 0.8 a step near a point: from √64 to 1e-4 in about 50.
    assert!(steps.iter().all(|&steps| (30..120).contains(&steps)), "{steps:?}");
}

/// The noise that is read from samples is the noise that they have: points with noise of a known level added, and no way to go.
#[test]
fn noise_that_is_left_is_told() {
    let folder = Folder::new();
    digits(&folder);
    folder.ok("sample digits.npy --blind noise --process ddpm --steps 30 -n 12 -o s");
    folder.ok("sample digits.npy --blind data --process flow-matching --steps 30 -n 12 -o t");
    let left = |name: &str| folder.json(name)["settings"]["blind"]["noise_left"]["most"].as_f64().unwrap();
    // Blind predictions of the noise leave some samples with most of theirs, blind denoisers none.
    assert!(left("s/run.json") > 0.1, "{}", left("s/run.json"));
    assert!(left("t/run.json") < 0.02, "{}", left("t/run.json"));
}

/// Data of eight times the size give samples of eight times the size, to rounding.
#[test]
fn the_scale_of_the_data_does_not_matter() {
    let folder = Folder::new();
    folder.write("one.csv", "1,2,0.5\n3,1,-1\n2,2,0\n-1,0.5,2\n");
    folder.write("eight.csv", "8,16,4\n24,8,-8\n16,16,0\n-8,4,16\n");
    for words in [
        "--blind velocity --steps 12",
        "--blind v-prediction --steps 12",
        "--blind equilibrium --descent steps=20",
    ] {
        folder.ok(&format!("sample one.csv {words} -n 4 -o one"));
        folder.ok(&format!("sample eight.csv {words} -n 4 -o eight"));
        let (one, eight) = (folder.points("one/samples.npy"), folder.points("eight/samples.npy"));
        let off = (&one.values() * 8.0 - eight.values()).fold(0.0, |a: f64, d| a.max(d.abs()));
        assert!(off < 1e-9, "{words}: {off:e}");
    }
}

/// Models of other kinds, classes, latent spaces; and the same bytes from the record.
#[test]
fn blind_runs_can_be_done_again() {
    let folder = Folder::new();
    folder.ok("fit swiss-roll:n=60 --model mixture --components 3 -o m.safetensors");
    for words in [
        "m.safetensors --blind velocity --steps 9",
        "m.safetensors --blind velocity --solver heun --schedule karras --steps 5",
        "m.safetensors --blind equilibrium --descent momentum=0.5,steps=12",
        "m.safetensors --blind equilibrium --descent look-ahead=0.3,steps=12",
        "m.safetensors --blind noise --schedule 9,3,1,0.1 --solver ddpm",
        "m.safetensors --blind data --prior log-normal:mean=-1.2,deviation=1.2 --steps 6",
        "digits --points 60 --class 3 --latent pca:3 --blind velocity --steps 6",
        "digits --points 60 --standardize --blind velocity --steps 6 --trajectories",
        "swiss-roll:n=60 --model gaussian --deconvolve 0.1 --blind data --steps 6",
    ] {
        folder.ok(&format!("sample {words} -n 4 --seed 3 -o s"));
        let first = folder.read("s/samples.npy");
        folder.ok("rerun s/run.json -o again");
        assert_eq!(folder.read("again/samples.npy"), first, "{words}");
    }
    // States of an earlier run's noise are carried down by a blind model, too.
    folder.ok("invert m.safetensors --at s/samples.npy --steps 6 -o noise");
    folder
        .ok("sample m.safetensors --from noise/noise.npy --blind velocity --schedule noise/run.json -o down");
}

#[test]
fn what_has_no_meaning_is_refused() {
    let folder = Folder::new();
    for (words, parts) in [
        ("--blind speed", &["'speed'", "equilibrium"][..]),
        ("--blind velocity --mad", &["--mad"]),
        ("--blind velocity --smooth 1", &["--smooth"]),
        ("--blind velocity --class 1 --guidance 2", &["--guidance"]),
        ("--blind velocity --teleport auto", &["--teleport"]),
        ("--blind velocity --kde auto", &["--kde"]),
        ("--blind velocity --tweedie auto", &["--tweedie"]),
        ("--process ddpm", &["--blind"]),
        ("--prior uniform", &["--blind"]),
        ("--descent step=1", &["--blind"]),
        ("--blind noise --descent step=0.1", &["--descent", "noise", "equilibrium"]),
        ("--blind equilibrium --descent step=0", &["step is 0"]),
        ("--blind equilibrium --descent momentum=1", &["momentum is 1"]),
        ("--blind equilibrium --descent momentum=0.5,look-ahead=0.5", &["one of the two"]),
        ("--blind equilibrium --descent size=1", &["'size'", "step, steps"]),
        ("--blind equilibrium --descent step=0.1 --steps 5", &["--steps"]),
        ("--blind velocity --process straight", &["'straight'", "flow-matching"]),
        ("--blind velocity --prior gaussian", &["'gaussian'", "log-normal"]),
        ("--blind velocity --prior uniform:from=0.5,to=0.2", &["0.5", "lower first"]),
        ("--blind velocity --prior uniform:to=1.5", &["1.5", "at most 1"]),
        ("--blind velocity --schedule equalized", &["equalized", "--blind"]),
        ("--blind velocity --sigma-max 1 --sigma-min 2", &["1", "lowest level"]),
        ("--blind velocity --model random-features:features=20", &["density", "mixture"]),
    ] {
        folder.refused(&format!("sample swiss-roll:n=30 -n 2 {words} -o out"), parts);
    }
}

#[test]
fn targets_are_listed() {
    let folder = Folder::new();
    let json: Value = serde_json::from_str(&folder.ok("list targets --json").out).unwrap();
    let names: Vec<&str> =
        json["targets"].as_array().unwrap().iter().filter_map(|row| row["name"].as_str()).collect();
    assert_eq!(names, Target::ALL.map(Target::name));
    assert!(folder.ok("list").out.contains("2510.02300"));
}
