//! Inner loops over one row: dot products and combinations whose order of summation is fixed.
//!
//! A library's matrix product chooses its blocking by the batch, so that a row's last bits depend
//! on its neighbours. Here they do not: eight lanes, then one fixed tree, without fused products, so
//! that the widest instructions of the machine give the bits of the narrowest.

use ndarray::{Array2, ArrayView2};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// Rows that share one pass over a component's eigenvectors, and the unit of parallel work.
pub(super) const ROWS: usize = 8;

const LANES: usize = 8;
/// Vectors whose products with one row are summed at once.
const GROUP: usize = 4;

#[inline(always)]
fn tree(acc: [f64; LANES]) -> f64 {
    ((acc[0] + acc[4]) + (acc[2] + acc[6])) + ((acc[1] + acc[5]) + (acc[3] + acc[7]))
}

/// ⟨a, b⟩ for slices of one length.
#[inline(always)]
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut acc = [0.0; LANES];
    let ((a8, ta), (b8, tb)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    for (x, y) in a8.iter().zip(b8) {
        for l in 0..LANES {
            acc[l] += x[l] * y[l];
        }
    }
    for (l, (x, y)) in ta.iter().zip(tb).enumerate() {
        acc[l] += x * y;
    }
    tree(acc)
}

/// out_j = ⟨vectors_j, e⟩ for `vectors` `[out.len(), e.len()]`.
pub(crate) fn dots(vectors: &[f64], e: &[f64], out: &mut [f64]) {
    Arch::new().dispatch(Dots { vectors, e, out });
}

// A named operation, not a closure: only this is sure to be inlined where the wide instructions are on.
struct Dots<'a> {
    vectors: &'a [f64],
    e: &'a [f64],
    out: &'a mut [f64],
}

impl WithSimd for Dots<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let d = self.e.len();
        let (groups, last) = self.out.as_chunks_mut::<GROUP>();
        let (many, few) = self.vectors.split_at(groups.len() * GROUP * d);
        for (vectors, out) in many.chunks_exact(GROUP * d).zip(groups) {
            *out = dots_at_once::<S, GROUP>(simd, vectors, self.e);
        }
        for (vector, out) in few.chunks_exact(d).zip(last) {
            [*out] = dots_at_once::<S, 1>(simd, vector, self.e);
        }
    }
}

/// The same sums for every N, bit for bit; several at once share the loads of e and hide each
/// other's latency. Left to itself the compiler takes the lanes apart, so they are spelt out.
#[inline(always)]
fn dots_at_once<S: Simd, const N: usize>(simd: S, vectors: &[f64], e: &[f64]) -> [f64; N] {
    let (e8, tail) = e.as_chunks::<LANES>();
    let mut blocks = [(&[] as &[[f64; LANES]], &[] as &[f64]); N];
    for (block, vector) in blocks.iter_mut().zip(vectors.chunks_exact(e.len())) {
        *block = vector.as_chunks();
    }
    let registers = S::as_simd_f64s(&[0.0; LANES]).0.len();
    let mut acc = [[simd.splat_f64s(0.0); LANES]; N];
    for (i, e) in e8.iter().enumerate() {
        let e = S::as_simd_f64s(e).0;
        for j in 0..N {
            let v = S::as_simd_f64s(&blocks[j].0[i]).0;
            for l in 0..registers {
                acc[j][l] = simd.add_f64s(acc[j][l], simd.mul_f64s(v[l], e[l]));
            }
        }
    }
    let mut out = [0.0; N];
    for j in 0..N {
        let mut sums = [0.0; LANES];
        for (sums, acc) in S::as_mut_simd_f64s(&mut sums).0.iter_mut().zip(&acc[j]) {
            *sums = *acc;
        }
        for (sum, (v, e)) in sums.iter_mut().zip(blocks[j].1.iter().zip(tail)) {
            *sum += v * e;
        }
        out[j] = tree(sums);
    }
    out
}

/// out += a·v.
#[inline(always)]
pub(super) fn axpy(a: f64, v: &[f64], out: &mut [f64]) {
    for (o, v) in out.iter_mut().zip(v) {
        *o += a * v;
    }
}

/// out += Σ_j a_j vectors_j for `vectors` `[a.len(), out.len()]`, four vectors to a pass.
pub(crate) fn axpys(a: &[f64], vectors: &[f64], out: &mut [f64]) {
    Arch::new().dispatch(Axpys { a, vectors, out });
}

struct Axpys<'a> {
    a: &'a [f64],
    vectors: &'a [f64],
    out: &'a mut [f64],
}

impl WithSimd for Axpys<'_> {
    type Output = ();
    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        axpys_inlined(self.a, self.vectors, self.out);
    }
}

#[inline(always)]
fn axpys_inlined(a: &[f64], vectors: &[f64], out: &mut [f64]) {
    let d = out.len();
    for (a, block) in a.chunks(4).zip(vectors.chunks(4 * d)) {
        if let [a0, a1, a2, a3] = *a {
            let (v0, rest) = block.split_at(d);
            let (v1, rest) = rest.split_at(d);
            let (v2, v3) = rest.split_at(d);
            for ((((o, v0), v1), v2), v3) in out.iter_mut().zip(v0).zip(v1).zip(v2).zip(v3) {
                *o += (a0 * v0 + a1 * v1) + (a2 * v2 + a3 * v3);
            }
        } else {
            for (a, v) in a.iter().zip(block.chunks(d)) {
                axpy(*a, v, out);
            }
        }
    }
}

/// Σ (a_i − b_i)².
pub(super) fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    let mut acc = [0.0; LANES];
    for (x, y) in a.chunks(LANES).zip(b.chunks(LANES)) {
        for (acc, (x, y)) in acc.iter_mut().zip(x.iter().zip(y)) {
            *acc += (x - y) * (x - y);
        }
    }
    tree(acc)
}

/// `[batch, width]` filled by `work(rows of x, rows of out)` in parallel over fixed chunks of [`ROWS`].
pub(crate) fn map_rows(
    x: ArrayView2<f64>,
    width: usize,
    work: impl Fn(&[f64], &mut [f64]) + Sync,
) -> Array2<f64> {
    let (batch, d) = x.dim();
    let mut out = Array2::zeros((batch, width));
    let x = x.as_standard_layout();
    if let (Some(x), Some(out)) = (x.as_slice(), out.as_slice_mut())
        && d > 0
        && width > 0
    {
        out.par_chunks_mut(ROWS * width).zip(x.par_chunks(ROWS * d)).for_each(|(out, x)| work(x, out));
    }
    out
}

/// The elements of an array that is in standard layout by construction.
pub(crate) fn slice(a: &Array2<f64>) -> &[f64] {
    a.as_slice().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn products_of_every_length_are_those_of_integers() {
        // Small integers are summed without rounding, so every order must give the same value.
        for d in 1..40 {
            for r in 0..10 {
                let e: Vec<f64> = (0..d).map(|i| (i % 7) as f64 - 3.0).collect();
                let u: Vec<f64> = (0..r * d).map(|i| (i % 11) as f64 - 5.0).collect();
                let mut c = vec![0.0; r];
                dots(&u, &e, &mut c);
                let mut back = e.clone();
                axpys(&c, &u, &mut back);
                for j in 0..r {
                    let exact: f64 = (0..d).map(|i| u[j * d + i] * e[i]).sum();
                    assert_eq!(c[j], exact);
                    assert_eq!(dot(&u[j * d..(j + 1) * d], &e), exact);
                }
                for i in 0..d {
                    assert_eq!(back[i], e[i] + (0..r).map(|j| c[j] * u[j * d + i]).sum::<f64>());
                }
            }
        }
        assert_eq!(squared_distance(&[1.0; 9], &[3.0; 9]), 36.0);
    }

    #[test]
    fn transposed_input_is_read_by_its_rows() {
        let x = array![[1.0, 3.0], [2.0, 4.0]];
        let out = map_rows(x.t(), 1, |x, out| {
            for (o, x) in out.iter_mut().zip(x.chunks(2)) {
                *o = 10.0 * x[0] + x[1];
            }
        });
        assert_eq!(out, array![[12.0], [34.0]]);
    }
}
