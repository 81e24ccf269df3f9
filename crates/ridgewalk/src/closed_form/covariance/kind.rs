//! The forms that a fitted covariance may take, and how many parameters each has.

/// What form a fitted covariance takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CovarianceKind {
    /// Any covariance: d(d + 1)/2 parameters.
    Full,
    /// This many eigenvectors plus one variance for all other directions (probabilistic PCA,
    /// Tipping & Bishop 1999). 0 is isotropic, d and more is [`CovarianceKind::Full`].
    LowRank(usize),
    /// One variance a coordinate: d parameters, and no d × d matrix at any time.
    Diagonal,
}

impl CovarianceKind {
    /// Number of eigenvectors kept in d dimensions; none of a diagonal covariance, whose
    /// eigenvectors are the coordinate axes.
    pub fn rank(self, dim: usize) -> usize {
        match self {
            CovarianceKind::Full => dim,
            CovarianceKind::LowRank(rank) => rank.min(dim),
            CovarianceKind::Diagonal => 0,
        }
    }

    /// Number of free parameters in d dimensions.
    pub fn parameters(self, dim: usize) -> usize {
        match (self, self.rank(dim)) {
            (CovarianceKind::Diagonal, _) => dim,
            (_, r) if r == dim => dim * (dim + 1) / 2,
            (_, r) => dim * r - r * r.saturating_sub(1) / 2 + 1,
        }
    }
}
