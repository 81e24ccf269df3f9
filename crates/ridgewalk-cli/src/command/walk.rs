//! `ridgewalk walk`: the tour on the embedded digits.

use ndarray::Array2;
use ridgewalk::closed_form::{CovarianceKind, Empirical, KernelDensity, MixtureFit};
use ridgewalk::metrics::Bootstrap;
use ridgewalk::schedule::range_for;
use ridgewalk::survey::{
    Axis, Comparison, Figure, Finding, Plot, Reference, Series, Subject, Survey, cleaning, novelty,
};
use ridgewalk::transform::{KernelChoice, choose_kernel};
use ridgewalk::{
    Denoiser, Euler, Heun, Karras, Mad, MadConfig, Moments, PointSet, Sampler, Smoothed, Solver, Switched,
};
use ridgewalk_data::{add_noise, digits};
use ridgewalk_report::{Footer, Page, Section, format_number};
use serde_json::json;

use crate::arguments::Walk;
use crate::failure::{Failure, Result};
use crate::page;
use crate::progress::{Meter, say};
use crate::record::{NAME, Record, make_folder, remove_old};
use crate::source::{self, split};

/// Digits kept out of all models.
const HELD_OUT: f64 = 0.2;
/// Components of the mixture fitted to the noisy digits.
const COMPONENTS: usize = 20;
/// Images of a method shown at the top.
const SHOWN: usize = 10;
/// Values of a pixel.
const RANGE: (f64, f64) = (0.0, 16.0);
const STEPS: usize = 18;
const STEPS_WITH_ATTRACTION: usize = 40;

/// The samples of one method.
type Group = (&'static str, PointSet);

const EXACT: &str = "exact score";
const SMOOTHED: &str = "smoothed score";
const KDE: &str = "kernel density";
const NOISY: &str = "noisy digits";
const PLAIN: &str = "plain sampling";
const ATTRACTED: &str = "with attraction";
const MEMORISING: &str = "attraction, memorising model";

pub fn run(walk: &Walk, arguments: &[String]) -> Result<()> {
    source::check_memory(walk.n, digits().dim())?;
    let (train, held_out) = split(&digits(), HELD_OUT, walk.seed)?;
    let held_out = held_out.ok_or_else(|| {
        Failure::new(
            "walk",
            "holds no digits out",
            "report this as a bug: a fifth of the digits should be held out",
        )
    })?;
    say(&format!("{} handwritten digits for the models, {} held out", train.len(), held_out.len()));

    let (generated, kernel) = generate(walk, &train)?;
    let reference = Reference::new(&train).held_out(&held_out);
    let bootstrap = Bootstrap::new(RESAMPLES, walk.seed);
    let new = survey(walk, &generated, &reference)?;
    let subjects = |groups: &[Group], reference| -> Vec<Subject> {
        groups.iter().map(|(name, points)| Subject::new(*name, points, reference)).collect()
    };
    let smoothing = match subjects(&generated, &reference).as_slice() {
        [exact, smoothed, baseline] => novelty(exact, smoothed, baseline, &bootstrap)?,
        _ => Vec::new(),
    };

    let noisy = add_noise(&train, walk.noise, walk.seed)?;
    let cleaned = clean(walk, &noisy)?;
    let clean_reference = Reference::new(&train).held_out(&held_out).clean(&train);
    let noise = survey(walk, &cleaned, &clean_reference)?;
    let attraction = match subjects(&cleaned, &clean_reference).as_slice() {
        [_, plain, attracted, _] => cleaning(plain, attracted, &bootstrap)?,
        _ => Vec::new(),
    };
    write(
        walk,
        arguments,
        &Tour { train, noisy, generated, cleaned, new, noise, smoothing, attraction, kernel },
    )
}

/// Bootstrap resamples behind every interval.
const RESAMPLES: usize = 1000;

struct Tour {
    train: PointSet,
    noisy: PointSet,
    generated: Vec<Group>,
    cleaned: Vec<Group>,
    new: Comparison,
    noise: Comparison,
    /// What smoothing did.
    smoothing: Vec<Finding>,
    /// What attraction did.
    attraction: Vec<Finding>,
    kernel: KernelChoice,
}

/// New digits from the digits alone, three ways.
fn generate(walk: &Walk, train: &PointSet) -> Result<(Vec<Group>, KernelChoice)> {
    let model = Empirical::new(train)?;
    let exact = draw(walk, EXACT, &model, Heun::new(), STEPS)?;
    let kernel = choose_kernel(train, walk.seed)?;
    let smoothed = draw(walk, SMOOTHED, &Smoothed::new(&model, kernel.kernel.clone())?, Heun::new(), STEPS)?;
    let found = ridgewalk::neighbours::nearest(smoothed.view(), train.values(), 1)?;
    let distance = found.distances.mean().unwrap_or(0.0);
    let kde = KernelDensity::at_distance(train, distance, walk.n, walk.seed)?.sample(walk.n, walk.seed);
    let groups = [(EXACT, exact), (SMOOTHED, smoothed), (KDE, kde)];
    Ok((points(train, groups)?, kernel))
}

/// Clean digits from noisy ones: plain, attracted, and attracted with a model that memorises.
fn clean(walk: &Walk, noisy: &PointSet) -> Result<Vec<Group>> {
    let mut fit = MixtureFit::new(COMPONENTS, CovarianceKind::Full);
    fit.seed = walk.seed;
    let model = fit.fit(noisy)?;
    let plain = draw(walk, PLAIN, &model, Heun::new(), STEPS_WITH_ATTRACTION)?;
    let attract = |name, model: &dyn Denoiser| -> Result<Array2<f64>> {
        let mad = Mad::new(model, MadConfig::default())?;
        let solver = Switched::new(Heun::new(), Euler, mad.onset_level());
        draw(walk, name, &mad, solver, STEPS_WITH_ATTRACTION)
    };
    let attracted = attract(ATTRACTED, &model)?;
    let memorising = attract(MEMORISING, &Empirical::new(noisy)?)?;
    let first: Vec<usize> = (0..walk.n.min(noisy.len())).collect();
    let data = noisy.select(&first)?.values().to_owned();
    points(noisy, [(NOISY, data), (PLAIN, plain), (ATTRACTED, attracted), (MEMORISING, memorising)])
}

fn points<const N: usize>(like: &PointSet, groups: [(&'static str, Array2<f64>); N]) -> Result<Vec<Group>> {
    groups.into_iter().map(|(name, values)| Ok((name, PointSet::new(values, like.shape())?))).collect()
}

fn draw(
    walk: &Walk,
    name: &str,
    model: &dyn Denoiser,
    solver: impl Solver,
    steps: usize,
) -> Result<Array2<f64>> {
    let moments = model.moments().unwrap_or(Moments { mean: ndarray::Array1::zeros(model.dim()), std: 1.0 });
    let sampler = Sampler::new(solver, Karras::new(range_for(&moments), steps)).seed(walk.seed);
    Ok(sampler.run_observed(model, walk.n, &mut Meter::new(name))?.points)
}

fn survey(walk: &Walk, groups: &[Group], reference: &Reference) -> Result<Comparison> {
    let subjects: Vec<Subject> =
        groups.iter().map(|(name, points)| Subject::new(*name, points, reference)).collect();
    Ok(Survey::standard().seed(walk.seed).resamples(RESAMPLES).compare(&subjects)?)
}

impl Tour {
    fn value(&self, group: &str, id: &str) -> f64 {
        let results = self.new.results.iter().chain(&self.noise.results);
        let found = results.filter(|r| r.name == group).find_map(|r| r.finding(id));
        found.map_or(f64::NAN, |finding| finding.value)
    }

    fn effect(&self, id: &str) -> f64 {
        self.attraction.iter().find(|f| f.id == id).map_or(f64::NAN, |f| f.value)
    }

    /// The result in words: only what the numbers say.
    fn headline(&self) -> String {
        let noise = match self.effect("noise-reduction") {
            gone if gone > 0.0 => format!("takes {} of the noise out of", percent(gone)),
            _ => "takes no noise out of".into(),
        };
        format!(
            "{} of the samples of the exact score are copies of training digits, {} of those of the smoothed score. \
             Attraction {noise} samples of a model fitted to noisy digits.",
            percent(self.value(EXACT, "memorised-fraction")),
            percent(self.value(SMOOTHED, "memorised-fraction")),
        )
    }

    /// What stands on top of the page, and in samples.png.
    fn overview(&self) -> Option<Figure> {
        let of = |groups: &'_ [Group], name: &str| groups.iter().find(|g| g.0 == name).map(|g| g.1.clone());
        let rows = [
            ("handwritten digits", Some(self.train.clone())),
            (EXACT, of(&self.generated, EXACT)),
            (SMOOTHED, of(&self.generated, SMOOTHED)),
            (KDE, of(&self.generated, KDE)),
            ("noisy training data", Some(self.noisy.clone())),
            (PLAIN, of(&self.cleaned, PLAIN)),
            (ATTRACTED, of(&self.cleaned, ATTRACTED)),
        ];
        let rows: Vec<(&str, PointSet)> = rows.into_iter().filter_map(|(n, set)| Some((n, set?))).collect();
        let rows: Vec<(&str, &PointSet)> = rows.iter().map(|(n, set)| (*n, set)).collect();
        Some(Figure {
            id: "overview".into(),
            title: "From the same digits".into(),
            caption: "Above: samples of the exact score, of the smoothed score, and of a kernel density estimate \
                      as far from the training digits as those. Below: noisy training digits, samples of a mixture \
                      fitted to them, and the same with attraction."
                .into(),
            plot: page::sheet(self.train.shape(), RANGE, &rows, SHOWN)?,
        })
    }

    fn kernel_choice(&self) -> Figure {
        let series = self.kernel.candidates.iter().map(|candidate| Series {
            name: format!("{} kernel", candidate.name),
            points: candidate.curve.iter().map(|(_, loss, novelty)| (*novelty, (0.5 * loss).exp())).collect(),
        });
        let chosen = self.kernel.candidates.get(self.kernel.chosen);
        Figure {
            id: "kernel-choice".into(),
            title: "The kernel and its scale are chosen by leaving digits out".into(),
            caption: format!(
                "Each dot is a scale. Noisy digits are denoised without the digit itself (how far off is the answer?) and with \
                 it (does that bring the digit back? novelty 0 if it does, 1 if it makes no difference). The {} kernel of \
                 scale {} is used.",
                chosen.map_or("", |c| c.name),
                format_number(self.kernel.kernel.scale())
            ),
            plot: Plot::Lines {
                x: Axis::linear("novelty"),
                y: Axis::linear("distance to the digit left out, pixel values"),
                series: series.collect(),
            },
        }
    }

    fn findings(&self) -> Vec<Finding> {
        let mut findings = [self.smoothing.clone(), self.attraction.clone()].concat();
        for comparison in [&self.new, &self.noise] {
            // The joint findings would share an id: their table and figures are in the page.
            findings.extend(comparison.findings().into_iter().filter(|f| f.id != "comparison"));
        }
        findings
    }

    fn page(&self, walk: &Walk, arguments: &[String]) -> Page {
        let mut top = Section::new("What came out");
        if let Some(overview) = self.overview() {
            top = top.figure(overview);
        }
        let mut smoothing = Section::new("What smoothing did").text(
            "Samples of the smoothed score beside those of the exact score, and beside a kernel density estimate whose \
             samples are as far from the training digits.",
        );
        for finding in &self.smoothing {
            smoothing = smoothing.finding(finding.clone());
        }
        let mut attraction = Section::new("What attraction did").text(
            "Noise is read from the pixels that no clean digit uses. A cleaned sample should be as near to the clean \
             digits as new clean digits are, and no class should be lost.",
        );
        for finding in &self.attraction {
            attraction = attraction.finding(finding.clone());
        }
        let novelty = page::section(
            "New or copied",
            "A sample counts as a copy if it is nearer to the training digits, relative to the held-out ones, than all \
             but one in a hundred held-out digits are. The kernel density estimate has the bandwidth at which its \
             samples are as far from the training digits as those of the smoothed score.",
            &self.new,
        )
        .figure(self.kernel_choice());
        let noise = page::section(
            "Clean or noisy",
            "The same measurements for samples of models that only saw noisy digits, held against the clean originals. \
             With a model that memorises, attraction gives the noisy digits back: every one is a mode of its own.",
            &self.noise,
        );
        Page::new("A walk over handwritten digits")
            .headline(self.headline())
            .lead(format!(
                "{} digits of 8×8 pixels (0 to 16), {} samples a method, no network and no training. \
                 All distances are Euclidean, in pixel values.",
                self.train.len(),
                walk.n
            ))
            .section(top)
            .section(smoothing)
            .section(attraction)
            .section(novelty)
            .section(noise)
            .footer(
                Footer::new()
                    .setting("ridgewalk", env!("CARGO_PKG_VERSION"))
                    .setting("seed", walk.seed)
                    .setting("noise added", walk.noise)
                    .setting("kernel scale", self.kernel.kernel.scale())
                    .setting("attraction", attraction_settings())
                    .setting("steps", format!("{STEPS}; {STEPS_WITH_ATTRACTION} with attraction"))
                    .setting("bootstrap resamples", RESAMPLES)
                    .command(format!("ridgewalk {}", arguments.join(" ")))
                    .citation("Farghly, Potaptchik, Howard, Deligiannidis, Pidstrigach: log-domain smoothing. arXiv:2510.02305")
                    .citation("Elbrächter, Alberti, Santacesaria: Manifold Attracted Diffusion (the extended score; \
                               how it is used along a trajectory is ridgewalk's own). arXiv:2509.24710")
                    .citation("Karras, Aittala, Aila, Laine: the schedule and Heun's method. arXiv:2206.00364")
                    .licence("Optical Recognition of Handwritten Digits (E. Alpaydin, C. Kaynak, 1998), \
                              UCI Machine Learning Repository, doi 10.24432/C50P49: CC BY 4.0"),
            )
    }
}

fn write(walk: &Walk, arguments: &[String], tour: &Tour) -> Result<()> {
    let settings = json!({
        "seed": walk.seed, "n": walk.n, "noise": walk.noise, "held_out": HELD_OUT,
        "kernel_scale": tour.kernel.kernel.scale(), "kernel": tour.kernel.candidates.get(tour.kernel.chosen).map(|c| c.name), "components": COMPONENTS, "steps": [STEPS, STEPS_WITH_ATTRACTION],
    });
    let record = Record::new(arguments, settings, &[])?;
    make_folder(&walk.output)?;
    remove_old(&walk.output, NAME);
    let mut outputs = page::write(&walk.output, &tour.page(walk, arguments), &tour.findings())?;
    if let Some(overview) = tour.overview() {
        page::write_sheet(&walk.output.join("samples.png"), &overview)?;
        outputs.push("samples.png".into());
    }
    let outputs: Vec<&str> = outputs.iter().map(String::as_str).collect();
    record.finish(&walk.output, &outputs)?;
    say(&summary(tour));
    say(&format!("open {}", walk.output.join("report.html").display()));
    Ok(())
}

/// A short table for the terminal.
fn summary(tour: &Tour) -> String {
    let mut text =
        format!("\n{:<30} {:>9} {:>13} {:>13} {:>9}\n", "", "copies", "to training", "to held-out", "noise");
    let groups = tour.generated.iter().chain(&tour.cleaned).map(|g| g.0);
    for name in groups {
        let number = |id: &str| match tour.value(name, id) {
            v if v.is_nan() => "-".into(),
            v => format_number(v),
        };
        text += &format!(
            "{name:<30} {:>9} {:>13} {:>13} {:>9}\n",
            percent(tour.value(name, "memorised-fraction")),
            number("nearest-training-distance"),
            number("nearest-held-out-distance"),
            number("residual-noise"),
        );
    }
    for finding in tour.smoothing.iter().chain(&tour.attraction) {
        let mark = match finding.holds {
            Some(true) => "met",
            Some(false) => "NOT MET",
            None => "",
        };
        text += &format!("{}  [{mark}]\n", finding.statement);
    }
    text
}

/// The settings of the attraction, in words.
fn attraction_settings() -> String {
    let MadConfig { a, b, p, .. } = MadConfig::default();
    format!("a = {a}, b = {b}, p = {p}")
}

fn percent(value: f64) -> String {
    if value.is_nan() { "-".into() } else { format!("{:.0} %", 100.0 * value) }
}
