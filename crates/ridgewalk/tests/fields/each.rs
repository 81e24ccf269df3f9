//! Every kind of field under the laws, and the same law told in two ways.

use std::sync::Arc;

use ndarray::{Array2, array};
use ridgewalk::closed_form::{
    Covariance, Embedded, Empirical, FieldMixture, Gaussian, Mixture, Plane, Product, Sphere, Torus,
};
use ridgewalk::{Density, PointSet};

use super::{agree, check_field, directions, frame, normals};

const LEVELS: &[f64] = &[0.01, 0.3, 1.0, 20.0];

fn gaussians() -> Vec<Gaussian> {
    let d = 4;
    let vectors = frame(2, d, 3);
    let forms = [
        Covariance::from_parts(frame(d, d, 1), vec![4.0, 1.0, 0.1, 0.0], 0.0).unwrap(),
        Covariance::from_parts(vectors, vec![2.0, 0.5], 0.1).unwrap(),
        Covariance::diagonal(vec![0.0, 0.3, 2.0, 1.0]).unwrap(),
        Covariance::isotropic(d, 0.4).unwrap(),
    ];
    let means = normals(forms.len(), d, 2);
    forms.into_iter().zip(means.outer_iter()).map(|(c, m)| Gaussian::new(m.to_owned(), c).unwrap()).collect()
}

#[test]
fn gaussians_of_every_form() {
    for gaussian in gaussians() {
        let points = gaussian.sample(4, 1);
        check_field("Gaussian", &gaussian, points.view(), LEVELS);
    }
}

#[test]
fn mixtures_of_every_form() {
    let mixture = Mixture::new(vec![1.0, 2.0, 3.0, 2.0], gaussians()).unwrap();
    check_field("mixture", &mixture, mixture.sample(5, 2).view(), &[0.2, 1.0, 20.0]);
    // A mixture of fields is the mixture of Gaussians, by other formulas.
    let fields = gaussians().into_iter().map(|g| Arc::new(g) as Arc<dyn Density>).collect();
    let same = FieldMixture::new(vec![1.0, 2.0, 3.0, 2.0], fields).unwrap();
    agree("mixture", &same, &mixture, mixture.sample(5, 3).view(), &[0.05, 0.5, 5.0, 500.0], 1e-12);
}

#[test]
fn the_data_themselves() {
    let data = PointSet::vectors(normals(30, 3, 5)).unwrap();
    let weights: Vec<f64> = (1..=30).map(f64::from).collect();
    let empirical = Empirical::weighted(&data, &weights).unwrap();
    check_field("empirical", &empirical, normals(5, 3, 6).view(), &[0.3, 1.0, 20.0]);
}

#[test]
fn spheres() {
    for m in [1, 2, 3, 8, 70] {
        let sphere = Sphere::new(m, 1.5).unwrap();
        let points = directions(4, m, 7) * 1.5;
        check_field("sphere", &sphere, points.view(), &[0.003, 0.2, 1.0, 20.0]);
        check_field("centre of the sphere", &sphere, (points * 1e-9).view(), &[0.5, 3.0]);
    }
}

#[test]
fn planes_and_boxes() {
    let boxes = Plane::new(vec![0.5, 1.0, f64::INFINITY]).unwrap();
    let points = array![[0.2, 1.0, 3.0], [0.5, -1.0, 0.0], [-0.6, 1.5, 9.0], [0.0, 0.01, -2.0]];
    check_field("box", &boxes, points.view(), &[0.01, 0.2, 0.45, 1.0, 20.0]);
    let plane =
        Plane::infinite(2).unwrap().embed(frame(2, 5, 8), normals(1, 5, 9).row(0).to_owned()).unwrap();
    check_field("plane", &plane, normals(4, 5, 10).view(), LEVELS);
}

fn torus_points(torus: &Torus) -> Array2<f64> {
    let (big, small) = (torus.major(), torus.minor());
    Array2::from_shape_fn((6, 3), |(i, axis)| {
        let (phi, theta) = (i as f64 * 1.3, i as f64 * 2.1);
        let a = big + small * phi.cos();
        [a * theta.cos(), a * theta.sin(), small * phi.sin()][axis]
    })
}

#[test]
fn tori() {
    for (big, small) in [(2.0, 0.5), (1.0, 0.9)] {
        let torus = Torus::of_revolution(big, small).unwrap();
        check_field("torus", &torus, torus_points(&torus).view(), &[1e-3, 0.05, 0.4, 3.0, 100.0]);
    }
    let flat = Torus::flat(&[1.0, 0.3]).unwrap();
    let points = array![[1.0, 0.0, 0.0, 0.3], [0.6, 0.8, -0.3, 0.0], [0.0, 0.1, 0.1, 0.0]];
    check_field("flat torus", &flat, points.view(), &[0.01, 0.3, 3.0]);
}

#[test]
fn embeddings() {
    let origin = || normals(1, 6, 12).row(0).to_owned();
    let sphere = Sphere::new(3, 2.0).unwrap().embed(frame(3, 6, 11), origin()).unwrap();
    let points = (directions(4, 3, 13) * 2.0).dot(&sphere.frame()) + sphere.origin();
    check_field("embedded sphere", &sphere, points.view(), LEVELS);
    let torus = Torus::of_revolution(2.0, 0.5).unwrap();
    let points = torus_points(&torus);
    let torus = torus.embed(frame(3, 6, 14), origin()).unwrap();
    let points = points.dot(&torus.frame()) + torus.origin();
    check_field("embedded torus", &torus, points.view(), &[0.01, 0.3, 3.0]);
    // A Gaussian on a subspace is the Gaussian of low rank with s² = 0.
    let vectors = frame(2, 5, 15);
    let values = vec![3.0, 0.5];
    let inner = Gaussian::new(array![0.0, 0.0], Covariance::diagonal(values.clone()).unwrap()).unwrap();
    let mean = normals(1, 5, 16).row(0).to_owned();
    let embedded = Embedded::new(inner, vectors.clone(), mean.clone()).unwrap();
    let whole = Gaussian::new(mean, Covariance::from_parts(vectors, values, 0.0).unwrap()).unwrap();
    agree("subspace", &embedded, &whole, normals(4, 5, 17).view(), LEVELS, 1e-12);
}

#[test]
fn products_and_mixtures_of_fields() {
    let height = Gaussian::new(array![0.3, -1.0], Covariance::diagonal(vec![0.2, 1.0]).unwrap()).unwrap();
    let product = Product::with_coordinates(vec![
        (vec![3, 0], Arc::new(Sphere::new(2, 1.0).unwrap())),
        (vec![4, 1], Arc::new(height)),
        (vec![2], Arc::new(Plane::new(vec![0.7]).unwrap())),
    ])
    .unwrap();
    check_field("product", &product, (normals(4, 5, 18) * 0.7).view(), &[0.05, 0.3, 3.0]);

    let ring = Sphere::new(2, 1.0).unwrap().embed(frame(2, 3, 20), array![0.2, 0.0, 0.1]).unwrap();
    let blob =
        Gaussian::new(array![0.5, 0.5, 0.0], Covariance::diagonal(vec![0.1, 0.2, 0.4]).unwrap()).unwrap();
    let fields: Vec<Arc<dyn Density>> = vec![
        Arc::new(ring),
        Arc::new(blob),
        Arc::new(Torus::of_revolution(1.2, 0.4).unwrap()),
        Arc::new(Plane::new(vec![1.0, 0.5, 0.2]).unwrap()),
    ];
    let mixture = FieldMixture::new(vec![1.0, 1.0, 2.0, 0.5], fields).unwrap();
    check_field("mixture of fields", &mixture, (normals(6, 3, 21) * 0.7).view(), &[0.2, 0.5, 3.0, 50.0]);
    let gamma = mixture.responsibilities(normals(6, 3, 22).view(), 0.3).unwrap();
    assert!(gamma.rows().into_iter().all(|row| (row.sum() - 1.0).abs() < 1e-14));

    // Independent coordinates of a diagonal Gaussian.
    let parts: Vec<Arc<dyn Density>> = [0.5, 2.0, 0.0]
        .iter()
        .map(|&v| Arc::new(Gaussian::new(array![v], Covariance::isotropic(1, v).unwrap()).unwrap()) as _)
        .collect();
    let whole =
        Gaussian::new(array![0.5, 2.0, 0.0], Covariance::diagonal(vec![0.5, 2.0, 0.0]).unwrap()).unwrap();
    agree("independent", &Product::new(parts).unwrap(), &whole, normals(4, 3, 23).view(), LEVELS, 1e-13);
}
