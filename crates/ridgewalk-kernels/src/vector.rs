//! f64 vectors: dot products, squared distances by direct difference, scaled sums.
//!
//! Sums run in 16 interleaved chains that are added in a fixed order, so the vector width does
//! not change the result.

use pulp::Arch;

const CHAINS: usize = 16;

// Every closure here must be inlined into the dispatched one: outside of it the compiler may not
// use fused multiply-adds and calls a function for each, twenty times slower.
#[inline(always)]
fn sum_over(a: &[f64], b: &[f64], term: impl Fn(f64, f64, f64) -> f64) -> f64 {
    let mut sums = [0.0; CHAINS];
    let (a_chunks, a_rest) = a.as_chunks::<CHAINS>();
    let (b_chunks, b_rest) = b.as_chunks::<CHAINS>();
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for i in 0..CHAINS {
            sums[i] = term(a[i], b[i], sums[i]);
        }
    }
    for (i, (a, b)) in a_rest.iter().zip(b_rest).enumerate() {
        sums[i] = term(*a, *b, sums[i]);
    }
    let mut width = CHAINS / 2;
    while width > 0 {
        for i in 0..width {
            sums[i] += sums[i + width];
        }
        width /= 2;
    }
    sums[0]
}

/// Σ aᵢbᵢ over the shorter length.
pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            sum_over(
                a,
                b,
                #[inline(always)]
                |a, b, sum| a.mul_add(b, sum),
            )
        },
    )
}

/// Σ (aᵢ − bᵢ)² over the shorter length: no digits are lost however close the two are.
pub fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            sum_over(
                a,
                b,
                #[inline(always)]
                |a, b, sum| {
                    let difference = a - b;
                    difference.mul_add(difference, sum)
                },
            )
        },
    )
}

/// `out += factor · x`, element by element.
pub fn add_scaled(out: &mut [f64], factor: f64, x: &[f64]) {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for (out, &x) in out.iter_mut().zip(x) {
                *out = factor.mul_add(x, *out);
            }
        },
    );
}

/// Squared distances of one query to points stored by columns: `out[i] = Σₖ (q[k] − columns[k·n + i])²`
/// with n = `out.len()`. For few coordinates this is faster than any matrix product, and exact.
pub fn squared_distances_by_column(query: &[f64], columns: &[f64], out: &mut [f64]) {
    // A block of points stays in the first-level cache while its coordinates are summed.
    const BLOCK: usize = 1024;
    let n = out.len();
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for (block, out) in out.chunks_mut(BLOCK).enumerate() {
                out.fill(0.0);
                for (k, &q) in query.iter().enumerate() {
                    let column = &columns[k * n + block * BLOCK..][..out.len()];
                    for (out, &x) in out.iter_mut().zip(column) {
                        let difference = q - x;
                        *out = difference.mul_add(difference, *out);
                    }
                }
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        let a: Vec<f64> = (0..37).map(f64::from).collect();
        let b = vec![2.0; 37];
        assert_eq!(dot(&a, &b), 2.0 * 666.0);
        assert_eq!(squared_distance(&a, &b), (0..37).map(|i| f64::from(i - 2).powi(2)).sum::<f64>());
        let mut out = vec![1.0; 37];
        add_scaled(&mut out, 3.0, &a);
        assert_eq!(out[5], 16.0);
    }

    #[test]
    fn close_points_keep_their_digits() {
        let a = vec![1e8; 50];
        let b: Vec<f64> = a.iter().map(|a| a + 1e-6).collect();
        let expected = a.iter().zip(&b).map(|(a, b)| (b - a) * (b - a)).sum::<f64>();
        assert!((squared_distance(&a, &b) / expected - 1.0).abs() < 1e-14);
    }

    #[test]
    fn columns_agree_with_rows() {
        let n = 2500;
        let columns: Vec<f64> = (0..3 * n).map(|i| (i as f64 * 0.37).sin()).collect();
        let query = [0.1, -0.4, 0.9];
        let mut out = vec![0.0; n];
        squared_distances_by_column(&query, &columns, &mut out);
        for i in [0, 1023, 1024, n - 1] {
            let row = [columns[i], columns[n + i], columns[2 * n + i]];
            assert!((out[i] - squared_distance(&query, &row)).abs() < 1e-15);
        }
    }
}
