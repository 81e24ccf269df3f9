//! Ridges of the smoothed density (arXiv 2602.06021), reproduced and measured: where they are, how samples reach
//! them, and what a model's error across and along them does.
//!
//! Times, lengths and tables are those of the Ornstein–Uhlenbeck process, x_t = a x₀ + √h ε with a = e^{−t}.

mod circle;
mod correlation;
mod features;
mod film;
mod injected;
mod kinds;
mod latent;
mod networks;
mod phases;
mod points;
pub mod settings;

use std::path::Path;

use ridgewalk::survey::Finding;
use ridgewalk_report::{Footer, Page, Section};
use serde_json::json;

use super::output;
use super::part::Part;
use crate::arguments::{RidgeExperiment, RidgePaper};
use crate::failure::Result;
use crate::record::{Record, probe_folder};
use settings::Settings;

pub fn run(paper: &RidgePaper, arguments: &[String]) -> Result<()> {
    probe_folder(&paper.output)?;
    let inputs: Vec<&Path> = paper.mnist.iter().map(|path| path.as_path()).collect();
    let record = Record::new(arguments, json!({ "seed": paper.seed, "small": paper.small }), &inputs)?;
    let settings = Settings::new(paper)?;
    use RidgeExperiment::{Circle, Correlation, Features, Injected, Latent, Networks, Phases, Points};
    let mut parts = Vec::new();
    for experiment in [Circle, Points, Phases, Injected, Correlation, Features, Latent, Networks] {
        // Networks are trained when they are named.
        let asked = match paper.only.is_empty() {
            true => experiment != Networks,
            false => paper.only.contains(&experiment),
        };
        if !asked {
            continue;
        }
        parts.push(match experiment {
            Circle => circle::run(&settings)?,
            Points => points::run(&settings)?,
            Phases => phases::run(&settings)?,
            Injected => injected::run(&settings)?,
            Correlation => correlation::run(&settings)?,
            Features => features::run(&settings)?,
            Latent => latent::run(&settings)?,
            Networks => networks::run(&settings)?,
        });
    }
    let findings: Vec<Finding> = parts.iter().flat_map(|part| part.findings.clone()).collect();
    output::write(&paper.output, record, &page_of(paper, &parts, &findings, arguments), &parts)
}

fn page_of(paper: &RidgePaper, parts: &[Part], findings: &[Finding], arguments: &[String]) -> Page {
    let (met, expected) = output::met(findings);
    let mut page = Page::new("Reach, align, slide: ridges, reproduced and measured")
        .headline(
            "Samples come to the ridge of the smoothed data; a model's error across it keeps them off, its error along \
             it moves them on.",
        )
        .lead(format!(
            "The paper's theorem says that samples reach a tube around the ridge of the smoothed data, that their distance \
             from it then follows the normal part of the model's error, and that the tangential part moves them along it. \
             Closed forms, tables of runs and bounds on this page are ridgewalk's own derivations of that; {met} of \
             {expected} expectations are met."
        ));
    for part in parts {
        page = page.section(part.section());
    }
    page.section(
        Section::new("Found and expected")
            .text("The expectations are closed forms, reference tables from an independent computation, and goals of our own.")
            .table("Every finding beside what was expected of it", output::summary(findings)),
    )
    .footer({
        let footer = Footer::new()
            .setting("ridgewalk", env!("CARGO_PKG_VERSION"))
            .setting("seed", paper.seed)
            .setting("small", paper.small)
            .command(format!("ridgewalk {}", arguments.join(" ")))
            .citation("He, Qiu, Tao: ridges and the samples of diffusion models. arXiv:2602.06021")
            .citation("Genovese, Perone-Pacifico, Verdinelli, Wasserman: Nonparametric ridge estimation. arXiv:1212.5156")
            .licence(
                "Optical Recognition of Handwritten Digits (E. Alpaydin, C. Kaynak, 1998), UCI Machine Learning Repository, \
                 doi 10.24432/C50P49: CC BY 4.0",
            );
        match paper.mnist {
            Some(_) => footer.licence("MNIST (Y. LeCun, C. Cortes): CC BY-SA 3.0"),
            None => footer,
        }
    })
}
