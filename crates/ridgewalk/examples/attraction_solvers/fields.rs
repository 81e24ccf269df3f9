//! Models of noisy data of which the clean law is known, and what is measured of their samples.

use ndarray::{Array1, Array2, ArrayView2, Axis};
use ridgewalk::closed_form::{Covariance, CovarianceKind, Gaussian, Mixture, MixtureFit};
use ridgewalk::neighbours::nearest;
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::{Denoiser, MadConfig, Moments, Result};
use ridgewalk_data::digits;

/// A model of noisy data, and the clean law.
pub struct Field {
    pub name: &'static str,
    pub model: Mixture,
    /// Standard deviation of the noise in every coordinate.
    pub noise: f64,
    /// Noise level at which attraction begins, the σ_on of its settings.
    pub onset: f64,
    /// Points of the clean law that no model has seen, `[n, d]`.
    clean: Array2<f64>,
    /// Total variance of the clean law.
    variance: f64,
    kind: Kind,
}

enum Kind {
    /// The unit circle in the first two coordinates.
    Circle,
    /// Labels of the clean points, and the coordinates that are constant in the data.
    Labelled(Vec<u32>, Vec<usize>),
}

/// What is measured of samples.
#[derive(Debug, Clone, Copy)]
pub struct Measured {
    /// Standard deviation of what remains of the noise, over that of the noise.
    pub noise: f64,
    /// Total variance over that of the clean law.
    pub spread: f64,
    /// Entropy of angles in 32 bins, or of the classes of nearest clean points, over its largest value.
    pub entropy: f64,
    /// Mean distance from samples to the nearest clean points.
    pub to_clean: f64,
    /// Mean distance from clean points to the nearest samples.
    pub from_clean: f64,
}

impl Field {
    /// 256 centres on the unit circle in R^d, with noise of deviation 0.1.
    pub fn circle(name: &'static str, d: usize) -> Result<Self> {
        let noise = 0.1;
        let at = |angle: f64| {
            let mut point = Array1::zeros(d);
            point[0] = libm::cos(angle);
            point[1] = libm::sin(angle);
            point
        };
        let angle = |i: usize, n: usize| i as f64 / n as f64 * std::f64::consts::TAU;
        let components: Result<Vec<Gaussian>> = (0..256)
            .map(|i| Gaussian::new(at(angle(i, 256)), Covariance::isotropic(d, noise * noise)?))
            .collect();
        let mut clean = Array2::zeros((1000, d));
        for (i, mut row) in clean.outer_iter_mut().enumerate() {
            row.assign(&at(angle(i, 1000)));
        }
        Ok(Field {
            name,
            model: Mixture::new(vec![1.0 / 256.0; 256], components?)?,
            noise,
            onset: 2.0 * noise,
            clean,
            variance: 1.0,
            kind: Kind::Circle,
        })
    }

    /// A mixture of 20 components of rank 16, fitted to 1,200 digits with noise of deviation 1.6 (pixels are
    /// 0 to 16); the other 597, clean, are held against its samples.
    pub fn digits() -> Result<Self> {
        let noise = 1.6;
        let all = digits();
        let train = all.select(&(0..1200).collect::<Vec<_>>())?;
        let held = all.select(&(1200..all.len()).collect::<Vec<_>>())?;
        let mut noisy = train.values().to_owned();
        for (i, mut row) in noisy.outer_iter_mut().enumerate() {
            let mut stream = Stream::new(1, Purpose::DataNoise, i as u64, 0);
            row.iter_mut().for_each(|v| *v += noise * stream.normal());
        }
        let model = MixtureFit::new(20, CovarianceKind::LowRank(16)).fit(&train.with_values(noisy)?)?;
        let deviations = all.values().var_axis(Axis(0), 0.0);
        let constant = (0..all.dim()).filter(|&k| deviations[k] == 0.0).collect();
        let labels = held.labels().map(<[u32]>::to_vec).unwrap_or_default();
        Ok(Field {
            name: "digits, noise 1.6",
            model,
            noise,
            onset: 1.5 * noise,
            variance: train.values().var_axis(Axis(0), 0.0).sum(),
            clean: held.values().to_owned(),
            kind: Kind::Labelled(labels, constant),
        })
    }

    /// The model's own standard deviation.
    pub fn scale(&self) -> f64 {
        self.model.moments().map_or(1.0, |Moments { std, .. }| std)
    }

    /// Settings of attraction with this strength.
    pub fn config(&self, b: f64) -> MadConfig {
        MadConfig { a: self.scale() / self.onset, b, ..MadConfig::default() }
    }

    /// What samples `[n, d]` are like.
    pub fn measure(&self, samples: ArrayView2<f64>) -> Result<Measured> {
        let to = nearest(samples, self.clean.view(), 1)?;
        let from = nearest(self.clean.view(), samples, 1)?.nearest_distances();
        let (n, d) = samples.dim();
        let (squares, count, bins): (f64, usize, Vec<usize>) = match &self.kind {
            Kind::Circle => {
                let off = |row: ndarray::ArrayView1<f64>| {
                    let radius = row[0].hypot(row[1]);
                    (radius - 1.0).powi(2) + row.iter().skip(2).map(|v| v * v).sum::<f64>()
                };
                let bin = |row: ndarray::ArrayView1<f64>| {
                    let turn = libm::atan2(row[1], row[0]) / std::f64::consts::TAU + 0.5;
                    ((turn * 32.0) as usize).min(31)
                };
                (samples.outer_iter().map(off).sum(), n * (d - 1), samples.outer_iter().map(bin).collect())
            }
            Kind::Labelled(labels, constant) => {
                let clean = |k: usize| self.clean[(0, k)];
                let off = |k: &usize| samples.column(*k).iter().map(|v| (v - clean(*k)).powi(2)).sum::<f64>();
                let classes = to.nearest_indices().iter().map(|&i| labels[i] as usize).collect();
                (constant.iter().map(off).sum(), n * constant.len(), classes)
            }
        };
        let kinds = if matches!(self.kind, Kind::Circle) { 32 } else { 10 };
        let mut counts = vec![0.0; kinds];
        bins.iter().for_each(|&bin| counts[bin] += 1.0 / n as f64);
        let entropy: f64 = counts.iter().filter(|p| **p > 0.0).map(|p| -p * libm::log(*p)).sum();
        Ok(Measured {
            noise: (squares / count as f64).sqrt() / self.noise,
            spread: samples.var_axis(Axis(0), 0.0).sum() / self.variance,
            entropy: entropy / libm::log(kinds as f64),
            to_clean: to.nearest_distances().mean().unwrap_or(f64::NAN),
            from_clean: from.mean().unwrap_or(f64::NAN),
        })
    }
}
