//! DPM-Solver++(2S): one evaluation at the level and one between it and the next.
//!
//! ```text
//! λ_m = λ + r h,    u = (σ_m/σ) x + (1 − σ_m/σ) D,    D_m = D(u; σ_m)
//! x′ = (σ′/σ) x + (1 − σ′/σ) [(1 − 1/(2r)) D + D_m/(2r)]
//! ```

use ndarray::Array2;

use crate::error::{Error, Result};
use crate::solver::fused::update2;
use crate::solver::{Order, Solver, Step};

/// DPM-Solver++(2S), second order (arXiv 2211.01095, algorithm 1).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DpmSolver2S {
    r: f64,
}

impl Default for DpmSolver2S {
    fn default() -> Self {
        DpmSolver2S { r: 0.5 }
    }
}

impl DpmSolver2S {
    /// With the point between at r = ½ of the step in λ.
    pub fn new() -> Self {
        Self::default()
    }

    /// With the point between at another r.
    ///
    /// # Errors
    /// If r is not in (0, 1].
    pub fn at(r: f64) -> Result<Self> {
        if r > 0.0 && r <= 1.0 {
            return Ok(DpmSolver2S { r });
        }
        Err(Error::argument("r", format!("is {r}"), "choose it above 0 and at most 1; 0.5 is usual"))
    }
}

impl Solver for DpmSolver2S {
    fn name(&self) -> String {
        format!("dpm++2s:r={}", self.r)
    }

    fn order(&self) -> Order {
        Order::Path(2)
    }

    fn step(&self, mut x: Array2<f64>, step: &mut Step) -> Result<Array2<f64>> {
        let ratio = step.next / step.sigma;
        let between = libm::pow(ratio, self.r);
        let denoised = step.denoised(x.view())?;
        let mut ahead = step.spare();
        update2(&mut ahead, [&x, &denoised], |_, x, d| d + between * (x - d));
        let middle = step.denoise(ahead.view(), step.sigma * between)?;
        let late = 0.5 / self.r;
        update2(&mut x, [&denoised, &middle], |x, d, m| {
            let d = d + late * (m - d);
            d + ratio * (x - d)
        });
        [ahead, denoised, middle].into_iter().for_each(|array| step.recycle(array));
        Ok(x)
    }
}
