//! The images that networks are trained on: MNIST, Fashion-MNIST, or the embedded digits.

use ndarray::Array2;
use ridgewalk::{PointSet, Shape};
use ridgewalk_data::digits;

use super::super::settings::Settings;
use crate::failure::Result;

/// Part of the images that is set apart from the training, and how many at the most: what a distance of new images of
/// the data is.
const HELD_OUT: f64 = 0.2;
const MOST_HELD_OUT: f64 = 5000.0;
/// Images that a quick run takes of a file: about as many as it sees.
const SMALL: usize = 30_000;

/// One set of images.
pub struct Images {
    /// For ids.
    pub slug: &'static str,
    pub title: &'static str,
    /// In words.
    pub name: String,
    pub points: PointSet,
    pub from_file: bool,
}

impl Images {
    pub fn part_held_out(&self) -> f64 {
        HELD_OUT.min(MOST_HELD_OUT / self.points.len().max(1) as f64)
    }
}

/// Those of the files that were given; the embedded digits if none was.
pub fn all(settings: &Settings) -> Result<Vec<Images>> {
    let files = [
        ("mnist", "MNIST", "--mnist", &settings.images),
        ("fashion", "Fashion-MNIST", "--fashion", &settings.fashion),
    ];
    let mut found = Vec::new();
    for (slug, title, flag, points) in files {
        let Some(points) = points else { continue };
        let count = points.len().min(settings.size(usize::MAX, SMALL));
        let points = points.select(&(0..count).collect::<Vec<_>>())?;
        // A quick run has a quarter of the pixels, unless a classifier is to see them.
        let halve = settings.paper.small && settings.paper.features.is_none();
        let (points, how) = match halve.then(|| halved(&points)).transpose()?.flatten() {
            Some(points) => (points, ", means of 2×2 pixels"),
            None => (points, ""),
        };
        let name = format!("{count} images of {flag}{how}");
        found.push(Images { slug, title, name, points, from_file: true });
    }
    if found.is_empty() {
        let name = "the embedded digits, 8×8, since neither --mnist FILE nor --fashion FILE was given".into();
        found.push(Images { slug: "digits", title: "digits", name, points: digits(), from_file: false });
    }
    Ok(found)
}

/// Images of half the height and width; none if either is odd or below 16.
fn halved(points: &PointSet) -> Result<Option<PointSet>> {
    let Shape::Image { height, width, channels } = points.shape() else { return Ok(None) };
    if !height.is_multiple_of(2) || !width.is_multiple_of(2) || height.min(width) < 16 {
        return Ok(None);
    }
    let (h, w) = (height / 2, width / 2);
    let mut values = Array2::zeros((points.len(), h * w * channels));
    for (mut small, large) in values.outer_iter_mut().zip(points.values().outer_iter()) {
        for (index, value) in large.iter().enumerate() {
            let (pixel, channel) = (index / channels, index % channels);
            let (y, x) = (pixel / width / 2, pixel % width / 2);
            if let Some(mean) = small.get_mut((y * w + x) * channels + channel) {
                *mean += 0.25 * value;
            }
        }
    }
    Ok(Some(PointSet::new(values, Shape::Image { height: h, width: w, channels })?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_of_four_pixels_by_hand() {
        let values = Array2::from_shape_fn((1, 16 * 16 * 2), |(_, i)| i as f64);
        let shape = Shape::Image { height: 16, width: 16, channels: 2 };
        let found = halved(&PointSet::new(values, shape).unwrap()).unwrap().unwrap();
        assert_eq!(found.shape(), Shape::Image { height: 8, width: 8, channels: 2 });
        // Values are 32 y + 2 x + c: the mean of y, y + 1 and x, x + 1 is 17 above the first.
        let at = |y: usize, x: usize, c: usize| found.values()[(0, (8 * y + x) * 2 + c)];
        assert_eq!((at(0, 0, 0), at(0, 1, 1), at(3, 2, 0)), (17.0, 22.0, 192.0 + 8.0 + 17.0));
    }
}
