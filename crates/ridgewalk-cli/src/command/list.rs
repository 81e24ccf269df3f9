//! `ridgewalk list`: the solvers, schedules, processes, targets and paths that can be asked for by name.

use ridgewalk::Target;
use ridgewalk::interpolant::PATHS;
use ridgewalk::process::{self, PROCESSES};
use ridgewalk::schedule::SCHEDULES;
use ridgewalk::solver::{Order, SOLVERS, named};
use serde_json::{Value, json};

use crate::arguments::{Kind, List};
use crate::failure::Result;
use crate::progress::result;

/// One row of a table: what it is by column.
type Row = Vec<(&'static str, String)>;

pub fn run(list: &List) -> Result<()> {
    let kinds = match list.kind {
        Some(kind) => vec![kind],
        None => vec![Kind::Solvers, Kind::Schedules, Kind::Processes, Kind::Targets, Kind::Paths],
    };
    let tables: Vec<(&str, Vec<Row>)> =
        kinds.into_iter().map(|kind| Ok((title(kind), rows(kind)?))).collect::<Result<_>>()?;
    if list.json {
        let tables = tables.into_iter().map(|(title, rows)| (title.to_string(), in_json(rows))).collect();
        return result(&serde_json::to_string_pretty(&Value::Object(tables)).unwrap_or_default());
    }
    let texts: Vec<String> =
        tables.iter().map(|(title, rows)| format!("{title}\n\n{}", in_columns(rows))).collect();
    result(texts.join("\n\n").trim_end())
}

fn title(kind: Kind) -> &'static str {
    match kind {
        Kind::Solvers => "solvers",
        Kind::Schedules => "schedules",
        Kind::Processes => "processes",
        Kind::Targets => "targets",
        Kind::Paths => "paths",
    }
}

fn rows(kind: Kind) -> Result<Vec<Row>> {
    Ok(match kind {
        Kind::Solvers => SOLVERS
            .iter()
            .map(|entry| {
                let order = order(named(entry.name, 20)?.order());
                Ok(vec![
                    ("name", entry.name.into()),
                    ("settings", entry.settings.into()),
                    ("order", order),
                    ("evaluations", entry.evaluations.into()),
                    ("source", entry.source.into()),
                    ("what", entry.summary.into()),
                ])
            })
            .collect::<Result<_>>()?,
        Kind::Schedules => std::iter::once(vec![
            ("name", "equalized".into()),
            ("settings", "paths=32,passes=3".into()),
            ("source", "a pilot run".into()),
            ("what", "chosen for the model and the solver: even shares of the error".into()),
        ])
        .chain(SCHEDULES.iter().map(|entry| {
            vec![
                ("name", names(entry.name, entry.aliases)),
                ("settings", entry.settings.into()),
                ("source", entry.source.into()),
                ("what", entry.summary.into()),
            ]
        }))
        .collect(),
        Kind::Processes => PROCESSES
            .iter()
            .map(|entry| {
                let [noise, data] = process::named(entry.name)?.end_points();
                Ok(vec![
                    ("name", names(entry.name, entry.aliases)),
                    ("settings", entry.settings.into()),
                    ("from", noise.to_string()),
                    ("to", data.to_string()),
                    ("source", entry.source.into()),
                    ("what", entry.summary.into()),
                ])
            })
            .collect::<Result<_>>()?,
        Kind::Targets => Target::ALL.into_iter().map(target).collect(),
        Kind::Paths => PATHS
            .iter()
            .map(|entry| {
                vec![
                    ("name", entry.name.into()),
                    ("settings", entry.settings.into()),
                    ("source", entry.source.into()),
                    ("what", entry.summary.into()),
                ]
            })
            .collect(),
    })
}

/// What a blind model may predict: c(t) x₀ + d(t) ε.
fn target(target: Target) -> Row {
    let (c, d, source, what) = match target {
        Target::Noise => ("0", "1", "2006.11239", "the noise: DDPM"),
        Target::Data => ("1", "0", "2206.00364", "the data: the denoiser of EDM"),
        Target::Velocity => ("alpha'", "sigma'", "2210.02747", "the velocity of the flow: flow matching"),
        Target::VPrediction => ("-sigma", "alpha", "2202.00512", "v"),
        Target::Equilibrium => {
            ("alpha - 1", "sigma", "2510.02300", "the state less the data: zero at the data")
        }
    };
    vec![
        ("name", target.name().into()),
        ("c", c.into()),
        ("d", d.into()),
        ("source", source.into()),
        ("what", what.into()),
    ]
}

/// A name and its aliases.
fn names(name: &str, aliases: &[&str]) -> String {
    std::iter::once(name).chain(aliases.iter().copied()).collect::<Vec<_>>().join(", ")
}

fn order(order: Order) -> String {
    match order {
        Order::Path(p) => format!("{p}"),
        Order::Law(p) => format!("{p}, of the law"),
        Order::Langevin => "none".into(),
    }
}

fn in_json(rows: Vec<Row>) -> Value {
    let object = |row: Row| row.into_iter().map(|(key, value)| (key.to_string(), json!(value))).collect();
    Value::Array(rows.into_iter().map(|row| Value::Object(object(row))).collect())
}

/// Columns as wide as their widest cell; the last is not padded.
fn in_columns(rows: &[Row]) -> String {
    let Some(first) = rows.first() else { return String::new() };
    let header: Vec<String> = first.iter().map(|(key, _)| (*key).to_string()).collect();
    let body = rows.iter().map(|row| row.iter().map(|(_, value)| value.clone()).collect());
    let lines: Vec<Vec<String>> = std::iter::once(header).chain(body).collect();
    let width = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..first.len()).map(width).collect();
    let text = |line: &Vec<String>| {
        let cells: Vec<String> = line.iter().zip(&widths).map(|(cell, w)| format!("{cell:<w$}")).collect();
        cells.join("  ").trim_end().to_string()
    };
    lines.iter().map(text).collect::<Vec<_>>().join("\n")
}
