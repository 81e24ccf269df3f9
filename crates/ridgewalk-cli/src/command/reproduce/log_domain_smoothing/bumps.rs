//! A curve of images, as in the paper's figure 8: isotropic kernels with and without the plain estimator's error,
//! kernels adapted to the curve, density smoothing.

use std::sync::Arc;

use ndarray::{Array1, Array2, ArrayView2, Axis};
use ridgewalk::closed_form::Empirical;
use ridgewalk::denoiser::{Denoiser, Visit};
use ridgewalk::metrics::ClosedCurve;
use ridgewalk::neighbours::nearest_others;
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::survey::{Expectation, Finding, Table};
use ridgewalk::transform::{Dimension, Estimator, Kernel, LocalPca, smoothing};
use ridgewalk::{PointSet, Smoothed};
use ridgewalk_data::Bumps;
use ridgewalk_report::format_number;

use super::super::part::Part;
use super::groups::{
    Group, Ruler, SIGMA_MIN, novelty_figure, published, ratio_at_equal_novelty, ratio_finding,
};
use super::kernels::{SIGMA_MAX, Views};
use super::reference::{BUMPS, BUMPS_ADAPTED};
use super::settings::Settings;
use crate::failure::Result;
use crate::page;

/// Draws of the plain estimator in the paper's experiment with images.
const PUBLISHED_DRAWS: f64 = 50_000.0;
/// Directions in which the curve is held: what is left out is 0.002 long, of images 11 long.
const DIRECTIONS: usize = 24;
/// The paper's scales of the oracle, and some between at which it is as new as the isotropic kernel.
const ORACLE_SCALES: [f64; 10] = [1.6, 2.2, 2.4, 2.6, 2.8, 3.2, 3.5, 3.8, 4.4, 5.0];

/// The plain estimator's error, simulated: the mean of n draws adds −mean(ξ), N(0, scale²/n), afresh at every step.
struct PlainError<D> {
    inner: D,
    deviation: f64,
    seed: u64,
}

impl<D: Denoiser> Denoiser for PlainError<D> {
    fn dim(&self) -> usize {
        self.inner.dim()
    }

    fn denoise(&self, x: ArrayView2<f64>, sigma: f64) -> ridgewalk::Result<Array2<f64>> {
        self.denoise_at(x, sigma, &Visit::default())
    }

    fn denoise_at(&self, x: ArrayView2<f64>, sigma: f64, visit: &Visit) -> ridgewalk::Result<Array2<f64>> {
        let mut out = self.inner.denoise_at(x, sigma, visit)?;
        for (row, mut out) in out.outer_iter_mut().enumerate() {
            let mut stream = Stream::new(self.seed, Purpose::Kernel, visit.sample(row), sigma.to_bits());
            out.iter_mut().for_each(|v| *v -= self.deviation * stream.normal());
        }
        Ok(out)
    }
}

/// Adds what coordinates in a span cannot hold: N(0, deviation²) in every direction outside of it. For the
/// published sampler that is exact: outside, the last step forgets all before it.
fn outside(frame: &Array2<f64>, images: &mut Array2<f64>, deviation: f64, seed: u64) {
    for (i, mut row) in images.outer_iter_mut().enumerate() {
        let mut stream = Stream::new(seed, Purpose::Evaluation, i as u64, 0);
        let noise: Array1<f64> = (0..row.len()).map(|_| deviation * stream.normal()).collect();
        let within = frame.dot(&noise);
        row += &noise;
        row -= &within.dot(frame);
    }
}

/// A way of smoothing images, for the figure and the tables.
type Way = (&'static str, Vec<Group>);

/// The paper's bump images, 64×64.
pub fn bumps(settings: &Settings, part: &mut Part) -> Result<()> {
    let data = Bumps::default().points(16)?;
    let curve = Bumps::default().points(settings.size(256, 128))?;
    let views = Views::principal(&curve, DIRECTIONS)?;
    let (train, curve_within) = (views.coordinates(&data)?, views.coordinates(&curve)?);
    let to_curve = ClosedCurve::new(curve.clone())?;
    let manifold = |x: ArrayView2<f64>| -> Result<Vec<f64>> { Ok(to_curve.distances(x)?) };
    let ruler = Ruler { train: &data, manifold: &manifold };
    let (n, draws, steps) = settings.size((100, 1024, 100), (24, 256, 40));
    let span = smoothing::span(&train)?;
    let draw = |kernel: Kernel, error: f64| -> Result<Array2<f64>> {
        let model = PlainError {
            inner: Smoothed::new(Empirical::new(&train)?, kernel.seed(settings.seed()))?,
            deviation: error,
            seed: settings.seed(),
        };
        in_pixels(&views, &model, n, steps, error, settings.seed())
    };
    let isotropic = |scale: f64| {
        Kernel::isotropic(scale).within(span.clone()).estimator(Estimator::QuasiMonteCarlo).draws(draws)
    };
    let (mut plain, mut exact) = (Vec::new(), Vec::new());
    let mut table = Table {
        columns: [
            "scale",
            "plain: to data",
            "reference",
            "to curve",
            "reference",
            "ours: to data",
            "reference",
            "to curve",
            "reference",
            "paper's figure: to data",
            "to curve",
            "σ√(d/n)",
        ]
        .map(Into::into)
        .to_vec(),
        rows: Vec::new(),
    };
    let mut worst = 0.0f64;
    for row in settings.size(&BUMPS[..], &BUMPS[1..4]) {
        let error = row.scale / PUBLISHED_DRAWS.sqrt();
        let with = ruler.group(row.scale, draw(isotropic(row.scale), error)?)?;
        let without = ruler.group(row.scale, draw(isotropic(row.scale), 0.0)?)?;
        let mut cells = vec![row.scale.into()];
        for (group, (data, curve)) in [(&with, row.plain), (&without, row.exact)] {
            cells.extend([group.novelty().into(), data.into(), group.off().into(), curve.into()]);
            worst = worst.max((group.off() / curve - 1.0).abs());
        }
        cells.extend([row.figure.0.into(), row.figure.1.into(), (error * 64.0).into()]);
        table.rows.push(cells);
        plain.push(with);
        exact.push(without);
    }
    part.table(
        "bumps",
        "Bump images, 64×64, N = 16, isotropic kernel: with the Monte-Carlo error of 50,000 plain draws, and without",
        table,
    );
    let adapted = |kernel: &dyn Fn(f64) -> Result<Kernel>, scales: &[f64]| -> Result<Vec<Group>> {
        scales.iter().map(|&s| ruler.group(s, draw(kernel(s)?, 0.0)?)).collect()
    };
    // One effective dimension, in which a thousand plain draws are as good as a few hundred of these; fewer leave
    // samples between the basins.
    let oracle_draws = settings.size(512, 128);
    let project = nearest_of(curve_within.values().to_owned());
    let tangent = adapted(
        &|s| {
            Ok(Kernel::tangent(s, project.clone()).estimator(Estimator::QuasiMonteCarlo).draws(oracle_draws))
        },
        settings.size(&ORACLE_SCALES[..], &ORACLE_SCALES[2..4]),
    )?;
    let local = adapted(
        &|s| {
            let planes = LocalPca::new(&train, 3, Dimension::Chosen(1))?;
            Ok(Kernel::manifold(s, planes).draws(draws.min(256)))
        },
        settings.size(&[1.6, 2.2, 2.6, 3.0, 3.4, 3.8][..], &[2.6, 3.0][..]),
    )?;
    let density = ruler.density_twins(&exact, settings.seed())?;
    let mut kernels = Table {
        columns: ["kernel", "scale", "to data", "to curve", "paper's figure: to data", "to curve"]
            .map(Into::into)
            .to_vec(),
        rows: Vec::new(),
    };
    for (name, groups) in [("tangent", &tangent), ("local PCA", &local), ("density smoothing", &density)] {
        for group in groups {
            let read = BUMPS_ADAPTED.iter().find(|a| name == "tangent" && a.0 == group.scale);
            let shown = |value: Option<f64>| value.map_or("".into(), Into::into);
            kernels.rows.push(vec![
                name.into(),
                group.scale.into(),
                group.novelty().into(),
                group.off().into(),
                shown(read.map(|r| r.1)),
                shown(read.map(|r| r.2)),
            ]);
        }
    }
    part.table("bumps-adapted", "Bump images: kernels adapted to the curve, and density smoothing", kernels);
    if let Some(plot) = bump_sheet(&data, &exact, &tangent, &density) {
        part.figure(plot);
    }
    part.finding(
        Finding::new(
            "bumps-reference",
            format!(
                "Distances to the curve of images, with and without the plain estimator's error, differ from the reference by \
                 at most the part {}.",
                format_number(worst)
            ),
            worst,
            n,
        )
        .expect(Expectation {
            text: "at most 0.1: 100 samples each, near the scale at which the basins of neighbouring images merge (reference: \
                   an independent computation)"
                .into(),
            at_least: None,
            at_most: Some(0.1),
        }),
    );
    monte_carlo(part, &plain, &exact);
    let ways: [Way; 4] =
        [("isotropic", exact), ("tangent", tangent), ("local PCA", local), ("density smoothing", density)];
    let mut curves: Vec<(&str, &[Group])> = ways.iter().map(|(n, g)| (*n, g.as_slice())).collect();
    curves.insert(1, ("isotropic, with the plain estimator's error", &plain));
    part.figure(novelty_figure(
        "bumps-novelty",
        "Bump images: new, and how far off the curve",
        "With the plain estimator's error the isotropic curve lies on the diagonal, as published; most of it is that error.",
        "",
        &curves,
    ));
    let [isotropic, tangent, local, _] = &ways;
    let ratio = ratio_at_equal_novelty(&tangent.1, &isotropic.1, 0.2..10.0, &settings.bootstrap);
    part.finding(ratio_finding(
        "bumps-tangent",
        "On bump images, at equal novelty, the tangent kernel's distance to the curve is this part of the isotropic one's:",
        "below 1: the adapted kernel is nearer (arXiv 2510.02305, figure 8)",
        1.0,
        &ratio,
    ));
    let ratio = ratio_at_equal_novelty(&local.1, &isotropic.1, 0.2..10.0, &settings.bootstrap);
    part.finding(ratio_finding(
        "bumps-local-pca",
        "On bump images, at equal novelty, the distance to the curve of a kernel on tangents told by neighbouring images is \
         this part of the isotropic one's:",
        "below 1: the adapted kernel is nearer (arXiv 2510.02305, figure 8, with tangents known). Images here stand farther \
         apart than the curve's reach, so neighbours do not tell tangents",
        1.0,
        &ratio,
    ));
    Ok(())
}

/// The oracle of the paper: the nearest of many points of the curve (`[m, r]`), by one matrix product.
fn nearest_of(points: Array2<f64>) -> Arc<dyn smoothing::Surface> {
    let half_squares: Vec<f64> = points.outer_iter().map(|p| 0.5 * p.dot(&p)).collect();
    Arc::new(move |x: ArrayView2<f64>| {
        let products = x.dot(&points.t());
        let chosen: Vec<usize> = products
            .outer_iter()
            .map(|row| {
                let scores = row.iter().zip(&half_squares).map(|(p, h)| p - h).enumerate();
                scores.max_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |best| best.0)
            })
            .collect();
        Ok(points.select(Axis(0), &chosen))
    })
}

/// How much of the published isotropic distances is the estimator's error.
fn monte_carlo(part: &mut Part, plain: &[Group], exact: &[Group]) {
    let shares: Vec<(f64, f64)> = plain
        .iter()
        .zip(exact)
        .map(|(p, e)| (p.scale, 1.0 - e.off() * e.off() / (p.off() * p.off())))
        .collect();
    let Some((scale, share)) = shares.iter().find(|s| s.0 == 1.8).copied() else { return };
    part.finding(
        Finding::new(
            "plain-estimator",
            format!(
                "At scale {scale}, {} % of the squared distance to the curve that the plain estimator of 50,000 draws gives is \
                 its own Monte-Carlo error.",
                format_number(100.0 * share)
            ),
            share,
            plain.first().map_or(0, |g| g.to_data.len()),
        )
        .expect(Expectation {
            text: "more than half: the mean of ξ alone is σ√(d/n) long on the last step (an independent computation; it means that the \
                   isotropic curve of arXiv 2510.02305, figure 8, is mostly that error at small scales, though not at large)"
                .into(),
            at_least: Some(0.5),
            at_most: None,
        }),
    );
}

fn bump_sheet(
    data: &PointSet,
    exact: &[Group],
    tangent: &[Group],
    density: &[Group],
) -> Option<ridgewalk::survey::Figure> {
    // The widest isotropic kernel, and the adapted one as new as that.
    let isotropic = exact.last()?;
    let near = |groups: &'_ [Group]| {
        let gap = |g: &Group| (g.novelty() - isotropic.novelty()).abs();
        groups.iter().min_by(|a, b| gap(a).total_cmp(&gap(b))).map(|g| g.samples.clone())
    };
    let rows: Vec<(&str, PointSet)> = [
        ("training images", Some(data.values().to_owned())),
        ("isotropic kernel", Some(isotropic.samples.clone())),
        ("tangent kernel", near(tangent)),
        ("density smoothing", near(density)),
    ]
    .into_iter()
    .filter_map(|(name, values)| Some((name, data.with_values(values?).ok()?)))
    .collect();
    let rows: Vec<(&str, &PointSet)> = rows.iter().map(|(n, p)| (*n, p)).collect();
    Some(ridgewalk::survey::Figure {
        id: "bumps-images".into(),
        title: "Images as new as one another".into(),
        caption: "A bump moves round a circle; 16 images are known. An isotropic kernel cuts corners and blurs into doubles; the \
                  tangent kernel moves the bump; density smoothing adds noise."
            .into(),
        plot: page::sheet(data.shape(), (0.0, 1.0), &rows, 8)?,
    })
}

/// Samples of a model of coordinates, as images with what happens outside of their span.
fn in_pixels(
    views: &Views,
    model: &dyn Denoiser,
    n: usize,
    steps: usize,
    error: f64,
    seed: u64,
) -> Result<Array2<f64>> {
    let samples = published(model, n, SIGMA_MAX, steps, seed, "images of bumps")?;
    let mut images = views.images(samples.view());
    outside(&views.frame, &mut images, SIGMA_MIN.hypot(error), seed);
    Ok(images)
}

/// Images of the dense curve, three times as many as in the paper.
const DENSE: usize = 48;

/// Tangents from neighbouring images, where the neighbours are near enough to tell them.
pub fn dense(settings: &Settings, part: &mut Part) -> Result<()> {
    let (sparse, data) = (Bumps::default().points(16)?, Bumps::default().points(DENSE)?);
    let curve = Bumps::default().points(settings.size(256, 192))?;
    let views = Views::principal(&curve, DIRECTIONS)?;
    let train = views.coordinates(&data)?;
    let to_curve = ClosedCurve::new(curve)?;
    let spacing = |set: &PointSet| -> Result<f64> {
        Ok(nearest_others(set.values(), 1)?.nearest_distances().mean().unwrap_or(f64::NAN))
    };
    let (wide, near, reach) = (spacing(&sparse)?, spacing(&data)?, to_curve.reach());
    let manifold = |x: ArrayView2<f64>| -> Result<Vec<f64>> { Ok(to_curve.distances(x)?) };
    let ruler = Ruler { train: &data, manifold: &manifold };
    let (n, draws, steps) = settings.size((60, 256, 100), (24, 64, 40));
    let groups = |kernel: &dyn Fn(f64) -> Result<Kernel>, scales: &[f64]| -> Result<Vec<Group>> {
        let group = |scale: &f64| {
            let kernel = kernel(*scale)?.draws(draws).seed(settings.seed());
            let model = Smoothed::new(Empirical::new(&train)?, kernel)?;
            ruler.group(*scale, in_pixels(&views, &model, n, steps, 0.0, settings.seed())?)
        };
        scales.iter().map(group).collect()
    };
    let span = smoothing::span(&train)?;
    let isotropic = groups(
        &|s| Ok(Kernel::isotropic(s).within(span.clone())),
        settings.size(&[0.6, 0.7, 0.8, 0.9, 1.0, 1.15][..], &[0.7, 0.9, 1.15][..]),
    )?;
    let local = groups(
        &|s| Ok(Kernel::manifold(s, LocalPca::new(&train, 3, Dimension::Chosen(1))?)),
        settings.size(&[0.8, 0.9, 1.0, 1.15, 1.3, 1.5][..], &[0.9, 1.15][..]),
    )?;
    let mut table = Table {
        columns: ["kernel", "scale", "to data", "to curve"].map(Into::into).to_vec(),
        rows: Vec::new(),
    };
    for (name, groups) in [("isotropic", &isotropic), ("local PCA", &local)] {
        for group in groups {
            let numbers = [group.scale, group.novelty(), group.off()];
            table.rows.push(std::iter::once(name.into()).chain(numbers.map(Into::into)).collect());
        }
    }
    part.table(
        "bumps-dense",
        "Bump images, N = 48: tangents from local PCA against the isotropic kernel",
        table,
    );
    let ratio = ratio_at_equal_novelty(&local, &isotropic, 0.15..f64::INFINITY, &settings.bootstrap);
    part.finding(
        ratio_finding(
            "bumps-dense-local-pca",
            &format!(
                "The curve's reach is {}; 16 images stand {} apart, 48 images {}. With 48, at equal novelty, the local-PCA \
                 kernel's distance to the curve is this part of the isotropic one's:",
                format_number(reach),
                format_number(wide),
                format_number(near)
            ),
            "below 1: the adapted kernel is nearer (arXiv 2510.02305, figure 8, with tangents known)",
            1.0,
            &ratio,
        )
        .setting("reach", reach),
    );
    Ok(())
}
