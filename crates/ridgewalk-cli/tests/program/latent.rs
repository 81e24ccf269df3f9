//! Models in a latent space, from fit to survey; and numbers of components by BIC.

use std::f64::consts::TAU;

use crate::support::{Folder, close};

/// Points (1, 2) ± 5·(0.6, 0.8): one principal component holds all, with the codes ±5.
const PAIR: &str = "a,b\n4,6\n-2,-2\n";

fn column(folder: &Folder, words: &str) -> Vec<f64> {
    folder.ok(words);
    folder.points("y.npy").values().iter().copied().collect()
}

fn agree(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (a, b) in found.iter().zip(expected) {
        assert!(close(*a, *b), "{found:?} where {expected:?}");
    }
}

#[test]
fn a_model_file_gives_the_samples_of_its_data() {
    let folder = Folder::new();
    for flags in ["--latent pca:2", "--standardize --latent pca,whiten --hold-out 0.2", "--latent pca:0.6"] {
        for model in ["empirical", "mixture --components 3 --rank 1"] {
            let data = format!("swiss-roll:n=90,dim=5 {flags} --model {model} --seed 3");
            folder.ok(&format!("fit {data} -o m.safetensors"));
            folder.ok("sample m.safetensors -n 9 --steps 6 --seed 3 -o a");
            folder.ok(&format!("sample {data} -n 9 --steps 6 -o b"));
            assert_eq!(folder.read("a/samples.npy"), folder.read("b/samples.npy"), "{flags} {model}");
            assert_eq!(folder.points("a/samples.npy").dim(), 5);
        }
    }
}

/// The kernel's scale is chosen from the points that the file holds, as from the data.
#[test]
fn a_model_file_is_smoothed_by_its_own_points() {
    let folder = Folder::new();
    let data = "swiss-roll:n=60,dim=5 --latent pca:2 --seed 3";
    folder.ok(&format!("fit {data} -o m.safetensors"));
    folder.ok("sample m.safetensors --smooth auto --smooth-draws 8 -n 9 --seed 3 -o a");
    folder.ok(&format!("sample {data} --smooth auto --smooth-draws 8 -n 9 -o b"));
    assert_eq!(folder.read("a/samples.npy"), folder.read("b/samples.npy"));
    folder.ok("rerun a/run.json -o again");
    assert_eq!(folder.read("again/samples.npy"), folder.read("a/samples.npy"));
    folder.ok("survey a --data swiss-roll:n=60,dim=5 --resamples 20");
}

/// What is drawn in the span of the components stays in it: here a line, whatever the width.
#[test]
fn samples_lie_in_the_span_of_the_components() {
    let folder = Folder::with("p.csv", PAIR);
    for flags in ["--kde 3", "--model gaussian", "--smooth 2 --smooth-draws 4", "--latent-only"] {
        let flags = if flags == "--latent-only" { "" } else { flags };
        folder.ok(&format!("sample p.csv --latent pca {flags} -n 30 -o s"));
        let drawn = folder.points("s/samples.npy");
        assert_eq!(drawn.dim(), 2);
        for row in drawn.values().outer_iter() {
            let off = 0.8 * (row[0] - 1.0) - 0.6 * (row[1] - 2.0);
            assert!(off.abs() < 1e-9, "{row}");
        }
    }
    let model = &folder.json("s/run.json")["settings"]["model"];
    assert_eq!(model["units"], "latent");
    assert_eq!(model["latent"]["kind"], "pca");
    assert_eq!(model["latent"]["dim"], 1);
    assert_eq!(model["latent"]["explained"], 1.0);
    assert!(folder.ok("sample p.csv --latent pca -n 2 -o s").err.contains("latent units"));
}

/// Codes ±5 (±1 whitened): D_z = a·tanh(a·z/σ²), decoded; the rest in the latent coordinate.
#[test]
fn two_points_are_a_tanh_along_the_component() {
    let folder = Folder::with("p.csv", PAIR);
    // Codes 0 (beside the line), 2.5, and −1.
    folder.write("x.csv", "a,b\n1.8,1.4\n2.5,4\n0.4,1.2\n");
    let z = [0.0, 2.5, -1.0];
    for (flags, unit) in [("--latent pca:1", 1.0f64), ("--latent pca:1,whiten", 5.0)] {
        let (a, sigma) = (5.0 / unit, 3.0 / unit);
        let s2 = sigma * sigma;
        let z = z.map(|z| z / unit);
        folder.ok(&format!("fit p.csv {flags} -o m.safetensors"));
        for source in [format!("p.csv {flags}"), "m.safetensors".into()] {
            let eval = |what: &str| {
                column(&folder, &format!("eval {source} --at x.csv --sigma {sigma} --what {what}"))
            };
            let denoised = z.map(|z| a * (a * z / s2).tanh());
            let decoded = denoised.map(|d| [1.0 + 0.6 * d * unit, 2.0 + 0.8 * d * unit]).concat();
            agree(&eval("denoised"), &decoded);
            let score: Vec<f64> = denoised.iter().zip(z).map(|(d, z)| (d - z) / s2).collect();
            agree(&eval("score"), &score);
            agree(&eval("divergence"), &z.map(|z| a * a / s2 / (a * z / s2).cosh().powi(2)));
            let normal = |r: f64| (-r * r / (2.0 * s2)).exp() / (TAU * s2).sqrt();
            agree(&eval("log-density"), &z.map(|z| ((normal(z - a) + normal(z + a)) / 2.0).ln()));
        }
    }
    let run = folder.ok("eval m.safetensors --at x.csv --sigma 1 --what score -o y.csv");
    assert!(run.err.contains("latent coordinates") && run.err.contains("latent units"), "{}", run.err);
    folder.ok("eval m.safetensors --at x.csv --sigma 1 -o y.csv");
    assert!(folder.text("y.csv").starts_with("a,b\n"));
}

#[test]
fn latent_spaces_that_cannot_be() {
    let folder = Folder::with("p.csv", "1,2\n3,4\n5,7\n");
    folder.write("same.csv", "1,2\n1,2\n");
    for (latent, parts) in [
        ("vae", ["'vae'", "there is pca"]),
        ("pca:", ["--latent", "share such as 0.9"]),
        ("pca:0", ["--latent", "at least 1"]),
        ("pca:-1", ["--latent", "-1"]),
        ("pca:1.5", ["1.5", "share such as 0.9"]),
        ("pca:nan", ["nan", "whole number"]),
        ("pca,white", ["'white'", "whiten"]),
        ("pca:3", ["components is 3", "rank 2"]),
    ] {
        folder.refused(&format!("sample p.csv --latent {latent} -o y"), &parts);
    }
    folder.refused("fit same.csv --latent pca -o y.safetensors", &["all points are equal"]);
    folder.ok("fit p.csv --latent pca:1 -o m.safetensors");
    folder.refused("sample m.safetensors --latent pca -o y", &["--latent", "ridgewalk fit"]);
    folder.refused("eval m.safetensors --at same.csv --columns a --sigma 1", &["same.csv"]);
    folder.write("x3.csv", "1,2,3\n");
    folder.refused("eval m.safetensors --at x3.csv --sigma 1", &["3 coordinates", "has 2"]);
}

/// A Gaussian on the line from (−2, −2) to (4, 6) leaves it on both sides; clipped, no value leaves the data's range.
#[test]
fn clipped_samples_keep_to_the_range_of_the_data() {
    let folder = Folder::with("p.csv", PAIR);
    folder.ok("sample p.csv --latent pca --model gaussian -n 200 -o free");
    folder.ok("sample p.csv --latent pca --model gaussian -n 200 --clip -o clipped");
    let (free, clipped) = (folder.points("free/samples.npy"), folder.points("clipped/samples.npy"));
    let (low, high) = free.range();
    assert!(low < -2.0 && high > 6.0);
    assert_eq!(clipped.values(), free.values().mapv(|v| v.clamp(-2.0, 6.0)));
    assert_eq!(folder.json("clipped/run.json")["settings"]["clip"], serde_json::json!([-2.0, 6.0]));
}

/// Four tight groups, far apart: every number of components but four has a larger criterion.
#[test]
fn components_are_chosen_by_the_smallest_criterion() {
    let folder = Folder::new();
    let rows: Vec<String> = (0..80)
        .map(|i| {
            let (group, step) = (i % 4, (i / 4) as f64);
            let (x, y) = ([0.0, 100.0, 0.0, 100.0][group], [0.0, 0.0, 100.0, 100.0][group]);
            format!("{},{}\n", x + (step * 2.4).sin(), y + (step * 1.7).cos())
        })
        .collect();
    folder.write("p.csv", rows.concat());
    let run = folder.ok("sample p.csv --model mixture --components auto --rank 0 -n 20 -o s");
    assert!(run.err.contains("BIC") && run.err.contains("mixture of 4"), "{}", run.err);
    let tried = folder.json("s/run.json")["settings"]["model"]["bic"].clone();
    let tried: Vec<(usize, f64)> = serde_json::from_value(tried).unwrap();
    let least = tried.iter().min_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
    assert_eq!(least.0, 4);
    folder.ok("rerun s/run.json -o again");
    folder.refused("sample p.csv --components auto -o y", &["--components", "--model mixture"]);
    folder.refused("sample p.csv --model mixture --components many -o y", &["--components", "or auto"]);
}

/// Without smoothing every sample is a training point, less what the components leave out: that rest must not
/// hide it. Nor may a model of another kind take a scale that was chosen for the points.
#[test]
fn copies_in_a_latent_space_are_seen_as_copies() {
    let folder = Folder::new();
    folder.ok("sample digits --points 300 --latent pca:10 --hold-out 0.3 -n 40 --steps 12 -o copies");
    folder.ok("survey copies --data digits --resamples 20 -o s");
    let findings = folder.json("s/survey.json");
    let copied =
        findings.as_array().unwrap().iter().find(|f| f["id"] == "memorised-fraction").unwrap()["value"]
            .as_f64();
    assert!(copied.unwrap() > 0.9, "{copied:?}");
    folder.refused("sample digits --model gaussian --smooth auto -n 4 -o g", &["--smooth auto", "gaussian"]);
    folder.refused(
        "sample circle:n=60,dim=3 --smooth 0.5 --smooth-estimator gauss-hermite --smooth-draws 7 -n 4 -o h",
        &["two nodes a coordinate"],
    );
}
