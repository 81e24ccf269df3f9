//! The published setting: 2000 relu features, 128 frequencies, Simpson's rule on 2001 times, beside values that were
//! read off the published figures. What those figures integrate is not stated. Here it is, by direction and whatever the
//! weighting that trained the model,
//!
//! ```text
//! ∫ E|u·(m_θ − m)|² dt
//! ```
//!
//! which is what weight h² trains, up to what no model can know.

use ridgewalk::closed_form::{
    Activation, Empirical, FeatureDraw, RandomFeatures, TimeGrid, TrainedFeatures, Training, Weighting,
};
use ridgewalk::geometry::{DirectionalDraws, Ridge};
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::survey::{Cell, Finding, Table};
use ridgewalk::{Denoiser, ReverseSde};
use ridgewalk_report::format_number;

use super::super::super::part::Part;
use super::super::settings::{Settings, at, at_most, level, levels, mean, path, scale};
use super::{WEIGHTINGS, modes, points};
use crate::failure::Result;

const FEATURES: usize = 2000;
const FREQUENCIES: usize = 128;
const LATEST: f64 = 10.0;
const EARLIEST: f64 = 1e-3;
const POINTS: usize = 2001;
/// Draws of the noise for every datum and time. Published experiments took 2000; over 2001 times these are 128,000.
const DRAWS: usize = 64;
/// Times at which errors are measured, and draws at each.
const NODES: usize = 32;
const MEASURED: usize = 500;
const TAUS: [f64; 4] = [300.0, 1000.0, 5000.0, f64::INFINITY];
/// Read off the figures, by weighting and τ: approximate.
const TANGENTIAL: [[f64; 4]; 3] = [[15.2, 5.5, 2.5, 2.0], [2.1, 0.5, 0.25, 0.2], [1.2, 0.5, 0.25, 0.2]];
const NORMAL: [[f64; 4]; 3] =
    [[2e-3, 6e-4, 1.6e-4, 3e-10], [4e-4, 6e-5, 8e-6, 1e-11], [3e-5, 8e-6, 2e-6, 1e-11]];
/// Mean length of the score's normal part over samples, by τ, as read off; the weighting is not stated.
const RESIDUALS: [(f64, f64); 5] =
    [(200.0, 261.0), (300.0, 130.0), (1000.0, 36.0), (2000.0, 28.0), (f64::INFINITY, 29.0)];

pub fn run(settings: &Settings, part: &mut Part) -> Result<()> {
    if settings.paper.small {
        return Ok(());
    }
    let times = TimeGrid::simpson(EARLIEST..LATEST, POINTS)?;
    let exact = Empirical::new(&points(modes())?)?;
    let nodes = TimeGrid::logarithmic(EARLIEST..LATEST, NODES)?.nodes().to_vec();
    let levels: Vec<f64> = nodes.iter().map(|(t, _)| level(*t)).collect();
    let draws = DirectionalDraws::new(&exact, &levels, 1, MEASURED, settings.seed() ^ 22)?;
    let columns = [
        "weight",
        "τ",
        "normal error",
        "as read off",
        "ratio",
        "tangential error",
        "as read off",
        "ratio",
        "tangential / normal",
        "as read off",
    ];
    let mut table = Table { columns: columns.map(Into::into).to_vec(), rows: Vec::new() };
    let (mut factors, mut order, mut limit) = ([1.0f64; 3], 0.0f64, 0.0f64);
    let mut last = None;
    for (k, (weighting, name)) in WEIGHTINGS.into_iter().enumerate() {
        crate::progress::say(&format!("{FEATURES} relu features, weight {name}"));
        let trained = train(settings, times.clone(), weighting)?;
        for (i, tau) in TAUS.into_iter().enumerate() {
            let [normal, tangential] = integrated(&draws, &nodes, &trained.at(tau)?)?;
            let (read, read_normal) = (TANGENTIAL[k][i], NORMAL[k][i]);
            let ratio = tangential / read;
            factors[k] = factors[k].max(ratio).max(1.0 / ratio);
            order = order.max(normal / tangential);
            if tau.is_infinite() {
                limit = limit.max(normal / tangential);
            }
            let row: [Cell; 10] = [
                name.into(),
                if tau.is_finite() { tau.into() } else { "∞".into() },
                normal.into(),
                read_normal.into(),
                (normal / read_normal).into(),
                tangential.into(),
                read.into(),
                ratio.into(),
                (tangential / normal).into(),
                (read / read_normal).into(),
            ];
            table.rows.push(row.to_vec());
        }
        last = Some(trained);
    }
    let caption = format!(
        "Integrated square error across and along the ridge in the published setting ({DRAWS} draws of the noise for every datum and time, where \
         2000 were taken), beside values read off the figures"
    );
    part.table("ridge-features-published", &caption, table);
    for ((_, name), factor) in WEIGHTINGS.into_iter().zip(factors) {
        part.finding(
            Finding::new(
                format!("features-published-{}", name.replace('²', "2")),
                format!(
                    "Weight {name}: tangential errors are within a factor of {} of those read off.",
                    format_number(factor)
                ),
                factor,
                TAUS.len(),
            )
            .expect(at_most(
                2.0,
                "a factor of 2, as near as a logarithmic axis is read and definitions are known",
            )),
        );
    }
    part.finding(
        Finding::new(
            "features-published-order",
            format!(
                "The normal error is at most {} of the tangential one up to τ = 5000, {} at τ = ∞; as read off it is 10⁻⁴ and \
                 10⁻⁹ of it.",
                format_number(order),
                format_number(limit)
            ),
            order,
            WEIGHTINGS.len() * TAUS.len(),
        )
        .setting("at_infinity", limit)
        .expect(at_most(1e-2, "orders of magnitude below at all τ, as in the figures: at most 1 %")),
    );
    if let Some(trained) = last {
        residuals(settings, part, &trained)?;
    }
    Ok(())
}

fn train(settings: &Settings, times: TimeGrid, weighting: Weighting) -> Result<TrainedFeatures> {
    let draw = FeatureDraw {
        activation: Activation::Relu,
        frequencies: FREQUENCIES,
        period: LATEST,
        seed: settings.seed(),
        ..FeatureDraw::new(FEATURES, 2)
    };
    let training =
        Training { weighting, draws: DRAWS, ..Training::new(draw.draw()?, times, settings.seed()) };
    Ok(training.train(&points(modes())?)?)
}

/// The integrals of normal and tangential squares, at draws of p_σ for every node.
fn integrated(draws: &DirectionalDraws, nodes: &[(f64, f64)], model: &RandomFeatures) -> Result<[f64; 2]> {
    let mut sums = [0.0; 2];
    for ((t, weight), error) in nodes.iter().zip(draws.error(model)?) {
        let square = weight * scale(level(*t)).powi(2);
        sums[0] += square * error.normal.mean;
        sums[1] += square * error.tangential.mean;
    }
    Ok(sums)
}

/// Samples by the reverse SDE, and how long the normal part of the exact score is where they end.
fn residuals(settings: &Settings, part: &mut Part, trained: &TrainedFeatures) -> Result<()> {
    const SAMPLES: usize = 200;
    let data = points(modes())?;
    let exact = Empirical::new(&data)?;
    let ridge = Ridge::new(&exact, 1)?;
    let (sigma, grid) = (level(EARLIEST), levels(LATEST, EARLIEST, 500));
    let mut stream = Stream::new(settings.seed(), Purpose::Start, 18, 0);
    let start =
        ndarray::Array2::from_shape_simple_fn((SAMPLES, 2), || stream.normal()) / scale(level(LATEST));
    let columns =
        ["τ", "mean length of the normal score", "as read off", "in noise levels, root mean square"];
    let mut table = Table { columns: columns.map(Into::into).to_vec(), rows: Vec::new() };
    let mut add = |name: Cell, model: &dyn Denoiser, read: Cell| -> Result<()> {
        let run = path(ReverseSde, &grid, model, start.view(), settings.seed())?;
        let Some((_, ends)) = at(&run, EARLIEST) else { return Ok(()) };
        let frames = ridge.frames(ends, sigma)?;
        let shifts = frames.mean_shift();
        let lengths: Vec<f64> = shifts.outer_iter().map(|v| v.dot(&v).sqrt() / sigma).collect();
        let squares: Vec<f64> = lengths.iter().map(|l| l * l).collect();
        // The score of x_t is that of x = x_t/a, over a.
        let score = mean(&lengths) / (sigma * scale(sigma));
        table.rows.push(vec![name, score.into(), read, mean(&squares).sqrt().into()]);
        Ok(())
    };
    add("exact".into(), &exact, "–".into())?;
    for (tau, read) in RESIDUALS {
        let name: Cell = if tau.is_finite() { tau.into() } else { "∞".into() };
        add(name, &trained.at(tau)?, read.into())?;
    }
    let caption = format!(
        "Length of the exact score's normal part at samples of the reverse SDE, t = {EARLIEST}, weight h²: {SAMPLES} samples in 500 \
         steps, where 2000 in 2000 were taken"
    );
    part.table("ridge-features-residuals", &caption, table);
    Ok(())
}
