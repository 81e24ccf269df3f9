//! `fit` and `sample`: the same bytes whatever the machine does, and samples that are known beforehand.

use std::collections::BTreeSet;

use crate::support::{Folder, npy_f64};

/// Every kind of model and transform: one line of flags each.
const MODELS: [&str; 9] = [
    "",
    "--model gaussian",
    "--model mixture --components 3 --rank 1",
    "--smooth 0.2 --smooth-draws 8",
    "--smooth 0.2 --smooth-draws 16 --smooth-kernel manifold:2,neighbours=12 --smooth-estimator gauss-hermite",
    "--smooth 0.2 --smooth-draws 16 --smooth-estimator qmc --smooth-below 3 --smooth-tolerance 0.1",
    "--smooth 0.2 --smooth-draws 16 --latent pca:2,whiten --smooth-estimator control-variate",
    "--latent pca --model mixture --components auto --rank 0",
    "--model mixture --components 3 --mad b=4 --steps 8",
];

fn samples(folder: &Folder, words: &str) -> Vec<u8> {
    folder.ok(&format!("sample {words} -o s"));
    folder.read("s/samples.npy")
}

#[test]
fn a_model_file_gives_the_samples_of_its_data() {
    let folder = Folder::new();
    for data in ["two-moons:n=80", "two-moons:n=80 --standardize --noise 0.1 --hold-out 0.2 --class 1"] {
        for model in ["empirical", "gaussian", "mixture --components 3", "gaussian --rank 1"] {
            folder.ok(&format!("fit {data} --model {model} --seed 3 -o m.safetensors"));
            let flags = "-n 9 --steps 6 --seed 3";
            assert_eq!(
                samples(&folder, &format!("m.safetensors {flags}")),
                samples(&folder, &format!("{data} --model {model} {flags}")),
                "{data} {model}"
            );
        }
    }
}

#[test]
fn samples_depend_on_the_seed_alone() {
    let folder = Folder::new();
    for model in MODELS {
        let words = format!("swiss-roll:n=300 {model} -n 60 --seed 5");
        let first = samples(&folder, &words);
        for batch in [1, 7, 256] {
            assert_eq!(samples(&folder, &format!("{words} --batch {batch}")), first, "{model}, {batch}");
        }
        for threads in ["1", "2", "7"] {
            let words = format!("sample {words} -o t");
            let run = folder.command(&words).env("RAYON_NUM_THREADS", threads).output().unwrap();
            assert!(run.status.success());
            assert_eq!(folder.read("t/samples.npy"), first, "{model}, {threads} threads");
        }
        assert_ne!(samples(&folder, &words.replace("--seed 5", "--seed 6")), first, "{model}");
    }
}

#[test]
fn churn_is_seeded_too() {
    let folder = Folder::new();
    let words = "circle:n=50 --model gaussian -n 8 --solver heun:churn=5";
    assert_eq!(samples(&folder, words), samples(&folder, &format!("{words} --batch 3")));
    assert_ne!(samples(&folder, words), samples(&folder, &words.replace(":churn=5", "")));
}

/// The empirical model's last step at σ = 0.004·std gives back the nearest point, to the last bit where
/// the points are 100 σ apart.
#[test]
fn the_empirical_model_gives_its_points_back() {
    let folder = Folder::with("p.csv", "0,0\n10,1\n-3,8\n");
    folder.ok("sample p.csv -n 60 -o s");
    let known = folder.points("p.csv");
    let known: Vec<_> = known.values().outer_iter().map(|r| r.to_vec()).collect();
    let drawn = folder.points("s/samples.npy");
    let found: BTreeSet<usize> = drawn
        .values()
        .outer_iter()
        .map(|row| known.iter().position(|p| *p == row.to_vec()).unwrap_or_else(|| panic!("{row} is new")))
        .collect();
    assert_eq!(found.len(), 3, "60 samples of 3 points visit all of them");
    // One point: nothing else can come.
    folder.write("one.csv", "2,-1\n");
    folder.ok("sample one.csv -n 5 -o s");
    assert!(folder.points("s/samples.npy").values().outer_iter().all(|r| r.to_vec() == [2.0, -1.0]));
}

/// A kernel density of bandwidth 0 draws data points.
#[test]
fn a_kernel_density_without_width_gives_the_points_back() {
    let folder = Folder::with("p.csv", "0,0\n10,1\n");
    folder.ok("sample p.csv --kde 0 -n 20 -o s");
    let drawn = folder.points("s/samples.npy");
    assert!(drawn.values().outer_iter().all(|r| r.to_vec() == [0.0, 0.0] || r.to_vec() == [10.0, 1.0]));
}

/// The bandwidth is that of the greatest likelihood among all that were tried, of data and of a file alike.
#[test]
fn the_bandwidth_chosen_is_the_most_likely() {
    let folder = Folder::new();
    let data = "swiss-roll:n=80,dim=6 --latent pca:2 --seed 2";
    folder.ok(&format!("sample {data} --kde auto -n 9 -o a"));
    let settings = folder.json("a/run.json")["settings"].clone();
    let curve: Vec<(f64, f64)> = serde_json::from_value(settings["curve"].clone()).unwrap();
    let best = curve.iter().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
    assert!(curve.len() > 10 && settings["kde"] == best.0, "{settings}");
    folder.ok(&format!("fit {data} -o m.safetensors"));
    folder.ok("sample m.safetensors --kde auto --seed 2 -n 9 -o b");
    assert_eq!(folder.read("a/samples.npy"), folder.read("b/samples.npy"));
    folder.refused("sample digits --kde automatic -o y", &["--kde", "or auto"]);
}

/// n samples of a Gaussian: its mean within 5 standard errors, its variance too (√(2/n) relative).
#[test]
fn a_gaussian_gives_its_mean_and_variance() {
    let folder = Folder::with("p.csv", "3,2\n3,0\n-1,2\n-1,0\n");
    let n = 4000f64;
    folder.ok("sample p.csv --model gaussian -n 4000 --steps 40 -o s");
    let drawn = folder.points("s/samples.npy");
    for (column, (mean, variance)) in [(1.0, 4.0), (1.0, 1.0f64)].into_iter().enumerate() {
        let values = drawn.values().column(column).to_owned();
        let found = values.sum() / n;
        assert!((found - mean).abs() < 5.0 * (variance / n).sqrt(), "mean {found}");
        let found = values.mapv(|v| (v - found).powi(2)).sum() / n;
        // Heun's own error at 40 steps is below a hundredth.
        assert!((found / variance - 1.0).abs() < 5.0 * (2.0 / n).sqrt() + 0.01, "variance {found}");
    }
}

#[test]
fn images_keep_their_shape() {
    let folder = Folder::new();
    let values: Vec<f64> = (0..5 * 3 * 4).map(|i| (i * i % 17) as f64).collect();
    folder.write("images.npy", npy_f64("(5, 3, 4)", &values));
    folder.ok("sample images.npy -n 7 -o s");
    let header = String::from_utf8_lossy(&folder.read("s/samples.npy")[..128]).into_owned();
    assert!(header.contains("(7, 3, 4)") && header.contains("<f8"), "{header}");
    assert_eq!(&folder.read("s/samples.png")[..4], b"\x89PNG");
    folder.ok("sample images.npy -n 7 --format npz -o z");
    assert_eq!(folder.points("z/samples.npz").shape(), folder.points("images.npy").shape());
    folder.ok("sample circle:n=9 -n 2 -o vectors");
    assert!(!folder.path("vectors/samples.png").exists());
}

#[test]
fn columns_keep_their_names() {
    let folder = Folder::with("p.csv", "height,weight,label\n1,2,0\n3,4,1\n5,9,1\n");
    folder.ok("sample p.csv -n 4 --format csv -o s");
    assert!(folder.text("s/samples.csv").starts_with("height,weight\n"));
    folder.ok("fit p.csv --columns weight -o m.safetensors");
    folder.ok("sample m.safetensors -n 4 --format parquet -o q");
    folder.ok("data convert q/samples.parquet back.csv");
    assert!(folder.text("back.csv").starts_with("weight\n"));
}

/// --noise adds the same noise as `data make`, of the standard deviation that was asked for.
#[test]
fn noise_is_known() {
    let folder = Folder::with("zeros.npy", npy_f64("(500, 40)", &[0.0; 20_000]));
    folder.ok("data convert zeros.npy noisy.npy --noise 3 --seed 4");
    let noisy = folder.points("noisy.npy");
    let variance = noisy.values().mapv(|v| v * v).sum() / 20_000.0;
    // Five standard errors of a variance: 5·√(2/20000) = 0.05.
    assert!((variance / 9.0 - 1.0).abs() < 0.05, "{variance}");
    let words = "-n 6 --seed 4 --model gaussian --rank 2";
    let direct = samples(&folder, &format!("zeros.npy --noise 3 {words}"));
    assert_eq!(direct, samples(&folder, &format!("noisy.npy {words}")));
}

/// An empirical model holds its points: what needs data finds them there.
#[test]
fn an_empirical_model_file_serves_as_data() {
    let folder = Folder::new();
    for flags in ["", "--standardize"] {
        folder.ok(&format!("fit two-moons:n=80 {flags} --seed 3 -o m.safetensors"));
        for transform in ["--smooth auto --smooth-draws 8 --steps 4", "--kde 0.1"] {
            assert_eq!(
                samples(&folder, &format!("m.safetensors {transform} -n 9 --seed 3")),
                samples(&folder, &format!("two-moons:n=80 {flags} {transform} -n 9 --seed 3")),
                "{flags} {transform}"
            );
        }
    }
}

/// The record's hold-out is that of the model's own command.
#[test]
fn the_hold_out_of_a_model_file_is_recorded() {
    let folder = Folder::new();
    folder.ok("fit circle:n=50 --hold-out 0.2 -o m.safetensors");
    folder.ok("sample m.safetensors -n 2 -o s");
    let model = &folder.json("s/run.json")["settings"]["model"];
    assert_eq!((&model["hold_out"], &model["points"]), (&0.2.into(), &40.into()));
}

/// Scales are in standardized units then, and the run says so.
#[test]
fn units_are_told() {
    let folder = Folder::with("p.csv", "x\n0\n4\n");
    // Points 0 and 4 have the standard deviation 2: a bandwidth of 0.01 there is 0.02 here.
    let run = folder.ok("sample p.csv --standardize --kde 0.01 -n 400 -o s");
    assert!(run.err.contains("standardized units"), "{}", run.err);
    assert_eq!(folder.json("s/run.json")["settings"]["model"]["units"], "standardized");
    let drawn = folder.points("s/samples.npy");
    let squares = drawn.values().mapv(|x| x.abs().min((x - 4.0).abs()).powi(2)).sum() / 400.0;
    // Five standard errors of a variance: 5·√(2/400) = 0.35.
    assert!((squares / 4e-4 - 1.0).abs() < 0.35, "{squares}");
    let run = folder.ok("sample p.csv --kde 0.01 -n 4 -o s");
    assert!(!run.err.contains("standardized"), "{}", run.err);
}
