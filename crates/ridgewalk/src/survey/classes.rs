//! Whether samples keep the classes' shares.
//!
//! A sample's class is the label of its nearest neighbour in the clean set, if that is labelled,
//! else in the training set. Where held-out data are given and no clean set, they are classified
//! the same way and are the comparison, so that mistakes of the classification cancel; else it is
//! the labels of the reference themselves.

use super::finding::{Axis, Cell, Figure, Finding, Plot, Series, Table};
use super::{Probe, Subject, words};
use crate::error::{Error, Result};
use crate::metrics::{Bootstrap, chi_square, fraction_interval};
use crate::neighbours::nearest;
use crate::points::PointSet;

/// Shares of the classes among samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClassBalance;

const TRAINING: &str = "training data";
/// Below this expected count the chi-square law is rough (Cochran 1954).
const FEW_EXPECTED: f64 = 5.0;

impl Probe for ClassBalance {
    fn id(&self) -> &'static str {
        "class-balance"
    }

    fn inapplicable(&self, subject: &Subject) -> Option<String> {
        match labelled(subject) {
            None => Some("needs labels on the clean or the training set".into()),
            Some((_, _, labels)) if labels.iter().all(|l| *l == labels[0]) => {
                Some("there is one class only".into())
            }
            Some(_) => None,
        }
    }

    fn measure(&self, subject: &Subject, bootstrap: &Bootstrap) -> Result<Vec<Finding>> {
        let Some((name, set, labels)) = labelled(subject) else {
            return Err(Error::argument("labels", "are missing", "label the clean or the training set"));
        };
        let classes = distinct(labels);
        let class_of = |label: u32| classes.binary_search(&label).unwrap_or(0);
        let classes_of = |rows: &mut dyn Iterator<Item = usize>| -> Vec<usize> {
            rows.map(|row| class_of(labels[row])).collect()
        };
        let reference = subject.reference();
        let by_training = name == TRAINING;
        let own = if by_training {
            classes_of(&mut subject.to_train()?.indices.column(0).iter().copied())
        } else {
            let found = nearest(subject.samples().values(), set.values(), 1)?;
            classes_of(&mut found.indices.iter().copied())
        };
        let (against, theirs) = match reference.held_out_to_train()? {
            Some(found) if by_training => {
                let rows: Result<Vec<usize>> =
                    found.indices.column(0).iter().map(|&row| reference.train_row(row)).collect();
                ("held-out", classes_of(&mut rows?.into_iter()))
            }
            _ => (name, classes_of(&mut (0..labels.len()))),
        };
        let tally = |rows: &mut dyn Iterator<Item = usize>| {
            let mut counts = vec![0usize; classes.len()];
            rows.for_each(|class| counts[class] += 1);
            counts
        };
        let (counts, expected) = (tally(&mut own.iter().copied()), tally(&mut theirs.iter().copied()));
        let value = total_variation(&counts, &expected);
        let interval = bootstrap.interval(own.len(), |rows| {
            total_variation(&tally(&mut rows.iter().map(|&r| own[r])), &expected)
        });
        let missing: Vec<u32> =
            (0..classes.len()).filter(|&c| counts[c] == 0 && expected[c] > 0).map(|c| classes[c]).collect();
        let points = if against == "held-out" { " points" } else { "" };
        let mut statement = format!(
            "The classes' shares among the samples differ from those of the {against}{points} by {} in total \
             variation{}",
            words::percent(value),
            words::interval(interval, words::percent),
        );
        let mut finding = Finding::new(self.id(), String::new(), value, own.len());
        if let Some(test) = chi_square::homogeneity(&counts, &expected) {
            statement += &format!(
                "; chance alone gives as much with p = {} (chi-square {}, {} degrees of freedom)",
                words::number(test.p_value),
                words::number(test.statistic),
                test.degrees_of_freedom
            );
            if test.smallest_expected < FEW_EXPECTED {
                statement += ", roughly, as some classes have few members";
            }
            finding = finding
                .setting("chi_square", test.statistic)
                .setting("degrees_of_freedom", test.degrees_of_freedom)
                .setting("p_value", test.p_value);
        }
        statement += ".";
        if !missing.is_empty() {
            statement += &format!(" No sample is of class {missing:?}.");
        }
        finding.statement = statement;
        if let Some(interval) = interval {
            finding = finding.interval(interval);
        }
        let share = |counts: &[usize], c: usize| counts[c] as f64 / counts.iter().sum::<usize>() as f64;
        let series = |name: &str, counts: &[usize]| Series {
            name: name.into(),
            points: (0..classes.len()).map(|c| (f64::from(classes[c]), share(counts, c))).collect(),
        };
        let rows = (0..classes.len())
            .map(|c| -> Vec<Cell> {
                let of = |counts: &[usize]| fraction_interval(counts[c], counts.iter().sum());
                vec![
                    classes[c].to_string().into(),
                    (counts[c] as f64).into(),
                    words::cell(share(&counts, c), of(&counts)),
                    words::cell(share(&expected, c), of(&expected)),
                ]
            })
            .collect();
        let columns = ["class", "samples", "share", against].map(String::from).to_vec();
        Ok(vec![
            finding
                .setting("classifier", format!("nearest point of the {name}"))
                .setting("compared_with", against)
                .table(Table { columns, rows })
                .figure(Figure {
                    id: self.id().into(),
                    title: "Shares of the classes".into(),
                    caption: "A class below the reference is under-represented; at 0 it is lost.".into(),
                    plot: Plot::Lines {
                        x: Axis::linear("class"),
                        y: Axis::linear("share"),
                        series: vec![series(subject.name(), &counts), series(against, &expected)],
                    },
                }),
        ])
    }
}

/// The labels that occur, ascending.
pub(super) fn distinct(labels: &[u32]) -> Vec<u32> {
    let mut classes = labels.to_vec();
    classes.sort_unstable();
    classes.dedup();
    classes
}

fn labelled<'a>(subject: &'a Subject) -> Option<(&'static str, &'a PointSet, &'a [u32])> {
    let reference = subject.reference();
    let clean = reference.clean_set().and_then(|set| Some(("clean data", set, set.labels()?)));
    clean.or_else(|| Some((TRAINING, reference.train(), reference.train().labels()?)))
}

/// Half the sum of |difference of shares|.
fn total_variation(a: &[usize], b: &[usize]) -> f64 {
    let (n, m) = (a.iter().sum::<usize>() as f64, b.iter().sum::<usize>() as f64);
    0.5 * a.iter().zip(b).map(|(&x, &y)| (x as f64 / n - y as f64 / m).abs()).sum::<f64>()
}
