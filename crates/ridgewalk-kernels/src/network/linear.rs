//! Linear layers: y = act(x w + b), x `[rows, inputs]`, w `[inputs, outputs]`, b `[outputs]`.

use rayon::prelude::*;

use super::product::{DEPTH, Lines, Packed, multiply, multiply_transposed};
use super::{Nonlinearity, PIECES, sum_of_pieces, vectorised};

/// Rows and columns of w whose gradient is one task: it stays in the second-level cache, and so does what it is the sum
/// of.
const BLOCK: [usize; 2] = [192, 512];

/// The shape and nonlinearity of a linear layer.
#[derive(Debug, Clone, Copy)]
pub struct Linear {
    /// Rows of x.
    pub rows: usize,
    /// Columns of x.
    pub inputs: usize,
    /// Columns of y.
    pub outputs: usize,
    /// What is applied to x w + b.
    pub activation: Nonlinearity,
}

/// Gradients of a linear layer.
#[derive(Debug, Clone, PartialEq)]
pub struct LinearGradient {
    /// Of x, `[rows, inputs]`, if asked for.
    pub x: Option<Vec<f32>>,
    /// Of w, `[inputs, outputs]`, if asked for.
    pub w: Option<Vec<f32>>,
    /// Of b, `[outputs]`.
    pub b: Vec<f32>,
}

impl Linear {
    // A fair share each of eight cores, whole tiles of six rows.
    fn piece(&self) -> usize {
        self.rows.div_ceil(PIECES).clamp(6, 96).next_multiple_of(6)
    }

    /// y and, with an activation, x w + b, which its derivative needs.
    ///
    /// # Panics
    /// If a slice is not as long as the shape says.
    pub fn forward(&self, x: &[f32], w: &[f32], b: Option<&[f32]>) -> (Vec<f32>, Option<Vec<f32>>) {
        let (inputs, outputs) = (self.inputs, self.outputs);
        assert!(x.len() == self.rows * inputs && w.len() == inputs * outputs);
        assert!(b.is_none_or(|b| b.len() == outputs));
        let packed = Packed::rows(w, outputs, inputs, outputs);
        let mut before = vec![0.0f32; self.rows * outputs];
        if before.is_empty() {
            return (before.clone(), (self.activation != Nonlinearity::None).then_some(before));
        }
        let piece = self.piece();
        let product = |index: usize, out: &mut [f32]| {
            if let Some(b) = b {
                out.chunks_exact_mut(outputs).for_each(|out| out.copy_from_slice(b));
            }
            let x = &x[index * piece * inputs..];
            let row = |i: usize, s: usize| &x[i * inputs + s * DEPTH..(i + 1) * inputs];
            multiply(out.len() / outputs, DEPTH, row, &packed, out, outputs);
        };
        let pieces = before.par_chunks_mut(piece * outputs).enumerate();
        if self.activation == Nonlinearity::None {
            pieces.for_each(|(index, out)| product(index, out));
            return (before, None);
        }
        let mut y = vec![0.0f32; self.rows * outputs];
        pieces.zip(y.par_chunks_mut(piece * outputs)).for_each(|((index, out), y)| {
            product(index, out);
            vectorised(
                #[inline(always)]
                || self.activation.write(out, y),
            );
        });
        (y, Some(before))
    }

    /// Gradients from that of y; `before` is what [`Linear::forward`] gave beside y.
    ///
    /// # Panics
    /// If a slice is not as long as the shape says.
    pub fn backward(
        &self,
        x: &[f32],
        w: &[f32],
        before: Option<&[f32]>,
        gradient: &[f32],
        (need_x, need_w): (bool, bool),
    ) -> LinearGradient {
        let (inputs, outputs) = (self.inputs, self.outputs);
        assert!(x.len() == self.rows * inputs && w.len() == inputs * outputs);
        assert!(gradient.len() == self.rows * outputs);
        if gradient.is_empty() {
            let zeros = |needed: bool, length: usize| needed.then(|| vec![0.0; length]);
            return LinearGradient {
                x: zeros(need_x, x.len()),
                w: zeros(need_w, w.len()),
                b: vec![0.0; outputs],
            };
        }
        let (inner, b) = match before {
            Some(before) if self.activation != Nonlinearity::None => {
                let (inner, b) = self.before_activation(before, gradient);
                (Some(inner), b)
            }
            _ => (None, column_sums(gradient, outputs)),
        };
        let gradient = inner.as_deref().unwrap_or(gradient);
        LinearGradient {
            x: need_x.then(|| self.backward_x(w, gradient)),
            w: need_w.then(|| self.backward_w(x, gradient)),
            b,
        }
    }

    /// The gradient of x w + b, and its column sums.
    fn before_activation(&self, before: &[f32], gradient: &[f32]) -> (Vec<f32>, Vec<f32>) {
        assert!(before.len() == gradient.len());
        let outputs = self.outputs;
        let mut inner = vec![0.0f32; gradient.len()];
        let piece = self.piece() * outputs;
        let sums: Vec<Vec<f32>> = inner
            .par_chunks_mut(piece)
            .enumerate()
            .map(|(index, inner)| {
                let range = index * piece..index * piece + inner.len();
                let mut sum = vec![0.0f32; outputs];
                vectorised(
                    #[inline(always)]
                    || {
                        self.activation.write_slope(&before[range.clone()], &gradient[range.clone()], inner);
                        add_rows(inner, &mut sum);
                    },
                );
                sum
            })
            .collect();
        (inner, sum_of_pieces(&sums, 1.0))
    }

    fn backward_x(&self, w: &[f32], gradient: &[f32]) -> Vec<f32> {
        let (inputs, outputs) = (self.inputs, self.outputs);
        let mut dx = vec![0.0f32; self.rows * inputs];
        if inputs == 0 {
            return dx;
        }
        let packed = Packed::columns(outputs, inputs, |j| &w[j * outputs..]);
        let piece = self.piece();
        dx.par_chunks_mut(piece * inputs).enumerate().for_each(|(index, out)| {
            let g = &gradient[index * piece * outputs..];
            let row = |i: usize, s: usize| &g[i * outputs + s * DEPTH..(i + 1) * outputs];
            multiply(out.len() / inputs, DEPTH, row, &packed, out, inputs);
        });
        dx
    }

    fn backward_w(&self, x: &[f32], gradient: &[f32]) -> Vec<f32> {
        let (inputs, outputs) = (self.inputs, self.outputs);
        // Small weights under many rows: a piece of the rows each, summed; else a block of the weights each.
        if inputs * outputs <= 1 << 16 && self.rows >= 1024 {
            let piece = self.rows.div_ceil(PIECES);
            let sums: Vec<Vec<f32>> = (0..self.rows.div_ceil(piece))
                .into_par_iter()
                .map(|index| {
                    let (first, count) = (index * piece, piece.min(self.rows - index * piece));
                    let mut sum = vec![0.0f32; inputs * outputs];
                    let lines = Lines { data: &x[first * inputs..], start: |k| k * inputs, width: inputs };
                    let g = (&gradient[first * outputs..], outputs, outputs);
                    multiply_transposed(lines, count, g, &mut sum, outputs);
                    sum
                })
                .collect();
            return sum_of_pieces(&sums, 1.0);
        }
        let across = outputs.div_ceil(BLOCK[1]);
        let blocks: Vec<Vec<f32>> = (0..inputs.div_ceil(BLOCK[0]) * across)
            .into_par_iter()
            .map(|index| {
                let (row, column) = (index / across * BLOCK[0], index % across * BLOCK[1]);
                let (rows, columns) = (BLOCK[0].min(inputs - row), BLOCK[1].min(outputs - column));
                let mut sum = vec![0.0f32; rows * columns];
                let lines = Lines { data: x, start: |k| k * inputs + row, width: rows };
                let g = (&gradient[column..], outputs, columns);
                multiply_transposed(lines, self.rows, g, &mut sum, columns);
                sum
            })
            .collect();
        let mut dw = vec![0.0f32; inputs * outputs];
        dw.par_chunks_mut(outputs).enumerate().for_each(|(row, out)| {
            let blocks = &blocks[row / BLOCK[0] * across..][..across];
            for (out, block) in out.chunks_mut(BLOCK[1]).zip(blocks) {
                let width = out.len();
                out.copy_from_slice(&block[row % BLOCK[0] * width..][..width]);
            }
        });
        dw
    }
}

/// Adds every row to `sum`.
#[inline(always)]
pub(super) fn add_rows(rows: &[f32], sum: &mut [f32]) {
    for row in rows.chunks_exact(sum.len()) {
        for (sum, x) in sum.iter_mut().zip(row) {
            *sum += x;
        }
    }
}

/// Sums of the columns of a matrix, of short pieces first so that little is lost.
pub(super) fn column_sums(x: &[f32], columns: usize) -> Vec<f32> {
    let rows = x.len() / columns.max(1);
    let piece = rows.div_ceil(64).max(64) * columns;
    let sums: Vec<Vec<f32>> = x
        .par_chunks(piece.max(1))
        .map(|x| {
            let mut sum = vec![0.0f32; columns];
            vectorised(
                #[inline(always)]
                || add_rows(x, &mut sum),
            );
            sum
        })
        .collect();
    if sums.is_empty() { vec![0.0; columns] } else { sum_of_pieces(&sums, 1.0) }
}

#[cfg(test)]
mod tests {
    use super::super::activation::tests::exact;
    use super::super::tests::{close, differences, noise, same_on_all_threads, wide};
    use super::*;

    fn naive(layer: &Linear, x: &[f64], w: &[f64], b: &[f64]) -> Vec<f64> {
        let mut y = Vec::new();
        for x in x.chunks(layer.inputs) {
            for j in 0..layer.outputs {
                let sum: f64 = (0..layer.inputs).map(|k| x[k] * w[k * layer.outputs + j]).sum();
                y.push(exact(layer.activation, sum + b[j]));
            }
        }
        y
    }

    #[test]
    fn forward_and_backward_agree_with_f64_loops() {
        for (rows, inputs, outputs) in [(1, 1, 1), (7, 5, 3), (13, 9, 17)] {
            for activation in [Nonlinearity::None, Nonlinearity::Silu, Nonlinearity::Gelu] {
                let layer = Linear { rows, inputs, outputs, activation };
                let (x, w, b) = (noise(rows * inputs, 1), noise(inputs * outputs, 2), noise(outputs, 3));
                let (y, before) = layer.forward(&x, &w, Some(&b));
                let (wx, ww, wb) = (wide(&x), wide(&w), wide(&b));
                close(&y, &naive(&layer, &wx, &ww, &wb), 2e-6);
                let g = noise(rows * outputs, 4);
                let got = layer.backward(&x, &w, before.as_deref(), &g, (true, true));
                close(&got.x.unwrap(), &differences(&x, &g, |x| naive(&layer, x, &ww, &wb)), 1e-5);
                close(&got.w.unwrap(), &differences(&w, &g, |w| naive(&layer, &wx, w, &wb)), 1e-5);
                close(&got.b, &differences(&b, &g, |b| naive(&layer, &wx, &ww, b)), 1e-5);
            }
        }
    }

    /// The adjoint identity ⟨g, x w⟩ = ⟨dw, w⟩ = ⟨dx, x⟩ at shapes that take every path.
    #[test]
    fn large_shapes_keep_the_adjoint_identity_on_any_number_of_threads() {
        for (rows, inputs, outputs) in [(1100, 40, 70), (130, 300, 260)] {
            let layer = Linear { rows, inputs, outputs, activation: Nonlinearity::None };
            let (x, w, g) = (noise(rows * inputs, 1), noise(inputs * outputs, 2), noise(rows * outputs, 3));
            let inner = |a: &[f32], b: &[f32]| crate::sum_and_dot_f32(a, b).1;
            let (y, _) = layer.forward(&x, &w, None);
            let got = layer.backward(&x, &w, None, &g, (true, true));
            let size = (inner(&y, &y) * inner(&g, &g)).sqrt();
            for other in [inner(got.x.as_ref().unwrap(), &x), inner(got.w.as_ref().unwrap(), &w)] {
                assert!((inner(&y, &g) - other).abs() < 1e-6 * size);
            }
            let sums: Vec<f64> = (0..outputs)
                .map(|j| g.iter().skip(j).step_by(outputs).map(|g| f64::from(*g)).sum())
                .collect();
            close(&got.b, &sums, 1e-5);
            assert!(same_on_all_threads(|| layer.backward(&x, &w, None, &g, (true, true))));
        }
    }
}
