//! Noise that is added to data: known, recorded, and the same again.

use ridgewalk_data::{ModelFile, add_noise, add_salt_and_pepper, digits};

use crate::support::Folder;

/// Impulses come first and Gaussian noise is on top of them, both with the run's seed.
#[test]
fn both_kinds_in_their_order() {
    let folder = Folder::new();
    folder.ok("data convert digits x.npz --salt-and-pepper 0.2 --noise 0.5 --seed 4");
    let expected = add_noise(&add_salt_and_pepper(&digits(), 0.2, 4).unwrap(), 0.5, 4).unwrap();
    assert_eq!(folder.points("x.npz").values(), expected.values());
    folder.ok("data convert digits y.npz --salt-and-pepper 0.2 --seed 4");
    assert_eq!(folder.points("y.npz").range(), (0.0, 16.0));
}

#[test]
fn a_model_knows_its_noise_and_a_survey_finds_its_points() {
    let folder = Folder::new();
    let fit = "fit digits:n=60 --salt-and-pepper 0.1 --noise 0.5 --seed 3 --model gaussian --rank diagonal";
    folder.ok(&format!("{fit} -o m.safetensors"));
    let model = ModelFile::load(&folder.path("m.safetensors")).unwrap();
    assert_eq!((model.noise, model.salt_and_pepper), (0.5, 0.1));
    folder.ok("sample m.safetensors -n 6 -o of-model");
    folder.ok("sample digits:n=60 --salt-and-pepper 0.1 --smooth 1 -n 6 -o of-data");
    for name in ["of-model", "of-data"] {
        folder.ok(&format!("survey {name} --data digits:n=60 --resamples 5"));
        let record = folder.json(&format!("{name}/survey-run.json"));
        assert_eq!(record["settings"]["training"]["matches_run"], true, "{name}");
        folder.ok(&format!("rerun {name}/run.json"));
    }
    let run = folder.ok("survey of-data --data digits:n=60 --salt-and-pepper 0.3 --resamples 5 -o other");
    assert!(run.err.contains("are not the 60 points"), "{}", run.err);
}
