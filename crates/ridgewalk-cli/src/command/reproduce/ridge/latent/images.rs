//! Samples near the ridge and far from it, decoded, beside the nearest training images.

use ridgewalk::Shape;
use ridgewalk::latent::Latent;
use ridgewalk::neighbours::nearest;
use ridgewalk::survey::{Figure, ImageRow, Plot};
use ridgewalk_report::format_number;

use super::{Class, Found};
use crate::failure::Result;

/// Images of a row.
const SHOWN: usize = 10;

pub fn sheet(class: &Class, found: &Found) -> Result<Figure> {
    let mut order: Vec<usize> = (0..found.samples.nrows().min(found.residuals.len())).collect();
    order.sort_by(|a, b| found.residuals[*a].total_cmp(&found.residuals[*b]));
    let near: Vec<usize> = order.iter().take(SHOWN).copied().collect();
    let far: Vec<usize> = order.iter().rev().take(SHOWN).copied().collect();
    let mut rows = Vec::new();
    for (label, chosen) in [("nearest to the ridge", near), ("farthest from it", far)] {
        let codes = found.samples.select(ndarray::Axis(0), &chosen);
        let decoded = class.latent.decode((&codes * class.scale).view())?;
        let beside = nearest(codes.view(), class.exact.points(), 1)?.nearest_indices();
        rows.push(ImageRow {
            label: format!("samples {label}, with their residuals"),
            images: decoded.outer_iter().map(|image| image.to_vec()).collect(),
            notes: chosen.iter().map(|row| format_number(found.residuals[*row])).collect(),
        });
        rows.push(ImageRow {
            label: "the nearest training images".into(),
            images: beside.iter().map(|row| class.images.point(*row).to_vec()).collect(),
            notes: Vec::new(),
        });
    }
    let (height, width, channels) = match class.images.shape() {
        Shape::Image { height, width, channels } => (height, width, channels),
        Shape::Vector(length) => (1, length, 1),
    };
    Ok(Figure {
        id: format!("ridge-latent-{}", found.name.replace(' ', "-")),
        title: format!("{}: samples near the ridge and far from it", found.name),
        caption: format!(
            "Decoded samples of random features at t = {}, by the normal part of the exact score there (d* = {}, in noise levels).",
            super::TO,
            class.dimension
        ),
        plot: Plot::Images { height, width, channels, range: class.images.range(), rows },
    })
}
