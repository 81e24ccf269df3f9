//! A nonlinearity alone.

use rayon::prelude::*;

use super::{BLOCK, Nonlinearity, vectorised};

impl Nonlinearity {
    /// act(x), value by value.
    pub fn forward(self, x: &[f32]) -> Vec<f32> {
        let mut y = vec![0.0f32; x.len()];
        y.par_chunks_mut(BLOCK).zip(x.par_chunks(BLOCK)).for_each(|(y, x)| {
            vectorised(
                #[inline(always)]
                || self.write(x, y),
            );
        });
        y
    }

    /// The gradient of x from that of act(x).
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn backward(self, x: &[f32], gradient: &[f32]) -> Vec<f32> {
        assert_eq!(x.len(), gradient.len());
        let mut dx = vec![0.0f32; x.len()];
        let work = dx.par_chunks_mut(BLOCK).zip(x.par_chunks(BLOCK)).zip(gradient.par_chunks(BLOCK));
        work.for_each(|((dx, x), g)| {
            vectorised(
                #[inline(always)]
                || self.write_slope(x, g, dx),
            );
        });
        dx
    }
}

#[cfg(test)]
mod tests {
    use super::super::activation::tests::exact;
    use super::super::tests::{close, differences, noise, wide};
    use super::*;

    #[test]
    fn values_and_gradients_agree_with_the_standard_library() {
        for activation in [Nonlinearity::None, Nonlinearity::Silu, Nonlinearity::Gelu] {
            let (x, g) = (noise(101, 1), noise(101, 2));
            let f = |x: &[f64]| x.iter().map(|x| exact(activation, *x)).collect::<Vec<_>>();
            close(&activation.forward(&x), &f(&wide(&x)), 1e-6);
            close(&activation.backward(&x, &g), &differences(&x, &g, f), 1e-5);
        }
    }
}
