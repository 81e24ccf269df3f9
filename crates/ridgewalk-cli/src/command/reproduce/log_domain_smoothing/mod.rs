//! Log-domain smoothing is geometry adaptive (arXiv 2510.02305), reproduced: four experiments, one page.

mod bumps;
mod groups;
mod images;
mod kernels;
mod networks;
mod plane;
mod reference;
mod settings;
mod surfaces;
mod theorem;
mod turntable;

use std::path::Path;

use ridgewalk::survey::Finding;
use ridgewalk_report::{Footer, Page, Section, format_number};
use serde_json::json;

use super::output;
use super::part::Part;
use crate::arguments::{Experiment, LogDomainSmoothing};
use crate::failure::Result;
use crate::record::{Record, probe_folder};
use settings::Settings;

pub fn run(paper: &LogDomainSmoothing, arguments: &[String]) -> Result<()> {
    probe_folder(&paper.output)?;
    let inputs: Vec<&Path> =
        [&paper.mnist, &paper.coil20].into_iter().flatten().map(|p| p.as_path()).collect();
    let record = Record::new(arguments, json!({ "seed": paper.seed, "small": paper.small }), &inputs)?;
    let settings = Settings::new(paper)?;
    use Experiment::{Digits, Kernels, Networks, Plane, Theorem};
    let mut parts = Vec::new();
    // Networks are trained when they are named.
    let asked = |e: &Experiment| match paper.only.is_empty() {
        true => *e != Networks,
        false => paper.only.contains(e),
    };
    for experiment in [Plane, Digits, Kernels, Theorem, Networks].into_iter().filter(asked) {
        parts.push(match experiment {
            Experiment::Plane => plane::run(&settings)?,
            Experiment::Digits => images::run(&settings)?,
            Experiment::Kernels => kernels::run(&settings)?,
            Experiment::Theorem => theorem::run(&settings)?,
            Experiment::Networks => networks::run(&settings)?,
        });
    }
    let findings: Vec<Finding> = parts.iter().flat_map(|part| part.findings.clone()).collect();
    output::write(&paper.output, record, &page_of(paper, &parts, &findings, arguments), &parts)
}

/// The result in words: only what the numbers say.
fn headline(findings: &[Finding]) -> String {
    let value = |id: &str| findings.iter().find(|f| f.id == id).map(|f| f.value).filter(|v| v.is_finite());
    let mut density: Vec<f64> =
        ["2", "8", "64"].iter().filter_map(|dim| value(&format!("wavy-circle-to-density-{dim}"))).collect();
    density.sort_unstable_by(f64::total_cmp);
    let (Some(least), Some(most)) = (density.first(), density.last()) else {
        return "Smoothing the score, measured".into();
    };
    format!(
        "As new as a sample of density smoothing, one of the smoothed score is off a curve by {} to {} of its distance.",
        percent(*least),
        percent(*most)
    )
}

fn percent(value: f64) -> String {
    format!("{:.0}\u{a0}%", 100.0 * value)
}

fn page_of(paper: &LogDomainSmoothing, parts: &[Part], findings: &[Finding], arguments: &[String]) -> Page {
    let (met, expected) = output::met(findings);
    let data = |given: bool, name: &str, without: &str| if given { name.to_string() } else { without.into() };
    let mut page = Page::new("Log-domain smoothing is geometry adaptive, reproduced")
        .headline(headline(findings))
        .lead(format!(
            "A trained diffusion model is taken to be the empirical score smoothed by a kernel. Smoothing the score smooths \
             the log-density, which moves mass along the data's manifold; smoothing the density moves it off. {met} of {expected} \
             expectations are met."
        ));
    for part in parts {
        page = page.section(part.section());
    }
    page = page.section(
            Section::new("Found and expected")
                .text(
                    "Values of the paper are cited by its arXiv id; an independent computation is a table made by another program in the \
                     paper's settings, where the paper prints no numbers.",
                )
                .table("Every finding beside what was expected of it", output::summary(findings)),
        );
    let mut footer = Footer::new()
        .setting("ridgewalk", env!("CARGO_PKG_VERSION"))
        .setting("seed", paper.seed)
        .setting("small", paper.small)
        .setting("digits", data(paper.mnist.is_some(), "MNIST", "embedded, 8×8"))
        .setting("turntable", data(paper.coil20.is_some(), "COIL-20", "not given"))
        .setting("published sampler", "reverse SDE, Euler–Maruyama, 100 steps even in log t, t from 1e-6")
        .setting("lowest noise level", format_number(groups::SIGMA_MIN))
        .command(format!("ridgewalk {}", arguments.join(" ")))
        .citation(
            "Farghly, Potaptchik, Howard, Deligiannidis, Pidstrigach: Diffusion models and the manifold hypothesis: log-domain \
             smoothing is geometry adaptive. arXiv:2510.02305",
        )
        .citation("Karras, Aittala, Aila, Laine: the schedule and Heun's method, for digits and photographs. arXiv:2206.00364")
        .citation("Aamari, Kim, Chazal, Michel, Rinaldo, Wasserman: estimating the reach. arXiv:1705.04565")
        .citation("Wang, Vastola: closed forms that explain networks. arXiv:2412.09726");
    footer = match paper.mnist {
        Some(_) => footer.licence("MNIST (Y. LeCun, C. Cortes): CC BY-SA 3.0"),
        None => footer.licence(
            "Optical Recognition of Handwritten Digits (E. Alpaydin, C. Kaynak, 1998), UCI Machine Learning Repository, doi \
             10.24432/C50P49: CC BY 4.0",
        ),
    };
    if paper.coil20.is_some() {
        footer = footer
            .licence("COIL-20 (S. Nene, S. Nayar, H. Murase, Columbia University, 1996): for research only");
    }
    page.footer(footer)
}
