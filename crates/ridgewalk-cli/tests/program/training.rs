//! `ridgewalk train`: networks that go on, that are models, and that are refused.

use crate::support::Folder;

/// Small enough for many steps a second.
const SMALL: &str = "batch = 16\n[architecture.mlp]\nwidth = 24\ndepth = 2\nembedding = 8\n\
    [every]\nlog = 10\nevaluate = 50\ncheckpoint = 20\nsample = 0\n";
const TINY: &str = "batch = 8\nclasses = true\n[architecture.unet]\nchannels = 8\nmultipliers = [1, 2]\nblocks = 1\n\
    [every]\nlog = 2\nevaluate = 4\ncheckpoint = 4\nsample = 0\n";

#[test]
fn a_network_is_a_model_like_any_other() {
    let folder = Folder::with("small.toml", SMALL);
    let run = folder.ok("train circle:n=300,seed=1 --config small.toml --steps 300 --hold-out 0.1 -o run");
    assert!(run.err.contains("30 held out"), "{}", run.err);
    for name in ["run.toml", "run.json", "log.jsonl", "model.safetensors", "checkpoint-00000300.safetensors"]
    {
        assert!(folder.path("run").join(name).is_file(), "{name}");
    }
    let last: serde_json::Value =
        serde_json::from_str(folder.text("run/log.jsonl").lines().last().unwrap()).unwrap();
    assert_eq!(last["step"], 300);
    assert!(last["held_out"].as_f64().is_some());
    folder.ok("sample run -n 20 -o out");
    folder.ok("sample run/model.safetensors -n 20 -o again");
    assert_eq!(folder.points("out/samples.npy"), folder.points("again/samples.npy"));
    folder.ok("sample run -n 20 --ema last -o last");
    assert_ne!(folder.points("out/samples.npy"), folder.points("last/samples.npy"));
    folder.ok("eval run --at out/samples.npy --sigma 0.3 --what score -o score.npy");
    folder.ok("rerun run/run.json");
}

#[test]
fn a_conditional_network_is_guided_to_a_class() {
    let folder = Folder::with("tiny.toml", TINY);
    folder.ok("train digits --points 100 --config tiny.toml --steps 4 -o run");
    assert!(folder.path("run/samples.png").is_file());
    folder.ok("sample run -n 2 --steps 4 --class 3 -o three");
    folder.ok("sample run -n 2 --steps 4 --class 3 --guidance 2 -o guided");
    folder.ok("sample run -n 2 --steps 4 -o any");
    let points = ["three", "guided", "any"].map(|name| folder.points(&format!("{name}/samples.npy")));
    assert!(points[0] != points[1] && points[0] != points[2]);
    folder.refused("sample run --class 77 -o out", &["77", "labels"]);
    folder.refused("sample run --noise 1 -o out", &["--noise", "network"]);
    folder.refused("sample run --guidance 2 -o out", &["--guidance", "--class"]);
}

#[test]
fn what_cannot_be_trained_is_refused() {
    let folder = Folder::with("bad.toml", "batch = 16\nsteps = 5\nlearning_rat = 1.0\n");
    folder.refused("train digits --config bad.toml -o run", &["bad.toml", "line 3", "learning_rat"]);
    folder.refused("train circle:n=50 --classes -o run", &["classes", "labels"]);
    folder.refused("train circle:n=50 --weights nothing -o run", &["--weights", "column"]);
    folder.refused("train circle:n=50 --arch unet -o run", &["unet"]);
    folder.refused("fit circle:n=50 --ema last -o m.safetensors", &["--ema", "train"]);
    folder.write("small.toml", SMALL);
    folder.ok("train circle:n=50 --config small.toml --steps 5 -o run");
    folder.refused("train circle:n=50 --config small.toml --steps 9 -o run", &["--resume"]);
    folder.refused("train circle:n=60 --resume -o run", &["other data", "50"]);
    folder.refused("train circle:n=50 --resume --batch 8 -o run", &["batch was 16, now it is 8"]);
    folder.ok("train circle:n=50 --resume --steps 9 -o run");
    folder.refused("sample run --ema 0.07 -o out", &["0.07", "0.1"]);
    folder.refused("train circle:n=50 --resume --steps 7 -o run", &["has taken 9 steps"]);
    folder.refused("train circle:n=50 --resume -o elsewhere", &["elsewhere", "no run to go on with"]);
    folder.refused("train circle:n=50 --flip -o other", &["--flip", "images"]);
    folder.refused("train circle:n=50 --fokker-planck 0.1 -o other", &["--fokker-planck", "--potential"]);
    folder.refused("train circle:n=50 --potential --fokker-planck=-1 -o other", &["--fokker-planck"]);
    folder.refused("train digits --potential -o other", &["--potential", "--arch mlp"]);
    folder.refused("train circle:n=50 --label-dropout 0.5 -o other", &["--label-dropout", "--classes"]);
    folder.refused("train circle:n=50 --minutes 1e30 -o other", &["minutes"]);
    folder.refused("train circle:n=50 --batch 18446744073709551615 -o other", &["batch"]);
    folder.write("wide.toml", "[architecture.mlp]\nwidth = 4294967296\n");
    folder.refused("train circle:n=50 --config wide.toml -o other", &["4294967296"]);
    folder.write("wide.toml", "[architecture.unet]\nmultipliers = [1, 9999999999999]\n");
    folder.refused("train digits --config wide.toml -o other", &["multipliers"]);
    folder.write("wide.toml", "[architecture.unet]\nattention = [5]\n");
    folder.refused("train digits --config wide.toml -o other", &["no level of height 5"]);
}

/// What a run was begun with is not said again when it goes on, but is what its record must say.
#[test]
fn a_run_that_went_on_can_be_made_again() {
    let folder = Folder::with("small.toml", SMALL);
    folder.ok("train circle:n=50 --config small.toml --steps 20 -o run");
    folder.ok("train circle:n=50 --resume --steps 40 -o run");
    folder.ok("rerun run/run.json");
    let whole = Folder::with("small.toml", SMALL);
    whole.ok("train circle:n=50 --config small.toml --steps 40 -o run");
    assert!(folder.read("run/model.safetensors") == whole.read("run/model.safetensors"));
}

/// A checkpoint that was damaged stands in nobody's way.
#[test]
fn a_damaged_checkpoint_is_passed_over() {
    let folder = Folder::with("small.toml", SMALL);
    folder.ok("train circle:n=50 --config small.toml --steps 40 -o run");
    let newest = folder.path("run/checkpoint-00000040.safetensors");
    let whole = std::fs::read(&newest).unwrap();
    std::fs::write(&newest, &whole[..whole.len() / 2]).unwrap();
    folder.ok("sample run -n 3 -o out");
    let run = folder.ok("train circle:n=50 --resume --steps 40 -o run");
    assert!(run.err.contains("passed over") && run.err.contains("after 20 steps"), "{}", run.err);
    assert!(std::fs::read(&newest).unwrap() == whole);
}

#[cfg(unix)]
mod interrupted {
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    use super::SMALL;
    use crate::support::Folder;

    const TRAIN: &str = "train circle:n=300,seed=1 --config small.toml --steps 1500 -o run";

    /// Starts a run and sends a signal once there is a checkpoint of this step; its exit and what it said.
    fn signalled(folder: &Folder, step: u64, signal: &str) -> (std::process::ExitStatus, String) {
        let child = folder.command(TRAIN).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let wanted = folder.path(&format!("run/checkpoint-{step:08}.safetensors"));
        let began = Instant::now();
        while !wanted.is_file() && began.elapsed() < Duration::from_secs(60) {
            std::thread::sleep(Duration::from_millis(2));
        }
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        (output.status, String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Log lines but for how fast they came.
    fn log(folder: &Folder) -> Vec<serde_json::Value> {
        let text = folder.text("run/log.jsonl");
        let parsed = text.lines().map(|line| {
            let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
            line.as_object_mut().unwrap().remove("images_per_second");
            line
        });
        parsed.collect()
    }

    #[test]
    fn killed_and_stopped_runs_go_on_to_the_same_bytes() {
        let [whole, killed, stopped] = [(); 3].map(|()| Folder::with("small.toml", SMALL));
        whole.ok(TRAIN);
        let (status, _) = signalled(&killed, 60, "-KILL");
        assert_eq!(status.signal(), Some(9));
        let (status, message) = signalled(&stopped, 40, "-INT");
        assert_eq!(status.code(), Some(130), "{message}");
        assert!(message.contains("--resume goes on"), "{message}");
        for folder in [killed, stopped] {
            let run = folder.ok(&format!("{TRAIN} --resume"));
            assert!(run.err.contains("goes on after"), "{}", run.err);
            for name in ["model.safetensors", "checkpoint-00001500.safetensors", "run.toml"] {
                assert!(folder.read(&format!("run/{name}")) == whole.read(&format!("run/{name}")), "{name}");
            }
            assert_eq!(log(&folder), log(&whole));
        }
    }

    /// Fifty kills at moments that a generator chooses: every checkpoint that is there can be read, nothing else piles
    /// up, and the end is that of a run that was never stopped.
    #[test]
    #[ignore = "fifty kills take a minute or two"]
    fn fifty_kills_lose_nothing() {
        const LONG: &str = "train circle:n=300,seed=1 --config small.toml --steps 20000 -o run";
        let [whole, killed] = [(); 2].map(|()| Folder::with("small.toml", SMALL));
        whole.ok(LONG);
        let mut stream = ridgewalk::random::Stream::new(1, ridgewalk::random::Purpose::Evaluation, 0, 0);
        for kill in 0..50 {
            let line =
                if killed.path("run/run.toml").is_file() { format!("{LONG} --resume") } else { LONG.into() };
            let mut child =
                killed.command(&line).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            std::thread::sleep(Duration::from_micros((20_000.0 + 180_000.0 * stream.uniform()) as u64));
            child.kill().unwrap();
            child.wait().unwrap();
            let files = std::fs::read_dir(killed.path("run")).into_iter().flatten().flatten();
            let names: Vec<String> =
                files.map(|file| file.file_name().to_string_lossy().into_owned()).collect();
            for name in names.iter().filter(|name| name.starts_with("checkpoint-")) {
                let path = killed.path("run").join(name);
                assert!(ridgewalk_nn::TrainedModel::load(&path, None).is_ok(), "kill {kill}: {name}");
            }
            assert!(names.len() <= 9, "kill {kill}: {names:?}");
        }
        killed.ok(&format!("{LONG} --resume"));
        assert!(killed.read("run/model.safetensors") == whole.read("run/model.safetensors"));
        assert_eq!(log(&killed), log(&whole));
    }
}
