//! The geometry of noise (arXiv 2602.18428), reproduced in closed form: what a model loses that is not told the noise
//! level, per process and per target.
//!
//! The paper trains networks and shows pictures. Here every blind field is the exact one of its data,
//! f*(u) = E_{t|u}[f*_t(u)], so that what is found is due to blindness alone.

mod chi;
mod circles;
mod claims;
mod concentration;
mod digits;
mod gains;
mod landscape;
mod line;
mod networks;
mod outcome;
mod sampling;
mod settings;
mod tables;
mod verdicts;

use std::path::Path;

use ridgewalk::survey::Finding;
use ridgewalk_report::{Footer, Page};
use serde_json::json;

use super::output;
use super::part::Part;
use super::ridge::settings as common;
use crate::arguments::{NoiseExperiment, NoisePaper};
use crate::failure::Result;
use crate::record::{Record, probe_folder};
use claims::Claim;
use settings::Settings;

pub fn run(paper: &NoisePaper, arguments: &[String]) -> Result<()> {
    probe_folder(&paper.output)?;
    let files = [&paper.mnist, &paper.fashion, &paper.features];
    let inputs: Vec<&Path> = files.into_iter().flatten().map(|path| path.as_path()).collect();
    let record = Record::new(arguments, json!({ "seed": paper.seed, "small": paper.small }), &inputs)?;
    let settings = Settings::new(paper)?;
    use NoiseExperiment::{Circles, Digits, Gains, Landscape, Networks};
    let (mut parts, mut claims) = (Vec::new(), Vec::new());
    for experiment in [Circles, Landscape, Gains, Digits, Networks] {
        // Networks take longer than all the rest together: they are trained when they are named.
        let asked = match paper.only.is_empty() {
            true => experiment != Networks,
            false => paper.only.contains(&experiment),
        };
        if !asked {
            continue;
        }
        let (part, found) = match experiment {
            Circles => circles::run(&settings)?,
            Landscape => landscape::run(&settings)?,
            Gains => gains::run(&settings)?,
            Digits => digits::run(&settings)?,
            Networks => {
                let (networks, found) = networks::run(&settings)?;
                parts.extend(networks);
                claims.extend(found);
                continue;
            }
        };
        parts.push(part);
        claims.extend(found);
    }
    let page = page_of(paper, &parts, &claims, arguments);
    parts.push(claims::part(&claims));
    output::write(&paper.output, record, &page, &parts)
}

fn page_of(paper: &NoisePaper, parts: &[Part], claims: &[Claim], arguments: &[String]) -> Page {
    let findings: Vec<Finding> = parts.iter().flat_map(|part| part.findings.clone()).collect();
    let (met, expected) = output::met(&findings);
    let mut page = Page::new("The geometry of noise: models that are not told the noise level")
        .headline(
            "Whether a model may drop its noise input is a matter of the process and of the target \
             together: an error that is made \
             early, when the noise level cannot be read from the state, grows, stays or fades.",
        )
        .lead(format!(
            "Every blind field on this page is the exact one of its data, so that what is found is \
             due to blindness alone, but for those of the part on trained networks, if it was run. {met} of {expected} expectations are met: closed forms, tables of \
             an independent computation, and for networks what the paper says of them. The paper's own claims stand beside them: {} held, {} held in part, {} did \
             not hold.",
            claims::count(claims, claims::Verdict::Held),
            claims::count(claims, claims::Verdict::InPart),
            claims::count(claims, claims::Verdict::Not),
        ));
    page = page.section(claims::section(claims));
    for part in parts {
        page = page.section(part.section());
    }
    page.section(
        ridgewalk_report::Section::new("Found and expected")
            .text(
                "The expectations are closed forms and reference tables from an independent \
             computation; those of networks are what the paper shows or quotes.",
            )
            .table("Every finding beside what was expected of it", output::summary(&findings)),
    )
    .footer({
        let footer = Footer::new()
            .setting("ridgewalk", env!("CARGO_PKG_VERSION"))
            .setting("seed", paper.seed)
            .setting("small", paper.small)
            .command(format!("ridgewalk {}", arguments.join(" ")))
            .citation("Sahraee-Ardakan, Delbracio, Milanfar: The geometry of noise. arXiv:2602.18428")
            .citation("Salimans, Ho: v-prediction and its angular form. arXiv:2202.00512")
            .citation("Equilibrium matching. arXiv:2510.02300")
            .licence(
                "Optical Recognition of Handwritten Digits (E. Alpaydin, C. Kaynak, 1998), UCI \
                 Machine Learning Repository, \
                 doi 10.24432/C50P49: CC BY 4.0",
            );
        let footer = match paper.mnist {
            Some(_) => footer.licence("MNIST (Y. LeCun, C. Cortes): CC BY-SA 3.0"),
            None => footer,
        };
        match paper.fashion {
            Some(_) => footer.licence("Fashion-MNIST (Zalando SE, 2017): MIT"),
            None => footer,
        }
    })
}
