//! Images by their means over 16×16 cells: small enough to compare with many templates, whatever the image's size.

/// Cells along a side, and the smallest side of an image.
pub(super) const CELLS: usize = 16;

/// Means over `CELLS`×`CELLS` equal cells of a square image, pixels that a border cuts counted by their part in a cell.
/// An image of that size is itself.
pub(super) fn coarse(image: &[f64], side: usize) -> Vec<f64> {
    if side == CELLS {
        return image.to_vec();
    }
    let cell = side as f64 / CELLS as f64;
    // Parts of the pixels of each cell, along one axis; they sum to the cell's length.
    let parts = |index: usize| {
        let (start, end) = (index as f64 * cell, (index + 1) as f64 * cell);
        (start as usize..side.min(end.ceil() as usize))
            .map(move |k| (k, end.min((k + 1) as f64) - start.max(k as f64)))
    };
    let mut out = Vec::with_capacity(CELLS * CELLS);
    for row in 0..CELLS {
        for column in 0..CELLS {
            let mut sum = 0.0;
            for (i, height) in parts(row) {
                for (j, width) in parts(column) {
                    sum += height * width * image.get(i * side + j).copied().unwrap_or_default();
                }
            }
            out.push(sum / (cell * cell));
        }
    }
    out
}

pub(super) fn squared(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The mean of a plane over a cell is its value at the middle of the cell, and pixels that are means themselves keep
    /// that whole.
    #[test]
    fn a_plane_is_met_in_the_middle_of_every_cell() {
        for side in [16, 32, 48] {
            let at = |k: usize| (k as f64 + 0.5) / side as f64;
            let plane: Vec<f64> = (0..side * side).map(|i| 2.0 * at(i / side) - at(i % side)).collect();
            for (i, value) in coarse(&plane, side).iter().enumerate() {
                let middle = |k: usize| (k as f64 + 0.5) / CELLS as f64;
                assert!((value - (2.0 * middle(i / CELLS) - middle(i % CELLS))).abs() < 1e-14, "{side} {i}");
            }
        }
    }

    /// 20 pixels in 16 cells of 1.25: the first cell holds the first pixel and a quarter of the second, the second cell
    /// three quarters of that and half of the third.
    #[test]
    fn pixels_across_a_border_are_shared() {
        let mut image = vec![0.0; 400];
        image[1] = 1.0;
        let out = coarse(&image, 20);
        assert!((out[0] - 0.25 / 1.5625).abs() < 1e-15 && (out[1] - 0.75 / 1.5625).abs() < 1e-15);
        assert_eq!(out[2..].iter().sum::<f64>(), 0.0);
    }
}
