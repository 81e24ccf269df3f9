//! What a survey says of the ridge, where the answer is known.

use ndarray::{Array2, array};
use ridgewalk::closed_form::Empirical;
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::survey::{Plot, Reference, RidgeDistance, Subject, Survey, SurveyResult};
use ridgewalk::transform::{Field, InjectedError, Perturbed};
use ridgewalk::{Denoiser, PointSet};

/// Points of a circle of this radius with noise.
fn circle(n: usize, radius: f64, noise: f64, key: u64) -> PointSet {
    let mut stream = Stream::new(key, Purpose::Synthetic, 0, 0);
    let mut values = Array2::zeros((n, 2));
    for mut row in values.outer_iter_mut() {
        let angle = std::f64::consts::TAU * stream.uniform();
        row[0] = radius * libm::cos(angle) + noise * stream.normal();
        row[1] = radius * libm::sin(angle) + noise * stream.normal();
    }
    PointSet::vectors(values).unwrap()
}

fn survey(samples: &PointSet, reference: &Reference, model: Option<&dyn Denoiser>) -> SurveyResult {
    let subject = Subject::new("mine", samples, reference);
    let subject = match model {
        Some(model) => subject.model(model),
        None => subject,
    };
    Survey::empty().with(RidgeDistance).resamples(100).run(&subject).unwrap()
}

fn value(result: &SurveyResult, id: &str) -> f64 {
    result.finding(id).unwrap_or_else(|| panic!("no finding {id}")).value
}

#[test]
fn samples_on_and_off_a_circle() {
    let reference = Reference::new(&circle(600, 1.0, 0.03, 1)).held_out(&circle(200, 1.0, 0.03, 2));
    let on = survey(&circle(100, 0.99, 0.0, 3), &reference, None);
    let off = survey(&circle(100, 1.25, 0.0, 4), &reference, None);
    let settings = &on.finding("ridge-distance").unwrap().settings;
    assert_eq!(settings["ridge_dimension"], 1);
    // The ridge lies within 1 − s²/2 of the centre, s² = σ² + 0.03².
    let sigma = settings["ridge_noise_level"].as_f64().unwrap();
    let radius = 1.0 - 0.5 * (sigma * sigma + 9e-4);
    let near = value(&on, "ridge-distance");
    assert!((near - (0.99 - radius).abs()).abs() < 0.012, "{near} at {sigma}");
    let far = value(&off, "ridge-distance");
    assert!((far - (1.25 - radius)).abs() < 0.012, "{far} at {sigma}");
    assert!(value(&on, "share-on-ridge") > 0.95);
    assert_eq!(value(&off, "share-on-ridge"), 0.0);
    assert!(value(&on, "between-data") < 0.05);
    let film = on.finding("reach").unwrap();
    assert!(film.figures.iter().any(|figure| matches!(figure.plot, Plot::Film(_))));
    assert_eq!(film.settings["paths"], "of the exact model");
    // The ridge does not depend on the survey's seed.
    let subject = Subject::new("mine", reference.train(), &reference);
    let other = Survey::empty().with(RidgeDistance).seed(9).resamples(100).run(&subject).unwrap();
    assert_eq!(other.finding("ridge-distance").unwrap().settings["ridge_noise_level"].as_f64(), Some(sigma));
}

/// Two clusters along one line, far apart, without and with a width: samples in the gap are between the data.
#[test]
fn samples_between_two_clusters() {
    for width in [0.0, 0.02] {
        let clusters = |n: usize, key: u64| {
            let mut stream = Stream::new(key, Purpose::Synthetic, 0, 0);
            let values = Array2::from_shape_fn((n, 3), |(i, k)| match k {
                0 => stream.uniform() + if i % 2 == 0 { -2.0 } else { 1.0 },
                _ => width * stream.normal(),
            });
            PointSet::vectors(values).unwrap()
        };
        let reference = Reference::new(&clusters(400, 5)).held_out(&clusters(200, 6));
        let line = |from: f64, to: f64, y: f64| {
            let at = |(i, k): (usize, usize)| match k {
                0 => from + (to - from) * i as f64 / 39.0,
                1 => y,
                _ => 0.0,
            };
            PointSet::vectors(Array2::from_shape_fn((40, 3), at)).unwrap()
        };
        let gap = survey(&line(-0.7, 0.7, 0.0), &reference, None);
        let found = gap.finding("between-data").unwrap();
        assert!(
            found.value > 0.9,
            "width {width}: {} {:?}",
            found.statement,
            gap.finding("ridge-distance").unwrap().table
        );
        let within = survey(&line(-1.95, -1.05, 0.0), &reference, None);
        assert!(value(&within, "between-data") < 0.1 && value(&within, "share-on-ridge") > 0.9);
        let off = survey(&line(-0.7, 0.7, 0.5), &reference, None);
        assert!(value(&off, "between-data") < 0.1);
        // Copies of training points are not far from them.
        assert_eq!(value(&survey(reference.train(), &reference, None), "between-data"), 0.0);
    }
}

/// The error of a model that differs by a known vector field.
#[test]
fn parts_of_a_known_error() {
    let train = circle(400, 1.0, 0.0, 7);
    let reference = Reference::new(&train);
    let data = Empirical::new(&train).unwrap();
    let center = array![0.0, 0.0];
    let out = InjectedError::new(Field::away_from(center.clone())).normal(&data, 1).unwrap();
    let along = InjectedError::new(Field::around(center, (0, 1))).tangential(&data, 1).unwrap();
    for (error, share) in [(out, 1.0), (along, 0.0)] {
        let model = Perturbed::new(&data, error.of_size(0.04).unwrap()).unwrap();
        let found = survey(&train, &reference, Some(&model));
        // The ridge is made of nine tenths of the points: its frames are those of all of them nearly everywhere.
        assert!((value(&found, "normal-error-share") - share).abs() < 0.05, "{share}");
    }
}

#[test]
fn what_has_no_ridge_to_speak_of() {
    let few = circle(20, 1.0, 0.1, 8);
    let reference = Reference::new(&few);
    let skipped = survey(&few, &reference, None).skipped;
    assert!(skipped[0].reason.contains("32 different training points"), "{skipped:?}");
    let line = PointSet::vectors(Array2::from_shape_fn((60, 1), |(i, _)| i as f64)).unwrap();
    let reference = Reference::new(&line);
    assert_eq!(survey(&line, &reference, None).skipped[0].probe, "ridge-distance");
    // In five dimensions there is no film, and without paths no run.
    let mut stream = Stream::new(9, Purpose::Synthetic, 0, 0);
    let cloud = PointSet::vectors(Array2::from_shape_simple_fn((80, 5), || stream.normal())).unwrap();
    let result = survey(&cloud, &Reference::new(&cloud), None);
    assert!(result.finding("reach").is_none() && result.finding("ridge-distance").is_some());
}
