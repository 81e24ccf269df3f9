//! The log-density of a potential network, and how far it is from the Fokker–Planck equation (arXiv 2311.15996).

use ndarray::{Array1, ArrayView2, Axis};
use rayon::prelude::*;
use ridgewalk::denoiser::check_query;
use ridgewalk::{Denoiser, Error, Result};

use super::{NeuralDenoiser, VECTORS};
use crate::objective::{MOST, Place, potential, residuals};

impl NeuralDenoiser {
    /// Whether it is the gradient of a potential, so that its Jacobian is symmetric and it knows its log-density.
    pub fn is_potential(&self) -> bool {
        self.model.network.config().architecture.is_potential()
    }

    /// u(x; σ) = log p_σ(x) of every row of `x` (`[n, d]`, data's units), `[n]`, in nats: up to a constant, which is the
    /// same at all noise levels as far as the network was trained with the Fokker–Planck residual, and else depends on σ.
    /// Its gradient is the score (D − x)/σ².
    ///
    /// # Errors
    /// If the network is no potential, the query has no meaning, or an answer is not finite.
    pub fn log_density(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array1<f64>> {
        self.at_places("log-density", x, sigma, |places| {
            let (made, phi) = potential(&self.model, &self.leaves, places, self.k, &self.opened)?;
            let phi = phi.into_data();
            let phi = phi.iter::<f32>().map(f64::from);
            Some(made.into_iter().zip(phi).map(|([base, factor], phi)| base + factor * phi).collect())
        })
    }

    /// R = ∂u/∂ln σ − σ²(Δu + ‖∇u‖²) of u = log p_σ at every row of `x` (`[n, d]`, data's units), `[n]`: zero where u is the
    /// log-density of data with noise.
    ///
    /// # Errors
    /// As [`NeuralDenoiser::log_density`], and if points have more than 64 coordinates.
    pub fn fokker_planck_residual(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array1<f64>> {
        if self.dim() > MOST {
            let problem = format!("takes a pass for each of {} coordinates", self.dim());
            let help = format!("ask it of points of at most {MOST} coordinates");
            return Err(Error::argument("the Fokker–Planck residual", problem, help));
        }
        self.at_places("Fokker–Planck residual", x, sigma, |places| {
            let found = residuals(&self.model, &self.leaves, places, self.k, &self.opened)?.into_data();
            Some(found.iter::<f32>().map(f64::from).collect())
        })
    }

    fn at_places(
        &self,
        what: &'static str,
        x: ArrayView2<f64>,
        sigma: f64,
        ask: impl Fn(&[Place]) -> Option<Vec<f64>> + Sync,
    ) -> Result<Array1<f64>> {
        check_query(self.dim(), x, sigma)?;
        let center = self.model.preconditioning.center;
        let part = |rows: ArrayView2<f64>| {
            let place = |x: Vec<f64>| Place { x, sigma, class: self.class };
            let mut places: Vec<Place> = rows.outer_iter().map(|row| place(row.to_vec())).collect();
            // Kernels may sum batches of another size in another order.
            places.resize_with(VECTORS, || place(vec![center; self.dim()]));
            let mut found = ask(&places).ok_or_else(|| {
                let help = "train one with --potential";
                Error::argument("the network", format!("is no potential and has no {what}"), help)
            })?;
            found.truncate(rows.nrows());
            Ok(found)
        };
        let parts: Vec<ArrayView2<f64>> = x.axis_chunks_iter(Axis(0), VECTORS).collect();
        let found = parts.into_par_iter().map(part).collect::<Result<Vec<_>>>()?.concat();
        if let Some(row) = found.iter().position(|value| !value.is_finite()) {
            let problem = format!("has a {what} that is not finite at σ = {sigma}, row {row}");
            return Err(Error::argument("the network", problem, "ask within the levels of its training"));
        }
        Ok(Array1::from_vec(found))
    }
}
