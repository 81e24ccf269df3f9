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

    /// Packs the matrix whose columns are these, over their first `rows` values: copies where
    /// [`Panels::pack`] calls. Values that a shorter column lacks are zero.
    pub fn from_columns<'a>(rows: usize, columns: impl ExactSizeIterator<Item = &'a [f32]>) -> Self {
        let depth = columns.len();
        let mut data = vec![0.0; rows.div_ceil(LANES) * LANES * depth];
        for (column, values) in columns.enumerate() {
            for (panel, values) in values[..values.len().min(rows)].chunks(LANES).enumerate() {
                data[(panel * depth + column) * LANES..][..values.len()].copy_from_slice(values);
            }
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

    /// Products of all rows of `panel` with all queries; query q's go to `out[q * LANES..][..LANES]`.
    ///
    /// The columns are summed in chains of `chain`, whose sums are added in order: shorter chains
    /// lose less to rounding, and a chain's part of the panel stays in the first-level cache for
    /// all groups.
    ///
    /// # Panics
    /// If the panel is out of range, the depths differ, `out` is too short or `chain` is 0.
    pub fn multiply(&self, panel: usize, queries: &Groups, chain: usize, out: &mut [f32]) {
        assert!(self.depth == queries.depth && out.len() >= queries.count() * GROUP * LANES);
        let panel = &self.data[panel * LANES * self.depth..][..LANES * self.depth];
        Arch::new().dispatch(Multiply { panel, queries, chain, out });
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

    /// Of `queries × depth` zeros, to be filled with [`Groups::set`].
    pub fn zeros(queries: usize, depth: usize) -> Self {
        Groups { data: vec![0.0; queries.div_ceil(GROUP) * GROUP * depth], depth }
    }

    /// Replaces the values of one query, over the shorter length.
    pub fn set(&mut self, query: usize, values: &[f32]) {
        let group = &mut self.data[query / GROUP * GROUP * self.depth..][..GROUP * self.depth];
        for (column, value) in group.as_chunks_mut::<GROUP>().0.iter_mut().zip(values) {
            column[query % GROUP] = *value;
        }
    }

    /// Number of groups.
    pub fn count(&self) -> usize {
        if self.depth == 0 { 0 } else { self.data.len() / (GROUP * self.depth) }
    }
}

struct Multiply<'a> {
    panel: &'a [f32],
    queries: &'a Groups,
    chain: usize,
    out: &'a mut [f32],
}

impl WithSimd for Multiply<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // As many sums as registers hold: 8 × 2 of AVX-512's 32, 4 × 2 of the 16 of AVX2.
        match S::F32_LANES {
            16 => self.chains::<S, 2, 8>(simd),
            8 => self.chains::<S, 2, 4>(simd),
            4 => self.chains::<S, 4, 4>(simd),
            _ => self.chains::<S, 1, 1>(simd),
        }
    }
}

impl Multiply<'_> {
    #[inline(always)]
    fn chains<S: Simd, const VECTORS: usize, const QUERIES: usize>(self, simd: S) {
        let (groups, _) = self.queries.data.as_chunks::<GROUP>();
        for (link, panel) in self.panel.chunks(self.chain * LANES).enumerate() {
            let outs = self.out.chunks_exact_mut(GROUP * LANES);
            for (group, out) in groups.chunks_exact(self.queries.depth).zip(outs) {
                let group = &group[link * self.chain..];
                block::<S, VECTORS, QUERIES>(simd, panel, group, out, link > 0);
            }
        }
    }
}

/// Products of one chain's part of a panel with one group, written or added to `out`.
#[inline(always)]
fn block<S: Simd, const VECTORS: usize, const QUERIES: usize>(
    simd: S,
    panel: &[f32],
    group: &[[f32; GROUP]],
    out: &mut [f32],
    add: bool,
) {
    let (panel, _) = S::as_simd_f32s(panel);
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
                let row = &mut out[(query + q) * LANES..][..LANES];
                let (row, _) = S::as_mut_simd_f32s(row);
                for (out, sum) in row[lane..].iter_mut().zip(sums) {
                    *out = if add { simd.add_f32s(*out, *sum) } else { *sum };
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

    /// Chains of fused multiply-adds, added in order: the scalar loop gives the same bits.
    #[test]
    fn products_are_the_scalar_chains_bit_for_bit() {
        let (rows, depth, queries, chain) = (70, 45, 13, 20);
        let factor = |q: usize, c: usize| value(q + 5, c) / 3.0;
        let panels = Panels::pack(rows, depth, value);
        let groups = Groups::pack(queries, depth, factor);
        for panel in 0..panels.count() {
            let mut out = vec![f32::NAN; groups.count() * GROUP * LANES];
            panels.multiply(panel, &groups, chain, &mut out);
            for lane in 0..LANES.min(rows - panel * LANES) {
                for q in 0..queries {
                    let link = |columns: std::ops::Range<usize>| {
                        columns
                            .fold(0.0f32, |sum, c| factor(q, c).mul_add(value(panel * LANES + lane, c), sum))
                    };
                    let expected = link(0..20) + link(20..40) + link(40..45);
                    assert_eq!(out[q * LANES + lane].to_bits(), expected.to_bits());
                }
            }
        }
    }

    #[test]
    fn columns_are_packed_as_values_are() {
        let columns: Vec<Vec<f32>> = (0..6).map(|c| (0..45).map(|row| value(row, c)).collect()).collect();
        let packed = Panels::from_columns(45, columns.iter().map(Vec::as_slice));
        assert_eq!(packed.data, Panels::pack(45, 6, value).data);
        assert_eq!((packed.rows(), packed.depth(), packed.count()), (45, 6, 2));
    }

    #[test]
    fn setting_queries_is_packing_them() {
        let packed = Groups::pack(11, 6, value);
        let mut set = Groups::zeros(11, 6);
        for q in 0..11 {
            let row: Vec<f32> = (0..6).map(|c| value(q, c)).collect();
            set.set(q, &row);
        }
        assert_eq!(packed.data, set.data);
    }
}
