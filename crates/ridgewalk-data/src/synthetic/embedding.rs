//! Isometric embedding of R^k into R^d by a fixed matrix with orthonormal columns.

use ridgewalk::random::{Purpose, Stream};

/// Seed of the matrix: fixed, because the manifold must not change with the seed of the points.
const SEED: u64 = 0x7269_6467_6577_616c;

/// k orthonormal vectors of length d; none where k = d, which needs no rotation.
pub(super) struct Embedding {
    basis: Vec<Vec<f64>>,
}

impl Embedding {
    /// Gaussian vectors made orthonormal by Gram–Schmidt, twice for accuracy to rounding.
    pub fn new(k: usize, d: usize) -> Self {
        let mut basis: Vec<Vec<f64>> = Vec::new();
        for i in 0..if d > k { k } else { 0 } {
            let mut vector = vec![0.0; d];
            Stream::new(SEED, Purpose::Synthetic, i as u64, d as u64).fill_normal(&mut vector);
            for _ in 0..2 {
                for other in &basis {
                    let along = dot(&vector, other);
                    vector.iter_mut().zip(other).for_each(|(v, o)| *v -= along * o);
                }
                let norm = dot(&vector, &vector).sqrt();
                vector.iter_mut().for_each(|v| *v /= norm);
            }
            basis.push(vector);
        }
        Embedding { basis }
    }

    /// The image of `own` (k) in `out` (d).
    pub fn apply(&self, own: &[f64], out: &mut [f64]) {
        if self.basis.is_empty() {
            return out.copy_from_slice(own);
        }
        for (value, vector) in own.iter().zip(&self.basis) {
            out.iter_mut().zip(vector).for_each(|(o, b)| *o += value * b);
        }
    }

    /// The coordinates of `x` within the subspace, and its distance to the subspace.
    pub fn split(&self, x: &[f64]) -> (Vec<f64>, f64) {
        if self.basis.is_empty() {
            return (x.to_vec(), 0.0);
        }
        let own: Vec<f64> = self.basis.iter().map(|b| dot(x, b)).collect();
        let mut rest = x.to_vec();
        for (value, vector) in own.iter().zip(&self.basis) {
            rest.iter_mut().zip(vector).for_each(|(r, b)| *r -= value * b);
        }
        (own, dot(&rest, &rest).sqrt())
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_kept_and_the_rest_is_measured() {
        let embedding = Embedding::new(3, 20);
        let own = [1.0, -2.0, 0.5];
        let mut x = vec![0.0; 20];
        embedding.apply(&own, &mut x);
        assert!((dot(&x, &x) - 5.25).abs() < 1e-14);
        let mut normal = vec![0.0; 20];
        normal[0] = 1.0;
        let (inside, off) = embedding.split(&normal);
        assert!((dot(&inside, &inside) + off * off - 1.0).abs() < 1e-14);
        let (back, off) = embedding.split(&x);
        assert!(back.iter().zip(own).all(|(b, o)| (b - o).abs() < 1e-14) && off < 1e-14);
    }
}
