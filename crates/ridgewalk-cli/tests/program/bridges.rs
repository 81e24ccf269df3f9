//! Bridges: every path, with noise and without, leads where it says.

use ndarray::Axis;
use ridgewalk::interpolant::PATHS;

use crate::support::Folder;

/// Mean and mean variance of a file's points.
fn law(folder: &Folder, name: &str) -> (Vec<f64>, f64) {
    let points = folder.points(name);
    let mean = points.values().mean_axis(Axis(0)).unwrap().to_vec();
    (mean, points.values().var_axis(Axis(0), 0.0).mean().unwrap())
}

/// Two Gaussians of other means and shapes, as model files.
fn folder() -> Folder {
    let folder = Folder::new();
    folder.ok("data make two-moons --points 200 -o moons.npy");
    folder.ok("data make circle --points 200 --noise 0.1 -o circle.npy");
    folder.ok("fit moons.npy --model gaussian -o from.safetensors");
    folder.ok("fit circle.npy --model mixture --components 5 -o to.safetensors");
    folder
}

/// 600 points of a law of variance about ½: its mean is known to 0.03, its variance to 6 %; five of them.
#[test]
fn every_path_leads_to_its_end() {
    let folder = folder();
    let (mean, variance) = law(&folder, "circle.npy");
    for entry in PATHS {
        let from = if entry.name.starts_with("one-sided") { "noise" } else { "from.safetensors" };
        for epsilon in ["0", "0.5", "3"] {
            let words =
                format!("bridge {from} to.safetensors --path {} --epsilon {epsilon} -n 600", entry.name);
            if entry.name == "mirror" {
                // From a law to itself: what begins there stays there.
                folder.ok(&format!("{} -o b", words.replace("from.safetensors", "to.safetensors")));
            } else {
                folder.ok(&format!("{words} -o b"));
            }
            let (found, spread) = law(&folder, "b/samples.npy");
            let off = mean.iter().zip(&found).fold(0.0f64, |most, (a, b)| most.max((a - b).abs()));
            assert!(off < 0.15, "{} {epsilon}: {mean:?} {found:?}", entry.name);
            assert!((spread / variance - 1.0).abs() < 0.3, "{} {epsilon}: {variance} {spread}", entry.name);
        }
    }
    folder.ok("rerun b/run.json -o again");
}

/// There and back without noise: the points themselves. In other units all is the same, in those units.
#[test]
fn bridges_are_reversible_and_know_no_units() {
    let folder = folder();
    folder.ok("bridge moons.npy circle.npy --components 3 -n 50 --steps 200 --scheme rk4 -o there");
    folder.ok("bridge moons.npy circle.npy --components 3 --backward --at there/samples.npy --steps 200 --scheme rk4 -o back");
    let (start, back) = (folder.points("moons.npy"), folder.points("back/samples.npy"));
    for (a, b) in start.values().outer_iter().zip(back.values().outer_iter()) {
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-4), "{a} {b}");
    }
    let rows = |name: &str, unit: f64| {
        let points = folder.points(name);
        let text: Vec<String> = points
            .values()
            .outer_iter()
            .map(|row| format!("{:e},{:e}", row[0] * unit, row[1] * unit))
            .collect();
        text.join("\n")
    };
    folder.write("small-moons.csv", rows("moons.npy", 1e-6));
    folder.write("small-circle.csv", rows("circle.npy", 1e-6));
    folder.ok("bridge moons.npy circle.npy --components 3 -n 50 --epsilon 1 -o one");
    folder.ok("bridge small-moons.csv small-circle.csv --components 3 -n 50 --epsilon 1 -o small");
    let (one, small) = (folder.points("one/samples.npy"), folder.points("small/samples.npy"));
    for (a, b) in one.values().iter().zip(small.values()) {
        assert!((a - b * 1e6).abs() < 1e-3, "{a} {b}");
    }
}

#[test]
fn bridges_that_lead_nowhere() {
    let folder = folder();
    let bridge = |flags: &str, parts: &[&str]| {
        folder.refused(&format!("bridge moons.npy circle.npy --components 2 {flags} -o b"), parts);
    };
    bridge("--path straight", &["--path", "linear", "mirror"]);
    bridge("--path one-sided-linear", &["--path", "noise"]);
    bridge("--epsilon -1", &["--epsilon", "not negative"]);
    bridge("--epsilon 1 --scheme rk4", &["scheme", "Euler or Heun"]);
    bridge("--steps 0", &["--steps"]);
    bridge("--at absent.npy", &["absent.npy"]);
    folder.write("three.csv", "1,2,3\n2,3,4\n0,1,1\n");
    bridge("--at three.csv", &["three.csv", "3 coordinates", "2"]);
    folder.refused("bridge noise circle.npy --path linear -o b", &["--path linear", "one-sided"]);
    folder.ok("fit circle.npy -o points.safetensors");
    folder.refused("bridge moons.npy points.safetensors -o b", &["points.safetensors", "--model mixture"]);
    folder.refused("bridge three.csv circle.npy --components 2 -o b", &["dimensions"]);
}
