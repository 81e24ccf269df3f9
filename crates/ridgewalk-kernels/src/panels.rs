//! Packed f32 matrices and their products with small groups of queries.
//!
//! A matrix of n rows and k columns is stored as panels of [`LANES`] rows, each panel holding for
//! every column the values of its rows side by side. A product with a group of [`GROUP`] queries
//! then streams one panel through registers: `LANES × GROUP` sums of k fused multiply-adds each,
//! in the order of the columns. Packing is done once; a product never repacks.

use pulp::{Arch, Simd, WithSimd};

/// Rows of a panel.
pub const LANES: usize = 32;
/// Queries of a group.
pub const GROUP: usize = 8;

/// An f32 matrix of `rows × depth` in panels of [`LANES`] rows; missing rows are zero.
#[derive(Debug, Clone)]
pub struct Panels {
    data: Vec<f32>,
    rows: usize,
    depth: usize,
}

impl Panels {
    /// Packs the matrix whose element (row, column) is `value(row, column)`.
    pub fn pack(rows: usize, depth: usize, value: impl Fn(usize, usize) -> f32 + Sync) -> Self {
        use rayon::prelude::*;
        let mut data = vec![0.0; rows.div_ceil(LANES) * LANES * depth];
        if depth > 0 {
            data.par_chunks_mut(LANES * depth).enumerate().for_each(|(panel, out)| {
                let first = panel * LANES;
                for (column, out) in out.chunks_exact_mut(LANES).enumerate() {
                    for (row, out) in (first..rows).zip(out) {
                        *out = value(row, column);
                    }
                }
            });
        }
        Panels { data, rows, depth }
    }

    /// Rows of the matrix.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Columns of the matrix.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Number of panels.
    pub fn count(&self) -> usize {
        self.rows.div_ceil(LANES)
    }

    /// Products of all rows of `panel` with all queries of `group`, over the columns
    /// `first..first + group depth`; query q's products go to `out[q * stride..][..LANES]`.
    ///
    /// # Panics
    /// If the panel, the columns, or `out` are out of range.
    pub fn multiply(&self, panel: usize, first: usize, group: &[f32], out: &mut [f32], stride: usize) {
        let depth = group.len() / GROUP;
        let start = panel * LANES * self.depth + first * LANES;
        let panel = &self.data[start..start + depth * LANES];
        assert!(out.len() >= (GROUP - 1) * stride + LANES && first + depth <= self.depth);
        Arch::new().dispatch(Multiply { panel, group, out, stride });
    }
}

/// Queries in groups of [`GROUP`], each group holding for every column the values of its queries
/// side by side; missing queries are zero.
#[derive(Debug, Clone)]
pub struct Groups {
    data: Vec<f32>,
    depth: usize,
}

impl Groups {
    /// Packs `queries × depth` values.
    pub fn pack(queries: usize, depth: usize, value: impl Fn(usize, usize) -> f32) -> Self {
        let mut data = vec![0.0; queries.div_ceil(GROUP) * GROUP * depth];
        for query in 0..queries {
            let group = &mut data[query / GROUP * GROUP * depth..];
            for column in 0..depth {
                group[column * GROUP + query % GROUP] = value(query, column);
            }
        }
        Groups { data, depth }
    }

    /// Number of groups.
    pub fn count(&self) -> usize {
        if self.depth == 0 { 0 } else { self.data.len() / (GROUP * self.depth) }
    }

    /// One group, as [`Panels::multiply`] takes it.
    pub fn group(&self, index: usize) -> &[f32] {
        &self.data[index * GROUP * self.depth..][..GROUP * self.depth]
    }
}

struct Multiply<'a> {
    panel: &'a [f32],
    group: &'a [f32],
    out: &'a mut [f32],
    stride: usize,
}

impl WithSimd for Multiply<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // As many sums as registers hold: 8 × 2 of AVX-512's 32, 4 × 2 of the 16 of AVX2.
        match S::F32_LANES {
            16 => self.blocks::<S, 2, 8>(simd),
            8 => self.blocks::<S, 2, 4>(simd),
            4 => self.blocks::<S, 4, 4>(simd),
            _ => self.blocks::<S, 1, 1>(simd),
        }
    }
}

impl Multiply<'_> {
    #[inline(always)]
    fn blocks<S: Simd, const VECTORS: usize, const QUERIES: usize>(self, simd: S) {
        let (panel, _) = S::as_simd_f32s(self.panel);
        let (group, _) = self.group.as_chunks::<GROUP>();
        let per_column = LANES / S::F32_LANES;
        for lane in (0..per_column).step_by(VECTORS) {
            for query in (0..GROUP).step_by(QUERIES) {
                let mut sums = [[simd.splat_f32s(0.0); VECTORS]; QUERIES];
                for (column, group) in panel.chunks_exact(per_column).zip(group) {
                    let column: [S::f32s; VECTORS] = std::array::from_fn(|v| column[lane + v]);
                    for q in 0..QUERIES {
                        let factor = simd.splat_f32s(group[query + q]);
                        for v in 0..VECTORS {
                            sums[q][v] = simd.mul_add_f32s(factor, column[v], sums[q][v]);
                        }
                    }
                }
                for (q, sums) in sums.iter().enumerate() {
                    let row = &mut self.out[(query + q) * self.stride..][..LANES];
                    let (row, _) = S::as_mut_simd_f32s(row);
                    row[lane..lane + VECTORS].copy_from_slice(sums);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(row: usize, column: usize) -> f32 {
        ((row * 37 + column * 101) % 71) as f32 / 8.0 - 4.0
    }

    /// One chain of fused multiply-adds per element: the scalar loop gives the same bits.
    #[test]
    fn products_are_the_scalar_chain_bit_for_bit() {
        let (rows, depth, queries) = (70, 45, 13);
        let panels = Panels::pack(rows, depth, value);
        let groups = Groups::pack(queries, depth, |q, c| value(q + 5, c) / 3.0);
        for panel in 0..panels.count() {
            for g in 0..groups.count() {
                let mut out = vec![f32::NAN; GROUP * 40];
                panels.multiply(panel, 0, groups.group(g), &mut out, 40);
                for lane in 0..LANES.min(rows - panel * LANES) {
                    for q in 0..GROUP.min(queries - g * GROUP) {
                        let expected = (0..depth).fold(0.0f32, |sum, c| {
                            (value(g * GROUP + q + 5, c) / 3.0).mul_add(value(panel * LANES + lane, c), sum)
                        });
                        assert_eq!(out[q * 40 + lane].to_bits(), expected.to_bits());
                    }
                }
            }
        }
    }

    #[test]
    fn a_range_of_columns() {
        let panels = Panels::pack(32, 10, value);
        let groups = Groups::pack(1, 3, |_, c| [1.0, 10.0, 100.0][c]);
        let mut out = vec![0.0; GROUP * LANES];
        panels.multiply(0, 4, groups.group(0), &mut out, LANES);
        assert_eq!(out[7], value(7, 4) + 10.0 * value(7, 5) + 100.0 * value(7, 6));
    }
}
