use ndarray::{Array2, ArrayView1, Axis as Dimension, array, concatenate};

use super::memorisation::Verdicts;
use super::*;
use crate::points::{PointSet, Shape};
use crate::random::{Purpose, Stream};

fn normals(n: usize, d: usize, key: u64) -> Array2<f64> {
    let mut values = vec![0.0; n * d];
    Stream::new(11, Purpose::Synthetic, key, 0).fill_normal(&mut values);
    Array2::from_shape_vec((n, d), values).unwrap()
}

fn set(values: Array2<f64>) -> PointSet {
    PointSet::vectors(values).unwrap()
}

/// The points of a line.
fn line(values: &[f64]) -> PointSet {
    set(Array2::from_shape_vec((values.len(), 1), values.to_vec()).unwrap())
}

/// A quick survey, for tests that do not look at intervals.
fn survey() -> Survey {
    Survey::standard().seed(5).resamples(50)
}

fn measure(probe: impl Probe, subject: &Subject) -> Finding {
    probe.measure(subject, &Bootstrap::new(200, 1)).unwrap().remove(0)
}

fn copies_in(verdicts: &Verdicts, rows: std::ops::Range<usize>) -> usize {
    verdicts.memorised[rows].iter().filter(|&&memorised| memorised).count()
}

/// 90 exact copies, 90 copies with noise 0.01 (points are about 3.5 apart), 120 new points, of which
/// the rule may call 1 % by construction: 6 or more of 120 has a probability of 0.2 %.
#[test]
fn planted_copies_are_found_with_their_count() {
    let train = normals(600, 16, 1);
    let exact = train.select(Dimension(0), &(0..90).collect::<Vec<_>>());
    let near = train.select(Dimension(0), &(90..180).collect::<Vec<_>>()) + 0.01 * normals(90, 16, 2);
    let samples = set(concatenate![Dimension(0), exact, near, normals(120, 16, 3)]);
    let reference = Reference::new(&set(train)).held_out(&set(normals(400, 16, 4)));
    let subject = Subject::new("planted", &samples, &reference);

    let verdicts = Memorisation::default().verdicts(&subject).unwrap();
    assert_eq!(copies_in(&verdicts, 0..180), 180);
    let mistaken = copies_in(&verdicts, 180..300);
    assert!(mistaken <= 5, "{mistaken}");

    let result = survey().run(&subject).unwrap();
    let finding = result.finding("memorised-fraction").unwrap();
    assert_eq!(finding.value, (180 + mistaken) as f64 / 300.0);
    assert_eq!(finding.holds, Some(false));
    assert!(finding.interval.unwrap().0 > 0.5);
    assert_eq!(result.samples.nearest_train[..180], (0..180).collect::<Vec<_>>());
    assert!(result.samples.train_distance[..90].iter().all(|&d| d == 0.0));
    assert_eq!(result.samples.memorised.as_deref(), Some(&verdicts.memorised[..]));
    assert!(result.finding("data-copying").unwrap().value < -3.0);
    assert_eq!(result.finding("closer-to-training-fraction").unwrap().holds, Some(false));
    // copies are never authentic: at most the 120 new points are
    assert!(result.finding("authentic-fraction").unwrap().value <= 0.4);
}

/// 20 data sets of 200 new points each. The rate of one set is Beta(2, 199) (mean 1 %, deviation
/// 0.7 %), so the total of 4000 is 40 with a deviation of about 9; four of them.
#[test]
fn new_data_are_memorised_at_the_nominal_rate() {
    let mut total = 0;
    for key in 0..20 {
        let part = |i: u64| set(normals(200, 5, 100 + 3 * key + i));
        let reference = Reference::new(&part(0)).held_out(&part(1));
        let verdicts = Memorisation::default().verdicts(&Subject::new("new", &part(2), &reference)).unwrap();
        assert_eq!(verdicts.rank, 2);
        total += copies_in(&verdicts, 0..200);
    }
    assert!((4..=76).contains(&total), "{total}");
}

#[test]
fn new_data_pass_every_verdict() {
    let reference = Reference::new(&set(normals(500, 8, 5))).held_out(&set(normals(300, 8, 6)));
    let result = survey().run(&Subject::new("new", &set(normals(400, 8, 7)), &reference)).unwrap();
    assert_eq!(result.finding("memorised-fraction").unwrap().holds, Some(true));
    assert_eq!(result.finding("closer-to-training-fraction").unwrap().holds, Some(true));
    // three standard deviations of a standard normal
    assert!(result.finding("data-copying").unwrap().value.abs() < 3.0);
}

/// A circle in 64 dimensions seen with noise σ = 0.3: clean points are about σ√64 = 2.4 from the
/// training data, held-out points about σ√128 = 3.4, and neither are copies.
#[test]
fn cleaned_samples_are_not_called_copies() {
    let circle = |n: usize, noise: f64, key: u64| {
        let mut values = noise * normals(n, 64, key);
        for i in 0..n {
            let angle = Stream::new(key, Purpose::Synthetic, i as u64, 1).uniform() * std::f64::consts::TAU;
            values[[i, 0]] += 5.0 * libm::cos(angle);
            values[[i, 1]] += 5.0 * libm::sin(angle);
        }
        set(values)
    };
    let reference = Reference::new(&circle(400, 0.3, 20)).held_out(&circle(400, 0.3, 21));
    let clean = circle(200, 0.0, 22);
    let finding = measure(Memorisation::default(), &Subject::new("clean", &clean, &reference));
    assert_eq!(finding.holds, Some(true), "{}", finding.statement);
    // the same table shows what the distance alone would have said
    let Cell::Interval { value, .. } = finding.table.as_ref().unwrap().rows[1][1] else { panic!() };
    assert_eq!(value, 1.0);
}

/// Points 0, 1, 3, 7, 15 with nearest fellows at 1, 1, 2, 4, 8. Samples: ½ is ½ from 0; 5 is 2 from 3
/// (a tie with 7), not more than 2; 11.5 is 3.5 from 15; −2 is 2 > 1 from 0; 24 is 9 > 8 from 15.
#[test]
fn authenticity_by_hand_with_and_without_duplicates() {
    let samples = line(&[0.5, 5.0, 11.5, -2.0, 24.0]);
    for train in [line(&[0.0, 1.0, 3.0, 7.0, 15.0]), line(&[0.0, 0.0, 1.0, 3.0, 3.0, 7.0, 15.0, 15.0])] {
        let reference = Reference::new(&train);
        let finding = measure(Authenticity, &Subject::new("hand", &samples, &reference));
        assert_eq!(finding.value, 0.4);
        assert_eq!(finding.statement.contains("repeat an earlier one"), train.len() > 5);
    }
}

/// Nearest against second nearest of 0, 1, 10: 0.1/0.9, 0.5/0.5, 3/4, 0/9, 1.5/2.5. The repeated 10
/// must not hide its copy.
#[test]
fn without_held_out_data_the_rule_is_uncalibrated_and_says_so() {
    let samples = line(&[0.1, 0.5, 4.0, 10.0, 2.5]);
    let reference = Reference::new(&line(&[10.0, 10.0, 0.0, 1.0]));
    let subject = Subject::new("hand", &samples, &reference);
    let result = survey().run(&subject).unwrap();
    let finding = result.finding("memorised-fraction").unwrap();
    assert_eq!(finding.value, 0.4);
    assert_eq!(result.samples.memorised, Some(vec![true, false, false, true, false]));
    // rows of the training set, not of its distinct points
    assert_eq!(result.samples.nearest_train, [2, 2, 3, 0, 3]);
    assert!(finding.statement.contains("NOT calibrated") && finding.statement.contains("1 of the 4"));
    assert!(finding.statement.contains("rests on 5 samples only"));
    assert_eq!((finding.holds, finding.settings["calibrated"].as_bool()), (None, Some(false)));
    let skipped: Vec<&str> = result.skipped.iter().map(|s| s.probe.as_str()).collect();
    assert_eq!(
        skipped,
        [
            "closer-to-training-fraction",
            "data-copying",
            "sliced-wasserstein",
            "manifold-distance",
            "residual-noise",
            "noise-level",
            "ridge-distance",
            "class-balance",
            "gallery"
        ]
    );
}

/// 19 held-out points allow 1 in 20, not 1 in 100; the threshold is their smallest score.
#[test]
fn few_held_out_points_raise_the_level() {
    let held_out: Vec<f64> = (0..19).map(|i| 10.0 + f64::from(i)).collect();
    let reference = Reference::new(&line(&[0.0, 9.0])).held_out(&line(&held_out));
    let subject = Subject::new("hand", &line(&[0.5, 30.0, 20.0]), &reference);
    let verdicts = Memorisation::default().verdicts(&subject).unwrap();
    // the held-out point 10 is 1 from the point 9 and 1 from its fellow 11
    assert_eq!((verdicts.rank, verdicts.threshold), (1, 0.5));
    assert_eq!(verdicts.memorised, [true, false, false]);
    let finding = measure(Memorisation::default(), &subject);
    assert_eq!(finding.settings["level"].as_f64(), Some(0.05));
    assert!(finding.statement.contains("cannot be as strict"));
}

/// Data that repeat themselves, or a leaky split: the null's lowest scores are 0, nothing can be
/// below them, and the finding must say why it is silent.
#[test]
fn leaked_held_out_points_are_counted() {
    let train = normals(100, 3, 90);
    let leaked = train.select(Dimension(0), &[1, 2, 3]);
    let held_out = set(concatenate![Dimension(0), normals(97, 3, 91), leaked]);
    let samples = set(train.select(Dimension(0), &(10..50).collect::<Vec<_>>()));
    let reference = Reference::new(&set(train)).held_out(&held_out);
    let finding = measure(Memorisation::default(), &Subject::new("copies", &samples, &reference));
    assert_eq!((finding.value, finding.holds), (0.0, None));
    assert!(finding.statement.contains("3 held-out points are exact copies"), "{}", finding.statement);
}

#[test]
fn nearest_distances_by_hand() {
    let reference = Reference::new(&line(&[0.0, 10.0])).held_out(&line(&[1.0, 4.0]));
    let subject = Subject::new("hand", &line(&[2.0, 9.0, 12.0]), &reference);
    let findings = NearestDistances.measure(&subject, &Bootstrap::new(100, 1)).unwrap();
    assert_eq!((findings[0].id.as_str(), findings[0].value), ("nearest-training-distance", 5.0 / 3.0));
    assert_eq!((findings[1].id.as_str(), findings[1].value), ("nearest-held-out-distance", 14.0 / 3.0));
    let Plot::Distributions { groups, .. } = &findings[0].figures[0].plot else { panic!() };
    assert_eq!(groups[1].values, [1.0, 4.0]);
    let Plot::Distributions { groups, .. } = &findings[1].figures[0].plot else { panic!() };
    assert_eq!(groups[1].values, [3.0, 3.0]); // to each other, not to itself
}

/// A shift by 2 in each of 4 coordinates adds |t|²/d = 4 to SW² whatever the directions' number is
/// (to the deviation √(2·3/6/128) = 9 % of their mean); new data stay at the floor.
#[test]
fn transport_stands_beside_its_floor() {
    let reference = Reference::new(&set(normals(500, 4, 30))).held_out(&set(normals(500, 4, 31)));
    let new =
        measure(SlicedTransport::default(), &Subject::new("new", &set(normals(500, 4, 32)), &reference));
    let floor = new.settings["floor"].as_f64().unwrap();
    assert!(new.value < 2.0 * floor && floor < 2.0 * new.value, "{} {floor}", new.value);
    let shifted = set(normals(500, 4, 32) + 2.0);
    let shifted = measure(SlicedTransport::default(), &Subject::new("shifted", &shifted, &reference));
    assert!((shifted.value - 2.0).abs() < 0.4, "{}", shifted.value);
    assert!(shifted.interval.unwrap().0 > new.interval.unwrap().1);
}

#[test]
fn distance_to_a_known_circle_is_exact() {
    let circle = |p: ArrayView1<f64>| (p.dot(&p).sqrt() - 1.0).abs();
    let reference = Reference::new(&set(array![[2.0, 0.0], [0.0, 3.0]])).truth(&circle);
    let samples = set(array![[1.5, 0.0], [0.0, 0.5], [-0.75, 0.0]]);
    let finding = measure(ManifoldDistance, &Subject::new("hand", &samples, &reference));
    assert_eq!(finding.value, 1.25 / 3.0);
    assert!(finding.statement.contains("the training data are 1.500"));
    let broken = |_: ArrayView1<f64>| f64::NAN;
    let reference = Reference::new(&samples).truth(&broken);
    let refused = survey().run(&Subject::new("hand", &samples, &reference));
    assert!(refused.unwrap_err().to_string().contains("NaN for row 0"));
}

/// Two of three coordinates never vary in the clean set: 400 samples with noise 0.3 there have an
/// RMS of 0.3 with the standard error 0.3/√(2·800) = 0.0075; four of them.
#[test]
fn residual_noise_is_read_off_constant_coordinates() {
    let clean = set(array![[0.0, 5.0, 1.0], [0.0, 7.0, 1.0], [0.0, 2.0, 1.0]]);
    let mut samples = 0.3 * normals(400, 3, 40);
    samples.column_mut(1).mapv_inplace(|v| 100.0 * v);
    samples.column_mut(2).mapv_inplace(|v| 1.0 + v);
    let reference = Reference::new(&clean).clean(&clean);
    let finding = measure(ResidualNoise, &Subject::new("noisy", &set(samples), &reference));
    assert!((finding.value - 0.3).abs() < 0.03, "{}", finding.value);
    let (low, high) = finding.interval.unwrap();
    assert!(low < finding.value && finding.value < high && high - low < 0.06);
    let varied = set(normals(5, 3, 41));
    let reference = Reference::new(&varied).clean(&varied);
    let reason = ResidualNoise.inapplicable(&Subject::new("noisy", &varied, &reference));
    assert!(reason.unwrap().contains("no coordinate is constant"));
}

#[test]
fn class_balance_by_hand() {
    let train = line(&[0.0, 0.1, 10.0, 10.1, 20.0, 20.1]).with_labels(vec![3, 3, 5, 5, 9, 9]).unwrap();
    let reference = Reference::new(&train);
    let even = measure(ClassBalance, &Subject::new("even", &line(&[1.0, 9.0, 21.0]), &reference));
    assert_eq!(even.value, 0.0);
    assert_eq!(even.settings["p_value"].as_f64(), Some(1.0));
    // shares 3/4, 1/4, 0 against thirds: half of 5/12 + 1/12 + 4/12
    let lost = measure(ClassBalance, &Subject::new("lost", &line(&[1.0, 2.0, -1.0, 9.0]), &reference));
    assert!((lost.value - 5.0 / 12.0).abs() < 1e-15);
    assert!(lost.statement.contains("No sample is of class [9]"), "{}", lost.statement);
    assert!(lost.statement.contains("few members"));
}

#[test]
fn gallery_puts_copies_above_their_originals() {
    let shape = Shape::Image { height: 2, width: 2, channels: 1 };
    let train = PointSet::new(normals(9, 4, 50), shape).unwrap();
    let samples =
        PointSet::new(concatenate![Dimension(0), normals(3, 4, 51), train.values()], shape).unwrap();
    let reference = Reference::new(&train);
    let finding = measure(Gallery { columns: 4 }, &Subject::new("mine", &samples, &reference));
    assert_eq!(finding.value, 0.0);
    let Plot::Images { height: 2, rows, .. } = &finding.figures[1].plot else { panic!() };
    assert_eq!(rows[0].images, rows[1].images);
    assert_eq!(rows[1].notes, ["0"; 4]);
    assert_eq!(rows.len(), 2);
}

#[test]
fn groups_stand_side_by_side_with_one_null() {
    let reference = Reference::new(&set(normals(60, 3, 60))).held_out(&set(normals(40, 3, 61)));
    let (a, b) = (set(normals(30, 3, 62)), set(normals(25, 3, 63)));
    let subjects = [Subject::new("Plain", &a, &reference), Subject::new("MAD b = 2", &b, &reference)];
    let comparison = survey().compare(&subjects).unwrap();
    let figures = comparison.figures();
    for id in ["relative-distance-to-training", "nearest-training-distance", "nearest-held-out-distance"] {
        let figure = figures.iter().find(|figure| figure.id == id).unwrap();
        let Plot::Distributions { groups, .. } = &figure.plot else { panic!() };
        let names: Vec<&str> = groups.iter().map(|group| group.name.as_str()).collect();
        assert_eq!(names, ["Plain", "MAD b = 2", "held-out"]);
    }
    let table = comparison.table();
    assert_eq!(table.columns, ["finding", "Plain", "MAD b = 2"]);
    assert!(table.rows.iter().all(|row| row.len() == 3));
    let findings = comparison.findings();
    let mut ids: Vec<String> = findings.iter().map(|finding| finding.id.clone()).collect();
    assert!(ids.contains(&"mad-b-2-memorised-fraction".to_string()));
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), findings.len());

    let twice = [Subject::new("a b", &a, &reference), Subject::new("a-b", &b, &reference)];
    assert!(survey().compare(&twice).unwrap_err().to_string().contains("two groups"));
    assert!(survey().compare(&[]).is_err());
    assert!(survey().run(&Subject::new("held-out", &a, &reference)).is_err());
}

fn everything(rows: &[usize]) -> SurveyResult {
    let labels = |n: usize| (0..n as u32).map(|i| i % 3).collect();
    let train = set(normals(120, 6, 70)).with_labels(labels(120)).unwrap();
    let samples = set(normals(50, 6, 72)).select(rows).unwrap();
    let sphere = |p: ArrayView1<f64>| (p.dot(&p).sqrt() - 2.0).abs();
    let reference = Reference::new(&train).held_out(&set(normals(90, 6, 71))).truth(&sphere);
    survey().run(&Subject::new("mine", &samples, &reference)).unwrap()
}

#[test]
fn bytes_do_not_depend_on_threads() {
    let rows: Vec<usize> = (0..50).collect();
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| serde_json::to_string(&everything(&rows)).unwrap())
    };
    let one = run(1);
    assert_eq!(one, run(2));
    assert_eq!(one, run(7));
}

/// Values up to the rounding of a sum in another order; intervals may differ by the resamples.
#[test]
fn order_of_the_samples_does_not_matter() {
    let rows: Vec<usize> = (0..50).collect();
    let order = Stream::new(1, Purpose::Split, 0, 0).permutation(50);
    let (straight, shuffled) = (everything(&rows), everything(&order));
    assert_eq!(straight.findings.len(), 14);
    for (a, b) in straight.findings.iter().zip(&shuffled.findings) {
        assert!((a.value - b.value).abs() <= 1e-12 * a.value.abs(), "{}", a.id);
    }
    for (i, &row) in order.iter().enumerate() {
        assert_eq!(shuffled.samples.nearest_train[i], straight.samples.nearest_train[row]);
    }
}

#[test]
fn one_sample_has_numbers_without_bootstrap_intervals() {
    let reference = Reference::new(&line(&[0.0, 1.0])).held_out(&line(&[2.0]));
    let result = survey().run(&Subject::new("one", &line(&[0.25]), &reference)).unwrap();
    let finding = result.finding("nearest-training-distance").unwrap();
    assert_eq!((finding.value, finding.interval), (0.25, None));
    assert!(finding.statement.contains("rests on 1 sample only"));
}

#[test]
fn sets_of_other_shapes_are_refused_by_name() {
    let train = set(normals(5, 2, 80));
    let reference = Reference::new(&train).held_out(&line(&[1.0]));
    let error = survey().run(&Subject::new("mine", &train, &reference)).unwrap_err().to_string();
    assert!(error.contains("held-out set"), "{error}");
    let reference = Reference::new(&train);
    let error = survey().run(&Subject::new("mine", &line(&[1.0]), &reference)).unwrap_err().to_string();
    assert!(error.contains("'mine'"), "{error}");
}

/// Held-out points 0 to 4 copy training points and score 0; the threshold is the second smallest score,
/// 0 as well, and no held-out point lies below it.
#[test]
fn ties_of_the_null_are_not_counted_as_below_the_threshold() {
    let train = normals(300, 4, 31);
    let leaked = train.select(Dimension(0), &[0, 1, 2, 3, 4]);
    let held_out = concatenate![Dimension(0), leaked, normals(245, 4, 32)];
    let reference = Reference::new(&set(train)).held_out(&set(held_out));
    let samples = set(normals(50, 4, 33));
    let finding = measure(Memorisation::default(), &Subject::new("new", &samples, &reference));
    let Cell::Interval { value, .. } = finding.table.as_ref().unwrap().rows[0][2] else { panic!() };
    assert_eq!(value, 0.0);
}

/// Means 0 and 0: C_T is standard normal, so an interval of four wide holds nearly all its spread; the
/// interval of shifted samples lies on their side of 0.
#[test]
fn the_copying_statistic_has_an_interval() {
    let train = normals(200, 3, 41);
    let reference = Reference::new(&set(train.clone())).held_out(&set(normals(200, 3, 42)));
    let new = set(normals(200, 3, 43));
    let finding = measure(DataCopying, &Subject::new("new", &new, &reference));
    let (low, high) = finding.interval.unwrap();
    assert!(low < finding.value && finding.value < high);
    // Unit variance under resampling of both groups: 2·1.96 = 3.9 wide, to a fifth of it.
    assert!((3.1..4.8).contains(&(high - low)), "{low} {high}");
    let near = set(&train + &(0.05 * normals(200, 3, 44)));
    let (_, high) = measure(DataCopying, &Subject::new("near", &near, &reference)).interval.unwrap();
    assert!(high < -3.0);
}
