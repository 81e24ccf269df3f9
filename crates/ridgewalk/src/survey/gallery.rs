//! Images beside their nearest training image: what the numbers mean, to the eye.

use super::finding::{Figure, Finding, ImageRow, Plot};
use super::{Probe, Subject, words};
use crate::error::{Error, Result};
use crate::metrics::Bootstrap;
use crate::neighbours::Neighbours;
use crate::points::{PointSet, Shape};

/// The first samples, and those closest to the training data, above their nearest points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gallery {
    /// Images in a row.
    pub columns: usize,
}

impl Default for Gallery {
    fn default() -> Self {
        Gallery { columns: 10 }
    }
}

impl Probe for Gallery {
    fn id(&self) -> &'static str {
        "gallery"
    }

    fn inapplicable(&self, subject: &Subject) -> Option<String> {
        if self.columns == 0 {
            return Some("was asked for no columns".into());
        }
        (!subject.samples().shape().is_image()).then(|| "needs images".into())
    }

    fn measure(&self, subject: &Subject, _bootstrap: &Bootstrap) -> Result<Vec<Finding>> {
        let to_train = subject.to_train()?;
        let distance = to_train.nearest_distances();
        let mut order: Vec<usize> = (0..distance.len()).collect();
        let shown = self.columns.min(order.len());
        let first = order[..shown].to_vec();
        order.sort_by(|&i, &j| distance[i].total_cmp(&distance[j]));
        let closest = order[..shown].to_vec();
        let least = distance[closest[0]];
        let statement = format!(
            "Sample {} is closest to the training data, {} from training point {}.",
            closest[0],
            words::number(least),
            to_train.indices[[closest[0], 0]]
        );
        Ok(vec![
            Finding::new(self.id(), statement, least, distance.len())
                .figure(sheet("gallery", "Samples and their nearest training images", subject, &first)?)
                .figure(sheet(
                    "gallery-closest",
                    "The samples closest to training images",
                    subject,
                    &closest,
                )?),
        ])
    }
}

fn sheet(id: &str, title: &str, subject: &Subject, chosen: &[usize]) -> Result<Figure> {
    let (samples, train) = (subject.samples(), subject.reference().train());
    let Shape::Image { height, width, channels } = samples.shape() else {
        return Err(Error::argument("samples", "are not images", "give image data"));
    };
    let images = chosen.iter().map(|&i| samples.point(i).to_vec()).collect();
    let mut rows = vec![
        ImageRow { label: subject.name().into(), images, notes: Vec::new() },
        beside("nearest in training", train, subject.to_train()?, chosen),
    ];
    if let (Some(held_out), Some(found)) = (subject.reference().held_out_set(), subject.to_held_out()?) {
        rows.push(beside("nearest held-out", held_out, found, chosen));
    }
    Ok(Figure {
        id: id.into(),
        title: title.into(),
        caption: "Under each neighbour: its distance. A copy is as close as two prints of one image.".into(),
        plot: Plot::Images { height, width, channels, range: train.range(), rows },
    })
}

fn beside(label: &str, set: &PointSet, found: &Neighbours, chosen: &[usize]) -> ImageRow {
    ImageRow {
        label: label.into(),
        images: chosen.iter().map(|&i| set.point(found.indices[[i, 0]]).to_vec()).collect(),
        notes: chosen.iter().map(|&i| words::number(found.distances[[i, 0]])).collect(),
    }
}
