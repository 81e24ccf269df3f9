//! Many points in many dimensions.

use ndarray::{Array2, Axis};
use ridgewalk::closed_form::Empirical;
use ridgewalk::geometry::Ridge;
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::{Frames, PointSet};

use crate::{close, length};

/// A noisy circle in R¹⁰⁰ of more points than a block holds: the same frames by all ways of the empirical
/// model, which its layout and the number of points of weight choose between.
#[test]
fn ways_of_the_empirical_model_agree() {
    let (n, d) = (3000, 100);
    let mut stream = Stream::new(8, Purpose::Synthetic, 0, 0);
    let points = Array2::from_shape_fn((n, d), |(i, k)| {
        let angle = 2.0 * std::f64::consts::PI * i as f64 / n as f64;
        let on = if k == 0 {
            angle.cos()
        } else if k == 1 {
            angle.sin()
        } else {
            0.0
        };
        on + 0.01 * stream.normal()
    });
    let model = Empirical::new(&PointSet::vectors(points.clone()).unwrap()).unwrap();
    // The first 16 coordinates alone, measured directly, with what the others add left out of x and data.
    let x = points.select(Axis(0), &[5, 700, 1999]) * 1.05;
    for sigma in [0.03, 0.1, 0.3] {
        let found = Ridge::new(&model, 1).unwrap().project(x.view(), sigma).unwrap();
        for row in 0..3 {
            assert!(found.on_ridge(row));
            // Radius of the ridge of a uniform circle: 1 − s²/2 with s² = σ² + 0.01², up to s⁴.
            let s2 = sigma * sigma + 1e-4;
            let point = found.points();
            let radius = point[(row, 0)].hypot(point[(row, 1)]);
            close(radius, 1.0 - 0.5 * s2 - 0.1 * s2 * s2, 0.01 * s2 + 6e-3);
        }
        let again = Frames::at(&model, found.points(), sigma, 1).unwrap();
        assert!(again.mean_shift().outer_iter().all(|r| length(r) <= 1e-9 * sigma));
    }
}
