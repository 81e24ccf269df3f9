//! The mean resultant length of the von Mises–Fisher law, and its normaliser, to rounding.
//!
//! For u uniform on the unit sphere of R^m and weights e^{κ⟨u, e⟩}, with ν = m/2 − 1:
//!
//! ```text
//! A(κ)     = E⟨u, e⟩ = I_{ν+1}(κ)/I_ν(κ)          A′ = 1 − A² − (2ν + 1)A/κ = Var⟨u, e⟩
//! log G(κ) = log E_uniform e^{κ(⟨u, e⟩ − 1)} = log[Γ(ν + 1)(2/κ)^ν I_ν(κ)] − κ
//! ```
//!
//! With R² = ν² + κ² below 25², by the ascending series, whose terms are all positive. Above, by
//! Debye's uniform expansion (Abramowitz & Stegun 9.7.7), which in w = 1/R and t = ν²/R² holds for
//! every ν ≥ 0: G = κ I_ν′/I_ν = R Σ_k wᵏ g_k(t) solves Riccati's equation κG′ + G² = R², which
//! gives g_0 = 1, g_k = (1 − t) f_k and, for k ≥ 2, the recursion of [`coefficients`]. Then
//!
//! ```text
//! A/κ = 1/(R + ν) + Σ_k w^{k+1} f_k(t)
//! A′  = ν/(R(R + ν)) + Σ_k w^{k+1} [f_k − (1 − t)((k + 1) f_k + 2t f_k′)]
//! log[√(2πR) I_ν] = R + ν log(κ/(ν + R)) + Σ_k wᵏ l_k(t),   l_kj = −f_{k+1,j}/(k + 2j)
//! ```
//!
//! in which nothing cancels: 1 − A and A′ keep all their digits where A is 1 to rounding.

/// R from which the expansion is used: its terms fall to below rounding there.
const UNIFORM: f64 = 25.0;
/// Terms of the expansion at that R.
const TERMS: usize = 24;

/// f_k(t) by ascending powers of t: f_k has degree k − 1.
static COEFFICIENTS: [[f64; TERMS + 2]; TERMS + 2] = coefficients();

/// 2f_k = −(1 − t) Σ_{0<i<k} f_i f_{k−i} + (k − 2)(1 − t) f_{k−1} + 2t[(1 − t) f′_{k−1} − f_{k−1}],
/// from f_1 = −1/2.
const fn coefficients() -> [[f64; TERMS + 2]; TERMS + 2] {
    let mut f = [[0.0; TERMS + 2]; TERMS + 2];
    f[1][0] = -0.5;
    let mut k = 2;
    while k < TERMS + 2 {
        let mut products = [0.0; TERMS + 2];
        let mut i = 1;
        while i < k {
            let mut a = 0;
            while a < i {
                let mut b = 0;
                while b < k - i {
                    products[a + b] += f[i][a] * f[k - i][b];
                    b += 1;
                }
                a += 1;
            }
            i += 1;
        }
        let order = k as f64 - 2.0;
        let mut j = 0;
        while j < k {
            let (product, last) = (products[j], f[k - 1][j]);
            let (product_below, last_below) =
                if j > 0 { (products[j - 1], f[k - 1][j - 1]) } else { (0.0, 0.0) };
            let degree = j as f64;
            f[k][j] = 0.5
                * (product_below - product + order * (last - last_below) + 2.0 * degree * last
                    - 2.0 * degree * last_below);
            j += 1;
        }
        k += 1;
    }
    f
}

/// What is known of the von Mises–Fisher law on the unit sphere of R^m at concentration κ ≥ 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Concentration {
    /// A(κ).
    pub mean: f64,
    /// 1 − A(κ).
    pub shortfall: f64,
    /// A(κ)/κ, 1/m at κ = 0: the variance across e, each way.
    pub across: f64,
    /// A′(κ): the variance along e.
    pub along: f64,
    /// log G(κ), 0 at κ = 0.
    pub log_normalizer: f64,
}

impl Concentration {
    /// On the unit sphere of R^m, m ≥ 1.
    pub fn new(m: usize, kappa: f64) -> Self {
        let nu = 0.5 * m as f64 - 1.0;
        if m == 1 {
            Self::two_points(kappa)
        } else if nu.hypot(kappa) < UNIFORM {
            Self::by_series(nu, kappa)
        } else {
            Self::by_expansion(nu, kappa)
        }
    }

    /// m = 1, where ν is negative: A = tanh κ.
    fn two_points(kappa: f64) -> Self {
        let decay = libm::exp(-2.0 * kappa);
        let mean = libm::tanh(kappa);
        let shortfall = 2.0 * decay / (1.0 + decay);
        Concentration {
            mean,
            shortfall,
            across: if kappa > 0.0 { mean / kappa } else { 1.0 },
            along: shortfall * (1.0 + mean),
            log_normalizer: libm::log1p(decay) - std::f64::consts::LN_2,
        }
    }

    /// Σ_j (κ²/4)ʲ/(j! (ν + 1)_j) for ν and ν + 1.
    fn by_series(nu: f64, kappa: f64) -> Self {
        let quarter = 0.25 * kappa * kappa;
        let (mut term, mut sum) = (1.0, 1.0);
        let (mut next_term, mut next_sum) = (1.0, 1.0);
        let mut j = 1.0;
        while term > f64::EPSILON * 1e-3 * sum {
            term *= quarter / (j * (nu + j));
            next_term *= quarter / (j * (nu + 1.0 + j));
            sum += term;
            next_sum += next_term;
            j += 1.0;
        }
        let across = next_sum / sum / (2.0 * (nu + 1.0));
        let mean = kappa * across;
        Concentration {
            mean,
            shortfall: 1.0 - mean,
            across,
            along: 1.0 - mean * mean - (2.0 * nu + 1.0) * across,
            log_normalizer: libm::log(sum) - kappa,
        }
    }

    fn by_expansion(nu: f64, kappa: f64) -> Self {
        let r = nu.hypot(kappa);
        let w = 1.0 / r;
        let (t, rest) = ((nu * w) * (nu * w), (kappa * w) * (kappa * w));
        // The first term left out is below rounding of the sum's leading one.
        let terms = match r {
            r if r < 60.0 => TERMS,
            r if r < 200.0 => 18,
            r if r < 2e3 => 12,
            r if r < 1e5 => 6,
            _ => 4,
        };
        let (mut across, mut along, mut log_sum) = (0.0, 0.0, 0.0);
        // Horner's scheme in w too: from the last term inwards.
        for k in (1..=terms).rev() {
            let order = k as f64;
            let (mut value, mut slope, mut log_term) = (0.0, 0.0, 0.0);
            for coefficient in COEFFICIENTS[k][..k].iter().rev() {
                slope = slope * t + value;
                value = value * t + coefficient;
            }
            for (j, coefficient) in COEFFICIENTS[k + 1][..=k].iter().enumerate().rev() {
                log_term = log_term * t - coefficient / (order + 2.0 * j as f64);
            }
            across = (across + value) * w;
            along = (along + value - rest * ((order + 1.0) * value + 2.0 * t * slope)) * w;
            log_sum = (log_sum + log_term) * w;
        }
        let (across_terms, along_terms) = (across * w, along * w);
        let across = 1.0 / (r + nu) + across_terms;
        let log_scale = libm::lgamma(nu + 1.0) + nu * libm::log(2.0 / (nu + r));
        Concentration {
            mean: kappa * across,
            shortfall: (nu + nu * nu / (r + kappa)) / (nu + r) - kappa * across_terms,
            across,
            along: nu * w / (r + nu) + along_terms,
            log_normalizer: log_scale + nu * nu / (r + kappa)
                - 0.5 * libm::log(2.0 * std::f64::consts::PI * r)
                + log_sum,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (m, κ, [A, 1 − A, A′, log G]) by mpmath 1.3 with 50 digits: the ascending series, and Hankel's
    /// expansion at κ = 1e12.
    #[rustfmt::skip]
    const TABLE: &[(usize, f64, [f64; 4])] = &[
        (1, 0.5, [0.46211715726000974, 0.5378828427399902, 0.7864477329659274, -0.3798854930417225]),
        (1, 30.0, [1.0, 1.751302152539304e-26, 3.502604305078608e-26, -std::f64::consts::LN_2]),
        (2, 0.001, [0.0004999999375000105, 0.9995000000625, 0.4999998125000521, -0.000999750000015625]),
        (2, 1.0, [0.4463899658965345, 0.5536100341034655, 0.35434603245035623, -0.7640856414928213]),
        (2, 20.0, [0.9746705078898071, 0.025329492110192874, 0.0012838756553350688, -2.4103895717557258]),
        (2, 25.0, [0.9797914534905159, 0.02020854650948407, 0.0008170495273215196, -2.5232719950007563]),
        (2, 1000.0, [0.9994998748748043, 0.0005001251251957198, 5.002503757832876e-07, -4.3726911101305355]),
        (2, 1000000.0, [0.999999499999875, 5.00000125000125e-07, 5.00000250000375e-13, -7.826693687186747]),
        (2, 1000000000000.0, [0.9999999999995, 5.00000000000125e-13, 5.0000000000025e-25, -14.734449091168822]),
        (3, 2.0, [0.537314720727548, 0.4626852792724519, 0.1739781701619289, -1.4047798079457772]),
        (3, 40.0, [0.975, 0.025, 0.000625, -4.382026634673881]),
        (3, 1000000000000.0, [0.999999999999, 1e-12, 1e-24, -28.324168296488494]),
        (10, 5.0, [0.4224501510153021, 0.5775498489846979, 0.06112559807960466, -3.8562552000417787]),
        (10, 24.7, [0.8311813425023243, 0.16881865749767563, 0.006277977393405436, -9.723696066455453]),
        (10, 100.0, [0.9557951728812474, 0.04420482711875258, 0.0004340219375940875, -15.77069891558977]),
        (53, 1.0, [0.01886145610861046, 0.9811385438913895, 0.018848527825719084, -0.9905676551974358]),
        (100, 0.01, [9.999999901960786e-05, 0.9999000000009803, 0.009999999705882362, -0.009999500000002451]),
        (100, 60.0, [0.4694526283817438, 0.5305473716182562, 0.005017392875595072, -44.25599871967092]),
        (100, 30000.0, [0.998351333793571, 0.0016486662064290056, 5.491107900581572e-08, -332.7221525993168]),
        (1000, 0.5, [0.0004999998752495631, 0.9995000001247505, 0.0009999992514976273, -0.4998750000155938]),
        (1000, 400.0, [0.3508410446722581, 0.6491589553277419, 0.0006850523043140029, -325.33109604388795]),
        (1000, 5000.0, [0.9050686625697957, 0.0949313374302043, 1.7997252676086886e-05, -1329.1425917206575]),
        (1000, 250000.0, [0.998003992011984, 0.001996007988016, 7.97606388812819e-09, -3258.8141377264956]),
        (1000, 1000000000000.0, [0.9999999995005, 4.994999998754996e-10, 4.994999997509993e-22, -10851.617692602867]),
    ];

    /// Relative error; of log G absolute, in units of the largest number that it is a sum of.
    #[test]
    fn values_are_those_of_the_table() {
        for &(m, kappa, [mean, shortfall, along, log_normalizer]) in TABLE {
            let law = Concentration::new(m, kappa);
            let close = |got: f64, want: f64, tolerance: f64| {
                assert!((got / want - 1.0).abs() < tolerance, "m {m} kappa {kappa}: {got} {want}");
            };
            close(law.mean, mean, 2e-15);
            close(law.across, mean / kappa, 3e-15);
            // The series' 1 − A and 1 − A² − (m − 1)A/κ lose what these fall short of 1 by, 1/2κ and 1/2κ².
            let by_series = m > 1 && (0.5 * m as f64 - 1.0).hypot(kappa) < UNIFORM;
            close(law.shortfall, shortfall, if by_series { 1e-13 } else { 1e-14 });
            close(law.along, along, if by_series { 1e-12 } else { 1e-14 });
            let size = 1.0 + m as f64 * libm::log(m as f64 + kappa);
            assert!(
                (law.log_normalizer - log_normalizer).abs() < 4e-16 * size.max(kappa.min(30.0)),
                "{m} {kappa}"
            );
        }
    }

    /// The two ways agree where they meet, and Riccati's equation holds.
    #[test]
    fn the_two_ways_meet() {
        for m in [2, 3, 7, 20, 45] {
            let nu = 0.5 * m as f64 - 1.0;
            let kappa = (UNIFORM * UNIFORM - nu * nu).sqrt();
            let (a, b) = (Concentration::by_series(nu, kappa), Concentration::by_expansion(nu, kappa));
            assert!((a.mean - b.mean).abs() < 1e-15 && (a.along / b.along - 1.0).abs() < 1e-11, "{m}");
            assert!((a.log_normalizer - b.log_normalizer).abs() < 1e-13, "{m}");
            let riccati = 1.0 - b.mean * b.mean - (m as f64 - 1.0) * b.across;
            assert!((riccati - b.along).abs() < 1e-15);
        }
        let none = Concentration::new(9, 0.0);
        assert_eq!((none.mean, none.across, none.log_normalizer), (0.0, 1.0 / 9.0, 0.0));
    }
}
