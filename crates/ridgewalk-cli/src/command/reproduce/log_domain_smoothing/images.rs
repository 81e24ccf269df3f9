//! Handwritten digits: the smoothed score against a density estimate at equal novelty, for ten classes, one
//! class, and one class in the plane of its principal components.

use ndarray::{Array2, ArrayView2};
use ridgewalk::closed_form::Empirical;
use ridgewalk::latent::{Components, Latent, Pca};
use ridgewalk::metrics::LocalPlanes;
use ridgewalk::neighbours::nearest;
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::survey::{Figure, Table};
use ridgewalk::transform::{Dimension, Kernel, choose_scale};
use ridgewalk::{PointSet, Smoothed};
use ridgewalk_data::digits;

use super::super::part::Part;
use super::groups::{Group, Ruler, automatic, flow, novelty_figure, ratio_at_equal_novelty, ratio_finding};
use super::settings::Settings;
use crate::failure::Result;
use crate::page;

/// The class of the paper's experiments.
const CLASS: u32 = 4;
/// Training images of one class, as in the paper.
const ONE_CLASS: usize = 100;
/// Kernel scales, in units of the one that held-out loss chooses.
const RELATIVE: [f64; 6] = [0.4, 0.6, 0.8, 1.0, 1.3, 1.7];
const RELATIVE_SMALL: [f64; 2] = [0.8, 1.0];
/// Neighbours and dimension of the planes through held-out images: within 50 neighbours six components hold
/// three quarters of the variance of a class.
const NEIGHBOURS: usize = 16;
const PLANE: usize = 6;

/// Groups nearer to the training images than this part of their spacing are mostly copies.
const NEW: f64 = 0.15;

/// One of the three settings.
struct Case {
    id: &'static str,
    title: &'static str,
    train: PointSet,
    held_out: PointSet,
}

pub fn run(settings: &Settings) -> Result<Part> {
    let (all, source) = match &settings.mnist {
        Some(points) => (points.clone(), "MNIST, 28×28 pixels"),
        None => (digits(), "the embedded digits, 8×8 pixels, since no --mnist FILE was given"),
    };
    let mut part = Part::new(
        "Handwritten digits",
        &format!(
            "Data: {source}. The manifold is unknown, so the distance to it is measured twice: to the nearest held-out image, \
             and to the plane of the six principal components of the {NEIGHBOURS} nearest held-out images. Density smoothing \
             (data plus Gaussian noise) has the bandwidth at which its samples are as far from the training images."
        ),
    );
    let mut table = Table {
        columns: [
            "case",
            "scale",
            "to data",
            "to held-out",
            "to held-out plane",
            "KDE to held-out",
            "KDE to held-out plane",
            "KDE bandwidth",
        ]
        .map(Into::into)
        .to_vec(),
        rows: Vec::new(),
    };
    for case in cases(settings, &all)? {
        one(settings, &mut part, &mut table, &case)?;
    }
    part.table("digits", "Digits: mean distances in pixel values against kernel scale", table);
    Ok(part)
}

fn cases(settings: &Settings, all: &PointSet) -> Result<Vec<Case>> {
    let mnist = settings.mnist.is_some();
    let order = Stream::new(settings.seed(), Purpose::Split, 0, 0).permutation(all.len());
    let held_out = settings.size(if mnist { 3000 } else { 900 }, 400);
    let train = settings.size(if mnist { 500 } else { 800 }, 200);
    let part = |from: usize, count: usize| {
        let rows: Vec<usize> = order.iter().skip(from).take(count).copied().collect();
        all.select(&rows)
    };
    let four = all.class(CLASS)?;
    let order = Stream::new(settings.seed(), Purpose::Split, 1, 0).permutation(four.len());
    let (first, rest) = order.split_at(ONE_CLASS.min(four.len() / 2));
    let few: Vec<usize> = rest.iter().take(settings.size(3000, 400)).copied().collect();
    let (four_train, four_rest) = (four.select(first)?, four.select(&few)?);
    let one = Case {
        id: "one-class",
        title: "One class: 100 fours",
        train: four_train.clone(),
        held_out: four_rest.clone(),
    };
    if settings.paper.small {
        return Ok(vec![one]);
    }
    let ten = Case {
        id: "ten-classes",
        title: "Ten classes",
        train: part(0, train)?,
        held_out: part(train, held_out)?,
    };
    // Components of the training images alone: held-out ones must not shape the space they are judged in.
    let pca = Pca::fit(&four_train, Components::Count(if mnist { 32 } else { 16 }))?;
    let latent = |points: &PointSet| PointSet::vectors(pca.encode(points.values())?);
    let plane = Case {
        id: "principal-components",
        title: "One class, in the plane of its principal components",
        train: latent(&four_train)?,
        held_out: latent(&four_rest)?,
    };
    Ok(vec![ten, one, plane])
}

fn one(settings: &Settings, part: &mut Part, table: &mut Table, case: &Case) -> Result<()> {
    let neighbours = NEIGHBOURS.min(case.held_out.len());
    let planes = LocalPlanes::new(&case.held_out, neighbours, Dimension::Chosen(PLANE.min(neighbours - 1)))?;
    let to_neighbour = |x: ArrayView2<f64>| -> Result<Vec<f64>> {
        Ok(nearest(x, case.held_out.values(), 1)?.nearest_distances().to_vec())
    };
    let to_plane = |x: ArrayView2<f64>| -> Result<Vec<f64>> { Ok(planes.distances(x)?) };
    let by_neighbour = Ruler { train: &case.train, manifold: &to_neighbour };
    let by_plane = Ruler { train: &case.train, manifold: &to_plane };

    let choice = choose_scale(&case.train, settings.seed())?;
    // Where held-out loss prefers no smoothing, a tenth of the spacing is a scale at which something happens.
    let unit = if choice.scale > 0.0 { choice.scale } else { 0.1 * choice.spacing };
    let (n, draws) = settings.size((100, 64), (40, 32));
    let mut groups: [Vec<Group>; 2] = Default::default();
    let mut twins: [Vec<Group>; 2] = Default::default();
    for relative in settings.size(&RELATIVE[..], &RELATIVE_SMALL[..]) {
        let scale = relative * unit;
        let kernel = Kernel::isotropic(scale).draws(draws).seed(settings.seed());
        let model = Smoothed::new(Empirical::new(&case.train)?, kernel)?;
        let samples = flow(&model, n, settings.seed(), case.title)?;
        let group = by_neighbour.group(scale, samples)?;
        let twin = by_neighbour.density_twin(&group, settings.seed())?;
        let in_plane = by_plane.group(scale, group.samples.clone())?;
        let twin_in_plane = by_plane.group(twin.scale, twin.samples.clone())?;
        table.rows.push(vec![
            case.title.into(),
            scale.into(),
            group.novelty().into(),
            group.off().into(),
            in_plane.off().into(),
            twin.off().into(),
            twin_in_plane.off().into(),
            twin.scale.into(),
        ]);
        groups[0].push(group);
        groups[1].push(in_plane);
        twins[0].push(twin);
        twins[1].push(twin_in_plane);
    }
    show(part, case, &groups[0], &twins[0], unit)?;
    let off: Vec<(f64, f64)> = groups[0].iter().map(|g| (g.scale, g.off())).collect();
    part.finding(automatic(
        &format!("automatic-scale-{}", case.id),
        &format!("{}: samples to the nearest held-out image", case.title),
        &off,
        unit,
    ));
    let whats = ["the nearest held-out image", "the plane through held-out images"];
    for (((slot, what), own), other) in ["neighbour", "plane"].iter().zip(whats).zip(&groups).zip(&twins) {
        part.figure(novelty_figure(
            &format!("digits-{}-{slot}", case.id),
            &format!("{}: new, and how far from {what}", case.title),
            "At equal novelty the lower line is nearer to images that no model has seen.",
            ", pixel values",
            &[("smoothed score", own), ("density smoothing", other)],
        ));
        let ratio =
            ratio_at_equal_novelty(own, other, NEW * choice.spacing..f64::INFINITY, &settings.bootstrap);
        part.finding(
            ratio_finding(
                &format!("digits-{}-{slot}", case.id),
                &format!(
                    "{}: at equal novelty, the smoothed score's distance to {what} is this part of density smoothing's:",
                    case.title
                ),
                "below 1 at equal novelty (arXiv 2510.02305, figure 7: fours in a latent space, 1.07 from the manifold where \
                 density smoothing is 1.38)",
                1.0,
                &ratio,
            )
            .setting("training_images", case.train.len())
            .setting("held_out_images", case.held_out.len()),
        );
    }
    Ok(())
}

/// Samples at the chosen scale, beside training images and density smoothing.
fn show(part: &mut Part, case: &Case, groups: &[Group], twins: &[Group], unit: f64) -> Result<()> {
    let chosen = groups.iter().zip(twins).find(|(g, _)| g.scale == unit);
    let Some((group, twin)) = chosen.filter(|_| case.train.shape().is_image()) else { return Ok(()) };
    let of = |values: &Array2<f64>| case.train.with_values(values.clone());
    let (smoothed, density) = (of(&group.samples)?, of(&twin.samples)?);
    let found = nearest(smoothed.values(), case.train.values(), 1)?;
    let closest = case.train.select(&found.nearest_indices().to_vec())?;
    let rows = [
        ("smoothed score", &smoothed),
        ("nearest training image of each", &closest),
        ("density smoothing, as far from the training images", &density),
    ];
    if let Some(plot) = page::sheet(case.train.shape(), case.train.range(), &rows, 10) {
        part.figure(Figure {
            id: format!("digits-{}-images", case.id),
            title: format!("{}: samples", case.title),
            caption: "At the kernel scale that held-out loss chooses.".into(),
            plot,
        });
    }
    Ok(())
}
