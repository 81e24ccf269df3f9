//! An image in horizontal strips, so that memory does not grow with its height.
//!
//! A network that sees r pixels far gives the same output in the middle of a strip as in the whole image, if the strip
//! begins r rows above it. A Jacobian product needs 2r: its path passes pixels up to r away, where the rectifiers
//! must be those of the whole image, which look r further.

use std::ops::Range;

/// Pixels of a strip, its halo not counted. Larger saves time, smaller saves memory: a pixel takes 1 to 10 kB.
const PIXELS: usize = 1 << 16;

/// One strip: the rows that it reads, and those that it gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Strip {
    pub read: Range<usize>,
    pub give: Range<usize>,
}

/// Strips of an image, by its size alone: threads and batches change nothing. Each begins and ends at a multiple of
/// `multiple` rows, of which `height` is one.
pub(super) fn strips(height: usize, width: usize, halo: usize, multiple: usize) -> Vec<Strip> {
    strips_of(PIXELS, height, width, halo, multiple)
}

fn strips_of(pixels: usize, height: usize, width: usize, halo: usize, multiple: usize) -> Vec<Strip> {
    let halo = halo.next_multiple_of(multiple);
    // A strip thinner than its halo would mostly compute the latter.
    let fewest = 2 * halo;
    let rows = (pixels / width.max(1)).max(fewest).max(1);
    // As even as can be: a short last strip costs as much halo as a long one.
    let count = height.div_ceil(rows).max(1);
    let rows = height.div_ceil(count).next_multiple_of(multiple);
    (0..height)
        .step_by(rows.max(1))
        .map(|first| {
            let end = (first + rows).min(height);
            Strip { read: first.saturating_sub(halo)..(end + halo).min(height), give: first..end }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_images_are_one_strip() {
        assert_eq!(strips(256, 256, 40, 1), [Strip { read: 0..256, give: 0..256 }]);
    }

    #[test]
    fn strips_cover_every_row_once_with_their_halo() {
        for (height, multiple) in [(101, 1), (100, 2), (7, 1), (62, 2)] {
            let mut next = 0;
            for strip in strips_of(80, height, 8, 3, multiple) {
                assert_eq!(strip.give.start, next);
                assert!(strip.read.start == 0 || strip.give.start - strip.read.start >= 3);
                assert!(strip.read.end == height || strip.read.end - strip.give.end >= 3);
                assert!(strip.read.start % multiple == 0 && strip.read.end % multiple == 0);
                next = strip.give.end;
            }
            assert_eq!(next, height);
        }
    }
}
