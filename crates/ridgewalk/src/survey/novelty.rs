//! Whether smoothing makes new samples: log-domain smoothing against a kernel density estimate at the
//! same distance from the training data, and against the model that is not smoothed.
//!
//! A sampler can always leave the training points; what counts is where it goes. Of two groups as far
//! from the training data, the one nearer to held-out data of the same source stays nearer to the
//! distribution (the comparison of arXiv 2510.02305). Draw the baseline so that its distance matches
//! ([`KernelDensity::at_distance`](crate::closed_form::KernelDensity::at_distance)).

use super::finding::{Expectation, Finding};
use super::memorisation::{Count, Memorisation};
use super::{Reference, Subject, words};
use crate::error::{Error, Result};
use crate::metrics::Bootstrap;
use crate::metrics::bootstrap::mean;

/// Smoothing is to leave at most this part of the memorised fraction of the model without it.
const COPIES_LEFT: f64 = 0.5;

/// Findings `closer-than-density-smoothing` (mean distance to held-out data, `smoothed` over `baseline`)
/// and `fewer-copies` (memorised fraction of `smoothed`, against that of `exact`: samples of the same
/// model without smoothing).
///
/// # Errors
/// If the subjects do not share one reference, it has no held-out data, dimensions differ, memorisation
/// cannot be judged (see [`Memorisation::verdicts`]), or all of `baseline` are held-out points.
pub fn novelty(
    exact: &Subject,
    smoothed: &Subject,
    baseline: &Subject,
    bootstrap: &Bootstrap,
) -> Result<Vec<Finding>> {
    let reference = smoothed.reference();
    if [exact, baseline].iter().any(|subject| !std::ptr::eq::<Reference>(subject.reference(), reference)) {
        return Err(Error::argument(
            "reference",
            "is not the same for all three groups",
            "make the three subjects from one reference",
        ));
    }
    let findings = [closer(smoothed, baseline, bootstrap)?, copies(exact, smoothed)?];
    Ok(findings.into_iter().map(|finding| finding.setting("smoothed", smoothed.name())).collect())
}

fn closer(smoothed: &Subject, baseline: &Subject, bootstrap: &Bootstrap) -> Result<Finding> {
    let to_held_out = |subject: &Subject| -> Result<Vec<f64>> {
        let found = subject
            .to_held_out()?
            .ok_or_else(|| Error::argument("held_out", "is missing", "give held-out data"))?;
        Ok(found.nearest_distances().to_vec())
    };
    let to_train =
        |subject: &Subject| -> Result<f64> { Ok(mean(&subject.to_train()?.nearest_distances().to_vec())) };
    let (own, theirs) = (to_held_out(smoothed)?, to_held_out(baseline)?);
    let (own_train, their_train) = (to_train(smoothed)?, to_train(baseline)?);
    let value = mean(&own) / mean(&theirs);
    if !value.is_finite() {
        return Err(Error::Numerical {
            what: "the ratio of distances to held-out data",
            problem: format!("is {} over {}", mean(&own), mean(&theirs)),
            help: "give a baseline that does not consist of held-out points".into(),
        });
    }
    let interval = bootstrap.quotient(&own, &theirs);
    let statement = format!(
        "A smoothed sample is {} from the nearest held-out point on average, {} times what density smoothing \
         gives{}: {}. From the nearest training point they are {} and {}.",
        words::number(mean(&own)),
        words::number(value),
        words::interval(interval, words::number),
        words::number(mean(&theirs)),
        words::number(own_train),
        words::number(their_train),
    );
    let finding = Finding::new("closer-than-density-smoothing", statement, value, own.len())
        .setting("baseline", baseline.name())
        .setting("baseline_samples", theirs.len())
        .setting("smoothed_to_training", own_train)
        .setting("baseline_to_training", their_train)
        .setting("seed", bootstrap.seed)
        .expect(Expectation {
            text: "no farther from held-out data than density smoothing".into(),
            at_least: None,
            at_most: Some(1.0),
        });
    Ok(match interval {
        Some(interval) => finding.interval(interval),
        None => finding,
    })
}

fn copies(exact: &Subject, smoothed: &Subject) -> Result<Finding> {
    let rule = Memorisation::default();
    let count = |subject: &Subject| -> Result<Count> { Ok(Count::of(&rule.verdicts(subject)?.memorised)) };
    let (before, verdicts) = (count(exact)?, rule.verdicts(smoothed)?);
    let after = Count::of(&verdicts.memorised);
    let statement = format!(
        "{} of the smoothed samples are memorised{}, {} of those without smoothing{}.",
        words::percent(after.fraction()),
        words::interval(after.interval(), words::percent),
        words::percent(before.fraction()),
        words::interval(before.interval(), words::percent),
    );
    let finding = Finding::new("fewer-copies", statement, after.fraction(), after.of)
        .setting("exact", exact.name())
        .setting("exact_fraction", before.fraction())
        .setting("exact_samples", before.of)
        .setting("level", rule.level)
        .setting("threshold", verdicts.threshold)
        .setting("calibrated", verdicts.rank > 0)
        .setting("intervals", "exact binomial (Clopper-Pearson)")
        .expect(Expectation {
            text: "at most half of the memorised fraction without smoothing".into(),
            at_least: None,
            at_most: Some(COPIES_LEFT * before.fraction()),
        });
    Ok(after.attach(finding))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::points::PointSet;
    use ndarray::Array2;

    /// Training points at 0, 10, …, 290 on a line, held-out points halfway between them.
    fn grid(offset: f64, height: f64) -> PointSet {
        let value = |(i, k): (usize, usize)| if k == 0 { 10.0 * i as f64 + offset } else { height };
        PointSet::vectors(Array2::from_shape_fn((30, 2), value)).unwrap()
    }

    /// Smoothed samples 4 along the line (1 from held-out points), the baseline 4 off it (√(5² + 4²)),
    /// both 4 from training points; half of the smoothed ones copies in the second group.
    #[test]
    fn planted_sets_by_hand() {
        let reference = Reference::new(&grid(0.0, 0.0)).held_out(&grid(5.0, 0.0));
        let bootstrap = Bootstrap::new(100, 1);
        let copies = Subject::new("exact", &grid(0.0, 0.0), &reference);
        let along = Subject::new("along", &grid(4.0, 0.0), &reference);
        let off = Subject::new("off", &grid(0.0, 4.0), &reference);

        let findings = novelty(&copies, &along, &off, &bootstrap).unwrap();
        let (closer, fewer) = (&findings[0], &findings[1]);
        assert_eq!(
            (closer.id.as_str(), fewer.id.as_str()),
            ("closer-than-density-smoothing", "fewer-copies")
        );
        assert!((closer.value - 1.0 / 41f64.sqrt()).abs() < 1e-12);
        let (low, high) = closer.interval.unwrap();
        assert!(low <= closer.value + 1e-12 && closer.value <= high + 1e-12 && high < 0.2);
        assert_eq!(closer.holds, Some(true));
        assert_eq!(
            (&closer.settings["smoothed_to_training"], &closer.settings["baseline_to_training"]),
            (&4.0.into(), &4.0.into())
        );
        assert!(closer.statement.contains("they are 4.000 and 4.000"), "{}", closer.statement);
        // Scores 4/5 against a null of 5/15 and less at no point: none memorised, and all of the copies.
        assert_eq!((fewer.value, fewer.holds), (0.0, Some(true)));
        assert_eq!(fewer.settings["exact_fraction"], 1.0);

        let findings = novelty(&copies, &copies, &along, &bootstrap).unwrap();
        assert_eq!((findings[0].value, findings[0].holds), (5.0, Some(false)));
        assert_eq!((findings[1].value, findings[1].holds), (1.0, Some(false)));
    }

    #[test]
    fn groups_that_cannot_be_compared_are_refused() {
        let reference = Reference::new(&grid(0.0, 0.0)).held_out(&grid(5.0, 0.0));
        let other = Reference::new(&grid(0.0, 0.0));
        let bootstrap = Bootstrap::new(100, 1);
        let along = Subject::new("along", &grid(4.0, 0.0), &reference);
        let elsewhere = Subject::new("elsewhere", &grid(4.0, 0.0), &other);
        assert!(novelty(&along, &along, &elsewhere, &bootstrap).is_err());
        assert!(novelty(&elsewhere, &elsewhere, &elsewhere, &bootstrap).is_err());
        let held_out = Subject::new("held", &grid(5.0, 0.0), &reference);
        assert!(matches!(novelty(&along, &along, &held_out, &bootstrap), Err(Error::Numerical { .. })));
    }
}
