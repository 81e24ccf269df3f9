//! The last layer of a classifier: features to logits.

use ndarray::{Array1, Array2, ArrayView2};

/// y = W x + b.
pub(super) struct Head {
    /// `[classes, features]`.
    pub weight: Array2<f64>,
    /// `[classes]`.
    pub bias: Array1<f64>,
}

impl Head {
    /// Logits, `[n, classes]`, of features, `[n, features]`.
    pub fn logits(&self, features: ArrayView2<f64>) -> Array2<f64> {
        features.dot(&self.weight.t()) + &self.bias
    }
}
