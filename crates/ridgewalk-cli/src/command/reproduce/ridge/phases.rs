//! Runs onto a ring of 24 points: tables, phases, and bounds on the distance.

use ndarray::Array2;
use ridgewalk::geometry::{ErrorSplit, FollowRidge, Motion, Ridge, RidgeRun, TubeBound};
use ridgewalk::sampler::observers::Trajectories;
use ridgewalk::solver::RungeKutta4;
use ridgewalk::survey::{Axis, Finding, Series, Table};
use ridgewalk::transform::Perturbed;
use ridgewalk::{Denoiser, Levels, ReverseSde, Sampler, Solver};
use ridgewalk_report::format_number;

use super::super::part::Part;
use super::settings::{
    Settings, around, at, at_least, at_most, empirical, length, level, levels, lines, mean, outward, path,
    ring, ring_radius, scale, series, table_normals, time,
};
use crate::failure::Result;

const TIMES: [f64; 8] = [0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001];
const PATHS: usize = 256;
/// Mean distance |x| − ρ of 256 runs, from an independent computation: (run, means, standard deviations of exact runs).
const FLOW: [f64; 8] = [0.8781, 0.2346, 0.1040, 0.0397, 0.0195, 0.0094, 0.0036, 0.0017];
const FLOW_STD: [f64; 8] = [0.4915, 0.4010, 0.3046, 0.2002, 0.1433, 0.1015, 0.0647, 0.0459];
const FLOW_OUT: [f64; 8] = [1.0123, 0.3633, 0.2185, 0.1341, 0.1019, 0.0827, 0.0685, 0.0623];
const SDE: [f64; 8] = [0.877, 0.235, 0.098, 0.024, 0.015, 0.002, 0.004, 0.004];
const SDE_STD: [f64; 8] = [0.518, 0.396, 0.287, 0.194, 0.139, 0.106, 0.066, 0.045];
const SDE_OUT: [f64; 8] = [0.927, 0.289, 0.151, 0.075, 0.065, 0.052, 0.054, 0.054];

pub fn run(settings: &Settings) -> Result<Part> {
    let mut part = Part::new(
        "Reach, align, slide",
        "256 runs from noise onto 24 points of a circle, with the exact denoiser and with a known error of 0.05 or 0.15 across or \
         around the ring. Lengths are those of the Ornstein–Uhlenbeck process at time t. In the tube: within 3σ of the ridge, where \
         log p is concave across it.",
    );
    let exact = empirical(ring(24))?;
    let start = Array2::from_shape_vec((PATHS, 2), table_normals(9, 2 * PATHS))
        .map_err(|e| ridgewalk::Error::shape("the starts", e, "256 points of the plane"))?
        / scale(level(3.0));
    rows(settings, &mut part, &exact, &start)?;
    follow(settings, &mut part, &exact, &start)?;
    bounds(&mut part, &exact, &start, settings)?;
    Ok(part)
}

/// |x| − ρ at time t of every path.
fn off(run: &Trajectories, t: f64) -> Vec<f64> {
    let Some((sigma, x)) = at(run, t) else { return Vec::new() };
    let radius = ring_radius(sigma);
    x.outer_iter().map(|x| scale(sigma) * (length(x) - radius)).collect()
}

fn std(values: &[f64]) -> f64 {
    let centre = mean(values);
    mean(&values.iter().map(|v| (v - centre) * (v - centre)).collect::<Vec<_>>()).sqrt()
}

fn rows<D: Denoiser>(settings: &Settings, part: &mut Part, exact: &D, start: &Array2<f64>) -> Result<()> {
    let out = Perturbed::new(exact, outward(0.05))?;
    let turned = Perturbed::new(exact, around(0.05))?;
    let grid = levels(3.0, 1e-3, 800);
    let flow = path(RungeKutta4, &grid, exact, start.view(), 0)?;
    let flow_out = path(RungeKutta4, &grid, &out, start.view(), 0)?;
    let flow_turned = path(RungeKutta4, &grid, &turned, start.view(), 0)?;
    let grid = levels(3.0, 1e-3, settings.size(2000, 1000));
    let sde = path(ReverseSde, &grid, exact, start.view(), settings.seed())?;
    let sde_out = path(ReverseSde, &grid, &out, start.view(), settings.seed() ^ 1)?;
    let table =
        |columns: &[&str]| Table { columns: columns.iter().map(|c| (*c).into()).collect(), rows: Vec::new() };
    let mut of_flow = table(&["t", "exact", "table", "error across", "table", "error around"]);
    let mut of_sde = table(&["t", "exact", "table", "error across", "table"]);
    let (mut worst, mut along, mut worst_sde) = (0.0f64, 0.0f64, 0.0f64);
    for (i, t) in TIMES.into_iter().enumerate() {
        let means = [&flow, &flow_out, &flow_turned, &sde, &sde_out].map(|run| mean(&off(run, t)));
        let [own, pushed, moved, noisy, noisy_out] = means;
        worst = worst.max((own - FLOW[i]).abs()).max((pushed - FLOW_OUT[i]).abs());
        worst = worst.max((std(&off(&flow, t)) - FLOW_STD[i]).abs());
        along = along.max((moved - own).abs());
        // Two means of 256 paths, and three digits of the table.
        let error = (2.0 / PATHS as f64).sqrt() * SDE_STD[i] + 5e-4 / 3.0;
        worst_sde = worst_sde.max((noisy - SDE[i]).abs() / error).max((noisy_out - SDE_OUT[i]).abs() / error);
        of_flow.rows.push([t, own, FLOW[i], pushed, FLOW_OUT[i], moved].map(Into::into).to_vec());
        of_sde.rows.push([t, noisy, SDE[i], noisy_out, SDE_OUT[i]].map(Into::into).to_vec());
    }
    part.table(
        "ridge-flow",
        "Mean distance from the ring's ridge: the flow, with an error of 0.05 across or around",
        of_flow,
    );
    part.table("ridge-sde", "The same of the reverse SDE", of_sde);
    part.finding(
        Finding::new(
            "ridge-flow-table",
            format!(
                "Means and spreads of the flow's distances are the table's within {}.",
                format_number(worst)
            ),
            worst,
            PATHS,
        )
        .expect(at_most(1e-3, "at most 1e-3 from an independent computation from the same starts")),
    );
    part.finding(
        Finding::new(
            "ridge-sde-table",
            format!(
                "Means of the reverse SDE's distances are within {} standard errors of the table's.",
                format_number(worst_sde)
            ),
            worst_sde,
            PATHS,
        )
        .expect(at_most(3.0, "at most 3 at all of 8 times, with and without an error")),
    );
    part.finding(
        Finding::new(
            "ridge-flow-tangential",
            format!("An error along the ring changes the mean distance from it by {}.", format_number(along)),
            along,
            PATHS,
        )
        .expect(at_most(4e-4, "at most 4e-4")),
    );
    Ok(())
}

fn followed(
    ridge: &Ridge,
    solver: impl Solver,
    steps: usize,
    model: &dyn Denoiser,
    start: &Array2<f64>,
    seed: u64,
) -> Result<RidgeRun> {
    let mut follow = FollowRidge::new(ridge);
    let sampler = Sampler::new(solver, Levels(levels(3.0, 1e-3, steps))).seed(seed);
    sampler.run_from(model, start.view(), &mut follow)?;
    Ok(follow.finish()?)
}

fn follow<D: ridgewalk::Differentiable>(
    settings: &Settings,
    part: &mut Part,
    exact: &D,
    start: &Array2<f64>,
) -> Result<()> {
    let ridge = Ridge::new(exact, 1)?;
    let small = Perturbed::new(exact, around(0.05))?;
    let large = Perturbed::new(exact, around(0.15))?;
    let (few, many) = settings.size((400, 1000), (160, 400));
    let flow = |model: &dyn Denoiser| followed(&ridge, RungeKutta4, few, model, start, 0);
    let noisy = |model: &dyn Denoiser| followed(&ridge, ReverseSde, many, model, start, settings.seed());
    let runs = [
        ("flow, exact", flow(exact)?),
        ("flow, 0.05 around", flow(&small)?),
        ("flow, 0.15 around", flow(&large)?),
        ("SDE, exact", noisy(exact)?),
        ("SDE, 0.15 around", noisy(&large)?),
    ];
    let columns = ["run", "reach", "slide", "settled", "in tube, 0.05", "undefined, 0.1"];
    let mut table = Table { columns: columns.map(Into::into).to_vec(), rows: Vec::new() };
    let mut distances: Vec<Series> = Vec::new();
    let mut speeds: Vec<Series> = Vec::new();
    for (name, run) in &runs {
        let times = run.phases().run;
        let of = |sigma: Option<f64>| sigma.map_or_else(|| "–".into(), |sigma| time(sigma).into());
        let near = |t: f64| run.levels.iter().find(|l| time(l.sigma) <= t);
        table.rows.push(vec![
            (*name).into(),
            of(times.reach),
            of(times.aligned),
            of(times.settled),
            near(0.05).map_or(f64::NAN, |l| l.fraction_in_tube()).into(),
            near(0.1).map_or(f64::NAN, |l| l.undefined() as f64).into(),
        ]);
        let curve = run.levels.iter().filter_map(|l| l.relative_distances().map(|s| (time(l.sigma), s.rms)));
        distances.push(series(*name, curve.filter(|(t, _)| *t < 0.15).collect()));
        for (which, squares) in [("across", 0), ("along", 1)] {
            let curve = run.levels.iter().filter_map(|l| {
                let squares = if squares == 0 { &l.approach_squares } else { &l.tangential_squares };
                // Below 0 there is nothing but noise.
                l.over_moving(squares).filter(|s| s.mean > 0.0).map(|s| (time(l.sigma), s.mean.sqrt()))
            });
            if name.contains("0.15") {
                speeds.push(series(format!("{name}: {which}"), curve.filter(|(t, _)| *t < 0.05).collect()));
            }
        }
    }
    part.table("ridge-phases", "Times at which the phases of five runs begin; part of the samples in the tube at t = 0.05, and number without a ridge at t = 0.1", table);
    part.figure(lines(
        "ridge-distance",
        "Distance from the ridge in noise levels",
        "The reverse SDE forgets where it came from and stays at one noise level; the flow keeps its distance relative to the noise \
         level once it is in the tube. Before t = 0.03 single samples near the centre, where the ridge is nearly flat, are counted as far.",
        (Axis::log("time t"), Axis::linear("root mean square Newton distance / σ")),
        distances,
    ));
    part.figure(lines(
        "ridge-speeds",
        "Speed across and along the ridge",
        "Systematic motion per unit of −log σ, under an error of 0.15 along the ring. Where the curves cross the run is aligned: it slides \
         at a constant speed, the SDE at twice the flow's.",
        (Axis::log("time t"), Axis::log("speed (data's units)")),
        speeds,
    ));
    findings(part, &runs)
}

fn findings(part: &mut Part, runs: &[(&str, RidgeRun); 5]) -> Result<()> {
    let [(_, exact), _, (_, flow), (_, quiet), (_, sde)] = runs;
    let reached = exact.phases().run.reach.map_or(f64::NAN, time);
    part.finding(
        Finding::new(
            "ridge-reach",
            format!("95 % of the flow's samples are in the tube from t = {} on.", format_number(reached)),
            reached,
            PATHS,
        )
        .expect(at_most(0.2027, "below 0.2027, where the ring's ridge begins")),
    );
    let speed = |run: &RidgeRun| {
        let late: Vec<f64> = run
            .levels
            .iter()
            .filter(|l| time(l.sigma) < 0.004)
            .filter_map(|l| l.over_moving(&l.tangential_squares).map(|s| s.mean))
            .collect();
        mean(&late).max(0.0).sqrt()
    };
    let (slow, fast) = (speed(flow), speed(sde));
    part.finding(
        Finding::new(
            "ridge-slide-speed",
            format!(
                "The flow slides at {} a unit of −log σ under an error of 0.15, the SDE at {}.",
                format_number(slow),
                format_number(fast)
            ),
            fast / slow,
            PATHS,
        )
        .setting("flow", slow)
        .setting("sde", fast)
        .expect(at_least(1.7, "twice as fast, within the noise of 256 paths: at least 1.7")),
    );
    let slides = [flow, sde].iter().filter(|run| run.phases().run.aligned.is_some()).count();
    let rests = usize::from(quiet.phases().run.aligned.is_none());
    part.finding(
        Finding::new(
            "ridge-slide-detected",
            "Both runs with an error of 0.15 along the ring slide; the SDE's noise alone is no sliding.",
            (slides + rests) as f64,
            3,
        )
        .expect(at_least(3.0, "all three")),
    );
    Ok(())
}

/// Measured distances beside the bound, from t = 0.05 on.
fn bounds<D: ridgewalk::Differentiable>(
    part: &mut Part,
    exact: &D,
    start: &Array2<f64>,
    settings: &Settings,
) -> Result<()> {
    let ridge = Ridge::new(exact, 1)?;
    let out = Perturbed::new(exact, outward(0.05))?;
    let steps = settings.size(400, 200);
    let grid = levels(3.0, 1e-3, steps);
    let runs = [
        ("flow", path(RungeKutta4, &grid, &out, start.view(), 0)?, Motion::ProbabilityFlow),
        ("SDE", path(ReverseSde, &grid, &out, start.view(), settings.seed())?, Motion::ReverseSde),
    ];
    let (mut curves, mut worst, mut left_out) = (Vec::new(), 0.0f64, 0);
    for (name, run, motion) in &runs {
        let split = ErrorSplit::along(&ridge, &out, run, *motion)?;
        let bound = TubeBound::from(&split, level(0.05))?;
        left_out = left_out.max(bound.undefined);
        let (allowed, measured) = bound.rms();
        worst = worst.max(allowed.iter().zip(&measured).skip(1).map(|(b, m)| m / b).fold(0.0, f64::max));
        let curve = |values: &ndarray::Array1<f64>| -> Vec<(f64, f64)> {
            bound.sigmas.iter().map(|s| time(*s)).zip(values.iter().copied()).collect()
        };
        curves.push(series(format!("{name}, bound"), curve(&allowed)));
        curves.push(series(format!("{name}, measured"), curve(&measured)));
    }
    curves.push(series("the error, 0.05", vec![(0.05, 0.05), (1e-3, 0.05)]));
    part.figure(lines(
        "ridge-bound",
        "Distance from the ridge, and the bound on it",
        "An error of 0.05 across the ring. The bound is carried from t = 0.05 down with the measured concavity, error and motion of the \
         ridge; the reverse SDE's contains its noise. Towards little noise both come down to the error.",
        (Axis::log("time t"), Axis::log("root mean square distance (data's units)")),
        curves,
    ));
    part.finding(
        Finding::new(
            "ridge-bound",
            format!("Measured distances are at most {} of the bound at every level.", format_number(worst)),
            worst,
            PATHS,
        )
        .setting("samples_left_out", left_out)
        .expect(at_most(1.03, "at most 1, and 3 % for what the bound leaves out (second order)")),
    );
    Ok(())
}
