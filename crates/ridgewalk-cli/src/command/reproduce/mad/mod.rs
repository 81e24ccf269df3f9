//! Manifold attracted diffusion (arXiv 2509.24710), reproduced and measured: clean samples from models of noisy data.
//!
//! The paper shows pictures; the numbers here are ours, and so is the way in which the extended score is used along
//! a trajectory (see `ridgewalk::transform::mad`).

mod auto;
mod case;
mod circle;
mod digits;
mod diracs;
mod files;
mod measure;
mod networks;
mod noise;
mod sampling;
mod settings;
mod shapes;
mod sweep;
mod threshold;
mod trade_off;

use std::path::Path;

use ridgewalk::PointSet;
use ridgewalk::survey::Finding;
use ridgewalk_report::{Footer, Page, Section};
use serde_json::json;

use super::output;
use super::part::Part;
use crate::arguments::{MadExperiment, MadPaper};
use crate::failure::{Failure, Result};
use crate::record::{Record, probe_folder};
use settings::Settings;

pub fn run(paper: &MadPaper, arguments: &[String]) -> Result<()> {
    probe_folder(&paper.output)?;
    let files = [&paper.mnist, &paper.particles, &paper.faces];
    let inputs: Vec<&Path> = files.into_iter().flatten().map(|p| p.as_path()).collect();
    let record = Record::new(arguments, json!({ "seed": paper.seed, "small": paper.small }), &inputs)?;
    let chosen = experiments(paper)?;
    let settings = Settings::new(paper)?;
    let mut parts = Vec::new();
    for experiment in chosen {
        parts.push(match experiment {
            MadExperiment::Threshold => threshold::run(&settings)?,
            MadExperiment::Diracs => diracs::run(&settings)?,
            MadExperiment::Circle => circle::run(&settings)?,
            MadExperiment::Shapes => shapes::run(&settings)?,
            MadExperiment::Sweep => sweep::run(&settings)?,
            MadExperiment::Noise => noise::run(&settings)?,
            MadExperiment::Auto => auto::run(&settings)?,
            MadExperiment::Networks => networks::run(&settings)?,
            MadExperiment::Mnist => with(&settings.mnist, |points| files::mnist(&settings, points))?,
            MadExperiment::Particles => {
                with(&settings.particles, |points| files::particles(&settings, points))?
            }
            MadExperiment::Faces => with(&settings.faces, |points| files::faces(&settings, points))?,
        });
    }
    let findings: Vec<Finding> = parts.iter().flat_map(|part| part.findings.clone()).collect();
    output::write(&paper.output, record, &page_of(paper, &parts, &findings, arguments), &parts)
}

/// An experiment on a file, which [`experiments`] has seen to be given.
fn with(points: &Option<PointSet>, experiment: impl FnOnce(&PointSet) -> Result<Part>) -> Result<Part> {
    match points {
        Some(points) => experiment(points),
        None => Err(Failure::new("an experiment", "has no file", "give the file")),
    }
}

/// Those asked for, or all that have their data.
fn experiments(paper: &MadPaper) -> Result<Vec<MadExperiment>> {
    use MadExperiment::{
        Auto, Circle, Diracs, Faces, Mnist, Networks, Noise, Particles, Shapes, Sweep, Threshold,
    };
    let files = [
        (Mnist, "--mnist", paper.mnist.is_some()),
        (Particles, "--particles", paper.particles.is_some()),
        (Faces, "--faces", paper.faces.is_some()),
    ];
    for (experiment, flag, given) in &files {
        if paper.only.contains(experiment) && !given {
            return Err(Failure::new(
                "--only",
                format!("names an experiment on a file of yours, without {flag}"),
                "give the file",
            ));
        }
    }
    let own = [Threshold, Diracs, Circle, Shapes, Sweep, Noise, Auto].into_iter();
    // Networks take longer than all the rest together: they are trained when they are named.
    let named = paper.only.contains(&Networks).then_some(Networks);
    let all = own.chain(named).chain(files.iter().filter(|f| f.2).map(|f| f.0));
    Ok(all.filter(|e| paper.only.is_empty() || paper.only.contains(e)).collect())
}

pub fn percent(value: f64) -> String {
    format!("{:.0}\u{a0}%", 100.0 * value)
}

fn page_of(paper: &MadPaper, parts: &[Part], findings: &[Finding], arguments: &[String]) -> Page {
    let (met, expected) = output::met(findings);
    let mut page = Page::new("Manifold attracted diffusion, reproduced and measured")
        .headline(headline(findings))
        .lead(format!(
            "A model that was fitted to noisy data gives noisy samples. Attraction changes nothing but the sampler, and they \
             come out clean. The idea and the extended score are the paper's, which shows pictures and no numbers; how the \
             extended score is used along a trajectory here, its settings, and all numbers on this page are ridgewalk's own. \
             {met} of {expected} expectations are met."
        ));
    for part in parts {
        page = page.section(part.section());
    }
    page = page.section(
        Section::new("Found and expected")
            .text("The expectations are closed forms, independent computations, what the paper states, and goals of our own.")
            .table("Every finding beside what was expected of it", output::summary(findings)),
    );
    let footer = Footer::new()
        .setting("ridgewalk", env!("CARGO_PKG_VERSION"))
        .setting("seed", paper.seed)
        .setting("small", paper.small)
        .command(format!("ridgewalk {}", arguments.join(" ")))
        .citation("Elbrächter, Alberti, Santacesaria: Manifold attracted diffusion. arXiv:2509.24710")
        .citation("Karras, Aittala, Aila, Laine: Heun's method, and Karras's levels for point masses. arXiv:2206.00364")
        .citation("Kynkäänniemi, Karras, Laine, Lehtinen, Aila: precision and recall. arXiv:1904.06991")
        .citation("Naeem, Oh, Uh, Choi, Yoo: density and coverage. arXiv:2002.09797")
        .licence(
            "Optical Recognition of Handwritten Digits (E. Alpaydin, C. Kaynak, 1998), UCI Machine Learning Repository, doi \
             10.24432/C50P49: CC BY 4.0",
        );
    page.footer(match paper.mnist {
        Some(_) => footer.licence("MNIST (Y. LeCun, C. Cortes): CC BY-SA 3.0"),
        None => footer,
    })
}

/// The result in words: only what the numbers say.
fn headline(findings: &[Finding]) -> String {
    let value = |id: &str| findings.iter().find(|f| f.id == id).map(|f| f.value).filter(|v| v.is_finite());
    match (value("shapes-noise"), value("sweep-digits-removed")) {
        (Some(shapes), Some(digits)) => format!(
            "Attraction takes {} of the noise out of generated shapes and {} out of generated digits, with no clean image seen.",
            percent(shapes),
            percent(digits)
        ),
        (Some(removed), None) | (None, Some(removed)) => {
            format!(
                "Attraction takes {} of the noise out of generated images, with no clean image seen.",
                percent(removed)
            )
        }
        _ => "Clean samples from models of noisy data, measured".into(),
    }
}
