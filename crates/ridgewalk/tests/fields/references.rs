//! Fields against sums over a grid, high-precision integrals and limits; and what is refused.

use std::sync::Arc;

use ndarray::{Array1, Array2, Axis, array};
use ridgewalk::closed_form::{Empirical, FieldMixture, Plane, Product, Sphere, Torus};
use ridgewalk::{Denoiser, Density, Differentiable, PointSet};

use super::{agree, directions, worst};

/// Sums over a grid: for these periodic analytic integrands the rule with n points errs by e^{−n²σ²/2r²}
/// or less, so the grid is the law to rounding while σ is above 9r/n.
#[test]
fn circles_and_tori_are_sums_over_a_fine_grid() {
    use std::f64::consts::PI;
    let n = 400;
    let angle = |i: usize, n: usize| 2.0 * PI * i as f64 / n as f64;
    let circle = Array2::from_shape_fn((n, 2), |(i, k)| 1.5 * [angle(i, n).cos(), angle(i, n).sin()][k]);
    let sum = Empirical::new(&PointSet::vectors(circle).unwrap()).unwrap();
    let points = array![[1.5, 0.0], [0.1, 0.2], [-3.0, 1.0]];
    agree("circle", &Sphere::new(2, 1.5).unwrap(), &sum, points.view(), &[0.05, 0.3, 2.0, 1e3], 1e-11);

    let torus = Torus::of_revolution(1.0, 0.4).unwrap();
    let (tube, round) = (60, 140);
    let mut weights = Vec::new();
    let mut grid = Array2::zeros((tube * round, 3));
    for (i, mut row) in grid.outer_iter_mut().enumerate() {
        let (phi, theta) = (angle(i % tube, tube), angle(i / tube, round));
        let a = 1.0 + 0.4 * phi.cos();
        row.assign(&array![a * theta.cos(), a * theta.sin(), 0.4 * phi.sin()]);
        weights.push(a);
    }
    let sum = Empirical::weighted(&PointSet::vectors(grid).unwrap(), &weights).unwrap();
    let points = array![[0.6, 0.0, 0.0], [0.0, 1.0, 0.4], [0.0, 0.0, 0.0], [1.0, 0.1, 0.0], [-2.0, 3.0, 1.0]];
    agree("torus", &torus, &sum, points.view(), &[0.15, 0.5, 3.0, 1e3], 1e-10);
}

/// ([R or a, x, σ] and the answers) by mpmath 1.3 with 30 to 40 digits; see each test.
type Rows<const IN: usize, const OUT: usize> = &'static [([f64; IN], [f64; OUT])];

/// One coordinate of a box: D, score, J, ∂D/∂σ, log p of the normal law truncated to [−a, a].
#[test]
fn intervals_are_truncated_normal_laws() {
    #[rustfmt::skip]
    const TABLE: Rows<3, 5> = &[
        ([1.0, 0.0, 1.0], [0.0, 0.0, 0.2911250947727932, 0.0, -1.0748623268620714]),
        ([1.0, 0.3, 0.1], [0.29999999999908655, -9.134720408376284e-11, 0.9999999999360569, -4.567360204193983e-10, -0.6931471805612252]),
        ([1.0, 0.999, 0.01], [0.9916466825149421, -73.53317485057806, 0.3857540447888533, -0.7967563440268953, -1.3096521906749716]),
        ([1.0, 1.0, 0.001], [0.9992021154391971, -797.8845608028654, 0.3633802276324187, -0.7978845608028654, -1.3862943611198906]),
        ([1.0, 1.5, 0.1], [0.9813496032874158, -51.86503967125842, 0.032696434617112226, -0.34998614021140323, -15.75814557454867]),
        ([1.0, 3.0, 2.0], [0.2336619067368945, -0.6915845233157764, 0.07274288610060128, -0.21086377809592605, -2.6889454497407006]),
        ([1.0, 100.0, 0.001], [0.9999999898989899, -99000000.010101, 1.0203040499824687e-10, -2.020202019377532e-05, -4900500013.114961]),
        ([0.5, 2.0, 0.25], [0.4603793488638579, -24.633930418178274, 0.02398763678904701, -0.3024084252776521, -20.736768949974714]),
        ([1.0, 0.3, 1000.0], [9.99999866666667e-08, -2.9999990000001334e-07, 3.33333288888885e-07, -1.9999994666666688e-10, -7.826694023853451]),
        ([2.0, 50000.0, 1000.0], [0.06662222902005381, -0.04999993337777098, 1.3306701864950343e-06, -0.0001330669476736661, -1257.8250283682778]),
    ];
    for &([a, x, sigma], want) in TABLE {
        let field = Plane::new(vec![a]).unwrap();
        for sign in [1.0, -1.0] {
            let at = array![[sign * x]];
            let (d, ds) = field.denoise_with_sigma_derivative(at.view(), sigma).unwrap();
            let got = [
                sign * d[[0, 0]],
                sign * field.score(at.view(), sigma).unwrap()[[0, 0]],
                field.divergence(at.view(), sigma).unwrap()[0],
                sign * ds[[0, 0]],
                field.log_density(at.view(), sigma).unwrap()[0],
            ];
            // Rounding of the edge's distance over σ, 1e-16 a/σ, is multiplied by that distance where x is far.
            let conditioning = 1e-15 * (1.0 + (x - a).abs().min(a) / sigma);
            // D is right to the size of the box, and the score as D − x.
            let floors = [1e-15 * a, 1e-15 * a / (sigma * sigma), 0.0, 0.0, 0.0];
            for ((got, want), floor) in got.into_iter().zip(want).zip(floors) {
                let allowed = want.abs().max(1e-7) * (1e-12 + conditioning) + floor;
                assert!((got - want).abs() < allowed, "{a} {x} {sigma}: {got:e} {want:e}");
            }
        }
    }
}

/// In the half-plane (ρ, z) of the torus R = 2, r = ½: D_ρ, D_z, J_ρρ, J_ρz, J_zz, J_θθ, log p.
#[test]
fn tori_are_high_precision_integrals() {
    #[rustfmt::skip]
    const TABLE: Rows<3, 7> = &[
        ([2.4, 0.3, 0.0001], [2.3999999906666667, 0.29999999299999996, 0.36000000275555577, -0.47999997834999986, 0.6399999944666667, 0.9999999961111111, 4.615647709425041]),
        ([1.5, 0.25, 0.001], [1.5527869287690506, 0.22360651295195186, 0.17888689027514204, 0.3577699056924154, 0.7155409505804304, 1.0351912858460337, -1739.2282421073226]),
        ([0.0, 0.5, 0.01], [0.0, 0.12126569658800654, 11475.423468458857, 0.0, 0.22826450463348963, 11475.423468458857, -12186.99425698528]),
        ([2.0, 0.0, 0.1], [2.0290407942490516, 0.0, 12.376806526974216, 0.0, 12.524973087410013, 1.0145203971245258, -12.267386129619476]),
        ([1.0, 2.0, 1.0], [1.3097587957386192, 0.22014906838442053, 0.7387183769725345, 0.00856622108294529, 0.0879109273097937, 1.3097587957386192, -6.291728299415537]),
        ([0.25, -1.0, 0.05], [1.5614579448533519, -0.2478464902656545, 0.08134573891574776, -0.10665371253792053, 0.18686646781717434, 6.2458317794134075, -460.7644502575466]),
        ([3.0, 1.0, 1000.0], [6.5624985351271555e-06, 1.250000078124287e-07, 2.187499511689742e-06, 0.0, 1.250000078124209e-07, 2.187499511709052e-06, -23.480088686550282]),
        ([5.0, 3.0, 0.5], [2.310071033783224, 0.3292505851554925, 0.06257703410984951, -0.051158572102568696, 0.05940378414505589, 0.4620142067566448, -33.348685877218486]),
    ];
    let torus = Torus::of_revolution(2.0, 0.5).unwrap();
    for &([rho, z, sigma], want) in TABLE {
        // Turned about the axis by the angle whose cosine is 0.6.
        let x = array![[0.6 * rho, 0.8 * rho, z]];
        let d = torus.denoise(x.view(), sigma).unwrap();
        let j = torus.jacobian(x.view(), sigma).unwrap();
        let j = |a: [f64; 3], b: [f64; 3]| {
            ndarray::arr1(&a).dot(&j.index_axis(Axis(0), 0).dot(&ndarray::arr1(&b)))
        };
        let (out, aside, up) = ([0.6, 0.8, 0.0], [-0.8, 0.6, 0.0], [0.0, 0.0, 1.0]);
        let got = [
            0.6 * d[[0, 0]] + 0.8 * d[[0, 1]],
            d[[0, 2]],
            j(out, out),
            j(out, up),
            j(up, up),
            j(aside, aside),
            torus.log_density(x.view(), sigma).unwrap()[0],
        ];
        // Relative to the larger entry; of D beside the rounding of sums of order R.
        let scales = [want[0].abs().max(want[1].abs()), want[2].max(want[5])];
        for (i, (got, want)) in got.into_iter().zip(want).enumerate() {
            let allowed = match i {
                0 | 1 => 1e-11 * scales[0] + 4e-16,
                2..=5 => 1e-11 * scales[1],
                _ => 1e-13 * (10.0 + want.abs()),
            };
            assert!((got - want).abs() < allowed, "{rho} {z} {sigma}: {got:e} {want:e}");
        }
    }
}

/// 1000 dimensions, and noise from 1e-6 to 1e6 of the radius: D stays on the ray, J's trace is right.
#[test]
fn large_spheres_at_extreme_noise() {
    let m = 1000;
    let sphere = Sphere::new(m, 1.0).unwrap();
    let x = directions(3, m, 30);
    // At σ → 0 the score on the sphere is half its mean curvature inwards: −(m − 1)/2.
    let score = sphere.score(x.view(), 1e-6).unwrap();
    assert!(worst(&score, &(&x * (-0.5 * 999.0))) < 1e-2, "{}", worst(&score, &(&x * (-0.5 * 999.0))));
    assert!((sphere.divergence(x.view(), 1e-6).unwrap()[0] - 999.0).abs() < 1e-6);
    // At σ → ∞ D = x r²/mσ².
    let d = sphere.denoise((&x * 3.0).view(), 1e6).unwrap();
    assert!(worst(&(d * (1e12 * m as f64)), &(&x * 3.0)) < 1e-9);
    let far = sphere.denoise((&x * 1e9).view(), 1e-6).unwrap();
    assert!(worst(&far, &x) < 1e-15);
}

#[test]
fn fields_that_are_none_are_refused() {
    assert!(Sphere::new(0, 1.0).is_err());
    assert!(Sphere::new(2, 0.0).is_err());
    assert!(Sphere::new(2, f64::INFINITY).is_err());
    assert!(Plane::new(vec![]).is_err());
    assert!(Plane::new(vec![1.0, 0.0]).is_err());
    assert!(Plane::new(vec![f64::NAN]).is_err());
    assert!(Torus::of_revolution(1.0, 1.0).is_err());
    assert!(Torus::of_revolution(1.0, -0.5).is_err());
    assert!(Torus::flat(&[]).is_err());
    let circle = || Arc::new(Sphere::new(2, 1.0).unwrap()) as Arc<dyn Density>;
    assert!(Product::new(vec![]).is_err());
    for coordinates in [vec![0, 0], vec![0, 2], vec![0], vec![0, usize::MAX]] {
        assert!(Product::with_coordinates(vec![(coordinates, circle())]).is_err());
    }
    assert!(FieldMixture::new(vec![], vec![]).is_err());
    assert!(FieldMixture::new(vec![1.0], vec![circle(), circle()]).is_err());
    assert!(FieldMixture::new(vec![-1.0], vec![circle()]).is_err());
    let line = Arc::new(Sphere::new(1, 1.0).unwrap()) as Arc<dyn Density>;
    assert!(FieldMixture::new(vec![1.0, 1.0], vec![circle(), line]).is_err());
    let embed = |frame: Array2<f64>, centre: Array1<f64>| Sphere::new(2, 1.0).unwrap().embed(frame, centre);
    assert!(embed(array![[1.0, 0.0, 0.0]], Array1::zeros(3)).is_err());
    assert!(embed(array![[1.0], [0.0]], Array1::zeros(1)).is_err());
    assert!(embed(array![[1.0, 0.0, 0.0], [0.1, 1.0, 0.0]], Array1::zeros(3)).is_err());
    assert!(embed(array![[1.0, 0.0, 0.0], [0.0, f64::NAN, 0.0]], Array1::zeros(3)).is_err());
    assert!(embed(array![[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], Array1::zeros(2)).is_err());
    for field in [circle(), Arc::new(Product::new(vec![circle()]).unwrap())] {
        assert!(field.denoise(array![[1.0]].view(), 1.0).is_err());
        assert!(field.denoise(array![[1.0, f64::NAN]].view(), 1.0).is_err());
        assert!(field.jvp(array![[1.0, 0.0]].view(), 1.0, array![[1.0]].view()).is_err());
        for sigma in [0.0, -1.0, f64::NAN, 1e-200] {
            assert!(field.log_density(array![[1.0, 0.0]].view(), sigma).is_err());
        }
        // An answer or an error, never NaN.
        assert!(field.log_density(array![[1e200, 0.0]].view(), 1.0).is_err());
    }
}
