//! Log-domain smoothing is geometry adaptive (arXiv 2510.02305), reproduced: four experiments, one page.

mod bumps;
mod groups;
mod images;
mod kernels;
mod plane;
mod reference;
mod settings;
mod surfaces;
mod theorem;
mod turntable;

use std::path::Path;

use ridgewalk::survey::{Cell, Finding, Table};
use ridgewalk_report::{Footer, Page, Section, format_number};
use serde_json::json;

use super::part::{Part, csv};
use crate::arguments::{Experiment, LogDomainSmoothing};
use crate::failure::Result;
use crate::page;
use crate::progress::say;
use crate::record::{NAME, Record, make_folder, probe_folder, remove_old, write_text};
use settings::Settings;

pub fn run(paper: &LogDomainSmoothing, arguments: &[String]) -> Result<()> {
    probe_folder(&paper.output)?;
    let inputs: Vec<&Path> =
        [&paper.mnist, &paper.coil20].into_iter().flatten().map(|p| p.as_path()).collect();
    let record = Record::new(arguments, json!({ "seed": paper.seed, "small": paper.small }), &inputs)?;
    let settings = Settings::new(paper)?;
    let all = [Experiment::Plane, Experiment::Digits, Experiment::Kernels, Experiment::Theorem];
    let mut parts = Vec::new();
    for experiment in all.into_iter().filter(|e| paper.only.is_empty() || paper.only.contains(e)) {
        parts.push(match experiment {
            Experiment::Plane => plane::run(&settings)?,
            Experiment::Digits => images::run(&settings)?,
            Experiment::Kernels => kernels::run(&settings)?,
            Experiment::Theorem => theorem::run(&settings)?,
        });
    }
    let findings: Vec<Finding> = parts.iter().flat_map(|part| part.findings.clone()).collect();
    make_folder(&paper.output)?;
    remove_old(&paper.output, NAME);
    let mut outputs = page::write(&paper.output, &page_of(paper, &parts, &findings, arguments), &findings)?;
    make_folder(&paper.output.join("tables"))?;
    for (name, table) in parts.iter().flat_map(|part| &part.tables) {
        let file = format!("tables/{name}.csv");
        write_text(&paper.output.join(&file), &csv(table))?;
        outputs.push(file);
    }
    let outputs: Vec<&str> = outputs.iter().map(String::as_str).collect();
    record.finish(&paper.output, &outputs)?;
    let met = findings.iter().filter(|f| f.holds == Some(true)).count();
    let expected = findings.iter().filter(|f| f.expectation.is_some()).count();
    say(&format!("\n{met} of {expected} expectations met"));
    say(&format!("open {}", paper.output.join("report.html").display()));
    Ok(())
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

/// All findings in a table: what was expected, what was found.
fn summary(findings: &[Finding]) -> Table {
    let rows = findings.iter().map(|finding| {
        let met = match finding.holds {
            Some(true) => "met",
            Some(false) => "not met",
            None => "–",
        };
        let expected = finding.expectation.as_ref().map_or("", |e| e.text.as_str());
        let value = match finding.interval {
            Some(interval) => Cell::Interval { value: finding.value, interval },
            None => Cell::Number(finding.value),
        };
        vec![finding.id.as_str().into(), value, met.into(), expected.into()]
    });
    Table { columns: ["finding", "ours", "", "expected"].map(Into::into).to_vec(), rows: rows.collect() }
}

fn page_of(paper: &LogDomainSmoothing, parts: &[Part], findings: &[Finding], arguments: &[String]) -> Page {
    let met = findings.iter().filter(|f| f.holds == Some(true)).count();
    let data = |given: bool, name: &str, without: &str| if given { name.to_string() } else { without.into() };
    let mut page = Page::new("Log-domain smoothing is geometry adaptive, reproduced")
        .headline(headline(findings))
        .lead(format!(
            "A trained diffusion model is taken to be the empirical score smoothed by a kernel. Smoothing the score smooths \
             the log-density, which moves mass along the data's manifold; smoothing the density moves it off. {met} of {} \
             expectations are met.",
            findings.iter().filter(|f| f.expectation.is_some()).count()
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
                .table("Every finding beside what was expected of it", summary(findings)),
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
        .citation("Aamari, Kim, Chazal, Michel, Rinaldo, Wasserman: estimating the reach. arXiv:1705.04565");
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
