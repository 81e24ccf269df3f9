//! Matrix products in registers: out += A·B with B packed, and out += Aᵀ·B.
//!
//! A tile of 6 rows × 64 columns (or 12 × 32, 12 × 16) is summed in registers over up to [`DEPTH`] terms and then added
//! to the result, so every element is a sum of chains in a fixed order. Rows of A are read where they lie: those of a
//! convolution overlap.

use pulp::{Arch, Simd, WithSimd};

/// Columns of a panel; the last one is as many 16s wide as needed.
pub(super) const PANEL: usize = 64;
const NARROW: usize = 16;
/// Terms of a chain: a panel's part stays in the first-level cache.
pub(super) const DEPTH: usize = 128;
/// Rows of the tiles of wide panels.
const TILE: usize = 6;
/// Rows of a left factor from which on lines of the right one are gathered.
const REREAD: usize = 24;

/// A matrix `[depth, columns]` in panels of columns; columns beyond the last are zero.
pub(super) struct Packed {
    data: Vec<f32>,
    depth: usize,
    columns: usize,
}

impl Packed {
    /// From rows that start every `stride` values.
    pub fn rows(b: &[f32], stride: usize, depth: usize, columns: usize) -> Self {
        Self::pack(depth, columns, |first, width, panel, stored| {
            for (k, out) in panel.chunks_exact_mut(stored).enumerate() {
                out[..width].copy_from_slice(&b[k * stride + first..][..width]);
            }
        })
    }

    /// From the columns: column j is `depth` values from `column(j)`.
    pub fn columns<'a>(depth: usize, columns: usize, column: impl Fn(usize) -> &'a [f32] + Sync) -> Self {
        Self::pack(depth, columns, |first, width, panel, stored| {
            // Eight columns at a time fill half a cache line of each row.
            for eight in (0..width).step_by(8) {
                let columns: Vec<&[f32]> =
                    (eight..width.min(eight + 8)).map(|j| &column(first + j)[..depth]).collect();
                for (k, out) in panel.chunks_exact_mut(stored).enumerate() {
                    for (out, column) in out[eight..].iter_mut().zip(&columns) {
                        *out = column[k];
                    }
                }
            }
        })
    }

    fn pack(depth: usize, columns: usize, fill: impl Fn(usize, usize, &mut [f32], usize) + Sync) -> Self {
        use rayon::prelude::*;
        let mut data = vec![0.0; depth * columns.next_multiple_of(NARROW)];
        if depth > 0 {
            let one = |(index, panel): (usize, &mut [f32])| {
                let first = index * PANEL;
                let stored = panel.len() / depth;
                fill(first, (columns - first).min(PANEL), panel, stored);
            };
            if depth * columns > 1 << 16 {
                data.par_chunks_mut(PANEL * depth).enumerate().for_each(one);
            } else {
                data.chunks_mut(PANEL * depth).enumerate().for_each(one);
            }
        }
        Packed { data, depth, columns }
    }
}

/// `out[i·stride..][..columns] += Σ_s row(i, s)·B_s`: the rows of A come in segments s, `segment` values each but for
/// the last, that lie anywhere.
pub(super) fn multiply<'a>(
    rows: usize,
    segment: usize,
    row: impl Fn(usize, usize) -> &'a [f32],
    b: &Packed,
    out: &mut [f32],
    stride: usize,
) {
    if rows > 0 && b.columns > 0 && b.depth > 0 {
        Arch::new().dispatch(Multiply { rows, segment, row, b, out, stride });
    }
}

struct Multiply<'b, R> {
    rows: usize,
    segment: usize,
    row: R,
    b: &'b Packed,
    out: &'b mut [f32],
    stride: usize,
}

impl<'a, R: Fn(usize, usize) -> &'a [f32]> WithSimd for Multiply<'_, R> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let count = self.b.depth.div_ceil(self.segment);
        for segment in 0..count {
            for (panel, data) in self.b.data.chunks(PANEL * self.b.depth).enumerate() {
                let width = data.len() / self.b.depth;
                let first = segment * self.segment;
                let depth = self.segment.min(self.b.depth - first);
                let data = &data[first * width..][..depth * width];
                let place = (segment, panel * PANEL, width);
                match (S::F32_LANES, width) {
                    (16, 64) => self.panel::<S, 6, 4>(simd, data, place),
                    (16, 48) => self.panel::<S, 6, 3>(simd, data, place),
                    (16, 32) => self.panel::<S, 12, 2>(simd, data, place),
                    (16, _) => self.panel::<S, 12, 1>(simd, data, place),
                    (8, _) => self.panel::<S, 6, 2>(simd, data, place),
                    (4, _) => self.panel::<S, 6, 4>(simd, data, place),
                    _ => self.panel::<S, 2, 4>(simd, data, place),
                }
            }
        }
    }
}

impl<'a, R: Fn(usize, usize) -> &'a [f32]> Multiply<'_, R> {
    #[inline(always)]
    fn panel<S: Simd, const ROWS: usize, const VECTORS: usize>(
        &mut self,
        simd: S,
        data: &[f32],
        (segment, column, width): (usize, usize, usize),
    ) {
        let depth = data.len() / width;
        let (data, _) = S::as_simd_f32s(data);
        let per_row = width / S::F32_LANES;
        for lane in (0..per_row).step_by(VECTORS) {
            let from = column + lane * S::F32_LANES;
            if from >= self.b.columns {
                break;
            }
            let kept = (VECTORS * S::F32_LANES).min(self.b.columns - from);
            for first in (0..self.rows).step_by(ROWS) {
                let last = self.rows - 1;
                let rows: [&[f32]; ROWS] = std::array::from_fn(
                    #[inline(always)]
                    |r| &(self.row)((first + r).min(last), segment)[..depth],
                );
                let mut sums = [[simd.splat_f32s(0.0); VECTORS]; ROWS];
                for k in 0..depth {
                    let b = &data[k * per_row + lane..][..VECTORS];
                    let b: [S::f32s; VECTORS] = std::array::from_fn(
                        #[inline(always)]
                        |v| b[v],
                    );
                    for r in 0..ROWS {
                        let factor = simd.splat_f32s(rows[r][k]);
                        for v in 0..VECTORS {
                            sums[r][v] = simd.mul_add_f32s(factor, b[v], sums[r][v]);
                        }
                    }
                }
                for (r, sums) in sums.iter().enumerate().take(self.rows - first) {
                    add_sums::<S, VECTORS>(
                        simd,
                        sums,
                        &mut self.out[(first + r) * self.stride + from..],
                        kept,
                    );
                }
            }
        }
    }
}

/// Adds the first `kept` values of `sums` to `out`.
#[inline(always)]
fn add_sums<S: Simd, const VECTORS: usize>(simd: S, sums: &[S::f32s; VECTORS], out: &mut [f32], kept: usize) {
    if kept == VECTORS * S::F32_LANES {
        let (out, _) = S::as_mut_simd_f32s(&mut out[..VECTORS * S::F32_LANES]);
        for v in 0..VECTORS {
            out[v] = simd.add_f32s(out[v], sums[v]);
        }
    } else {
        let mut buffer = [0.0f32; PANEL];
        let (vectors, _) = S::as_mut_simd_f32s(&mut buffer);
        vectors[..VECTORS].copy_from_slice(sums);
        for (out, sum) in out[..kept].iter_mut().zip(&buffer) {
            *out += sum;
        }
    }
}

/// The rows of a left factor that are summed over: row k is `width` values from `start(k)` of `data`.
pub(super) struct Lines<'a, F> {
    pub data: &'a [f32],
    pub start: F,
    pub width: usize,
}

/// `out[i·stride + j] += Σ_k a[k][i]·b[k·b_stride + j]` for k below `terms` and j below `columns`.
pub(super) fn multiply_transposed<F: Fn(usize) -> usize>(
    a: Lines<'_, F>,
    terms: usize,
    (b, b_stride, columns): (&[f32], usize, usize),
    out: &mut [f32],
    stride: usize,
) {
    let whole = columns / NARROW * NARROW;
    let mut gathered = [0.0f32; PANEL * DEPTH];
    let often = columns > 2 * PANEL && a.width.is_multiple_of(TILE);
    let mut tiles = vec![0.0f32; if often { a.width * DEPTH.min(terms) } else { 0 }];
    for first in (0..terms).step_by(DEPTH) {
        let count = DEPTH.min(terms - first);
        let range = (first, count);
        if often {
            for (tile, tiles) in tiles.chunks_exact_mut(TILE * count).enumerate().take(a.width / TILE) {
                for (k, tile_line) in tiles.chunks_exact_mut(TILE).enumerate() {
                    tile_line.copy_from_slice(&a.data[(a.start)(first + k) + tile * TILE..][..TILE]);
                }
            }
        }
        for panel in (0..whole).step_by(PANEL) {
            let width = PANEL.min(whole - panel);
            let lines = &b[first * b_stride + panel..];
            // Lines far apart fall into few sets of the cache: worth a copy if many rows read them.
            let block = if b_stride > width && a.width >= REREAD {
                for (k, gathered) in gathered.chunks_exact_mut(width).enumerate().take(count) {
                    gathered.copy_from_slice(&lines[k * b_stride..][..width]);
                }
                (&gathered[..], width)
            } else {
                (lines, b_stride)
            };
            let place = (panel, width, width);
            let tiles = if often && width > 2 * NARROW { Some(&tiles[..]) } else { None };
            Arch::new().dispatch(Transposed { a: &a, tiles, range, b: block, out, stride, place });
        }
        if whole < columns {
            let kept = columns - whole;
            let mut rest = [0.0f32; NARROW * DEPTH];
            for (k, rest) in rest.chunks_exact_mut(NARROW).enumerate().take(count) {
                rest[..kept].copy_from_slice(&b[(first + k) * b_stride + whole..][..kept]);
            }
            let place = (whole, NARROW, kept);
            Arch::new().dispatch(Transposed {
                a: &a,
                tiles: None,
                range,
                b: (&rest, NARROW),
                out,
                stride,
                place,
            });
        }
    }
}

struct Transposed<'b, 'a, F> {
    a: &'b Lines<'a, F>,
    /// The lines of `range` in tiles of [`TILE`] columns, each with its lines one after another.
    tiles: Option<&'b [f32]>,
    range: (usize, usize),
    b: (&'b [f32], usize),
    out: &'b mut [f32],
    stride: usize,
    place: (usize, usize, usize),
}

impl<F: Fn(usize) -> usize> WithSimd for Transposed<'_, '_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let (_, width, _) = self.place;
        match (S::F32_LANES, width) {
            (16, 64) => self.rows::<S, 6, 4>(simd),
            (16, 48) => self.rows::<S, 6, 3>(simd),
            (16, 32) => self.rows::<S, 12, 2>(simd),
            (16, _) => self.rows::<S, 12, 1>(simd),
            (8, _) => self.rows::<S, 6, 2>(simd),
            (4, _) => self.rows::<S, 6, 4>(simd),
            _ => self.rows::<S, 2, 4>(simd),
        }
    }
}

impl<F: Fn(usize) -> usize> Transposed<'_, '_, F> {
    #[inline(always)]
    fn rows<S: Simd, const ROWS: usize, const VECTORS: usize>(&mut self, simd: S) {
        let (column, width, kept) = self.place;
        for lane in (0..width / S::F32_LANES).step_by(VECTORS) {
            let offset = lane * S::F32_LANES;
            if offset >= kept {
                break;
            }
            let kept = (kept - offset).min(VECTORS * S::F32_LANES);
            let whole = self.a.width / ROWS * ROWS;
            for first in (0..whole).step_by(ROWS) {
                self.tile::<S, ROWS, VECTORS>(simd, first, offset, column, kept);
            }
            let mut first = whole;
            while first + 2 <= self.a.width {
                self.tile::<S, 2, VECTORS>(simd, first, offset, column, kept);
                first += 2;
            }
            if first < self.a.width {
                self.tile::<S, 1, VECTORS>(simd, first, offset, column, kept);
            }
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const ROWS: usize, const VECTORS: usize>(
        &mut self,
        simd: S,
        first: usize,
        offset: usize,
        column: usize,
        kept: usize,
    ) {
        let mut sums = [[simd.splat_f32s(0.0); VECTORS]; ROWS];
        let (from, count) = self.range;
        let (b, b_stride) = self.b;
        for k in 0..count {
            let (b, _) = S::as_simd_f32s(&b[k * b_stride + offset..][..VECTORS * S::F32_LANES]);
            let b: [S::f32s; VECTORS] = std::array::from_fn(
                #[inline(always)]
                |v| b[v],
            );
            let a = match self.tiles {
                Some(tiles) => &tiles[(first / TILE * count + k) * TILE + first % TILE..][..ROWS],
                None => &self.a.data[(self.a.start)(from + k) + first..][..ROWS],
            };
            for r in 0..ROWS {
                let factor = simd.splat_f32s(a[r]);
                for v in 0..VECTORS {
                    sums[r][v] = simd.mul_add_f32s(factor, b[v], sums[r][v]);
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            let place = (first + r) * self.stride + column + offset;
            add_sums::<S, VECTORS>(simd, sums, &mut self.out[place..], kept);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{close, noise};
    use super::*;

    fn naive(a: impl Fn(usize, usize) -> f32, b: &[f32], shape: (usize, usize, usize)) -> Vec<f64> {
        let (m, k, n) = shape;
        let mut out = vec![0.0; m * n];
        for i in 0..m {
            for j in 0..n {
                out[i * n + j] = (0..k).map(|l| f64::from(a(i, l)) * f64::from(b[l * n + j])).sum();
            }
        }
        out
    }

    const SHAPES: [(usize, usize, usize); 7] =
        [(1, 1, 1), (7, 5, 3), (13, 130, 17), (6, 128, 64), (25, 300, 113), (12, 9, 96), (2, 257, 80)];

    #[test]
    fn products_agree_with_the_naive_loop() {
        for (m, k, n) in SHAPES {
            let (a, b) = (noise(m * k, 1), noise(k * n, 2));
            let expected = naive(|i, l| a[i * k + l], &b, (m, k, n));
            let transposed: Vec<f32> = (0..n * k).map(|i| b[i % k * n + i / k]).collect();
            let row = |i: usize, s: usize| &a[i * k + s * DEPTH..(i + 1) * k];
            for packed in [Packed::rows(&b, n, k, n), Packed::columns(k, n, |j| &transposed[j * k..])] {
                let mut out = vec![0.0; m * n];
                multiply(m, DEPTH, row, &packed, &mut out, n);
                close(&out, &expected, 1e-5);
            }
        }
    }

    #[test]
    fn transposed_products_agree_with_the_naive_loop() {
        for (m, k, n) in SHAPES {
            let (a, b) = (noise(m * k, 3), noise(k * n, 4));
            let expected = naive(|i, l| a[l * m + i], &b, (m, k, n));
            let mut out = vec![0.0; m * n];
            let lines = Lines { data: &a, start: |l| l * m, width: m };
            multiply_transposed(lines, k, (&b, n, n), &mut out, n);
            close(&out, &expected, 1e-5);
        }
    }
}
