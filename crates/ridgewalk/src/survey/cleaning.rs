//! What attraction did: cleaned samples against those that plain sampling of the same model gives.
//!
//! Three things must come together: the noise falls, the samples come as near to clean data as new
//! clean data are, and no class is lost on the way.

use super::classes::distinct;
use super::finding::{Expectation, Finding};
use super::noise::{constant, rms};
use super::{Reference, Subject, words};
use crate::error::{Error, Result};
use crate::metrics::bootstrap::mean;
use crate::metrics::{Bootstrap, chi_square};
use crate::neighbours::nearest;
use crate::points::PointSet;

/// Least fraction of the noise that must go for cleaning to have worked.
const LEAST_REDUCTION: f64 = 0.6;
/// How far the distance to clean data may be from that of new clean data.
const DISTANCE_TOLERANCE: f64 = 0.05;
/// Classes are called changed below this probability.
const LEVEL: f64 = 0.01;

/// Findings `noise-reduction`, `clean-distance-ratio` and `classes-kept`; each only if the reference
/// has what it needs (a clean set with constant coordinates, held-out points, labels).
///
/// # Errors
/// If there is no clean set, or the two groups differ in dimension.
pub fn cleaning(plain: &Subject, cleaned: &Subject, bootstrap: &Bootstrap) -> Result<Vec<Finding>> {
    let reference = cleaned.reference();
    let clean = reference
        .clean_set()
        .ok_or_else(|| Error::argument("clean", "is missing", "give a clean reference set"))?;
    let groups = (plain.samples(), cleaned.samples());
    let found = [
        reduction(groups, clean, bootstrap),
        distance(groups, reference, clean, bootstrap)?,
        classes(groups, clean)?,
    ];
    let describe = |finding: Finding| {
        finding
            .setting("plain", plain.name())
            .setting("cleaned", cleaned.name())
            .setting("seed", bootstrap.seed)
    };
    Ok(found.into_iter().flatten().map(describe).collect())
}

fn reduction(
    (plain, cleaned): (&PointSet, &PointSet),
    clean: &PointSet,
    bootstrap: &Bootstrap,
) -> Option<Finding> {
    let coordinates = constant(clean);
    if coordinates.is_empty() {
        return None;
    }
    let (before, before_interval) = rms(plain, &coordinates, bootstrap);
    let (after, after_interval) = rms(cleaned, &coordinates, bootstrap);
    let value = 1.0 - after / before;
    let statement = format!(
        "Attraction takes away {} of the noise in the {} that never vary in clean data: its standard deviation \
         goes from {} to {}.",
        words::percent(value),
        words::count(coordinates.len(), "coordinate"),
        words::number(before),
        words::number(after)
    );
    let mut finding = Finding::new("noise-reduction", statement, value, cleaned.len());
    if let (Some(before), Some(after)) = (before_interval, after_interval) {
        // Ends of both intervals at once: wider than needed, never narrower.
        finding = finding.interval((1.0 - after.1 / before.0, 1.0 - after.0 / before.1));
    }
    Some(finding.expect(Expectation {
        text: "at least 60 % of the noise goes".into(),
        at_least: Some(LEAST_REDUCTION),
        at_most: None,
    }))
}

fn distance(
    (plain, cleaned): (&PointSet, &PointSet),
    reference: &Reference,
    clean: &PointSet,
    bootstrap: &Bootstrap,
) -> Result<Option<Finding>> {
    let Some(held_out) = reference.held_out_set() else { return Ok(None) };
    let distances = |set: &PointSet| -> Result<Vec<f64>> {
        Ok(nearest(set.values(), clean.values(), 1)?.nearest_distances().to_vec())
    };
    let (before, after, null) = (distances(plain)?, distances(cleaned)?, distances(held_out)?);
    let value = mean(&after) / mean(&null);
    let statement = format!(
        "A cleaned sample is {} from the nearest clean point on average, {} times what held-out clean points are \
         ({}); without attraction it is {}.",
        words::number(mean(&after)),
        words::number(value),
        words::number(mean(&null)),
        words::number(mean(&before))
    );
    let mut finding = Finding::new("clean-distance-ratio", statement, value, cleaned.len())
        .setting("held_out_points", held_out.len())
        .setting("plain_ratio", mean(&before) / mean(&null));
    if let Some(interval) = bootstrap.quotient(&after, &null) {
        finding = finding.interval(interval);
    }
    Ok(Some(finding.expect(Expectation {
        text: "within 5 % of held-out clean points".into(),
        at_least: Some(1.0 - DISTANCE_TOLERANCE),
        at_most: Some(1.0 + DISTANCE_TOLERANCE),
    })))
}

/// Samples of equal number come from the same noise one by one, so a sample and its cleaned self are a
/// pair: two independent groups would be allowed a chance that pairs do not have.
fn classes((plain, cleaned): (&PointSet, &PointSet), clean: &PointSet) -> Result<Option<Finding>> {
    let Some(labels) = clean.labels() else { return Ok(None) };
    let classes = distinct(labels);
    if classes.len() < 2 {
        return Ok(None);
    }
    let of = |set: &PointSet| -> Result<Vec<usize>> {
        let rows = nearest(set.values(), clean.values(), 1)?.nearest_indices();
        Ok(rows.into_iter().map(|row| classes.binary_search(&labels[row]).unwrap_or(0)).collect())
    };
    let (before, after) = (of(plain)?, of(cleaned)?);
    let counts = |of: &[usize]| {
        let mut counts = vec![0usize; classes.len()];
        of.iter().for_each(|&class| counts[class] += 1);
        counts
    };
    let paired = before.len() == after.len();
    let changed = before.iter().zip(&after).filter(|(a, b)| a != b).count() as f64 / before.len() as f64;
    let (test, name) = if paired {
        let mut table = vec![vec![0; classes.len()]; classes.len()];
        before.iter().zip(&after).for_each(|(&from, &to)| table[from][to] += 1);
        (chi_square::symmetry(&table), "Bowker's test of symmetry, samples paired with their cleaned selves")
    } else {
        (chi_square::homogeneity(&counts(&after), &counts(&before)), "chi-square of two independent groups")
    };
    let p_value = test.map_or(1.0, |test| test.p_value);
    let statement = format!(
        "The classes (by nearest clean point) are {} by attraction: {:?} before, {:?} after{}; chance gives as large \
         a difference with p = {}.",
        if p_value < LEVEL { "changed" } else { "kept" },
        counts(&before),
        counts(&after),
        if paired {
            format!(", {} of the samples change class", words::percent(changed))
        } else {
            String::new()
        },
        words::number(p_value)
    );
    let mut finding = Finding::new("classes-kept", statement, p_value, cleaned.len())
        .setting("test", name)
        .setting("interval", "none: the value is a p-value")
        .setting("chi_square", test.map_or(0.0, |test| test.statistic))
        .setting("degrees_of_freedom", test.map_or(0, |test| test.degrees_of_freedom));
    if paired {
        finding = finding.setting("changed_class", changed);
    }
    Ok(Some(finding.expect(Expectation {
        text: "within sampling error (at the 1 % level)".into(),
        at_least: Some(LEVEL),
        at_most: None,
    })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Stream};
    use ndarray::Array2;

    /// Clean points on a line in the first coordinate (class = side), zero in the second; noise of the
    /// given size in the second, none or some in the first.
    fn set(n: usize, noise: f64, seed: u64) -> PointSet {
        let mut stream = Stream::new(seed, Purpose::Synthetic, 0, 0);
        let x: Vec<f64> = (0..n).map(|_| 2.0 * stream.uniform() - 1.0).collect();
        let labels = x.iter().map(|x| u32::from(*x > 0.0)).collect();
        let values =
            Array2::from_shape_fn((n, 2), |(i, k)| if k == 0 { x[i] } else { noise * stream.normal() });
        PointSet::vectors(values).unwrap().with_labels(labels).unwrap()
    }

    #[test]
    fn noise_distance_and_classes_are_compared() {
        let (clean, held_out) = (set(400, 0.0, 1), set(300, 0.0, 2));
        let (noisy, cleaned) = (set(2000, 0.5, 3), set(2000, 0.05, 4));
        let reference = Reference::new(&clean).held_out(&held_out).clean(&clean);
        let plain = Subject::new("plain", &noisy, &reference);
        let after = Subject::new("cleaned", &cleaned, &reference);
        let findings = cleaning(&plain, &after, &Bootstrap::new(100, 0)).unwrap();
        let find = |id: &str| findings.iter().find(|f| f.id == id).unwrap();
        // 1 − 0.05/0.5; the two standard deviations are known to 1.6 %.
        assert!((find("noise-reduction").value - 0.9).abs() < 0.01);
        assert_eq!(find("noise-reduction").holds, Some(true));
        // Held-out points lie 0.00125 away on average; the rest of the noise, 0.04, is far more.
        assert_eq!(find("clean-distance-ratio").holds, Some(false));
        let (low, high) = find("clean-distance-ratio").interval.unwrap();
        assert!(low < find("clean-distance-ratio").value && find("clean-distance-ratio").value < high);
        assert_eq!(find("classes-kept").holds, Some(true));
        let lost = PointSet::vectors(cleaned.values().mapv(f64::abs)).unwrap();
        let after = Subject::new("lost", &lost, &reference);
        let findings = cleaning(&plain, &after, &Bootstrap::new(100, 0)).unwrap();
        assert_eq!(findings.iter().find(|f| f.id == "classes-kept").unwrap().holds, Some(false));
    }

    /// 30 of 2,000 samples, all of one side, change sides and none comes back: a chance of 2⁻³⁰ for pairs,
    /// though as two independent groups of a thousand a side they would differ by one standard error.
    #[test]
    fn a_small_flow_in_one_direction_is_seen() {
        let clean = set(400, 0.0, 1);
        let noisy = set(2000, 0.1, 3);
        let mut values = noisy.values().to_owned();
        let left: Vec<usize> = (0..2000).filter(|&i| values[[i, 0]] < -0.1).take(30).collect();
        left.iter().for_each(|&i| values[[i, 0]] *= -1.0);
        let moved = PointSet::vectors(values).unwrap();
        let finding = classes((&noisy, &moved), &clean).unwrap().unwrap();
        assert_eq!(finding.holds, Some(false), "{}", finding.statement);
        assert_eq!(finding.settings["changed_class"], 0.015);
        // McNemar: 30²/30.
        assert_eq!(finding.settings["chi_square"], 30.0);
        // Without pairs there is no more than the independent test.
        let fewer = moved.select(&(0..1999).collect::<Vec<_>>()).unwrap();
        assert_eq!(classes((&noisy, &fewer), &clean).unwrap().unwrap().holds, Some(true));
        // Unchanged samples are as sure as can be.
        assert_eq!(classes((&noisy, &noisy), &clean).unwrap().unwrap().value, 1.0);
        // A label as large as can be costs no memory.
        let labels = clean.labels().unwrap().iter().map(|&l| if l == 0 { 0 } else { u32::MAX }).collect();
        let large = clean.clone().with_labels(labels).unwrap();
        assert_eq!(classes((&noisy, &moved), &large).unwrap().unwrap().settings["chi_square"], 30.0);
    }
}
