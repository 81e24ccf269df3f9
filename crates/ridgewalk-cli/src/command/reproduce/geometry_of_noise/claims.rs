//! The paper's claims beside what was found.

use ridgewalk::survey::Table;
use ridgewalk_report::Section;

use super::super::part::Part;
use crate::progress::say;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Held,
    InPart,
    Not,
}

impl Verdict {
    pub fn of(held: bool) -> Self {
        if held { Verdict::Held } else { Verdict::Not }
    }

    fn words(self) -> &'static str {
        match self {
            Verdict::Held => "held",
            Verdict::InPart => "held in part",
            Verdict::Not => "did not hold",
        }
    }
}

/// One claim of the paper, and what the exact fields say to it.
pub struct Claim {
    /// Where the paper says so.
    pub place: &'static str,
    pub claim: &'static str,
    pub verdict: Verdict,
    /// Numbers and the reason.
    pub found: String,
}

pub fn count(claims: &[Claim], verdict: Verdict) -> usize {
    claims.iter().filter(|c| c.verdict == verdict).count()
}

const TITLE: &str = "What the paper says, and what was found";

fn table(claims: &[Claim]) -> Table {
    let rows = claims
        .iter()
        .map(|c| [c.claim.into(), c.place.into(), c.verdict.words().into(), c.found.as_str().into()].into());
    Table { columns: ["the paper", "where", "here", "found"].map(Into::into).to_vec(), rows: rows.collect() }
}

pub fn section(claims: &[Claim]) -> Section {
    Section::new("Claims")
        .text(
            "The paper's experiments are with trained networks, which smooth over what the exact \
             field does beside a \
             point of the data; a claim that did not hold for exact fields is one that blindness alone does not \
             explain.",
        )
        .table(TITLE, table(claims))
}

/// For the tables; on a terminal they are sentences.
pub fn part(claims: &[Claim]) -> Part {
    let mut part = Part::new("Claims of the paper", "");
    for claim in claims {
        say(&format!("{} ({}): {}. {}", claim.claim, claim.place, claim.verdict.words(), claim.found));
    }
    part.tables.push(("noise-claims".into(), table(claims)));
    part
}
