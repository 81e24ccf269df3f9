//! Least squares in three parameters by Levenberg–Marquardt: the foot of a point on a manifold of dimension 3.

/// Three parameters, or the derivatives by them.
pub(super) type Triple = [f64; 3];

/// Where the descent stands: squared distance, Jᵀr and JᵀJ, for the residual r with Jacobian J.
#[derive(Clone, Copy)]
pub(super) struct Linear {
    pub cost: f64,
    pub gradient: Triple,
    pub normal: [Triple; 3],
}

impl Linear {
    /// Of no residual yet.
    pub const ZERO: Linear = Linear { cost: 0.0, gradient: [0.0; 3], normal: [[0.0; 3]; 3] };

    /// With one more component of r, and its derivatives.
    pub fn add(&mut self, rest: f64, by: Triple) {
        self.cost += rest * rest;
        for j in 0..3 {
            self.gradient[j] += rest * by[j];
            (0..3).for_each(|k| self.normal[j][k] += by[j] * by[k]);
        }
    }
}

/// The least squared distance that is reached from `place`. `free` says which parameters may move against a gradient;
/// `step` takes a step off, and tells the largest change that came of it.
pub(super) fn descend<P: Copy>(
    mut place: P,
    linearise: impl Fn(P) -> Linear,
    free: impl Fn(P, Triple) -> [bool; 3],
    step: impl Fn(P, Triple) -> (P, f64),
) -> f64 {
    const STEPS: usize = 100;
    // The cost is flat to second order there: its error is the square of this, and a last step brings it down to that.
    const LAST_STEP: f64 = 1e-8;
    let mut damping = 1e-3;
    let mut here = linearise(place);
    for _ in 0..STEPS {
        let (next, moved) = step(place, solve(&here, damping, free(place, here.gradient)));
        let trial = linearise(next);
        if trial.cost < here.cost {
            (place, here) = (next, trial);
            damping = (damping / 10.0f64).max(1e-12);
        } else {
            damping *= 10.0;
        }
        if moved < LAST_STEP {
            break;
        }
    }
    here.cost
}

/// Solves (JᵀJ + λ diag JᵀJ) s = Jᵀr for the free parameters; the others do not move.
pub(super) fn solve(here: &Linear, damping: f64, free: [bool; 3]) -> Triple {
    let mut a = here.normal;
    let mut b = here.gradient;
    for j in 0..3 {
        a[j][j] = a[j][j] * (1.0 + damping) + f64::MIN_POSITIVE;
        if !free[j] {
            (0..3).for_each(|k| (a[j][k], a[k][j]) = (0.0, 0.0));
            (a[j][j], b[j]) = (1.0, 0.0);
        }
    }
    // Gaussian elimination: the matrix is symmetric positive definite, so no pivoting is needed.
    for j in 0..3 {
        for k in j + 1..3 {
            let factor = a[k][j] / a[j][j];
            (0..3).for_each(|m| a[k][m] -= factor * a[j][m]);
            b[k] -= factor * b[j];
        }
    }
    for j in (0..3).rev() {
        let known: f64 = (j + 1..3).map(|k| a[j][k] * b[k]).sum();
        b[j] = (b[j] - known) / a[j][j];
    }
    b
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_by_hand() {
        let here = Linear {
            cost: 1.0,
            gradient: [3.0, 5.0, 8.0],
            normal: [[2.0, 1.0, 0.0], [1.0, 2.0, 0.0], [0.0, 0.0, 4.0]],
        };
        let close = |a: Triple, b: Triple| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-14);
        assert!(close(solve(&here, 0.0, [true; 3]), [1.0 / 3.0, 7.0 / 3.0, 2.0]));
        assert!(close(solve(&here, 0.0, [true, false, true]), [1.5, 0.0, 2.0]));
        assert!(close(solve(&here, 1.0, [false, false, true]), [0.0, 0.0, 1.0]));
    }

    /// The nearest point to (3, 4, 0) of the unit sphere's octant in polar angles: 4 away, and 3 with one angle held
    /// where the sphere meets the axis of x.
    #[test]
    fn the_nearest_point_of_a_sphere() {
        let linearise = |[longitude, latitude, _]: Triple| {
            let ((sl, cl), (sb, cb)) = (longitude.sin_cos(), latitude.sin_cos());
            let mut linear = Linear::ZERO;
            linear.add(cb * cl - 3.0, [-cb * sl, -sb * cl, 0.0]);
            linear.add(cb * sl - 4.0, [cb * cl, -sb * sl, 0.0]);
            linear.add(sb, [0.0, cb, 0.0]);
            linear
        };
        let step = |p: Triple, s: Triple| {
            ([0, 1, 2].map(|j| p[j] - s[j]), s.iter().fold(0.0f64, |m, v| m.max(v.abs())))
        };
        let cost = descend([0.3, 0.4, 0.0], linearise, |_, _| [true; 3], step);
        assert!((cost - 16.0).abs() < 1e-10, "{cost}");
        let held = descend([0.0, 0.4, 0.0], linearise, |_, _| [false, true, true], step);
        assert!((held - (4.0 + 16.0)).abs() < 1e-10, "{held}");
    }
}
