//! Settings chosen for the noise that is read from the data, beside the best of a sweep: nothing is told but the noisy points.

use ndarray::ArrayView2;
use ridgewalk::PointSet;
use ridgewalk::closed_form::{CovarianceKind, Empirical, Mixture};
use ridgewalk::metrics::frechet_distance;
use ridgewalk::sampler::{AttractionChoice, choose_attraction};
use ridgewalk::spectrum::NoiseFloor;
use ridgewalk::survey::{Axis, Cell, Expectation, Figure, Finding, Plot, Series, Table};
use ridgewalk_data::{Manifold, Synthetic, add_noise};
use ridgewalk_report::format_number;

use super::super::part::Part;
use super::case::Fit;
use super::sampling::{Draw, Way, draw};
use super::settings::{Settings, compensated};
use super::{digits, shapes};
use crate::failure::Result;
use crate::noise_level;
use crate::progress::say;

/// The sweep: strengths, onsets in units of η, compensation.
const STRENGTHS: [f64; 4] = [2.0, 4.0, 8.0, 16.0];
const ONSETS: [f64; 4] = [0.5, 0.75, 1.0, 1.5];
const COMPENSATIONS: [f64; 2] = [0.0, 1.0];
/// How far the choice may be behind the best of the sweep.
const BEHIND: f64 = 1.1;

/// Noisy points, the model fitted to them, and clean points of the same law.
struct Set {
    id: &'static str,
    title: &'static str,
    noise: f64,
    noisy: PointSet,
    clean: PointSet,
    model: Mixture,
}

/// What came of the sweep and of the choice.
struct Compared {
    plain: f64,
    best: f64,
    best_words: String,
    chosen: f64,
    ratio: f64,
}

pub fn run(settings: &Settings) -> Result<Part> {
    let mut part = Part::new(
        "Without tuning: the noise is read, the settings are chosen",
        "The noise level is read from the flat end of the spectrum of the noisy data, the settings are those of a few tried \
         whose samples have most nearly the variances that are left without the noise; neither clean points nor the noise are told. Beside it every setting of a sweep that is told \
         the noise. They are compared by the Fréchet distance of samples to clean points in all coordinates (its square is what is \
         often printed), which counts noise that is left and variance that is lost alike.",
    );
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    let mut spectra = Vec::new();
    for set in sets(settings)? {
        say(&format!("{}: choosing, and a sweep", set.title));
        let floor = NoiseFloor::of_points(&set.noisy, settings.seed())?;
        let choice = choose_attraction(
            &set.model,
            noise_level::draws(&set.model, settings.seed())?.view(),
            &set.noisy,
            floor.noise,
            settings.seed(),
        )?;
        let compared = compare(settings, &set, &choice)?;
        spectra.push(drawn(&set, &floor));
        rows.push(row(&set, &floor, &choice, &compared));
        part.finding(read(&set, &floor));
        part.finding(behind(&set, &compared, settings.size(400, 150)));
    }
    part.table("auto", "Chosen settings beside the best of the sweep", Table { columns: columns(), rows });
    part.figure(Figure {
        id: "auto-spectra".into(),
        title: "The noise is the flat end".into(),
        caption: "Variance along the principal components of the noisy data, cross-validated, over that of the noise: a floor at \
                  1. Where a step rises above it, noise and signal have a gap; digits have a slope."
            .into(),
        plot: Plot::Lines {
            x: Axis::linear("principal component, as a share of all"),
            y: Axis::log("variance over that of the noise"),
            series: spectra,
        },
    });
    part.finding(refusals(settings)?);
    Ok(part)
}

fn sets(settings: &Settings) -> Result<Vec<Set>> {
    let seed = settings.seed();
    let low_rank =
        |components, rank| Fit { components, kind: CovarianceKind::LowRank(rank), principal: None, seed };
    let mut sets = Vec::new();
    let mut round = vec![(Manifold::Circle, "circle", "Circle in R⁶⁴", 64, low_rank(24, 2))];
    if !settings.paper.small {
        round.push((Manifold::Sphere, "sphere", "Sphere in R²⁵⁶", 256, low_rank(40, 3)));
    }
    for (manifold, id, title, dim, fit) in round {
        let points = |seed| Synthetic { n: 2000, seed, dim: Some(dim), ..Synthetic::new(manifold) }.points();
        let noise = 0.1;
        let noisy = add_noise(&points(seed)?, noise, seed)?;
        let model = fit.mixture(&noisy)?;
        sets.push(Set { id, title, noise, noisy, clean: points(seed + 1)?, model });
    }
    let (train, held_out) = digits::sets(settings)?;
    let noisy = add_noise(&train, digits::NOISE, seed)?;
    let model = digits::fit(settings, CovarianceKind::LowRank(16)).mixture(&noisy)?;
    let (title, noise) = ("Digits", digits::NOISE);
    sets.push(Set { id: "digits", title, noise, noisy, clean: held_out, model });
    if !settings.paper.small {
        let noise = 0.1;
        let set = shapes::Set::new(settings, 16, noise)?;
        let model = shapes::fit(settings).mixture(&set.noisy)?;
        let (noisy, clean) = (set.noisy, set.held_out);
        sets.push(Set { id: "shapes", title: "Shapes of 16×16", noise, noisy, clean, model });
    }
    Ok(sets)
}

/// Fréchet distances to the clean points: of plain samples, of the best of the sweep, and of the choice.
fn compare(settings: &Settings, set: &Set, choice: &AttractionChoice) -> Result<Compared> {
    let drawing = Draw { n: settings.size(400, 150), seed: settings.seed(), noise: set.noise };
    let distance = |way: &Way, name: &str| -> Result<f64> {
        let samples = draw(&set.model, way, drawing, name)?;
        Ok(frechet_distance(samples.view(), set.clean.values())?.sqrt())
    };
    let plain = distance(&Way::Plain, "plain")?;
    let chosen = distance(&Way::Attracted(choice.config.clone()), "chosen")?;
    let (mut best, mut best_words) = (f64::INFINITY, String::new());
    for b in settings.size(&STRENGTHS[..], &[4.0, 16.0]) {
        for onset in settings.size(&ONSETS[..], &[0.75, 1.5]) {
            for c in COMPENSATIONS {
                let words = format!("b = {b}, onset {onset} η, c = {c}");
                let found = distance(&Way::Attracted(compensated(set.noise, *onset, *b, c)), &words)?;
                if found < best {
                    (best, best_words) = (found, words);
                }
            }
        }
    }
    Ok(Compared { plain, best, best_words, chosen, ratio: chosen / best })
}

fn columns() -> Vec<String> {
    let columns = [
        "data",
        "η",
        "η read",
        "directions of noise alone",
        "gap above them, in variance",
        "onset ÷ η read",
        "b",
        "c",
        "noise left in the trial",
        "Fréchet, plain",
        "Fréchet, best of the sweep",
        "which",
        "Fréchet, chosen",
        "chosen ÷ best",
    ];
    columns.map(Into::into).to_vec()
}

fn row(set: &Set, floor: &NoiseFloor, choice: &AttractionChoice, compared: &Compared) -> Vec<Cell> {
    vec![
        set.title.into(),
        set.noise.into(),
        floor.noise.into(),
        format!("{:.0} of {}", floor.directions, set.noisy.dim()).into(),
        floor.gap.into(),
        (choice.onset / floor.noise).into(),
        choice.config.b.into(),
        choice.config.c.into(),
        choice.remaining.into(),
        compared.plain.into(),
        compared.best.into(),
        compared.best_words.as_str().into(),
        compared.chosen.into(),
        compared.ratio.into(),
    ]
}

/// How far the noise that was read is from that which was added.
fn read(set: &Set, floor: &NoiseFloor) -> Finding {
    let ratio = floor.noise / set.noise;
    let statement = format!(
        "{}: of noise {} the spectrum of the noisy data shows {}.",
        set.title,
        format_number(set.noise),
        format_number(floor.noise)
    );
    Finding::new(format!("auto-{}-noise", set.id), statement, ratio, set.noisy.len()).expect(Expectation {
        text: "the noise that was added, to 10 %".into(),
        at_least: Some(0.9),
        at_most: Some(1.1),
    })
}

fn behind(set: &Set, compared: &Compared, n: usize) -> Finding {
    let statement = format!(
        "{}: with the chosen settings samples are {} from clean data (Fréchet distance), with the best of \
         the sweep ({}) {}, without attraction {}.",
        set.title,
        format_number(compared.chosen),
        compared.best_words,
        format_number(compared.best),
        format_number(compared.plain)
    );
    Finding::new(format!("auto-{}", set.id), statement, compared.ratio, n).expect(Expectation {
        text: "within 10 % of the best setting of the sweep".into(),
        at_least: None,
        at_most: Some(BEHIND),
    })
}

/// The spectrum over η², by rank.
fn drawn(set: &Set, floor: &NoiseFloor) -> Series {
    let all = floor.spectrum.directions();
    let mut rank = 0.0;
    let mut points = Vec::new();
    for line in floor.spectrum.lines() {
        points.push(((rank + 0.5 * line.directions) / all, line.variance / (set.noise * set.noise)));
        rank += line.directions;
    }
    Series { name: set.title.into(), points }
}

/// Where there is nothing to choose: clean data, a model that memorises, noise alone.
fn refusals(settings: &Settings) -> Result<Finding> {
    let (clean, _) = digits::sets(settings)?;
    let noisy = add_noise(&clean, digits::NOISE, settings.seed())?;
    let memorising = Empirical::new(&noisy)?;
    let alone = add_noise(&PointSet::vectors(ndarray::Array2::zeros((500, 32)))?, 1.0, settings.seed())?;
    let points: ArrayView2<f64> = noisy.values();
    let refused = [
        NoiseFloor::of_points(&clean, settings.seed()).is_err(),
        NoiseFloor::of_points(&alone, settings.seed()).is_err(),
        choose_attraction(&memorising, points, &noisy, digits::NOISE, settings.seed()).is_err(),
    ];
    let count = refused.into_iter().filter(|r| *r).count();
    let statement = format!(
        "{count} of 3 are refused, each with its reason: clean digits (no floor that matters), noise alone (nothing stands out of \
         it), and the bare empirical score of noisy digits (it gives single points back)."
    );
    Ok(Finding::new("auto-refusals", statement, count as f64, clean.len()).expect(Expectation {
        text: "all of them".into(),
        at_least: Some(3.0),
        at_most: None,
    }))
}
