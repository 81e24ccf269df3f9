//! What is drawn in the plane: the points of a plot with axes, cleaned of what an axis cannot show.

use ridgewalk::survey::{Axis, Group, Plot, Series};

use crate::density::{bandwidth, estimate, quantile};
use crate::scale::{Domain, forward, pow10};

/// Most points kept of one series: what a reader can still tell apart, at a few hundred kB a page.
const MOST_POINTS: usize = 2000;
/// Points of a density curve.
const GRID: usize = 241;
/// Margins of the axes, as a part of their length.
const MARGIN: f64 = 0.04;

/// How the points of a [`Curve`] are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Lines,
    Scatter,
    Distributions,
}

/// A plot with two axes, ready to be drawn.
#[derive(Debug)]
pub(crate) struct Curves {
    pub(crate) kind: Kind,
    pub(crate) x_label: String,
    pub(crate) y_label: String,
    pub(crate) x: Domain,
    pub(crate) y: Domain,
    pub(crate) curves: Vec<Curve>,
    /// Whether one unit should be as long on both axes.
    pub(crate) equal: bool,
    /// What was left out, in words.
    pub(crate) notes: Vec<String>,
}

/// One series or group.
#[derive(Debug)]
pub(crate) struct Curve {
    pub(crate) name: String,
    /// Points in the data's units. A point of NaN interrupts the curve.
    pub(crate) points: Vec<(f64, f64)>,
    /// Number of values behind it.
    pub(crate) n: usize,
    /// Quantiles 5, 25, 50, 75 and 95 % of a distribution.
    pub(crate) quantiles: Option<[f64; 5]>,
}

impl Curves {
    /// The points of a plot in the plane; `None` if there is nothing to draw (or it is another kind of plot).
    pub(crate) fn of(plot: &Plot) -> Option<Self> {
        match plot {
            Plot::Lines { x, y, series } => Self::series(Kind::Lines, x, y, series),
            Plot::Scatter { x, y, series } => Self::series(Kind::Scatter, x, y, series),
            Plot::Distributions { x, groups } => Self::distributions(x, groups),
            Plot::Bars { .. } | Plot::Images { .. } | Plot::Film(_) => None,
        }
    }

    fn series(kind: Kind, x: &Axis, y: &Axis, series: &[Series]) -> Option<Self> {
        let shown = |&(a, b): &(f64, f64)| Some((forward(x.log, a)?, forward(y.log, b)?));
        let all = || series.iter().flat_map(|s| s.points.iter().filter_map(shown));
        let x_domain = Domain::of(x.log, all().map(|p| p.0), MARGIN)?;
        let y_domain = Domain::of(y.log, all().map(|p| p.1), MARGIN)?;
        let mut notes = Vec::new();
        let mut thinned = None;
        let curves = series
            .iter()
            .map(|s| {
                let hidden = s.points.iter().filter(|p| shown(p).is_none()).count();
                if hidden > 0 {
                    notes.push(hidden_note(hidden, "point", &s.name, x.log || y.log));
                }
                let points: Vec<_> = match kind {
                    Kind::Scatter => s.points.iter().filter(|p| shown(p).is_some()).copied().collect(),
                    _ => s
                        .points
                        .iter()
                        .map(|p| if shown(p).is_some() { *p } else { (f64::NAN, f64::NAN) })
                        .collect(),
                };
                let n = s.points.len() - hidden;
                if points.len() > MOST_POINTS {
                    thinned = thinned.max(Some(points.len()));
                }
                let points = if kind == Kind::Scatter { every_kth(points) } else { keep_extremes(points) };
                Curve { name: s.name.clone(), points, n, quantiles: None }
            })
            .collect();
        if let Some(most) = thinned {
            let how = if kind == Kind::Scatter { "evenly thinned" } else { "thinned, extremes kept" };
            notes.push(format!(
                "Drawn: at most {MOST_POINTS} points a series ({how}); the longest has {most}."
            ));
        }
        let ratio = x_domain.span() / y_domain.span();
        let equal = kind == Kind::Scatter && !x.log && !y.log && (0.5..=2.0).contains(&ratio);
        Some(Curves {
            kind,
            x_label: x.label.clone(),
            y_label: y.label.clone(),
            x: x_domain,
            y: y_domain,
            curves,
            equal,
            notes,
        })
    }

    fn distributions(x: &Axis, groups: &[Group]) -> Option<Self> {
        let mut notes = Vec::new();
        let sorted: Vec<Vec<f64>> = groups
            .iter()
            .map(|g| {
                let mut values: Vec<f64> = g.values.iter().filter_map(|&v| forward(x.log, v)).collect();
                values.sort_unstable_by(f64::total_cmp);
                if values.len() < g.values.len() {
                    notes.push(hidden_note(g.values.len() - values.len(), "value", &g.name, x.log));
                }
                values
            })
            .collect();
        let widths: Vec<f64> = sorted.iter().map(|v| bandwidth(v)).collect();
        let values = Domain::of(x.log, sorted.iter().flatten().copied(), 0.0)?;
        // Three bandwidths show the whole foot of a curve, but one far group must not shrink the others.
        let ends = sorted.iter().zip(&widths).filter_map(|(v, h)| {
            let room = (3.0 * h).min(0.25 * values.span());
            Some([v.first()? - room, v.last()? + room])
        });
        let mut domain = Domain::of(x.log, ends.flatten(), 0.01)?;
        let least = sorted.iter().filter_map(|v| v.first().copied()).fold(f64::INFINITY, f64::min);
        let reflect = !x.log && least >= 0.0 && domain.min < 0.0;
        if reflect {
            domain.min = 0.0;
        }
        let mut curves: Vec<Curve> = Vec::new();
        let mut peak: f64 = 0.0;
        for ((group, v), &h) in groups.iter().zip(&sorted).zip(&widths) {
            let points = if h > 0.0 {
                estimate(v, h, domain.min, domain.max, GRID, reflect).points
            } else {
                Vec::new()
            };
            peak = points.iter().fold(peak, |m, p| m.max(p.1));
            let back = |t: f64| if x.log { pow10(t) } else { t };
            curves.push(Curve {
                name: group.name.clone(),
                points: points.into_iter().map(|(t, f)| (back(t), f)).collect(),
                n: v.len(),
                quantiles: (!v.is_empty())
                    .then(|| [0.05, 0.25, 0.5, 0.75, 0.95].map(|q| back(quantile(v, q)))),
            });
        }
        if !(peak > 0.0 && peak.is_finite()) {
            peak = 1.0;
        }
        for (curve, v) in curves.iter_mut().zip(&sorted) {
            // All values equal (or a single one): a spike as high as the highest curve.
            if let (true, Some([_, _, middle, _, _])) = (curve.points.is_empty(), curve.quantiles) {
                curve.points = vec![(middle, 0.0), (middle, peak)];
                let what = if v.len() == 1 { "is a single value" } else { "has equal values only" };
                notes.push(format!("“{}” {what}: drawn as a line, not as a density.", curve.name));
            }
        }
        Some(Curves {
            kind: Kind::Distributions,
            x_label: x.label.clone(),
            y_label: if x.log { "Density (per decade)".into() } else { "Density".into() },
            x: domain,
            y: Domain { log: false, min: 0.0, max: peak * 1.06 },
            curves,
            equal: false,
            notes,
        })
    }
}

pub(crate) fn hidden_note(count: usize, what: &str, name: &str, log: bool) -> String {
    let plural = if count == 1 { "" } else { "s" };
    let why = if log { "not finite, or not positive on a logarithmic axis" } else { "not finite" };
    format!("Not drawn: {count} {what}{plural} of “{name}” ({why}).")
}

fn every_kth(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let n = points.len();
    if n <= MOST_POINTS {
        return points;
    }
    (0..MOST_POINTS).map(|i| points[i * n / MOST_POINTS]).collect()
}

/// The smallest and the largest y of each of `MOST_POINTS` / 2 stretches, so that no spike is lost.
fn keep_extremes(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let n = points.len();
    if n <= MOST_POINTS {
        return points;
    }
    let stretches = MOST_POINTS / 2;
    let mut out = Vec::with_capacity(MOST_POINTS);
    for i in 0..stretches {
        let (start, end) = (i * n / stretches, (i + 1) * n / stretches);
        let by_y = |a: &usize, b: &usize| points[*a].1.total_cmp(&points[*b].1);
        let finite = || (start..end).filter(|&k| points[k].1.is_finite());
        match (finite().min_by(by_y), finite().max_by(by_y)) {
            (Some(a), Some(b)) => {
                out.push(points[a.min(b)]);
                if a != b {
                    out.push(points[a.max(b)]);
                }
            }
            _ => out.push((f64::NAN, f64::NAN)),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(points: Vec<(f64, f64)>) -> Plot {
        let series = vec![Series { name: "a".into(), points }];
        Plot::Lines { x: Axis::linear("x"), y: Axis::log("y"), series }
    }

    #[test]
    fn what_an_axis_cannot_show_interrupts_the_curve_and_is_counted() {
        let plot = line(vec![(0.0, 1.0), (1.0, 0.0), (2.0, f64::NAN), (3.0, 100.0)]);
        let curves = Curves::of(&plot).unwrap();
        assert_eq!(curves.curves[0].points.iter().filter(|p| p.0.is_nan()).count(), 2);
        assert_eq!(curves.curves[0].n, 2);
        assert!(curves.notes[0].contains("2 points of “a”"), "{:?}", curves.notes);
        assert!(curves.y.min < 0.0 && curves.y.max > 2.0);
    }

    #[test]
    fn nothing_to_show_is_none() {
        assert!(Curves::of(&line(vec![])).is_none());
        assert!(Curves::of(&line(vec![(1.0, -1.0), (f64::INFINITY, 1.0)])).is_none());
        let plot = Plot::Distributions {
            x: Axis::linear("x"),
            groups: vec![Group { name: "g".into(), values: vec![f64::NAN] }],
        };
        assert!(Curves::of(&plot).is_none());
    }

    #[test]
    fn thinning_keeps_a_single_spike() {
        let mut points: Vec<_> = (0..50_000).map(|i| (f64::from(i), 1.0)).collect();
        points[31_337].1 = 9.0;
        let curves = Curves::of(&line(points)).unwrap();
        let kept = &curves.curves[0].points;
        assert!(kept.len() <= MOST_POINTS);
        assert!(kept.contains(&(31_337.0, 9.0)));
        assert!(kept.windows(2).all(|w| w[0].0 < w[1].0));
    }

    #[test]
    fn distances_start_at_zero_and_keep_their_mass() {
        let values: Vec<f64> = (0..400).map(|i| (f64::from(i) / 400.0).powi(2)).collect();
        let plot = Plot::Distributions {
            x: Axis::linear("distance"),
            groups: vec![Group { name: "g".into(), values }],
        };
        let curves = Curves::of(&plot).unwrap();
        assert_eq!(curves.x.min, 0.0);
        let points = &curves.curves[0].points;
        let area: f64 = points.windows(2).map(|w| 0.5 * (w[0].1 + w[1].1) * (w[1].0 - w[0].0)).sum();
        assert!((area - 1.0).abs() < 0.01, "{area}");
    }

    #[test]
    fn equal_values_are_a_spike() {
        let plot = Plot::Distributions {
            x: Axis::log("σ"),
            groups: vec![
                Group { name: "g".into(), values: vec![2.0; 9] },
                Group { name: "e".into(), values: vec![] },
            ],
        };
        let curves = Curves::of(&plot).unwrap();
        assert_eq!(curves.curves[0].points.len(), 2);
        assert!((curves.curves[0].points[0].0 - 2.0).abs() < 1e-12);
        assert!(curves.curves[1].points.is_empty());
    }
}
