//! Autoencoders from training to survey, and networks trained in latent spaces.

use crate::support::Folder;

const TINY: &str = "batch = 16\n[autoencoder.network.convolutional]\nchannels = 4\nmultipliers = [1, 2]\n\
    [every]\nlog = 10\nevaluate = 20\ncheckpoint = 20\nsample = 0\n";
const SMALL: &str = "batch = 16\n[architecture.mlp]\nwidth = 24\ndepth = 2\nembedding = 8\n\
    [every]\nlog = 10\nevaluate = 50\ncheckpoint = 20\nsample = 0\n";

fn folder() -> Folder {
    let folder = Folder::with("tiny.toml", TINY);
    folder.write("small.toml", SMALL);
    folder
}

/// What is made of an autoencoder holds it whole: its folder may go.
#[test]
fn models_in_the_space_of_an_autoencoder() {
    let folder = folder();
    let run = folder
        .ok("train digits --points 200 --autoencoder --latent-dim 6 --config tiny.toml --steps 40 -o ae");
    assert!(run.err.contains("autoencoder with 6 coordinates"), "{}", run.err);
    assert!(folder.path("ae/samples.png").is_file() && folder.text("ae/run.toml").contains("[autoencoder"));
    folder.ok("rerun ae/run.json");
    folder.ok("fit digits --points 200 --latent ae --hold-out 0.2 -o m.safetensors");
    folder.ok("sample digits --points 200 --latent ae --hold-out 0.2 -n 9 --steps 6 -o direct");
    folder.ok("train digits --points 200 --latent ae --config small.toml --steps 40 -o net");
    folder.ok("train digits --points 200 --latent pca:5 --config small.toml --steps 40 -o pca");
    folder.ok("rerun direct/run.json -o direct2");
    folder.ok("rerun net/run.json");
    folder.refused("sample ae -o y", &["ae", "--latent"]);
    folder.refused("fit circle:n=50 --latent ae -o y.safetensors", &["--latent ae", "vector"]);
    folder.refused("fit digits --standardize --latent ae -o y.safetensors", &["--standardize"]);
    folder.refused("fit digits --latent net -o y.safetensors", &["no autoencoder"]);
    std::fs::remove_dir_all(folder.path("ae")).unwrap();
    folder.ok("sample m.safetensors -n 9 --steps 6 -o a");
    assert_eq!(folder.read("a/samples.npy"), folder.read("direct/samples.npy"));
    assert_eq!(folder.json("a/run.json")["settings"]["model"]["latent"]["kind"], "autoencoder");
    folder.ok("survey a --data digits --resamples 20 -o s");
    folder.ok("sample net -n 9 --steps 6 --mad onset=0.5 -o b");
    folder.ok("survey b --data digits --resamples 20 -o t");
    folder.ok("sample pca -n 9 --steps 6 -o c");
    for name in ["a", "b", "c"] {
        let drawn = folder.points(&format!("{name}/samples.npy"));
        assert!(drawn.shape().is_image() && drawn.dim() == 64);
        assert!(folder.path(&format!("{name}/samples.png")).is_file());
    }
    folder.ok("eval net --at b/samples.npy --sigma 0.5 -o y.npy");
    folder.refused("survey b --data digits --model net -o u", &["--latent"]);
    folder.refused("fit digits --latent ae -o y.safetensors", &["'ae'", "there is pca"]);
    // A run that goes on needs no flag for its space.
    folder.ok("train digits --points 200 --resume --steps 50 -o net");
    folder.ok("train digits --points 200 --latent pca:5 --resume --steps 50 -o pca");
    folder.refused(
        "train digits --points 200 --latent pca:4 --resume --steps 60 -o pca",
        &["another latent space"],
    );
}

#[test]
fn flags_that_contradict_are_refused() {
    let folder = folder();
    folder.refused("train digits --autoencoder --latent pca -o y", &["cannot be used with"]);
    folder.refused("train digits --autoencoder --standardize -o y", &["cannot be used with"]);
    folder.refused("train digits --latent-dim 3 -o y", &["--autoencoder"]);
    folder.refused("train digits --autoencoder --latent-dim 65 -o y", &["65"]);
    folder.refused("train digits --latent pca:5 --flip -o y", &["--flip"]);
    folder.refused("train digits --latent pca:5 --arch unet -o y", &["unet"]);
}
