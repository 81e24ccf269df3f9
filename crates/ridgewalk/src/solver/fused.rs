//! Elementwise updates x ← f(x, a, …) of arrays of one shape, in one pass.
//!
//! Over slices such a loop is vectorised, which ndarray's `Zip` is not beyond two arrays: several times as slow.
//! It is left for the layouts that models may answer with and that are not rows one after the other. Large
//! arrays are shared among threads; elements are apart, so that this changes no result.

use ndarray::{Array2, Zip};
use rayon::prelude::*;

/// Elements from which the work is shared, and those of a share: a share stays in a core's cache.
const SHARED: usize = 1 << 17;
const SHARE: usize = 1 << 14;

/// Works on x and the inputs, all of one length, in parts.
fn in_parts<const N: usize>(
    x: &mut [f64],
    inputs: [&[f64]; N],
    work: impl Fn(&mut [f64], [&[f64]; N]) + Sync,
) {
    if x.len() < SHARED {
        return work(x, inputs);
    }
    x.par_chunks_mut(SHARE).enumerate().for_each(|(part, x)| {
        let first = part * SHARE;
        work(x, inputs.map(|a| a.get(first..first + x.len()).unwrap_or_default()));
    });
}

/// x ← f(x, a).
pub(super) fn update(x: &mut Array2<f64>, a: &Array2<f64>, f: impl Fn(f64, f64) -> f64 + Sync) {
    match (x.as_slice_mut(), a.as_slice()) {
        (Some(x), Some(a)) => {
            in_parts(x, [a], |x, [a]| x.iter_mut().zip(a).for_each(|(x, a)| *x = f(*x, *a)));
        }
        _ => Zip::from(x).and(a).for_each(|x, a| *x = f(*x, *a)),
    }
}

/// x ← f(x, a, b).
pub(super) fn update2(
    x: &mut Array2<f64>,
    [a, b]: [&Array2<f64>; 2],
    f: impl Fn(f64, f64, f64) -> f64 + Sync,
) {
    match (x.as_slice_mut(), a.as_slice(), b.as_slice()) {
        (Some(x), Some(a), Some(b)) => in_parts(x, [a, b], |x, [a, b]| {
            x.iter_mut().zip(a).zip(b).for_each(|((x, a), b)| *x = f(*x, *a, *b));
        }),
        _ => Zip::from(x).and(a).and(b).for_each(|x, a, b| *x = f(*x, *a, *b)),
    }
}

/// x ← f(x, a, b, c).
pub(super) fn update3(
    x: &mut Array2<f64>,
    [a, b, c]: [&Array2<f64>; 3],
    f: impl Fn(f64, f64, f64, f64) -> f64 + Sync,
) {
    match (x.as_slice_mut(), a.as_slice(), b.as_slice(), c.as_slice()) {
        (Some(x), Some(a), Some(b), Some(c)) => in_parts(x, [a, b, c], |x, [a, b, c]| {
            x.iter_mut().zip(a).zip(b).zip(c).for_each(|(((x, a), b), c)| *x = f(*x, *a, *b, *c));
        }),
        _ => Zip::from(x).and(a).and(b).and(c).for_each(|x, a, b, c| *x = f(*x, *a, *b, *c)),
    }
}

/// x ← f(x, a, b, c, d).
pub(super) fn update4(
    x: &mut Array2<f64>,
    [a, b, c, d]: [&Array2<f64>; 4],
    f: impl Fn(f64, f64, f64, f64, f64) -> f64 + Sync,
) {
    match (x.as_slice_mut(), a.as_slice(), b.as_slice(), c.as_slice(), d.as_slice()) {
        (Some(x), Some(a), Some(b), Some(c), Some(d)) => in_parts(x, [a, b, c, d], |x, [a, b, c, d]| {
            let all = x.iter_mut().zip(a).zip(b).zip(c).zip(d);
            all.for_each(|((((x, a), b), c), d)| *x = f(*x, *a, *b, *c, *d));
        }),
        _ => Zip::from(x).and(a).and(b).and(c).and(d).for_each(|x, a, b, c, d| *x = f(*x, *a, *b, *c, *d)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows one after the other or columns: the same values.
    #[test]
    fn every_layout_gives_the_same() {
        let row = |k: f64| Array2::from_shape_fn((3, 4), |(i, j)| k * (i as f64) - j as f64);
        let column = |k: f64| row(k).reversed_axes().as_standard_layout().to_owned().reversed_axes();
        assert!(row(1.0).as_slice().is_some() && column(1.0).as_slice().is_none());
        let (a, b, c, d) = (row(2.0), row(3.0), row(-1.0), row(0.5));
        for last in [row(7.0), column(7.0)] {
            let mut x = a.clone();
            update(&mut x, &last, |x, p| x - 2.0 * p);
            assert_eq!(x, &a - &(&last * 2.0));
            let mut x = a.clone();
            update2(&mut x, [&b, &last], |x, b, p| x + b - 2.0 * p);
            assert_eq!(x, &a + &b - &(&last * 2.0));
            let mut x = a.clone();
            update3(&mut x, [&b, &c, &last], |x, b, c, p| x + b + 4.0 * c - 2.0 * p);
            assert_eq!(x, &a + &b + &(&c * 4.0) - &(&last * 2.0));
            let mut x = a.clone();
            update4(&mut x, [&b, &c, &d, &last], |x, b, c, d, p| x + b + 4.0 * c + d - 2.0 * p);
            assert_eq!(x, &a + &b + &(&c * 4.0) + &d - &(&last * 2.0));
        }
    }

    /// So large an array is shared among threads; a last part may be short.
    #[test]
    fn parts_are_the_whole() {
        let (rows, columns) = (7, SHARED / 7 + 11);
        let a = Array2::from_shape_fn((rows, columns), |(i, j)| (i * columns + j) as f64);
        let mut x = a.clone();
        update3(&mut x, [&a, &a, &a], |x, a, b, c| x + 2.0 * a - b + 0.5 * c);
        assert_eq!(x, &a * 2.5);
    }
}
