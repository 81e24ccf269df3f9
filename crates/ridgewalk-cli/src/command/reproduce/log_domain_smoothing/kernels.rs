//! The choice of the kernel: isotropic against adapted to the manifold, on surfaces in R^32, on a curve of
//! rendered images, and on photographs from a turntable.

use std::sync::Arc;

use ndarray::{Array1, Array2, ArrayView2};
use ridgewalk::closed_form::Empirical;
use ridgewalk::denoiser::{Denoiser, Visit};
use ridgewalk::metrics::ClosedCurve;
use ridgewalk::neighbours::nearest_others;
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::survey::{Expectation, Finding, Table};
use ridgewalk::transform::{Dimension, Estimator, Kernel, LocalPca, smoothing};
use ridgewalk::{PointSet, Smoothed};
use ridgewalk_data::{Bumps, FourierTorus, Manifold, Synthetic};
use ridgewalk_report::format_number;

use super::super::part::Part;
use super::groups::{
    Group, Ratio, Ruler, SIGMA_MIN, flow, novelty_figure, published, ratio_at_equal_novelty, ratio_finding,
};
use super::reference::{BUMPS, BUMPS_ADAPTED, SPHERE, Surface, TORUS};
use super::settings::Settings;
use super::theorem;
use crate::failure::{Failure, Result};
use crate::page;

/// Draws of the plain estimator in the paper's experiment with images.
const PUBLISHED_DRAWS: f64 = 50_000.0;
/// Highest noise level: T = 9.
const SIGMA_MAX: f64 = 3.0;
/// A sample counts as new from this part of the spacing on.
const NEW: f64 = 0.03;

pub fn run(settings: &Settings) -> Result<Part> {
    let mut part = Part::new(
        "The choice of the kernel",
        "An isotropic kernel moves across the manifold as much as along it; one adapted to the manifold moves along it only. \
         Where the manifold curves within the kernel's scale the difference shows. The tangent kernel knows the manifold \
         (an oracle, as in the paper's experiments); the local-PCA kernel takes tangents from neighbouring data.",
    );
    surfaces(settings, &mut part)?;
    bumps(settings, &mut part)?;
    theorem::reach(settings, &mut part)?;
    match &settings.paper.coil20 {
        Some(path) => turntable(settings, &mut part, path)?,
        None => crate::progress::say("no --coil20 FILE: the turntable photographs are left out"),
    }
    Ok(part)
}

/// A measure of distance to a surface.
type Distances<'a> = &'a dyn Fn(ArrayView2<f64>) -> Result<Vec<f64>>;

/// The sphere and the torus in R^32.
fn surfaces(settings: &Settings, part: &mut Part) -> Result<()> {
    let sphere =
        Synthetic { n: 100, dim: Some(32), seed: settings.seed(), ..Synthetic::new(Manifold::Sphere) };
    let torus = FourierTorus::new(2, 32)?;
    let to_sphere = |x: ArrayView2<f64>| -> Result<Vec<f64>> { Ok(sphere.distances(x)?) };
    let to_torus = |x: ArrayView2<f64>| -> Result<Vec<f64>> { Ok(torus.distances(x)?) };
    let sets: [(&str, PointSet, Distances, &[Surface]); 2] = [
        ("sphere", sphere.points()?, &to_sphere, &SPHERE),
        ("torus", torus.points(200, settings.seed())?, &to_torus, &TORUS),
    ];
    let mut table = Table {
        columns: [
            "manifold",
            "kernel",
            "scale",
            "to data",
            "reference",
            "to manifold",
            "reference",
            "KDE to manifold",
            "reference",
        ]
        .map(Into::into)
        .to_vec(),
        rows: Vec::new(),
    };
    let (n, draws, steps) = settings.size((100, 300, 100), (40, 32, 50));
    let (mut sphere_error, mut advantage, mut adapted) = (0.0f64, f64::INFINITY, Vec::new());
    for (name, data, manifold, expected) in &sets {
        let ruler = Ruler { train: data, manifold: *manifold };
        let mut isotropic_off = Vec::new();
        for row in settings.size(*expected, &expected[expected.len() - 4..]) {
            let kernel = if row.tangent {
                Kernel::manifold(row.scale, LocalPca::new(data, 8, Dimension::Chosen(2))?)
            } else {
                Kernel::isotropic(row.scale).within(smoothing::span(data)?)
            };
            let model = Smoothed::new(Empirical::new(data)?, kernel.draws(draws).seed(settings.seed()))?;
            let samples = published(&model, n, SIGMA_MAX, steps, settings.seed(), name)?;
            let group = ruler.group(row.scale, samples)?;
            let twin = ruler.density_twin(&group, settings.seed())?;
            let kernel = if row.tangent { "local PCA" } else { "isotropic" };
            table.rows.push(vec![
                (*name).into(),
                kernel.into(),
                row.scale.into(),
                group.novelty().into(),
                row.to_data.into(),
                group.off().into(),
                row.to_manifold.into(),
                twin.off().into(),
                row.density.into(),
            ]);
            if *name == "sphere" {
                sphere_error = sphere_error.max((group.off() / row.to_manifold - 1.0).abs());
            }
            if row.scale == 0.1 && !row.tangent {
                advantage = advantage.min(twin.off() / group.off());
            }
            if !row.tangent {
                isotropic_off.push((row.scale, group.off()));
            } else if let Some((_, off)) = isotropic_off.iter().find(|(s, _)| *s == row.scale) {
                adapted.push((format!("{name}, scale {}", row.scale), group.off() / off));
            }
        }
    }
    part.table(
        "surfaces",
        "Surfaces in R^32 (a sphere, 100 points; a torus of two harmonics, 200 points), T = 9, 100 steps. The reference's torus \
         has other coefficients, and its points are others: compare trends",
        table,
    );
    if advantage.is_finite() {
        part.finding(
            Finding::new(
                "density-off-the-surface",
                format!(
                    "At scale 0.1 and equal distance to the data, density smoothing is at least {} times farther from the \
                     manifold than the smoothed score.",
                    format_number(advantage)
                ),
                advantage,
                n,
            )
            .expect(Expectation {
                text: "more than 3 times (our own derivation, for codimension 30; arXiv 2510.02305 shows the effect in figures \
                       7 and 8)"
                    .into(),
                at_least: Some(3.0),
                at_most: None,
            }),
        );
    }
    part.finding(
        Finding::new(
            "sphere-reference",
            format!(
                "On the sphere the distances to the manifold differ from the reference by at most the part {}.",
                format_number(sphere_error)
            ),
            sphere_error,
            n,
        )
        .expect(Expectation {
            text: "at most 0.25: other random points with a spacing that varies by a tenth, and the distance goes with its \
                   square (reference: our own derivation)"
                .into(),
            at_least: None,
            at_most: Some(0.25),
        }),
    );
    let largest = adapted.iter().map(|a| a.1).fold(0.0, f64::max);
    let words = adapted.iter().map(|(name, r)| format!("{name}: {}", format_number(*r))).collect::<Vec<_>>();
    part.finding(
        Finding::new(
            "tangents-from-neighbours",
            format!(
                "Tangents from local PCA, at the same kernel scale, change the distance to the manifold by these factors: {}.",
                words.join("; ")
            ),
            largest,
            n,
        )
        .expect(Expectation {
            text: "all below 1: 3 to 8 % less on the sphere and up to 30 % less on a torus (our own derivation)".into(),
            at_least: None,
            at_most: Some(1.0),
        }),
    );
    Ok(())
}

/// A curve of images in coordinates of its own span: distances are the same, vectors far shorter.
struct Views {
    mean: Array1<f64>,
    /// `[r, d]`.
    frame: Array2<f64>,
}

impl Views {
    fn of(curve: &PointSet) -> Result<Self> {
        Ok(Views { mean: curve.moments().mean, frame: smoothing::span(curve)? })
    }

    fn coordinates(&self, points: &PointSet) -> Result<PointSet> {
        Ok(PointSet::vectors((&points.values() - &self.mean).dot(&self.frame.t()))?)
    }

    fn images(&self, coordinates: ArrayView2<f64>) -> Array2<f64> {
        coordinates.dot(&self.frame) + &self.mean
    }
}

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
fn bumps(settings: &Settings, part: &mut Part) -> Result<()> {
    let data = Bumps::default().points(16)?;
    let curve = Bumps::default().points(settings.size(512, 128))?;
    let views = Views::of(&curve)?;
    let (train, curve_within) = (views.coordinates(&data)?, views.coordinates(&curve)?);
    let surface = Arc::new(ClosedCurve::new(curve_within)?);
    let to_curve = ClosedCurve::new(curve.clone())?;
    let manifold = |x: ArrayView2<f64>| -> Result<Vec<f64>> { Ok(to_curve.distances(x)?) };
    let ruler = Ruler { train: &data, manifold: &manifold };
    let (n, draws, steps) = settings.size((100, 1024, 100), (16, 64, 40));
    let span = smoothing::span(&train)?;
    let draw = |kernel: Kernel, error: f64| -> Result<Array2<f64>> {
        let smoothed = Smoothed::new(Empirical::new(&train)?, kernel.seed(settings.seed()))?;
        let model = PlainError { inner: smoothed, deviation: error, seed: settings.seed() };
        let samples = published(&model, n, SIGMA_MAX, steps, settings.seed(), "images of bumps")?;
        let mut images = views.images(samples.view());
        outside(&views.frame, &mut images, SIGMA_MIN.hypot(error), settings.seed());
        Ok(images)
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
    for row in settings.size(&BUMPS[..], &BUMPS[1..3]) {
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
    let oracle_scales: Vec<f64> = BUMPS_ADAPTED.iter().map(|a| a.0).collect();
    let oracle_draws = settings.size(64, 16);
    let project = move |x: ArrayView2<f64>| surface.project(x);
    let project: Arc<dyn smoothing::Surface> = Arc::new(project);
    let tangent = adapted(
        &|s| Ok(Kernel::tangent(s, project.clone()).draws(oracle_draws)),
        settings.size(&oracle_scales[..], &oracle_scales[2..4]),
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
                   our own derivation)"
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
    for (id, name, own) in [("tangent", "tangent", tangent), ("local-pca", "local-PCA", local)] {
        let ratio = ratio_at_equal_novelty(&own.1, &isotropic.1, 0.2..10.0, &settings.bootstrap);
        part.finding(ratio_finding(
            &format!("bumps-{id}"),
            &format!(
                "On bump images, at equal novelty, the {name} kernel's distance to the curve is this part of the isotropic one's:"
            ),
            "below 1: the adapted kernel is nearer (arXiv 2510.02305, figure 8)",
            1.0,
            &ratio,
        ));
    }
    Ok(())
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
            text: "more than half: the mean of ξ alone is σ√(d/n) long on the last step (our own derivation; it means that the \
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

/// Views of an object on a turntable.
const VIEWS: usize = 72;

/// COIL-20: every second view is held out.
fn turntable(settings: &Settings, part: &mut Part, path: &std::path::Path) -> Result<()> {
    let all = read_views(path)?;
    let objects = all.len() / VIEWS;
    // Spread over the set, which sorts like with like.
    let chosen: Vec<usize> = {
        let count = settings.size(6, 2).min(objects);
        (0..count).map(|i| i * objects / count).collect()
    };
    let n = settings.size(72, 24);
    let relative: &[f64] = settings.size(&[0.12, 0.16, 0.2, 0.25, 0.32, 0.4][..], &[0.16, 0.25][..]);
    let names = ["isotropic", "tangent", "local PCA", "density smoothing"];
    let mut ways: Vec<Way> = names.iter().map(|name| (*name, Vec::new())).collect();
    let mut table = Table {
        columns: ["object", "kernel", "scale / spacing", "to data / spacing", "to curve / spacing"]
            .map(Into::into)
            .to_vec(),
        rows: Vec::new(),
    };
    let mut sheet: Vec<(&str, PointSet)> = Vec::new();
    let mut ratios: Vec<(&str, Vec<Ratio>)> = vec![("tangent", Vec::new()), ("local PCA", Vec::new())];
    for (slot, object) in chosen.into_iter().enumerate() {
        let rows: Vec<usize> = (0..VIEWS).map(|v| object * VIEWS + v).collect();
        let images = all.select(&rows)?;
        let views = Views::of(&images)?;
        let every = views.coordinates(&images)?;
        let train = every.select(&(0..VIEWS).step_by(2).collect::<Vec<_>>())?;
        let spacing = nearest_others(train.values(), 1)?.nearest_distances().mean().unwrap_or(1.0);
        let curve = Arc::new(ClosedCurve::new(every)?);
        let manifold = |x: ArrayView2<f64>| -> Result<Vec<f64>> { Ok(curve.distances(x)?) };
        let ruler = Ruler { train: &train, manifold: &manifold };
        let projection = curve.clone();
        let project: Arc<dyn smoothing::Surface> = Arc::new(move |x: ArrayView2<f64>| projection.project(x));
        let draws = settings.size(256, 32);
        let mut own: Vec<Vec<Group>> = vec![Vec::new(); 4];
        for ratio in relative {
            let scale = ratio * spacing;
            let planes = LocalPca::new(&train, 3, Dimension::Chosen(1))?;
            // Along a curve a kernel needs a larger scale to bridge a gap than in many dimensions, where the
            // displacement's length goes with the root of their number.
            let along = 2.0 * scale;
            let kernels = [
                (scale, Kernel::isotropic(scale).within(smoothing::span(&train)?).draws(draws)),
                (along, Kernel::tangent(along, project.clone()).draws(draws.min(64))),
                (along, Kernel::manifold(along, planes).draws(draws)),
            ];
            for ((scale, kernel), groups) in kernels.into_iter().zip(&mut own) {
                let model = Smoothed::new(Empirical::new(&train)?, kernel.seed(settings.seed()))?;
                let samples = flow(&model, n, settings.seed(), &format!("object {}", object + 1))?;
                groups.push(ruler.group(scale, samples)?);
            }
        }
        // Density smoothing lives in all pixels: what it does off the span is added to the distances by hand.
        let in_pixels = images.select(&(0..VIEWS).step_by(2).collect::<Vec<_>>())?;
        let full = ClosedCurve::new(images.clone())?;
        let to_full = |x: ArrayView2<f64>| -> Result<Vec<f64>> { Ok(full.distances(x)?) };
        let pixels = Ruler { train: &in_pixels, manifold: &to_full };
        let [isotropic, tangent, local, density] = own.as_mut_slice() else { continue };
        for group in isotropic.iter() {
            if group.novelty() > NEW * spacing {
                density.push(pixels.density_twin(group, settings.seed())?);
            }
        }
        for ((_, list), groups) in ratios.iter_mut().zip([&*tangent, &*local]) {
            let window = NEW * spacing..f64::INFINITY;
            list.push(ratio_at_equal_novelty(groups, isotropic, window, &settings.bootstrap));
        }
        if slot == 0 {
            let newest =
                |groups: &[Group]| groups.iter().rev().nth(1).or(groups.last()).map(|g| g.samples.clone());
            sheet.push(("views known", in_pixels.clone()));
            for (name, groups) in [("isotropic", &*isotropic), ("tangent", &*tangent), ("local PCA", &*local)]
            {
                if let Some(samples) = newest(groups) {
                    sheet.push((name, images.with_values(views.images(samples.view()))?));
                }
            }
            if let Some(samples) = newest(density) {
                sheet.push(("density smoothing", images.with_values(samples)?));
            }
        }
        for ((name, joined), groups) in ways.iter_mut().zip(&own) {
            for group in groups {
                table.rows.push(vec![
                    ((object + 1) as f64).into(),
                    (*name).into(),
                    (group.scale / spacing).into(),
                    (group.novelty() / spacing).into(),
                    (group.off() / spacing).into(),
                ]);
                joined.push(scaled(group, spacing));
            }
        }
    }
    part.table(
        "turntable",
        "COIL-20: 36 views known, 36 held out; distances in spacings of the known views",
        table,
    );
    let curves: Vec<(&str, Vec<Group>)> = ways.iter().map(|(n, g)| (*n, averaged(g))).collect();
    let curves: Vec<(&str, &[Group])> = curves.iter().map(|(n, g)| (*n, g.as_slice())).collect();
    part.figure(novelty_figure(
        "turntable-novelty",
        "Turntable photographs: new, and how far off the curve",
        "Means over the objects, in spacings of the views known. The manifold is the closed curve through all 72 views.",
        ", in spacings",
        &curves,
    ));
    let rows: Vec<(&str, &PointSet)> = sheet.iter().map(|(n, p)| (*n, p)).collect();
    if let Some(plot) = page::sheet(all.shape(), all.range(), &rows, 10) {
        part.figure(ridgewalk::survey::Figure {
            id: "turntable-images".into(),
            title: "New views of one object".into(),
            caption: "Samples of each way of smoothing, from 36 views.".into(),
            plot,
        });
    }
    for (name, list) in ratios {
        let usable: Vec<&Ratio> = list.iter().filter(|r| r.groups > 0).collect();
        if usable.is_empty() {
            continue;
        }
        let value = usable.iter().map(|r| r.value).sum::<f64>() / usable.len() as f64;
        let better = usable.iter().filter(|r| r.value < 1.0).count();
        part.finding(
            Finding::new(
                format!("turntable-{}", name.replace(' ', "-").to_lowercase()),
                format!(
                    "On turntable photographs, at equal novelty, the {name} kernel's distance to the curve of all views is {} of \
                     the isotropic one's, the mean of {} objects; it is smaller for {better} of them.",
                    format_number(value),
                    usable.len()
                ),
                value,
                usable.iter().map(|r| r.samples).sum(),
            )
            .expect(Expectation {
                text: "below 1: the adapted kernel is nearer (arXiv 2510.02305, figures 8 and 9, for rendered images and digits)"
                    .into(),
                at_least: None,
                at_most: Some(1.0),
            }),
        );
    }
    Ok(())
}

/// In units of a length.
fn scaled(group: &Group, unit: f64) -> Group {
    let by = |values: &[f64]| values.iter().map(|v| v / unit).collect();
    Group {
        scale: (group.scale / unit * 1e6).round() / 1e6,
        samples: Array2::zeros((1, 1)),
        to_data: by(&group.to_data),
        to_manifold: by(&group.to_manifold),
    }
}

/// Groups of the same relative scale joined, over objects.
fn averaged(groups: &[Group]) -> Vec<Group> {
    let mut joined: Vec<Group> = Vec::new();
    for group in groups {
        match joined.iter_mut().find(|j| j.scale == group.scale) {
            Some(into) => {
                into.to_data.extend(&group.to_data);
                into.to_manifold.extend(&group.to_manifold);
            }
            None => joined.push(group.clone()),
        }
    }
    joined
}

fn read_views(path: &std::path::Path) -> Result<PointSet> {
    let wrong = |problem: String| {
        Failure::new(path.display(), problem, "give COIL-20 as an array [objects, 72, height, width] (.npy)")
    };
    let points = ridgewalk_data::load(&path.to_string_lossy())?;
    if !points.shape().is_image() || points.len() % VIEWS != 0 {
        return Err(wrong(format!(
            "holds {} points ({}), not {VIEWS} images an object",
            points.len(),
            points.shape()
        )));
    }
    Ok(points)
}
