//! Photographs of objects on a turntable: curves of images that nobody has a formula for.

use std::sync::Arc;

use ndarray::{Array2, ArrayView2};
use ridgewalk::closed_form::Empirical;
use ridgewalk::metrics::ClosedCurve;
use ridgewalk::metrics::bootstrap::mean;
use ridgewalk::neighbours::nearest_others;
use ridgewalk::survey::{Expectation, Finding, Table};
use ridgewalk::transform::{Dimension, Kernel, LocalPca, smoothing};
use ridgewalk::{PointSet, Smoothed};
use ridgewalk_report::format_number;

use super::super::part::Part;
use super::groups::{Group, Ratio, Ruler, flow, novelty_figure, ratio_at_equal_novelty};
use super::kernels::Views;
use super::settings::{Settings, VIEWS};
use crate::failure::Result;
use crate::page;

/// A way of smoothing, with its groups.
type Way = (&'static str, Vec<Group>);
/// A sample counts as new from this part of the spacing on.
const NEW: f64 = 0.03;

/// COIL-20: every second view is held out.
pub fn turntable(settings: &Settings, part: &mut Part, all: &PointSet) -> Result<()> {
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
    let mut reaches = Vec::new();
    for (slot, object) in chosen.into_iter().enumerate() {
        let rows: Vec<usize> = (0..VIEWS).map(|v| object * VIEWS + v).collect();
        let images = all.select(&rows)?;
        let views = Views::of(&images)?;
        let every = views.coordinates(&images)?;
        let train = every.select(&(0..VIEWS).step_by(2).collect::<Vec<_>>())?;
        let spacing = nearest_others(train.values(), 1)?.nearest_distances().mean().unwrap_or(1.0);
        let curve = Arc::new(ClosedCurve::new(every)?);
        reaches.push(curve.reach() / spacing);
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
        // Density smoothing lives in all pixels, and is measured there.
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
        // Where nothing is comparable the value is no number, and the expectation is not met.
        let usable: Vec<&Ratio> = list.iter().filter(|r| r.groups > 0).collect();
        let value = usable.iter().map(|r| r.value).sum::<f64>() / usable.len() as f64;
        let better = usable.iter().filter(|r| r.value < 1.0).count();
        part.finding(
            Finding::new(
                format!("turntable-{}", name.replace(' ', "-").to_lowercase()),
                format!(
                    "On turntable photographs, at equal novelty, the {name} kernel's distance to the curve of all views is {} of \
                     the isotropic one's, the mean of {} objects; it is smaller for {better} of them. The curves' reach is {} spacings of the views known: where it is below 1, \
                     neighbouring views do not tell the curve between them.",
                    format_number(value),
                    usable.len(),
                    format_number(mean(&reaches)),
                ),
                value,
                usable.iter().map(|r| r.samples).sum(),
            )
            .expect(Expectation {
                text: "below 1: the adapted kernel is nearer (arXiv 2510.02305, figures 8 and 9, for rendered images and digits; the tangent \
                       kernel is told the curve of all views, local PCA those known)"
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
