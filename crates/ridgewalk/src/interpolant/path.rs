//! The coefficients of a stochastic interpolant: a(t), b(t), γ(t) and their derivatives.
//!
//! γ′ is infinite at the ends where γ is a square root, but γγ′ is not, and nothing else is needed:
//! b = v − γγ′s. The paths are those of arXiv 2303.08797, section 4 and table 8.

use std::f64::consts::PI;

use crate::error::{Error, Result};

/// How x₀ and x₁ enter: a(t) and b(t).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Path {
    /// a = 1 − t, b = t.
    Linear,
    /// a = √(1 − γ²) cos(πt/2), b = √(1 − γ²) sin(πt/2): keeps the variance of unit data.
    Trigonometric,
    /// a = cos²(πt) before t = ½ and 0 after it, b the reverse: at t = ½ all is noise.
    EncodingDecoding,
    /// x₀ ~ N(0, I) and a = 1 − t, b = t: flow matching.
    OneSidedLinear,
    /// x₀ ~ N(0, I) and a = cos(πt/2), b = sin(πt/2): a variance-preserving diffusion.
    OneSidedTrigonometric,
    /// x₁ + γ z: the data to themselves, through noise.
    Mirror,
}

/// How fresh noise enters: γ(t), which is 0 at both ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Gamma {
    /// γ = 0.
    None,
    /// γ = √(c t(1 − t)).
    SquareRoot {
        /// c > 0.
        scale: f64,
    },
    /// γ = t(1 − t).
    Quadratic,
    /// γ = sin²(πt).
    SineSquared,
}

impl Gamma {
    /// γ(t).
    pub fn value(self, t: f64) -> f64 {
        match self {
            Gamma::None => 0.0,
            Gamma::SquareRoot { scale } => (scale * t * (1.0 - t)).sqrt(),
            Gamma::Quadratic => t * (1.0 - t),
            Gamma::SineSquared => {
                let sine = sine(t);
                sine * sine
            }
        }
    }

    /// γ(t)γ′(t), which is finite also where γ′ is not.
    pub fn product(self, t: f64) -> f64 {
        match self {
            Gamma::None => 0.0,
            Gamma::SquareRoot { scale } => 0.5 * scale * (1.0 - 2.0 * t),
            Gamma::Quadratic => t * (1.0 - t) * (1.0 - 2.0 * t),
            Gamma::SineSquared => {
                let sine = sine(t);
                2.0 * PI * sine * sine * sine * quarter_cosine(2.0 * t)
            }
        }
    }
}

/// sin(πt) on [0, 1], exactly 0 at both ends.
fn sine(t: f64) -> f64 {
    libm::sin(PI * t.min(1.0 - t))
}

/// cos(πt/2) on [0, 2], exactly 0 at t = 1.
fn quarter_cosine(t: f64) -> f64 {
    libm::sin(0.5 * PI * (1.0 - t))
}

/// a, b and γ at one time.
///
/// Of a one-sided path the Gaussian x₀ counts as noise: a is 0, and γ is √(a² + γ²).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Coefficients {
    /// a(t).
    pub a: f64,
    /// b(t).
    pub b: f64,
    /// γ(t).
    pub gamma: f64,
    /// a′(t).
    pub a_derivative: f64,
    /// b′(t).
    pub b_derivative: f64,
    /// γ(t)γ′(t).
    pub gamma_product: f64,
}

/// A stochastic interpolant's coefficients: a [`Path`] and a [`Gamma`] that go together.
///
/// ```
/// use ridgewalk::interpolant::{Gamma, Interpolant, Path};
///
/// let interpolant = Interpolant::new(Path::Linear, Gamma::SquareRoot { scale: 2.0 })?;
/// let at = interpolant.coefficients(0.25)?;
/// assert_eq!((at.a, at.b, at.gamma_product), (0.75, 0.25, 0.5));
/// assert!((at.gamma * at.gamma - 0.375).abs() < 1e-15);
/// # Ok::<(), ridgewalk::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interpolant {
    path: Path,
    gamma: Gamma,
}

impl Interpolant {
    /// Of this path and this noise.
    ///
    /// # Errors
    /// If γ's scale is not a positive number; γ reaches 1 on the trigonometric path (there c < 4 is needed),
    /// where a and b would not be smooth; or γ is 0 on a path that needs it, encoding–decoding or the mirror.
    pub fn new(path: Path, gamma: Gamma) -> Result<Self> {
        if let Gamma::SquareRoot { scale } = gamma
            && !(scale > 0.0 && scale.is_finite())
        {
            let help = "choose a positive finite number";
            return Err(Error::argument("scale", format!("of gamma is {scale}"), help));
        }
        let peak = gamma.value(0.5);
        match path {
            Path::Trigonometric if peak >= 1.0 => Err(Error::argument(
                "gamma",
                format!("reaches {peak} at t = 1/2, and the trigonometric path has sqrt(1 - gamma^2)"),
                "choose a gamma below 1: a square root of scale below 4, or the quadratic one",
            )),
            Path::EncodingDecoding | Path::Mirror if gamma == Gamma::None => Err(Error::argument(
                "gamma",
                "is 0 on a path that has nothing else to go by",
                "choose sine, sqrt or quadratic",
            )),
            _ => Ok(Interpolant { path, gamma }),
        }
    }

    /// a(t) and b(t).
    pub fn path(&self) -> Path {
        self.path
    }

    /// γ(t), without what a one-sided path adds to it.
    pub fn gamma(&self) -> Gamma {
        self.gamma
    }

    /// Whether x₀ is N(0, I) by definition.
    pub fn is_one_sided(&self) -> bool {
        matches!(self.path, Path::OneSidedLinear | Path::OneSidedTrigonometric)
    }

    /// The coefficients at t.
    ///
    /// # Errors
    /// If t is not in [0, 1].
    pub fn coefficients(&self, t: f64) -> Result<Coefficients> {
        if !(0.0..=1.0).contains(&t) {
            return Err(Error::argument("t", format!("is {t}"), "an interpolant's time is between 0 and 1"));
        }
        let (gamma, gamma_product) = (self.gamma.value(t), self.gamma.product(t));
        let ((a, a_derivative), (b, b_derivative)) = self.ends(t, gamma, gamma_product);
        if self.is_one_sided() {
            let (noise, product) = (a.hypot(gamma), a * a_derivative + gamma_product);
            let (a, a_derivative, gamma, gamma_product) = (0.0, 0.0, noise, product);
            return Ok(Coefficients { a, b, gamma, a_derivative, b_derivative, gamma_product });
        }
        Ok(Coefficients { a, b, gamma, a_derivative, b_derivative, gamma_product })
    }

    /// (a, a′) and (b, b′), with the Gaussian end of a one-sided path as it is written.
    fn ends(&self, t: f64, gamma: f64, gamma_product: f64) -> ((f64, f64), (f64, f64)) {
        let (cos, sin) = (quarter_cosine(t), quarter_cosine(1.0 - t));
        match self.path {
            Path::Linear | Path::OneSidedLinear => ((1.0 - t, -1.0), (t, 1.0)),
            Path::OneSidedTrigonometric => ((cos, -0.5 * PI * sin), (sin, 0.5 * PI * cos)),
            Path::Trigonometric => {
                let root = ((1.0 - gamma) * (1.0 + gamma)).sqrt();
                let rate = -gamma_product / root;
                let a = (root * cos, rate * cos - 0.5 * PI * root * sin);
                (a, (root * sin, rate * sin + 0.5 * PI * root * cos))
            }
            Path::EncodingDecoding => {
                let cos = quarter_cosine(2.0 * t);
                let on = (cos * cos, -2.0 * PI * cos * sine(t));
                if t < 0.5 { (on, (0.0, 0.0)) } else { ((0.0, 0.0), on) }
            }
            Path::Mirror => ((0.0, 0.0), (1.0, 0.0)),
        }
    }
}
