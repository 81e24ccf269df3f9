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
}
