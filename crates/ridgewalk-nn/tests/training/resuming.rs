//! A run that was stopped and goes on is the run that never stopped.

use ridgewalk_nn::network::{Architecture, UNetConfig};
use ridgewalk_nn::train::{
    Average, EVENTS, Ending, LogLine, MODEL, TrainConfig, TrainedModel, Trainer, TrainingData, checkpoints,
    read_log,
};

use crate::support::{about, config, data, run};

/// All lines, but for how fast they came.
fn lines(folder: &std::path::Path) -> Vec<LogLine> {
    let mut lines = read_log(folder).unwrap();
    lines.iter_mut().for_each(|line| line.images_per_second = 0.0);
    lines
}

fn same(config: &TrainConfig, data: &TrainingData, stop: u64) {
    let [whole, parts] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let mut unbroken = Trainer::new(config, data.clone()).unwrap();
    assert!(matches!(run(&mut unbroken, whole.path(), None), Ending::Done(_)));

    let mut first = Trainer::new(config, data.clone()).unwrap();
    let Ending::Stopped(checkpoint) = run(&mut first, parts.path(), Some(stop)) else {
        panic!("did not stop")
    };
    assert_eq!(first.steps_done(), stop);
    drop(first);
    let mut second = Trainer::resume(config, data.clone(), &checkpoint).unwrap();
    assert_eq!(second.steps_done(), stop);
    run(&mut second, parts.path(), None);

    assert_eq!(unbroken.values(), second.values());
    for length in config.averages.iter().copied() {
        assert_eq!(unbroken.average(Some(length)).unwrap(), second.average(Some(length)).unwrap());
    }
    assert_eq!(lines(whole.path()), lines(parts.path()));
    let bytes = |folder: &tempfile::TempDir| {
        let newest = checkpoints(folder.path()).pop().unwrap();
        (std::fs::read(newest).unwrap(), std::fs::read(folder.path().join(MODEL)).unwrap())
    };
    // The moments of the optimiser, too.
    assert_eq!(bytes(&whole), bytes(&parts));
}

/// Stopped between lines of the log, between checkpoints, and on both.
#[test]
fn a_stopped_run_goes_on_to_the_same_bytes() {
    let data = data();
    for stop in [7, 8, 18] {
        same(&config(24), &data, stop);
    }
}

#[test]
fn so_does_a_network_of_images_with_classes() {
    let digits = ridgewalk_data::digits();
    let data =
        TrainingData::new(digits.select(&(0..60).collect::<Vec<_>>()).unwrap()).held_out(0.1, 1).unwrap();
    let unet = UNetConfig { channels: 8, multipliers: vec![1, 2], blocks: 1, ..UNetConfig::default() };
    let config = TrainConfig {
        batch: 6,
        micro_batch: Some(4),
        classes: true,
        architecture: Some(Architecture::UNet(unet)),
        ..config(6)
    };
    same(&config, &data, 3);
}

/// What a killed process left: a log that goes on after its last checkpoint, with a line cut short.
#[test]
fn lines_after_the_checkpoint_are_of_a_run_that_was_not() {
    let (folder, data) = (tempfile::tempdir().unwrap(), data());
    let mut trainer = Trainer::new(&config(16), data.clone()).unwrap();
    run(&mut trainer, folder.path(), Some(8));
    let checkpoint = checkpoints(folder.path()).pop().unwrap();
    let log = folder.path().join("log.jsonl");
    let whole = std::fs::read_to_string(&log).unwrap();
    let later = whole.lines().last().unwrap().replace("\"step\":8", "\"step\":12");
    std::fs::write(&log, format!("{whole}{later}\n{}", &later[..20])).unwrap();
    let mut again = Trainer::resume(&config(16), data, &checkpoint).unwrap();
    run(&mut again, folder.path(), None);
    let steps: Vec<u64> = lines(folder.path()).iter().map(|line| line.step).collect();
    assert_eq!(steps, [4, 8, 12, 16]);
    assert!(folder.path().join(EVENTS).is_file());
}

#[test]
fn two_checkpoints_are_kept_and_a_folder_is_read_by_its_newest() {
    let (folder, data) = (tempfile::tempdir().unwrap(), data());
    let mut trainer = Trainer::new(&config(40), data.clone()).unwrap();
    run(&mut trainer, folder.path(), Some(33));
    let names: Vec<String> = checkpoints(folder.path())
        .iter()
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(names, ["checkpoint-00000032.safetensors", "checkpoint-00000033.safetensors"]);
    assert!(TrainedModel::is_one(folder.path()));
    let model = TrainedModel::load(folder.path(), None).unwrap();
    assert_eq!((model.step, model.average), (33, Some(0.1)));
    assert_eq!(model.denoiser.values(), trainer.average(Some(0.1)).unwrap());
    let last = TrainedModel::load(folder.path(), Some(Average::Last)).unwrap();
    assert_eq!(last.denoiser.values(), trainer.values());
    assert!(TrainedModel::load(folder.path(), Some(Average::Length(0.07))).is_err());
    // The network's own file holds the same numbers by other names.
    run(&mut trainer, folder.path(), None);
    let own = TrainedModel::load(&folder.path().join(MODEL), None).unwrap();
    assert_eq!(own.denoiser.values(), trainer.average(Some(0.1)).unwrap());
    assert_eq!(own.about, about(&data));
}

#[test]
fn other_settings_and_other_data_are_refused_by_name() {
    let (folder, data) = (tempfile::tempdir().unwrap(), data());
    let mut trainer = Trainer::new(&config(16), data.clone()).unwrap();
    run(&mut trainer, folder.path(), Some(8));
    let checkpoint = checkpoints(folder.path()).pop().unwrap();
    let refused = |config: &TrainConfig, data: TrainingData| {
        Trainer::resume(config, data, &checkpoint).map(|_| ()).unwrap_err().to_string()
    };
    let mut other = config(16);
    other.optimizer.warm_up = 6;
    let message = refused(&other, data.clone());
    assert!(message.contains("optimizer.warm_up was 5, now it is 6"), "{message}");
    let message = refused(&TrainConfig { batch: 8, ..config(16) }, data.clone());
    assert!(message.contains("batch was 16, now it is 8"), "{message}");
    let points = ridgewalk_data::load("circle:n=300,seed=4").unwrap();
    let message = refused(&config(16), TrainingData::new(points).held_out(0.1, 0).unwrap());
    assert!(message.contains("other data"), "{message}");
    // A longer run of a constant rate is the same run.
    assert!(Trainer::resume(&config(160), data, &checkpoint).is_ok());
}

/// A checkpoint cut short anywhere, or with any byte of its header changed, is an error and no panic.
#[test]
fn damaged_checkpoints_are_errors() {
    let (folder, data) = (tempfile::tempdir().unwrap(), data());
    let mut trainer = Trainer::new(&config(16), data.clone()).unwrap();
    run(&mut trainer, folder.path(), Some(2));
    let bytes = std::fs::read(checkpoints(folder.path()).pop().unwrap()).unwrap();
    let path = folder.path().join("damaged.safetensors");
    for length in (0..bytes.len()).step_by(997) {
        std::fs::write(&path, &bytes[..length]).unwrap();
        assert!(Trainer::resume(&config(16), data.clone(), &path).is_err(), "{length}");
        assert!(TrainedModel::load(&path, None).is_err(), "{length}");
    }
    for place in (0..2000).step_by(13) {
        let mut changed = bytes.clone();
        changed[place] = changed[place].wrapping_add(91);
        std::fs::write(&path, &changed).unwrap();
        TrainedModel::load(&path, None).ok();
    }
}
