//! Random feature models, from fit to survey.

use crate::support::Folder;

const MODES: &str = "x,y\n-3,1\n3,1\n";

#[test]
fn a_model_is_fitted_sampled_evaluated_and_surveyed() {
    let folder = Folder::with("p.csv", MODES);
    let run = folder.ok("fit p.csv --model random-features:features=300 --seed 2 -o m.safetensors --json");
    for part in ["300 cosine features", "condition", "training loss"] {
        assert!(run.err.contains(part), "{}", run.err);
    }
    let record: serde_json::Value = serde_json::from_str(&run.out).unwrap();
    let training = &record["settings"]["training"];
    assert_eq!((training["features"].as_u64(), training["seed"].as_u64()), (Some(300), Some(2)));
    assert!(training["rank"].as_u64().is_some_and(|rank| rank > 20 && rank <= 300), "{training}");
    folder.ok("sample m.safetensors -n 40 --seed 1 -o s");
    let samples = folder.points("s/samples.npy");
    let near = |x: f64| samples.values().outer_iter().filter(|s| (s[0] - x).hypot(s[1] - 1.0) < 0.5).count();
    assert!(near(-3.0) >= 10 && near(3.0) >= 10, "{} {}", near(-3.0), near(3.0));
    // The same as from the data at once, and again.
    folder.ok("sample p.csv --model random-features:features=300,seed=2 -n 40 --seed 1 -o t");
    assert_eq!(folder.read("s/samples.npy"), folder.read("t/samples.npy"));
    folder.ok("rerun s/run.json -o again");
    assert_eq!(folder.read("s/samples.npy"), folder.read("again/samples.npy"));
    for what in ["denoised", "score", "divergence", "flow-log-density"] {
        folder.ok(&format!("eval m.safetensors --at p.csv --sigma 0.5 --what {what} -o y.npy"));
    }
    folder.refused("eval m.safetensors --at p.csv --sigma 0.5 --what log-density -o z.npy", &["log-density"]);
    folder.ok("survey s --data p.csv --resamples 20");
}

#[test]
fn every_setting_and_space_works() {
    let folder = Folder::new();
    for (settings, flags) in [
        (":features=40,kind=relu,time=30,weight=1", ""),
        (":features=40,weight=h2,frequencies=0,length=0.5", "--standardize"),
        (":features=40,ridge=0.001,weight=h", "--latent pca:2,whiten --hold-out 0.2"),
    ] {
        let data = format!("swiss-roll:n=60,dim=5 {flags} --model random-features{settings} --seed 3");
        let run = folder.ok(&format!("fit {data} -o m.safetensors"));
        assert_eq!(run.err.contains("standard error"), settings.contains("relu"), "{}", run.err);
        folder.ok("sample m.safetensors -n 9 --steps 6 --seed 3 -o a");
        folder.ok(&format!("sample {data} -n 9 --steps 6 -o b"));
        assert_eq!(folder.read("a/samples.npy"), folder.read("b/samples.npy"), "{settings}");
    }
}

#[test]
fn what_cannot_be_is_told() {
    let folder = Folder::with("p.csv", MODES);
    for (model, parts) in [
        ("random-features:width=3", ["--model", "'width'"]),
        ("random-features:features=0", ["--model", "features is 0"]),
        ("random-features:time=-1", ["--model", "time=-1"]),
        ("random-features:kind=tanh", ["--model", "cosine, relu"]),
        ("random-features --rank 2", ["--rank", "--model gaussian"]),
        ("random-features --components 2", ["--components", "--model mixture"]),
        ("random-features:features=20 --smooth auto", ["--smooth auto", "random-features"]),
        ("random-features:features=20 --deconvolve 1", ["--deconvolve", "random-features"]),
        ("networks", ["--model", "random-features"]),
    ] {
        folder.refused(&format!("sample p.csv --model {model} -n 2 -o y"), &parts);
    }
    folder.ok("fit p.csv --model random-features:features=20 -o m.safetensors");
    folder.refused("bridge m.safetensors m.safetensors -n 2 -o y", &["m.safetensors", "mixture"]);
    folder.refused("sample m.safetensors --teleport auto -n 2 -o y", &["--teleport"]);
}
