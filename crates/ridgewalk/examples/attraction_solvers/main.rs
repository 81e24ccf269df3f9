//! Attraction with every solver, on three models of noisy data of which the clean law is known:
//! `attraction_solvers [solvers|schedules|callable] [RESULT.json]`, all three tables where none is named.
//!
//! Prints Markdown; a path that ends in `.json` keeps the numbers. A few minutes on two cores.

mod fields;

use std::error::Error;

use fields::{Field, Measured};
use ndarray::{Array2, ArrayView2};
use ridgewalk::schedule::Focused;
use ridgewalk::solver::{Attracted, DpmSolver2M, Order, SOLVERS, named_for};
use ridgewalk::transform::Attraction;
use ridgewalk::{
    Denoiser, Euler, Heun, Karras, Mad, MadConfig, Moments, Result, Sampler, Schedule, Solver, Switched,
};
use serde_json::{Value, json};

const SAMPLES: usize = 300;
const STRENGTH: f64 = 8.0;

/// A model that can only be called.
struct Callable<'a>(&'a dyn Denoiser);

impl Denoiser for Callable<'_> {
    fn dim(&self) -> usize {
        self.0.dim()
    }
    fn denoise(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array2<f64>> {
        self.0.denoise(x, sigma)
    }
    fn moments(&self) -> Option<Moments> {
        self.0.moments()
    }
}

/// What came of a run, or why nothing did.
struct Outcome {
    evaluations: f64,
    measured: Option<Measured>,
}

impl Outcome {
    fn of(field: &Field, model: &dyn Denoiser, solver: &dyn Solver, levels: &dyn Schedule) -> Result<Self> {
        match Sampler::new(solver, levels).seed(1).run(model, SAMPLES) {
            Ok(run) => {
                let measured = Some(field.measure(run.points.view())?);
                Ok(Outcome { evaluations: run.mean_evaluations, measured })
            }
            Err(ridgewalk::Error::Diverged { .. } | ridgewalk::Error::Answer { .. }) => {
                Ok(Outcome { evaluations: f64::NAN, measured: None })
            }
            Err(error) => Err(error),
        }
    }

    /// Residual noise, spread, distance to the clean law and from it.
    fn cells(&self) -> String {
        match self.measured {
            Some(m) => {
                format!("{} · {:.2} · {:.3} · {:.3}", part(m.noise), m.spread, m.to_clean, m.from_clean)
            }
            None => "diverges".into(),
        }
    }

    fn json(&self) -> Value {
        let measured = self.measured.map(|m| {
            json!({
                "noise": m.noise, "spread": m.spread, "entropy": m.entropy,
                "to_clean": m.to_clean, "from_clean": m.from_clean,
            })
        });
        json!({ "evaluations": self.evaluations, "measured": measured })
    }
}

fn part(value: f64) -> String {
    if value >= 0.1 { format!("{value:.2}") } else { format!("{value:.1e}") }
}

/// Evaluations of a step, as the catalogue says.
fn each(text: &str) -> usize {
    match text.split(':').next().unwrap_or(text) {
        "heun" | "dpm++2s" | "sde-dpm++2s" | "pc" => 2,
        "rk4" | "annealed-langevin" => 4,
        _ => 1,
    }
}

/// The solver on Karras's levels and plain; attracted on levels focused on the window; and attracted below another
/// solver than itself, Euler's.
fn solvers(field: &Field, rows: &mut Vec<Value>) -> Result<()> {
    let mad = Mad::new(&field.model, field.config(STRENGTH))?;
    let scale = field.scale();
    let highest = 160.0 * scale;
    println!("\n### {}\n", field.name);
    let own: Vec<&str> = SOLVERS
        .iter()
        .map(|entry| match entry.name {
            "annealed-langevin" => "annealed-langevin:moves=4,step=0.3",
            "rk45" => "rk45:absolute=1e-2,relative=1e-2",
            "rk23" => "rk23:absolute=1e-2,relative=1e-2",
            name => name,
        })
        .collect();
    let settings = ["heun:churn=40", "unipc:order=3", "ddim:eta=0.5", "ddim:eta=1", "sde-dpm++2m:eta=0.5"];
    for budget in [21, 41] {
        println!("{budget} evaluations\n\n| solver | plain | attracted | attracted, Euler below the onset |");
        println!("|---|---|---|---|");
        for text in own.iter().copied().chain(settings) {
            let n = ((budget - 1) / each(text) + 1).max(3);
            let solver = named_for(text, n, scale)?;
            let plain = Outcome::of(field, &field.model, &solver, &Karras::new(0.004 * scale..highest, n))?;
            let levels = Focused::over(&mad.window(), highest, n);
            let attracted = Outcome::of(field, &mad, &solver, &levels)?;
            let below = Switched::new(&solver, Euler, mad.onset_level());
            // Where a step above costs more, as many evaluations leave more levels below.
            let levels = hybrid(&mad, highest, budget, each(text));
            let remedied = Outcome::of(field, &mad, &below, &levels)?;
            let draws = !matches!(solver.order(), Order::Path(_));
            let mark = if draws { " *" } else { "" };
            let cells = [&plain, &attracted, &remedied].map(Outcome::cells);
            println!("| {text}{mark} | {} |", cells.join(" | "));
            rows.push(json!({
                "table": "solvers", "field": field.name, "budget": budget, "solver": text,
                "plain": plain.json(), "attracted": attracted.json(), "euler_below": remedied.json(),
            }));
        }
        println!();
    }
    Ok(())
}

/// Levels of which a third of the evaluations are above the window.
fn hybrid<D: Denoiser>(mad: &Mad<D>, highest: f64, budget: usize, each: usize) -> Focused {
    let above = ((0.3 * budget as f64 / each as f64).round() as usize).max(1);
    let n = above + budget.saturating_sub(above * each).max(2);
    Focused::over(&mad.window(), highest, n).share(above as f64 / n as f64)
}

/// Levels of several kinds for the solver of one evaluation a step, and the former default.
fn schedules(field: &Field, rows: &mut Vec<Value>) -> Result<()> {
    println!("\n### {}\n", field.name);
    println!("| levels | solver | evaluations | noise · spread · to · from |\n|---|---|---|---|");
    let scale = field.scale();
    let highest = 160.0 * scale;
    let mut tell = |name: String, solver: &dyn Solver, levels: &dyn Schedule| -> Result<()> {
        let mad = Mad::new(&field.model, field.config(STRENGTH))?;
        let outcome = Outcome::of(field, &mad, solver, levels)?;
        println!("| {name} | {} | {:.0} | {} |", solver.name(), outcome.evaluations, outcome.cells());
        rows.push(json!({
            "table": "schedules", "field": field.name, "levels": name, "solver": solver.name(),
            "outcome": outcome.json(),
        }));
        Ok(())
    };
    let mad = Mad::new(&field.model, field.config(STRENGTH))?;
    let (level, window) = (mad.onset_level(), mad.window());
    for n in [18, 40, 80] {
        let karras = Karras::new(0.004 * scale..highest, n);
        tell(format!("karras, {n}"), &Switched::new(Heun::new(), Euler, level), &karras)?;
        tell(format!("karras, {n}"), &Switched::new(DpmSolver2M, Euler, level), &karras)?;
    }
    for n in [12, 16, 24, 40] {
        for share in [0.2, 0.4, 0.5] {
            let levels = Focused::over(&window, highest, n).share(share);
            tell(format!("focused, {n}, {share} above"), &Switched::new(DpmSolver2M, Euler, level), &levels)?;
        }
    }
    for above in ["dpm++2m", "unipc", "deis", "dpm++3m", "heun"] {
        let solver = named_for(above, 24, scale)?;
        let levels = Focused::over(&window, highest, 24).share(0.4);
        tell("focused, 24, 0.4 above".into(), &Switched::new(solver, Euler, level), &levels)?;
    }
    for (top, bottom) in [(0.5, 0.1), (1.0, 0.02), (1.0, 0.05), (1.0, 0.2), (1.0, 0.3), (2.0, 0.1)] {
        let range = bottom * field.onset..top * window.end;
        let levels = Focused::over(&range, highest, 24);
        let name = format!("focused, 24, window from {bottom} onset to {top} of its end");
        tell(name, &Switched::new(DpmSolver2M, Euler, level), &levels)?;
    }
    Ok(())
}

/// A model that can only be called: two evaluations a step by a difference quotient, or the solver that needs none
/// besides those of the path.
fn callable(field: &Field, rows: &mut Vec<Value>) -> Result<()> {
    println!("\n### {}\n", field.name);
    println!("| way | levels | evaluations | noise · spread · to · from |\n|---|---|---|---|");
    let highest = 160.0 * field.scale();
    let model = Callable(&field.model);
    let mut tell = |way: String, n: usize, outcome: Outcome| {
        println!("| {way} | {n} | {:.0} | {} |", outcome.evaluations, outcome.cells());
        rows.push(json!({
            "table": "callable", "field": field.name, "way": way, "levels": n, "outcome": outcome.json(),
        }));
    };
    for n in [11, 18, 40] {
        let karras = Karras::new(0.004 * field.scale()..highest, n);
        tell("plain, Heun, Karras".into(), n, Outcome::of(field, &model, &Heun::new(), &karras)?);
    }
    for n in [18, 40] {
        let mad = Mad::new(&model, field.config(STRENGTH))?;
        let karras = Karras::new(0.004 * field.scale()..highest, n);
        let solver = Switched::new(Heun::new(), Euler, mad.onset_level());
        tell("difference, Heun then Euler, Karras".into(), n, Outcome::of(field, &mad, &solver, &karras)?);
    }
    for (above, within) in [(5, 4), (6, 6), (7, 8), (8, 12)] {
        let n = above + within + 1;
        for (way, attraction) in [
            ("difference in variance, 0.05", Attraction::VarianceDifference(0.05)),
            ("difference in variance, 0.3", Attraction::VarianceDifference(0.3)),
            ("difference along D - x", Attraction::Directional(1.0)),
        ] {
            let mad = Mad::new(&model, MadConfig { attraction, ..field.config(STRENGTH) })?;
            let levels = Focused::over(&mad.window(), highest, n).share(above as f64 / n as f64);
            let solver = Switched::new(DpmSolver2M, Euler, mad.onset_level());
            tell(way.into(), n, Outcome::of(field, &mad, &solver, &levels)?);
        }
        for share in [0.1, 0.2, 0.3, 0.5] {
            let solver = Attracted::new(field.config(STRENGTH), field.scale())?.share(share)?;
            let levels = Focused::over(&solver.window(), highest, n).share(above as f64 / n as f64);
            let solver = solver.below(DpmSolver2M);
            tell(format!("attracted, share {share}"), n, Outcome::of(field, &model, &solver, &levels)?);
        }
    }
    Ok(())
}

fn main() -> std::result::Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let wanted = |name: &str| {
        let named: Vec<&String> = arguments.iter().filter(|a| !a.ends_with(".json")).collect();
        named.is_empty() || named.iter().any(|a| *a == name)
    };
    let fields = [
        Field::circle("circle in R^2, noise 0.1", 2)?,
        Field::circle("circle in R^64, noise 0.1", 64)?,
        Field::digits()?,
    ];
    let mut rows = Vec::new();
    type Table = fn(&Field, &mut Vec<Value>) -> Result<()>;
    let tables: [(&str, Table); 3] = [("solvers", solvers), ("schedules", schedules), ("callable", callable)];
    for (name, table) in tables {
        if wanted(name) {
            println!("\n## {name}");
            for field in &fields {
                table(field, &mut rows)?;
            }
        }
    }
    if let Some(path) = arguments.iter().find(|a| a.ends_with(".json")) {
        std::fs::write(path, serde_json::to_string_pretty(&rows)?)?;
    }
    Ok(())
}
