use ndarray::{Axis, array};
use proptest::prelude::*;

use super::*;
use crate::random::{Purpose, Stream};

fn normals(n: usize, d: usize, seed: u64) -> Array2<f64> {
    let mut stream = Stream::new(seed, Purpose::Evaluation, 0, 0);
    Array2::from_shape_simple_fn((n, d), || stream.normal())
}

fn set(values: Array2<f64>) -> PointSet {
    PointSet::vectors(values).unwrap()
}

fn close(a: ArrayView2<f64>, b: ArrayView2<f64>, tolerance: f64) -> bool {
    a.dim() == b.dim() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= tolerance)
}

/// Four points about (1, 2): ±5 along (3, 4)/5 and ±1 along (−4, 3)/5, so λ = 2·25/4 and 2·1/4. The signs
/// are those that make 4/5, the largest entry of either, positive.
#[test]
fn four_points_by_hand() {
    let data = set(array![[4.0, 6.0], [-2.0, -2.0], [0.2, 2.6], [1.8, 1.4]]);
    let pca = Pca::fit(&data, Components::Count(2)).unwrap();
    assert!((pca.spectrum()[0] - 12.5).abs() < 1e-12 && (pca.spectrum()[1] - 0.5).abs() < 1e-12);
    assert!(close(pca.components(), array![[0.6, 0.8], [0.8, -0.6]].view(), 1e-12));
    let encoded = array![[5.0, 0.0], [-5.0, 0.0], [0.0, -1.0], [0.0, 1.0]];
    assert!(close(pca.encode(data.values()).unwrap().view(), encoded.view(), 1e-12));
    let one = Pca::fit(&data, Components::Count(1)).unwrap();
    assert!((one.explained() - 12.5 / 13.0).abs() < 1e-12 && (one.residual_variance() - 0.5).abs() < 1e-12);
    let flat = array![[4.0, 6.0], [-2.0, -2.0], [1.0, 2.0], [1.0, 2.0]];
    assert!(close(one.reconstruct(data.values()).unwrap().view(), flat.view(), 1e-12));
    let white = pca.whitened();
    let encoded = encoded / &array![12.5f64.sqrt(), 0.5f64.sqrt()];
    assert!(close(white.encode(data.values()).unwrap().view(), encoded.view(), 1e-12));
    assert!(white.is_scaled() && !one.is_scaled());
}

/// Where 12.5 of 13 is 96.2 %, a share up to that needs one component, and one above it two.
#[test]
fn shares_count_components() {
    let data = set(array![[4.0, 6.0], [-2.0, -2.0], [0.2, 2.6], [1.8, 1.4]]);
    for (share, count) in [(1e-9, 1), (0.96, 1), (12.5 / 13.0, 1), (0.97, 2), (1.0, 2)] {
        assert_eq!(Pca::fit(&data, Components::Share(share)).unwrap().dim(), count, "{share}");
    }
}

/// The two ways agree on the same data: one pads with copies of its mean, which change S by n alone.
#[test]
fn scalar_products_give_the_eigenvectors_of_the_covariance() {
    let data = set(normals(9, 30, 1) * 7.0 + 100.0);
    let (few, many) = (by_products(&data).unwrap(), by_covariance(&data).unwrap());
    assert!(few.mean.iter().zip(&many.mean).all(|(a, b)| (a - b).abs() < 1e-12));
    // Rank 8: nine points and their mean.
    for j in 0..8 {
        assert!((few.spectrum[j] / many.spectrum[j] - 1.0).abs() < 1e-11);
        let product = few.vectors.row(j).dot(&many.vectors.row(j));
        assert!((product.abs() - 1.0).abs() < 1e-11, "{j}: {product}");
    }
    let pca = Pca::fit(&data, Components::Share(1.0)).unwrap();
    assert_eq!(pca.dim(), 8);
    assert!(close(pca.reconstruct(data.values()).unwrap().view(), data.values(), 1e-11));
}

/// Variances that span twelve decades, of fewer points than dimensions: what the scalar products leave of
/// the last directions is far from orthogonal before it is made so.
#[test]
fn components_are_orthonormal_where_variances_differ_by_decades() {
    let mut values = normals(7, 40, 2);
    for (mut row, decade) in values.outer_iter_mut().zip(0i32..) {
        row.mapv_inplace(|v| v * 10f64.powi(-decade));
    }
    let pca = Pca::fit(&set(values), Components::Count(5)).unwrap();
    let gram = pca.components().dot(&pca.components().t());
    assert!(close(gram.view(), Array2::eye(5).view(), 1e-14));
    Pca::from_parts(
        pca.mean().to_owned(),
        pca.components().to_owned(),
        pca.scales().to_vec(),
        pca.spectrum().to_vec(),
    )
    .unwrap();
}

#[test]
fn whitened_data_have_the_covariance_of_white_noise() {
    let data = set(normals(200, 5, 3).dot(&normals(5, 12, 4)));
    let pca = Pca::fit(&data, Components::Count(4)).unwrap().whitened();
    let z = pca.encode_points(&data.with_values(data.values().to_owned()).unwrap()).unwrap();
    assert!(z.values().mean_axis(Axis(0)).unwrap().iter().all(|m| m.abs() < 1e-12));
    let covariance = z.values().t().dot(&z.values()) / 200.0;
    assert!(close(covariance.view(), Array2::eye(4).view(), 1e-11));
}

/// A row's code is the same bits alone, in any batch, and on any number of threads.
#[test]
fn rows_do_not_depend_on_their_batch() {
    let data = set(normals(50, 33, 5));
    let pca = Pca::fit(&data, Components::Count(7)).unwrap();
    let z = pca.encode(data.values()).unwrap();
    let x = pca.decode(z.view()).unwrap();
    for i in [0, 13, 49] {
        let alone = pca.encode(crate::points::rows(&data.values(), i..i + 1)).unwrap();
        assert_eq!(alone.row(0), z.row(i));
        assert_eq!(pca.decode(alone.view()).unwrap().row(0), x.row(i));
    }
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let (other, wide) = pool.install(|| {
            let wide = set(normals(20, 33, 5));
            (Pca::fit(&data, Components::Count(7)).unwrap(), Pca::fit(&wide, Components::Count(7)).unwrap())
        });
        assert_eq!(other, pca);
        assert_eq!(wide, Pca::fit(&set(normals(20, 33, 5)), Components::Count(7)).unwrap());
    }
}

#[test]
fn labels_stay_and_images_become_vectors() {
    let digits = crate::points::PointSet::new(
        normals(20, 4, 6),
        crate::Shape::Image { height: 2, width: 2, channels: 1 },
    );
    let digits = digits.unwrap().with_labels((0..20).collect()).unwrap();
    let encoded = Pca::fit(&digits, Components::Count(3)).unwrap().encode_points(&digits).unwrap();
    assert_eq!((encoded.shape(), encoded.labels()), (crate::Shape::Vector(3), digits.labels()));
}

#[test]
fn what_has_no_components_is_refused() {
    let message =
        |values: Array2<f64>, components| Pca::fit(&set(values), components).unwrap_err().to_string();
    let line = array![[0.0, 0.0], [1.0, 2.0], [3.0, 6.0]];
    assert!(message(line.clone(), Components::Count(0)).contains("is 0"));
    assert!(message(line.clone(), Components::Count(2)).contains("rank 1"));
    // Three points, two differences; and as many directions as coordinates.
    assert!(message(normals(3, 9, 1), Components::Count(3)).contains("rank 2"));
    assert!(message(normals(30, 4, 1), Components::Count(5)).contains("rank 4"));
    for share in [0.0, -0.5, 1.5, f64::NAN] {
        assert!(message(line.clone(), Components::Share(share)).contains("share"));
    }
    for same in [array![[0.1, 0.2], [0.1, 0.2]], array![[0.1, 0.7]], Array2::from_elem((7, 3), 0.1)] {
        assert!(message(same, Components::Share(0.9)).contains("all points are equal"));
    }
    assert!(message(array![[-1e200], [1e200]], Components::Count(1)).contains("range of f64"));
}

#[test]
fn parts_that_do_not_fit_are_refused() {
    let make = |mean: Vec<f64>, rows: Array2<f64>, scales: Vec<f64>, spectrum: Vec<f64>| {
        Pca::from_parts(mean.into(), rows, scales, spectrum).map(drop)
    };
    let row = array![[0.6, 0.8]];
    make(vec![0.0; 2], row.clone(), vec![2.0], vec![3.0, 1.0]).unwrap();
    for (bad, expected) in [
        (make(vec![0.0; 3], row.clone(), vec![1.0], vec![1.0]), "a mean of 3"),
        (make(vec![0.0; 2], row.clone(), vec![1.0; 2], vec![1.0]), "2 scales"),
        (make(vec![0.0; 2], Array2::zeros((0, 2)), vec![], vec![]), "(0, 2)"),
        (make(vec![0.0; 2], row.clone(), vec![1.0], vec![]), "a spectrum of 0"),
        (make(vec![0.0; 2], row.clone(), vec![1.0], vec![1.0; 3]), "a spectrum of 3"),
        (make(vec![0.0; 2], row.clone(), vec![0.0], vec![1.0]), "scales hold 0"),
        (make(vec![0.0; 2], row.clone(), vec![1.0], vec![1.0, 2.0]), "decreasing"),
        (make(vec![0.0; 2], row.clone(), vec![1.0], vec![f64::NAN]), "spectrum"),
        (make(vec![f64::INFINITY, 0.0], row.clone(), vec![1.0], vec![1.0]), "the mean"),
        (
            make(vec![0.0; 2], array![[0.6, 0.9]], vec![1.0], vec![1.0]),
            "0 and 0 have the scalar product 1.17",
        ),
        (make(vec![0.0; 2], array![[1.0, 0.0], [1.0, 0.0]], vec![1.0; 2], vec![1.0; 2]), "0 and 1"),
    ] {
        let error = bad.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}, not {expected}");
    }
    let pca = Pca::from_parts(array![0.0, 0.0], row, vec![1e-300], vec![1.0]).unwrap();
    assert!(pca.encode(array![[1.0]].view()).unwrap_err().to_string().contains("1 columns"));
    assert!(pca.decode(array![[f64::NAN]].view()).is_err());
    assert!(pca.encode(array![[1e300, 0.0]].view()).unwrap_err().to_string().contains("encoded"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    /// Codes come back: decode is a right inverse of encode, whatever is outside of the span.
    #[test]
    fn decoded_codes_are_encoded_to_themselves(
        n in 3usize..20, d in 1usize..20, seed in any::<u64>(), white in any::<bool>(),
    ) {
        let k = 1 + (seed as usize) % d.min(n - 1);
        let pca = Pca::fit(&set(normals(n, d, seed)), Components::Count(k)).unwrap();
        let pca = if white { pca.whitened() } else { pca };
        let z = normals(4, k, seed ^ 1);
        let back = pca.encode(pca.decode(z.view()).unwrap().view()).unwrap();
        // The smallest standard deviation of normal data of this size is seldom below 1e-3 of the largest.
        prop_assert!(close(back.view(), z.view(), 1e-9));
    }
}
