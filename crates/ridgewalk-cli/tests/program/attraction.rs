//! `--mad auto` and the other ways to take noise out: what the program reads, chooses, refuses, and what comes out.

use crate::support::Folder;

const NOISY: &str = "circle:n=600,dim=16 --noise 0.1";
const MODEL: &str = "--model mixture --components 12 --rank 1";

/// Mean standard deviation over the coordinates of an orthonormal complement of the circle's plane: the embedding is
/// fixed, so that its plane is known from clean points.
fn off_plane(folder: &Folder, samples: &str) -> f64 {
    folder.ok("data make circle:n=200,dim=16 -o clean.npy");
    let clean = folder.points("clean.npy");
    let (a, b) = (clean.point(0).to_owned(), clean.point(1).to_owned());
    let b = &b - &(&a * a.dot(&b));
    let b = &b / b.dot(&b).sqrt();
    let points = folder.points(&format!("{samples}/samples.npy"));
    let squares: f64 = points
        .values()
        .outer_iter()
        .map(|x| {
            let off = &x - &(&a * a.dot(&x)) - &(&b * b.dot(&x));
            off.dot(&off)
        })
        .sum();
    (squares / (points.len() as f64 * 14.0)).sqrt()
}

#[test]
fn the_noise_is_read_and_taken_out() {
    let folder = Folder::new();
    folder.ok(&format!("fit {NOISY} {MODEL} -o m.safetensors"));
    folder.ok(&format!("sample {NOISY} {MODEL} -n 200 -o plain"));
    // 200 samples in 14 directions: a standard deviation to 1.3 %, a spectrum of 600 points to 2 %.
    assert!((off_plane(&folder, "plain") / 0.1 - 1.0).abs() < 0.1);
    for source in [format!("{NOISY} {MODEL}"), "m.safetensors".into()] {
        let run = folder.ok(&format!("sample {source} --mad auto -n 200 -o clean"));
        assert!(
            run.err.contains("read from the data of the model") && run.err.contains("of the noise"),
            "{}",
            run.err
        );
        let chosen = &folder.json("clean/run.json")["settings"]["mad"]["chosen"];
        let noise = chosen["noise"].as_f64().unwrap();
        assert!((noise / 0.1 - 1.0).abs() < 0.05, "{noise}");
        let left = off_plane(&folder, "clean") / 0.1;
        assert!(left < 1.3 * chosen["remaining"].as_f64().unwrap(), "{left} {chosen}");
    }
    folder.ok("rerun clean/run.json -o again");
    assert_eq!(folder.read("clean/samples.npy"), folder.read("again/samples.npy"));
}

#[test]
fn what_is_named_overrules_what_is_chosen() {
    let folder = Folder::new();
    folder.ok(&format!("sample {NOISY} {MODEL} --mad noise=0.2,b=5,reach=2 -n 4 -o y"));
    let mad = &folder.json("y/run.json")["settings"]["mad"];
    assert_eq!((mad["b"].as_f64(), mad["reach"].as_f64()), (Some(5.0), Some(2.0)));
    assert_eq!(mad["chosen"]["noise"], 0.2);
    // From 0.75 to 2 times the noise.
    let onset = mad["onset"].as_f64().unwrap();
    assert!((0.1499..0.4001).contains(&onset), "{onset}");
    folder.ok(&format!("sample {NOISY} {MODEL} --mad auto,onset=0.3,c=0.25 -n 4 -o y"));
    let mad = &folder.json("y/run.json")["settings"]["mad"];
    assert!((mad["onset"].as_f64().unwrap() / 0.3 - 1.0).abs() < 1e-9 && mad["c"] == 0.25, "{mad}");
}

/// A Gaussian's samples without noise are known: variance v − η² (deconvolved), v(1 − η²/v)² (Tweedie's step).
#[test]
fn noise_that_is_known_is_taken_out_of_a_gaussian() {
    let folder = Folder::new();
    folder.ok(&format!("fit {NOISY} --model gaussian -o m.safetensors"));
    for flags in ["--deconvolve 0.1", "--deconvolve auto", "--tweedie 0.1", "--tweedie auto"] {
        folder.ok(&format!("sample m.safetensors {flags} -n 400 -o y"));
        let spread = folder.points("y/samples.npy").moments().std * 4.0; // square root of the total variance
        // The circle has ½ in each of its two directions.
        let expected = if flags.starts_with("--d") { 1.0 } else { 0.98 };
        assert!((spread - expected).abs() < 0.1, "{flags}: {spread}");
        assert!(off_plane(&folder, "y") < 0.03, "{flags}");
        assert!(folder.json("y/run.json")["settings"].to_string().contains("\"noise\":0."));
    }
}

#[test]
fn without_noise_or_a_model_of_it_nothing_is_chosen() {
    let folder = Folder::new();
    folder.refused(
        &format!("sample circle:n=300,dim=16 {MODEL} --mad auto -o y"),
        &["--mad", "noise", "14 directions do not vary at all", "--mad noise=S"],
    );
    folder.refused(&format!("sample {NOISY} --mad auto -o y"), &["--mad", "single points", "mixture"]);
    folder.refused(
        &format!("sample {NOISY} --deconvolve 0.1 -o y"),
        &["--deconvolve", "covariances", "mixture"],
    );
    folder.refused(&format!("sample {NOISY} {MODEL} --mad --tweedie 0.1 -o y"), &["--tweedie", "--mad"]);
    folder.refused(&format!("sample {NOISY} {MODEL} --tweedie 0 -o y"), &["--tweedie", "above 0", "auto"]);
    folder.refused(&format!("sample {NOISY} {MODEL} --mad noise -o y"), &["noise", "name=number, or auto"]);
    folder.refused(&format!("sample {NOISY} {MODEL} --mad auto=1 -o y"), &["auto", "there are auto, noise"]);
}

/// A gentle onset acts from far above on: the levels still end well below it.
#[test]
fn levels_reach_below_the_window_whatever_the_sharpness() {
    let folder = Folder::new();
    for setting in ["onset=0.2,p=1", "onset=0.2,p=2", "onset=0.2,c=1,reach=10", "noise=0.1"] {
        folder.ok(&format!("sample {NOISY} {MODEL} --mad {setting} -n 20 -o y"));
        let settings = &folder.json("y/run.json")["settings"];
        let levels = settings["levels"].as_array().unwrap();
        let (lowest, onset) =
            (levels.last().unwrap().as_f64().unwrap(), settings["mad"]["onset"].as_f64().unwrap());
        assert!(lowest <= 0.1 * onset, "{setting}: {lowest} {onset}");
        let left = off_plane(&folder, "y");
        assert!(left < 0.06, "{setting}: {left}");
    }
    // By name it is the same schedule.
    folder.ok(&format!("sample {NOISY} {MODEL} --mad noise=0.1 -n 4 -o a"));
    folder.ok(&format!("sample {NOISY} {MODEL} --mad noise=0.1 --schedule focused -n 4 -o b"));
    assert_eq!(folder.read("a/samples.npy"), folder.read("b/samples.npy"));
}

/// In the data's own space, whatever the model's: a latent space of few components has cut the floor off.
#[test]
fn noise_is_that_of_the_data() {
    let folder = Folder::new();
    folder.ok("sample circle:n=600,dim=16 --noise 0.1 --latent pca:4 --model mixture --components 12 --rank 1 --mad auto -n 4 -o y");
    let noise = folder.json("y/run.json")["settings"]["mad"]["chosen"]["noise"].as_f64().unwrap();
    assert!((noise / 0.1 - 1.0).abs() < 0.05, "{noise}");
    folder.refused(
        &format!("sample {NOISY} {MODEL} --standardize --mad auto -o y"),
        &["--mad", "--standardize", "unit"],
    );
    // Few points have no spectrum; a noise that is told needs none.
    folder.ok("sample circle:n=12 --noise 0.1 --model gaussian --mad noise=0.1 -n 4 -o y");
    folder.refused(
        &format!("sample {NOISY} {MODEL} --deconvolve 0.1 --mad auto -o y"),
        &["--deconvolve", "taken the noise out"],
    );
}

/// Neighbourhoods of repeated points have no spread; that is no reason to end a survey.
#[test]
fn a_survey_of_repeated_points_goes_on() {
    let folder = Folder::new();
    let rows: String = (0..3000).map(|i| format!("{},{}\n", i % 10, i / 10 % 10)).collect();
    folder.write("grid.csv", rows);
    folder.ok("survey grid.csv --data grid.csv --label-column none --resamples 5 -o s");
    for clean in ["circle", "torus", "swiss-roll", "two-moons", "sphere", "digits"] {
        folder.refused(
            &format!("sample {clean} --model mixture --components 8 --mad auto -n 2 -o y"),
            &["--mad"],
        );
    }
}

#[test]
fn a_survey_draws_the_spectrum_and_measures_what_is_left() {
    let folder = Folder::new();
    folder.ok(&format!("sample {NOISY} {MODEL} -n 200 -o plain"));
    folder.ok(&format!("sample {NOISY} {MODEL} -n 200 --mad auto -o clean"));
    folder.ok("survey plain clean --data circle:n=600,dim=16 --resamples 5 -o s");
    let findings = folder.json("s/survey.json");
    let value = |id: &str| {
        let all = findings.as_array().or_else(|| findings["findings"].as_array()).unwrap();
        all.iter().find(|f| f["id"] == id).unwrap_or_else(|| panic!("{id}"))["value"].as_f64().unwrap()
    };
    assert!((value("plain-noise-level") / 0.1 - 1.0).abs() < 0.05);
    assert!((value("plain-noise-in-samples") / 0.1 - 1.0).abs() < 0.1);
    assert!(value("clean-noise-in-samples") < 0.025);
    assert!(folder.path("s/figures/variance-spectrum.svg").is_file());
}
