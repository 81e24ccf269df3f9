//! The Fokker–Planck residual of a potential network, whose log-density is known (arXiv 2311.15996).
//!
//! The marginals of x = x₀ + σε obey, with u = log p_σ and ln σ for the time,
//!
//! ```text
//! R[u] = ∂u/∂ln σ − σ² (Δu + ‖∇u‖²) = 0
//! ```
//!
//! which is the equation of the variance-exploding process: dx = g dW with g² = 2σ². With F = ∇Φ(z), z = c_in (x − m), the
//! score (D − x)/σ² is the gradient of
//!
//! ```text
//! u = −a ‖x − m‖²/2 − (d/2) ln 2π(σ² + s²) + b Φ          a = (1 − c_skip)/σ²,   b = c_out/(c_in σ²)
//! ```
//!
//! whose first two terms are the log-density of an isotropic Gaussian under EDM's preconditioning: Φ = 0 has no residual
//! then. Flow and score agree where R vanishes; what is left of it bounds the distance between samples of the
//! probability-flow ODE and of the SDE.

use burn::tensor::{Device, TensorData};

use super::Sample;
use crate::network::{Condition, Dual, Value};
use crate::neural::Model;
use crate::ops::Matrix;
use crate::parameters::Leaves;
use crate::preconditioning::{Coefficients, Preconditioning};

/// Most coordinates for which the Laplacian is computed: it takes a pass for each.
pub(crate) const MOST: usize = 64;

/// Where the residual is asked.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// x, `[d]`, in the data's units.
    pub x: Vec<f64>,
    pub sigma: f64,
    pub class: Option<usize>,
}

impl From<&Sample> for Place {
    fn from(sample: &Sample) -> Self {
        let x = sample.clean.iter().zip(&sample.noise).map(|(clean, noise)| clean + sample.sigma * noise);
        Place { x: x.collect(), sigma: sample.sigma, class: sample.class }
    }
}

/// What the log-density is made of besides Φ, at one noise level.
#[derive(Debug, Clone, Copy)]
struct Terms {
    /// a, and its derivative by ln σ.
    a: [f64; 2],
    /// b, and its derivative by ln σ.
    b: [f64; 2],
    /// d ln c_in/d ln σ.
    input: f64,
    coefficients: Coefficients,
}

impl Terms {
    fn at(preconditioning: &Preconditioning, sigma: f64, k: f64) -> Self {
        let c = preconditioning.with_mix(sigma, k);
        let slope = preconditioning.derivatives(sigma, k);
        let a = (1.0 - c.skip) / (sigma * sigma);
        let b = c.output / (c.input * sigma * sigma);
        let input = sigma * slope.input / c.input;
        let b_slope = b * (sigma * slope.output / c.output - input - 2.0);
        Terms { a: [a, -slope.skip / sigma - 2.0 * a], b: [b, b_slope], input, coefficients: c }
    }
}

/// Φ at the places, with what makes u of it: u = base + factor·Φ. None if the network is no potential.
pub(crate) fn potential(
    model: &Model,
    leaves: &Leaves,
    places: &[Place],
    k: f64,
    device: &Device,
) -> Option<(Vec<[f64; 2]>, Matrix)> {
    let Preconditioning { center, scale, .. } = model.preconditioning;
    let given = Given::new(model, places, k, 1, device);
    let condition = Condition { noise: given.noise(&|terms| terms.coefficients.noise), class: given.class() };
    let z = given.state(&|terms| terms.coefficients.input);
    let phi = model.network.potential(leaves, z, &condition, device)?;
    let made = places.iter().zip(&given.terms).map(|(place, terms)| {
        let square: f64 = place.x.iter().map(|x| (x - center) * (x - center)).sum();
        let variance = place.sigma * place.sigma + scale * scale;
        let normal = place.x.len() as f64 * libm::log(2.0 * std::f64::consts::PI * variance);
        [-0.5 * (terms.a[0] * square + normal), terms.b[0]]
    });
    Some((made.collect(), phi))
}

/// R at the places, `[n, 1]`; none if the network is no potential. `device` is that of the leaves.
pub(crate) fn residuals(
    model: &Model,
    leaves: &Leaves,
    places: &[Place],
    k: f64,
    device: &Device,
) -> Option<Matrix> {
    let (n, dim) = (places.len(), model.network.config().shape.dim());
    let Preconditioning { center, scale, .. } = model.preconditioning;
    // Φ and its derivative by ln σ where x stays.
    let given = Given::new(model, places, k, 1, device);
    let z = given.state(&|terms| terms.coefficients.input);
    let moves = given.state(&|terms| terms.coefficients.input * terms.input);
    let noise = given.noise(&|terms| terms.coefficients.noise);
    let noise = noise.map(|noise| Dual::new(noise.clone(), noise.ones_like().mul_scalar(0.25)));
    let condition = Condition { noise, class: given.class() };
    let phi = model.network.potential(leaves, Dual::new(z, moves), &condition, device)?;
    // F, and its derivatives along every coordinate: the sample's place once for each.
    let each = Given::new(model, places, k, dim, device);
    let unit = |place: usize| f32::from(u8::from(place / dim.max(1) % dim.max(1) == place % dim.max(1)));
    let axes = each.matrix((0..n * dim * dim).map(unit).collect(), dim);
    let noise = each.noise(&|terms| terms.coefficients.noise).map(Dual::constant);
    let condition = Condition { noise, class: each.class() };
    let z = Dual::new(each.state(&|terms| terms.coefficients.input), axes.clone());
    let field = model.network.forward(leaves, z, &condition, device);
    let laplacian = (field.tangent() * axes).reshape([n, dim * dim]).sum_dim(1);
    let gradient = field.at.reshape([n, dim * dim]).narrow(1, 0, dim);
    // What does not depend on the network is summed in f64.
    let fixed = places.iter().zip(&given.terms).map(|(place, terms)| {
        let square: f64 = place.x.iter().map(|x| (x - center) * (x - center)).sum();
        let variance = place.sigma * place.sigma;
        let of_normal = 1.0 - terms.coefficients.skip - variance / (variance + scale * scale);
        (dim as f64 * of_normal - 0.5 * terms.a[1] * square) as f32
    });
    let fixed = given.matrix(fixed.collect(), 1);
    let linear = given.state(&|terms| terms.a[0]);
    let sigmas: Vec<f32> = places.iter().map(|place| place.sigma as f32).collect();
    let sigmas = given.matrix(sigmas, 1);
    let column = |value: &dyn Fn(&Terms) -> f64| given.column(value);
    let score = gradient * column(&|terms| terms.b[0] * terms.coefficients.input) - linear;
    let along = phi.tangent();
    let moved = fixed + phi.at * column(&|terms| terms.b[1]) + along * column(&|terms| terms.b[0]);
    let score = score * sigmas;
    let bent = laplacian * column(&|terms| terms.coefficients.output * terms.coefficients.input);
    Some(moved - bent - (score.clone() * score).sum_dim(1))
}

/// w_n R²/d of every sample, `[n, 1]`.
pub(crate) fn penalties(
    model: &Model,
    leaves: &Leaves,
    samples: &[Sample],
    device: &Device,
) -> Option<Matrix> {
    let places: Vec<Place> = samples.iter().map(Place::from).collect();
    let residuals = residuals(model, leaves, &places, model.preconditioning.mix(), device)?;
    let dim = model.network.config().shape.dim().max(1) as f64;
    let weights: Vec<f32> = samples.iter().map(|sample| (sample.weight / dim) as f32).collect();
    let weights = Matrix::from_data(TensorData::new(weights, [samples.len(), 1]), device);
    Some(residuals.clone() * residuals * weights)
}

/// What the network is given at the places, each of them `times` times.
struct Given<'a> {
    model: &'a Model,
    places: &'a [Place],
    terms: Vec<Terms>,
    times: usize,
    device: &'a Device,
}

impl<'a> Given<'a> {
    fn new(model: &'a Model, places: &'a [Place], k: f64, times: usize, device: &'a Device) -> Self {
        let terms = places.iter().map(|place| Terms::at(&model.preconditioning, place.sigma, k));
        Given { model, places, terms: terms.collect(), times, device }
    }

    fn matrix(&self, values: Vec<f32>, columns: usize) -> Matrix {
        let rows = values.len() / columns.max(1);
        Matrix::from_data(TensorData::new(values, [rows, columns]), self.device)
    }

    fn column(&self, value: &dyn Fn(&Terms) -> f64) -> Matrix {
        let values = self.terms.iter().flat_map(|terms| std::iter::repeat_n(value(terms) as f32, self.times));
        self.matrix(values.collect(), 1)
    }

    /// x − m times a factor.
    fn state(&self, factor: &dyn Fn(&Terms) -> f64) -> Matrix {
        let (center, dim) = (self.model.preconditioning.center, self.model.network.config().shape.dim());
        let mut values = Vec::with_capacity(self.places.len() * self.times * dim);
        for (place, terms) in self.places.iter().zip(&self.terms) {
            let factor = factor(terms);
            for _ in 0..self.times {
                values.extend(place.x.iter().map(|x| (factor * (x - center)) as f32));
            }
        }
        self.matrix(values, dim)
    }

    fn noise(&self, value: &dyn Fn(&Terms) -> f64) -> Option<Matrix> {
        (!self.model.network.config().blind).then(|| self.column(value))
    }

    fn class(&self) -> Option<Matrix> {
        let classes = self.model.network.config().classes;
        let rows = self.places.iter().flat_map(|place| std::iter::repeat_n(place.class, self.times));
        let one_hot =
            rows.flat_map(|class| (0..classes).map(move |own| f32::from(u8::from(class == Some(own)))));
        (classes > 0).then(|| self.matrix(one_hot.collect(), classes))
    }
}

#[cfg(test)]
#[path = "fokker_planck_tests.rs"]
mod tests;
