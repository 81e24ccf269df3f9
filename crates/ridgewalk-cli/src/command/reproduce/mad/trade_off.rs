//! What a sweep found: noise removed against the worst departure from clean data, for attraction and every baseline,
//! and from which strength on attraction does harm.

use ridgewalk::survey::{Axis, Expectation, Figure, Finding, Plot, Series};
use ridgewalk_report::format_number;

use super::super::part::Part;
use super::measure::{COLUMNS, Measured, Null, class_difference, table};

/// Smoother than clean data by this much counts as too smooth.
const SMOOTH: f64 = 0.9;
/// Class shares that move by this much, or coverage that falls to this part of the greatest along the line, count as
/// collapse.
const MOVED: f64 = 0.05;
const COVERED: f64 = 0.9;
/// Samples whose three ratios are within this of 1 count as near clean data.
const NEAR: f64 = 0.15;

/// A strength and an onset (in units of η) with what came of them.
pub struct Point {
    pub b: f64,
    pub onset: f64,
    pub measured: Measured,
}

/// One model in every way.
pub struct TradeOff {
    pub id: &'static str,
    pub title: &'static str,
    /// What ratios are taken to.
    pub null: Null,
    pub plain: Measured,
    pub rule: Measured,
    pub points: Vec<Point>,
    pub truncated: Vec<Measured>,
    pub step: Measured,
    pub deconvolved: Measured,
}

impl TradeOff {
    /// Figures, tables and findings.
    pub fn show(&self, part: &mut Part) {
        self.figures(part);
        self.tables(part);
        self.verdict(part);
        self.best(part);
        self.harm(part);
    }

    fn tables(&self, part: &mut Part) {
        let mut all = vec![&self.plain, &self.rule];
        all.extend(&self.truncated);
        all.extend([&self.step, &self.deconvolved]);
        let caption = format!("{}: chosen attraction and the baselines. {COLUMNS}", self.title);
        part.table(&format!("sweep-{}", self.id), &caption, table(&self.plain, &self.null, &all));
        let mut every = vec![&self.plain];
        every.extend(self.points.iter().map(|p| &p.measured));
        part.tables.push((format!("sweep-{}-settings", self.id), table(&self.plain, &self.null, &every)));
    }

    fn figures(&self, part: &mut Part) {
        let TradeOff { id, title, plain, rule, points, truncated, step, deconvolved, .. } = self;
        let mut onsets: Vec<f64> = points.iter().map(|p| p.onset).collect();
        onsets.dedup();
        let place = |m: &Measured| (m.removed(plain), m.departure());
        let along = |f: &dyn Fn(&Measured) -> (f64, f64)| -> Vec<Series> {
            let lines = onsets.iter().map(|onset| {
                let of = points.iter().filter(|p| p.onset == *onset);
                Series {
                    name: format!("attraction, onset {onset} η"),
                    points: of.map(|p| f(&p.measured)).collect(),
                }
            });
            lines.collect()
        };
        let mut series = along(&place);
        series.push(Series { name: "truncated".into(), points: truncated.iter().map(place).collect() });
        let single = [
            ("plain", plain),
            ("attraction, chosen", rule),
            ("Tweedie step", step),
            ("deconvolved", deconvolved),
        ];
        for (name, m) in single {
            series.push(Series { name: name.into(), points: vec![place(m), place(m)] });
        }
        part.figure(Figure {
        id: format!("sweep-{id}"),
        title: format!("{title}: noise removed against the worst departure"),
        caption: "Right and low is better. Along each line of attraction b rises; along that of truncation the level does. All \
                  start near plain sampling, whose departure is its noise."
            .into(),
        plot: Plot::Lines {
            x: Axis::linear("share of the noise removed"),
            y: Axis::linear("worst departure from clean data"),
            series,
        },
    });
        let by_b = |name: &str, f: &dyn Fn(&Measured) -> f64| Series {
            name: name.into(),
            points: points.iter().filter(|p| p.onset == 1.0).map(|p| (p.b, f(&p.measured))).collect(),
        };
        part.figure(Figure {
        id: format!("sweep-{id}-strength"),
        title: format!("{title}: what rises and falls with the strength, onset η"),
        caption: "Noise goes first; then samples become smoother than clean data (ratios below 1), and then fewer of them differ."
            .into(),
        plot: Plot::Lines {
            x: Axis::log("strength b"),
            y: Axis::linear("share, or ratio to clean data"),
            series: vec![
                by_b("noise left ÷ plain's", &|m| m.noise / plain.noise),
                by_b("distance to nearest clean", &|m| m.to_clean),
                by_b("distance off local plane", &|m| m.off_plane),
                by_b("total variance", &|m| m.variance),
                by_b("recall", &|m| m.recall),
                by_b("coverage", &|m| m.coverage),
                by_b("precision", &|m| m.precision),
            ],
        },
    });
    }

    fn verdict(&self, part: &mut Part) {
        let TradeOff { id, title, null, plain, rule, truncated, step, deconvolved, .. } = self;
        let n = rule.classes.len();
        let removed = rule.removed(plain);
        let statement = format!(
            "{title}: with chosen settings attraction removes {} of the noise.",
            super::percent(removed)
        );
        part.finding(
            Finding::new(format!("sweep-{id}-removed"), statement, removed, n).expect(Expectation {
                text: "at least 60 %".into(),
                at_least: Some(0.6),
                at_most: None,
            }),
        );
        let statement = format!(
            "{title}: its samples are {} times as far from the nearest clean image as {} are, {} times as far off the local \
         plane, with {} times the variance.",
            format_number(rule.to_clean),
            null.name,
            format_number(rule.off_plane),
            format_number(rule.variance)
        );
        part.finding(Finding::new(format!("sweep-{id}-departure"), statement, rule.departure(), n).expect(
            Expectation {
                text: format!("all within 10 % of {}", null.name),
                at_least: None,
                at_most: Some(0.1),
            },
        ));
        let better = |m: &&Measured| m.removed(plain) >= removed && m.departure() <= rule.departure();
        let winners: Vec<&str> =
            truncated.iter().chain([step]).filter(better).map(|m| m.name.as_str()).collect();
        let describe = |m: &Measured| {
            format!(
                "{} removes {} at a departure of {}",
                m.name,
                super::percent(m.removed(plain)),
                format_number(m.departure())
            )
        };
        let others: Vec<String> = truncated.iter().chain([step, deconvolved]).map(describe).collect();
        let statement = format!(
            "{title}: {}; {}. {}",
            describe(rule),
            others.join("; "),
            if winners.is_empty() {
                "No truncation and no Tweedie step is both cleaner and nearer to clean data than attraction."
                    .into()
            } else {
                format!("Both cleaner and nearer: {}.", winners.join(", "))
            }
        );
        part.finding(
            Finding::new(format!("sweep-{id}-baselines"), statement, winners.len() as f64, n).expect(
                Expectation {
                    text: "no baseline that a network has (truncation, Tweedie step) is better in both"
                        .into(),
                    at_least: None,
                    at_most: Some(0.0),
                },
            ),
        );
    }

    /// The most noise that each way removes while its samples stay near clean data.
    fn best(&self, part: &mut Part) {
        let TradeOff { id, title, plain, rule, points, truncated, step, deconvolved, .. } = self;
        let best = |all: Vec<&Measured>| -> Option<(f64, String)> {
            let near = all.into_iter().filter(|m| m.departure() <= NEAR);
            let most = near.max_by(|a, b| a.removed(plain).total_cmp(&b.removed(plain)))?;
            Some((most.removed(plain), most.name.clone()))
        };
        let attraction = best(points.iter().map(|p| &p.measured).chain([rule]).collect());
        let others = [
            ("truncation", best(truncated.iter().collect())),
            ("a Tweedie step", best(vec![step])),
            ("deconvolution", best(vec![deconvolved])),
        ];
        let say = |way: &str, found: &Option<(f64, String)>| match found {
            Some((removed, name)) => format!("{way} removes up to {} ({name})", super::percent(*removed)),
            None => format!("{way} does not come that near"),
        };
        let texts: Vec<String> = others.iter().map(|(way, found)| say(way, found)).collect();
        let statement = format!(
            "{title}: with no ratio more than {} from clean data's, {}; {}.",
            super::percent(NEAR),
            say("attraction", &attraction),
            texts.join("; ")
        );
        let n = plain.classes.len();
        let other = others.iter().filter_map(|(_, found)| found.as_ref().map(|f| f.0)).fold(0.0, f64::max);
        let most = attraction.map_or(0.0, |a| a.0);
        part.finding(Finding::new(format!("sweep-{id}-near"), statement, most, n).expect(Expectation {
            text: "attraction removes at least 60 %".into(),
            at_least: Some(0.6),
            at_most: None,
        }));
        let statement = format!(
            "{title}: that near to clean data attraction, with its best strength and onset, removes {} of the noise more than any \
             baseline.",
            super::percent(most - other)
        );
        part.finding(Finding::new(format!("sweep-{id}-best"), statement, most - other, n).expect(
            Expectation {
                text: "as much as any baseline: a lead of 0 or more".into(),
                at_least: Some(0.0),
                at_most: None,
            },
        ));
    }

    /// From which strength on samples are too smooth, and from which on they collapse.
    fn harm(&self, part: &mut Part) {
        let TradeOff { id, title, plain, points, .. } = self;
        let line: Vec<&Point> = points.iter().filter(|p| p.onset == 1.0).collect();
        let strongest = line.last().map_or(f64::NAN, |p| p.b);
        let smooth = |m: &Measured| m.to_clean.min(m.off_plane).min(m.variance) < SMOOTH;
        // Coverage rises while noise goes: only what comes after its greatest value is a loss.
        let greatest = line.iter().max_by(|a, b| a.measured.coverage.total_cmp(&b.measured.coverage));
        let (at, most) = greatest.map_or((f64::NAN, f64::NAN), |p| (p.b, p.measured.coverage));
        let collapsed = |p: &Point| {
            class_difference(&p.measured.classes, &plain.classes) > MOVED
                || (p.b > at && p.measured.coverage < COVERED * most)
        };
        let first = |f: &dyn Fn(&Point) -> bool| line.iter().find(|p| f(p)).map(|p| p.b);
        let say = |b: Option<f64>| match b {
            Some(b) => format!("from b = {b} on"),
            None => format!("at no b up to {strongest}"),
        };
        let (too_smooth, collapse) = (first(&|p| smooth(&p.measured)), first(&collapsed));
        let statement = format!(
            "{title}, onset η: samples are smoother than clean data by a tenth {}; modes are lost {} (class shares moved by 5 %, or \
         coverage below 90 % of its greatest).",
            say(too_smooth),
            say(collapse)
        );
        let value = too_smooth.or(collapse).unwrap_or(strongest);
        let n = plain.classes.len();
        let mut finding = Finding::new(format!("sweep-{id}-harm"), statement, value, n);
        for (key, b) in [("too_smooth_from", too_smooth), ("collapse_from", collapse)] {
            finding = finding.setting(key, b.map_or(serde_json::Value::Null, Into::into));
        }
        part.finding(finding);
    }
}
