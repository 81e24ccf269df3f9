//! Solvers, schedules and guidance by their names; the run backwards.

use ridgewalk::schedule::SCHEDULES;
use ridgewalk::solver::{Order, SOLVERS, named};
use serde_json::Value;

use crate::support::Folder;

fn samples(folder: &Folder, words: &str) -> Vec<u8> {
    folder.ok(&format!("sample {words} -o s"));
    folder.read("s/samples.npy")
}

/// Every solver draws from every kind of model, the same in any batch; and from one, two and three levels.
#[test]
fn every_solver_samples() {
    let folder = Folder::new();
    folder.ok("fit swiss-roll:n=60 --model mixture --components 3 -o m.safetensors");
    for entry in SOLVERS {
        let words = format!("m.safetensors -n 7 --steps 9 --solver {}", entry.name);
        let first = samples(&folder, &words);
        assert_eq!(samples(&folder, &format!("{words} --batch 3")), first, "{}", entry.name);
        for steps in 1..4 {
            folder.ok(&format!("sample m.safetensors -n 2 --steps {steps} --solver {} -o few", entry.name));
        }
        let record = folder.json("s/run.json");
        let (most, mean) = (&record["settings"]["evaluations"], &record["settings"]["mean_evaluations"]);
        assert!(most.as_f64() >= mean.as_f64() && mean.as_f64() >= Some(1.0), "{}", entry.name);
    }
}

#[test]
fn every_schedule_and_a_list_of_levels() {
    let folder = Folder::with("p.csv", "1,2\n3,1\n2,2\n");
    for entry in SCHEDULES {
        folder.ok(&format!("sample p.csv -n 2 --steps 6 --schedule {} -o s", entry.name));
        let levels = folder.json("s/run.json")["settings"]["sigmas"].as_array().map(Vec::len);
        assert_eq!(levels, Some(6), "{}", entry.name);
    }
    folder.write("levels.txt", "# mine\n9\n3 1\n");
    for schedule in ["9,3,1", "levels.txt"] {
        folder.ok(&format!("sample p.csv -n 2 --schedule {schedule} -o s"));
        assert_eq!(folder.json("s/run.json")["settings"]["sigmas"], serde_json::json!([9.0, 3.0, 1.0]));
    }
    // Levels that a pilot chose are those of a later run that names its record.
    folder.ok("sample p.csv -n 2 --steps 6 --schedule equalized:paths=8,passes=2 -o s");
    let run = folder.json("s/run.json");
    assert!(run["settings"]["pilot"]["error"].as_f64() <= run["settings"]["pilot"]["karras_error"].as_f64());
    folder.ok("sample p.csv -n 2 --schedule s/run.json -o t");
    assert_eq!(folder.read("s/samples.npy"), folder.read("t/samples.npy"));
    folder.refused("sample p.csv --schedule equalized --solver reverse-sde -o t", &["draws noise"]);
    folder.refused("sample p.csv --schedule equalized:size=2 -o t", &["'size'", "paths, passes"]);
}

/// `list` says what the library has, as text and as JSON.
#[test]
fn lists_are_complete() {
    let folder = Folder::new();
    let text = folder.ok("list").out;
    let json: Value = serde_json::from_str(&folder.ok("list --json").out).unwrap();
    for entry in SOLVERS {
        assert!(
            text.lines().any(|line| line.split_whitespace().next() == Some(entry.name)),
            "{}",
            entry.name
        );
    }
    assert_eq!(json["solvers"].as_array().map(Vec::len), Some(SOLVERS.len()));
    // Those of the library, and the one that is chosen.
    assert_eq!(json["schedules"].as_array().map(Vec::len), Some(SCHEDULES.len() + 1));
    assert!(json["processes"][0]["from"].as_str().is_some_and(|ends| ends.contains("alpha")));
    assert!(!folder.ok("list schedules").out.contains("dpm++2m"));
}

/// From points to noise and back: what comes back are the points, for every deterministic solver.
#[test]
fn inverted_points_come_back() {
    let folder = Folder::new();
    folder.ok("fit swiss-roll:n=60 --model gaussian -o m.safetensors");
    folder.ok("sample m.safetensors -n 5 --seed 3 -o points");
    for entry in SOLVERS {
        let flags = format!("--steps 60 --sigma-min 0.05 --solver {}", entry.name);
        let invert = format!("invert m.safetensors --at points/samples.npy {flags} -o noise");
        if !named(entry.name, 60).unwrap().order().is_deterministic() {
            folder.refused(&invert, &["draws noise", "deterministic"]);
            continue;
        }
        folder.ok(&invert);
        folder.ok(&format!("sample m.safetensors --from noise/noise.npy {flags} -o back"));
        let (points, back) = (folder.points("points/samples.npy"), folder.points("back/samples.npy"));
        let off = (&points.values() - &back.values()).iter().fold(0.0f64, |most, v| most.max(v.abs()));
        // The roll is about 20 across; a first-order solver's 60 steps leave a few hundredths of that.
        let bound = if named(entry.name, 60).unwrap().order() == Order::Path(1) { 2.0 } else { 0.3 };
        assert!(off < bound, "{}: {off}", entry.name);
    }
    folder.ok("rerun noise/run.json -o again");
    let noise = "sample m.safetensors --from again/noise.npy -o x";
    folder.refused(&format!("{noise} --sigma-max 5"), &["again/noise.npy", "level", "--schedule"]);
    folder.ok(&format!("{noise} --schedule again/run.json"));
    folder
        .refused("invert m.safetensors --at points/samples.npy --steps 1 -o x", &["--steps 1", "two levels"]);
    folder.refused("sample m.safetensors --from m.safetensors -o x", &["m.safetensors"]);
    folder.write("flat.csv", "1,2\n");
    folder.refused("sample m.safetensors --from flat.csv -o x", &["flat.csv", "2 coordinates", "3"]);
}

/// Guided by twice the difference, samples of a class lie beyond its mean, seen from the mean of all; the
/// survey of such samples judges them against all points.
#[test]
fn guidance_moves_away_from_the_rest() {
    let folder = Folder::new();
    // Two classes of equal covariance at ±(0.3, −0.3): guided by w, the mean of one is w times its own.
    let row = |i: usize| {
        let sign = if i.is_multiple_of(2) { 0.3 } else { -0.3 };
        let (x, y) = (0.5 * ((i / 2 % 7) as f64 - 3.0), 0.7 * ((i / 14) as f64 - 2.0));
        format!("{},{},{}", sign + x, y - sign, i % 2)
    };
    folder.write("p.csv", format!("x,y,label\n{}\n", (0..70).map(row).collect::<Vec<_>>().join("\n")));
    let first = |folder: &Folder, name: &str| folder.points(name).values().column(0).mean().unwrap();
    let mean = |words: &str| {
        folder.ok(&format!("sample p.csv --class 0 --model gaussian -n 200 {words} -o s"));
        first(&folder, "s/samples.npy")
    };
    let (plain, same, guided) = (mean(""), mean("--guidance 1"), mean("--guidance 2.5"));
    assert!((plain - same).abs() < 1e-9, "{plain} {same}");
    // The covariance of both is 0.09 larger along the way from one to the other than that of one.
    assert!((guided - plain - 0.45).abs() < 0.1, "{plain} {guided}");
    let record = folder.json("s/run.json");
    assert_eq!(record["settings"]["guidance"]["weight"], 2.5);
    assert_eq!(record["settings"]["model"]["points"], 70);
    // Heun at 18 levels asks 35 times, each time two models.
    assert_eq!(record["settings"]["evaluations"], 70);
    let above = mean("--guidance 2.5 --guidance-interval 1e-9..1e-8");
    assert!((above - plain).abs() < 1e-9, "{plain} {above}");
    assert!((mean("--guidance 2.5 --guidance-rescale 1") - guided).abs() > 1e-3);
    folder.ok("sample p.csv --class 0 --guidance 2 -n 30 -o s");
    let survey = folder.ok("survey s --data p.csv --resamples 20 -o told");
    assert!(!survey.err.contains("warning"), "{}", survey.err);
    // Autoguidance: by another model file.
    folder.ok("fit p.csv --model gaussian -o weak.safetensors");
    folder.ok("fit p.csv --class 0 --model gaussian -o strong.safetensors");
    folder.ok("sample strong.safetensors --guide weak.safetensors --guidance 2.5 -n 200 -o t");
    let guided = first(&folder, "t/samples.npy");
    assert!(guided > plain + 0.3, "{plain} {guided}");
    folder.refused("sample strong.safetensors --guidance 2 -o t", &["--guidance", "--guide"]);
    folder.ok("fit circle:n=20,dim=3 -o other.safetensors");
    folder.refused(
        "sample strong.safetensors --guide other.safetensors --guidance 2 -o t",
        &["shape or units"],
    );
}

/// A teleport by the law of a Gaussian model itself changes nothing but the count; a level is the lowest not below
/// what was asked for; the measured choice prints what it measured.
#[test]
fn teleports_leave_steps_out() {
    let folder = Folder::new();
    folder.ok("fit swiss-roll:n=60 --model gaussian -o m.safetensors");
    let end = |flags: &str| {
        folder
            .ok(&format!("sample m.safetensors -n 5 --solver rk45:absolute=1e-9,relative=1e-9 {flags} -o s"));
        (folder.points("s/samples.npy").values().to_owned(), folder.json("s/run.json")["settings"].clone())
    };
    let ((plain, _), (short, settings)) = (end(""), end("--teleport 20"));
    assert!((&plain - &short).iter().all(|e| e.abs() < 1e-4));
    let level = settings["teleport"]["level"].as_f64().unwrap();
    let levels: Vec<f64> = serde_json::from_value(settings["levels"].clone()).unwrap();
    assert!(level >= 20.0 && levels.iter().all(|l| *l >= level || *l < 20.0), "{level} {levels:?}");
    assert_eq!(settings["sigmas"][0], level);
    // The record's levels are the whole schedule, for another run to take.
    assert_eq!(levels.len(), 18);
    folder.ok("fit swiss-roll:n=60 --model mixture --components 4 -o mix.safetensors");
    let run = folder.ok("sample mix.safetensors -n 4 --teleport within=0.01 -o t");
    assert!(run.err.contains("<- chosen") && run.err.contains("steps left out"), "{}", run.err);
    let chosen = folder.json("t/run.json")["settings"]["teleport"].clone();
    assert!(chosen["floor"].as_f64() <= Some(0.01) && chosen["steps"].as_u64() > Some(2), "{chosen}");
    folder.ok("rerun t/run.json -o again");
    folder.refused("sample mix.safetensors --teleport 1e9 -o t", &["--teleport", "highest level"]);
    folder.refused("sample mix.safetensors --teleport within=0 -o t", &["--teleport", "above 0"]);
}

/// The two files of --trajectories: images in a sheet, numbers for all.
#[test]
fn trajectories_are_described() {
    let folder = Folder::new();
    folder.ok("sample digits --points 100 -n 3 --steps 6 --trajectories -o images");
    assert!(!folder.read("images/trajectories.png").is_empty());
    let numbers = folder.json("images/trajectories.json");
    // The start, and the state after each of six steps.
    assert_eq!(numbers["sigmas"].as_array().map(Vec::len), Some(7));
    let plane = numbers["states"]["in_plane_of_ends"].as_f64().unwrap();
    assert!(plane > 0.5 && plane <= 1.0, "{plane}");
    folder.ok("rerun images/run.json -o again");
    folder.ok("sample circle:n=40 --model gaussian -n 3 --steps 6 --trajectories -o vectors");
    assert!(!folder.path("vectors/trajectories.png").exists());
    // One level is a path of one state.
    folder.ok("sample circle:n=40 -n 1 --steps 1 --trajectories -o one");
}
