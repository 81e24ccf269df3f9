//! Anderson acceleration of a fixed-point iteration x ← x + f(x) (Anderson 1965; Walker & Ni 2011).
//!
//! With the last differences Δx_j and Δf_j, and θ the least squares solution of f ≈ Σ θ_j Δf_j, the next point is
//! x + f − Σ θ_j (Δx_j + Δf_j). Where the iteration converges by a constant factor, so by a line or a plane of
//! slow directions, a few differences know that factor.

use ndarray::{Array1, ArrayView1};

/// Differences kept.
const DEPTH: usize = 6;
/// A difference of which less than this part is left beside newer ones is dropped.
const DEPENDENT: f64 = 1e-6;

/// The last points of an iteration, and where they were to go.
#[derive(Debug, Clone, Default)]
pub(super) struct Anderson {
    last: Option<(Array1<f64>, Array1<f64>)>,
    /// (Δx, Δf), the newest last.
    differences: Vec<(Array1<f64>, Array1<f64>)>,
}

impl Anderson {
    /// The step from x, whose plain step is f.
    pub(super) fn step(&mut self, x: ArrayView1<f64>, f: ArrayView1<f64>) -> Array1<f64> {
        if let Some((before, step)) = self.last.replace((x.to_owned(), f.to_owned())) {
            self.differences.push((&x - &before, &f - &step));
            if self.differences.len() > DEPTH {
                self.differences.remove(0);
            }
        }
        // Gram–Schmidt from the newest: q_j R = Δf; the coordinates of f in it give θ by back substitution.
        let mut basis: Vec<(Array1<f64>, Vec<f64>, usize)> = Vec::new();
        for (j, (_, df)) in self.differences.iter().enumerate().rev() {
            let size = df.dot(df).sqrt();
            let mut rest = df.clone();
            let mut along = Vec::with_capacity(basis.len() + 1);
            for (q, ..) in &basis {
                let part = q.dot(&rest);
                rest.scaled_add(-part, q);
                along.push(part);
            }
            let left = rest.dot(&rest).sqrt();
            if left > DEPENDENT * size {
                along.push(left);
                basis.push((rest / left, along, j));
            }
        }
        let mut coordinates: Vec<f64> = basis.iter().map(|(q, ..)| q.dot(&f)).collect();
        let mut out = f.to_owned();
        for (i, (_, column, j)) in basis.iter().enumerate().rev() {
            let theta = coordinates[i] / column[i];
            for (c, r) in coordinates.iter_mut().zip(&column[..i]) {
                *c -= theta * r;
            }
            let (dx, df) = &self.differences[*j];
            out.scaled_add(-theta, dx);
            out.scaled_add(-theta, df);
        }
        out
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = Anderson::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    /// A linear iteration in the plane with factors 0.9 and 0.5 ends in three steps.
    #[test]
    fn a_linear_iteration_ends_at_once() {
        let f = |x: &Array1<f64>| array![-0.1 * x[0] + 0.2, -0.5 * x[1] - 0.1];
        let mut anderson = Anderson::default();
        let mut x = array![3.0, 4.0];
        for _ in 0..3 {
            let step = anderson.step(x.view(), f(&x).view());
            x += &step;
        }
        assert!((x[0] - 2.0).abs() < 1e-12 && (x[1] + 0.2).abs() < 1e-12, "{x}");
        anderson.clear();
        assert_eq!(anderson.step(x.view(), array![1.0, 2.0].view()), array![1.0, 2.0]);
    }
}
