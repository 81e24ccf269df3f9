use super::*;
use crate::random::{Purpose, Stream};
use ndarray::array;

fn normals(n: usize, d: usize, key: u64) -> Array2<f64> {
    let mut values = vec![0.0; n * d];
    Stream::new(3, Purpose::Synthetic, key, 0).fill_normal(&mut values);
    Array2::from_shape_vec((n, d), values).unwrap()
}

#[test]
fn five_points_by_hand() {
    let points = array![[0.0, 0.0], [1.0, 0.0], [0.0, 2.0], [3.0, 4.0], [1.0, 0.0]];
    let found = nearest(array![[0.0, 0.0], [3.0, 3.0]].view(), points.view(), 3).unwrap();
    // points 1 and 4 tie: the lower index comes first
    assert_eq!(found.indices, array![[0, 1, 4], [3, 2, 1]]);
    assert_eq!(found.distances, array![[0.0, 1.0, 1.0], [1.0, 10f64.sqrt(), 13f64.sqrt()]]);
    let others = nearest_others(points.view(), 1).unwrap();
    assert_eq!(others.indices.column(0).to_vec(), [1, 4, 0, 2, 1]);
    assert_eq!(others.distances.column(0).to_vec(), [1.0, 0.0, 2.0, 13f64.sqrt(), 0.0]);
}

#[test]
fn agrees_with_sorting_all_distances() {
    // 75 coordinates leave a remainder in both strides; 5000 points make two chunks
    for (m, n, d) in [(40, 300, 75), (3, 5000, 2), (33, 9, 1)] {
        let (queries, points) = (normals(m, d, 1), normals(n, d, 2));
        let found = nearest(queries.view(), points.view(), 5).unwrap();
        for (i, query) in queries.outer_iter().enumerate() {
            let squared =
                |j: usize| -> f64 { query.iter().zip(points.row(j)).map(|(a, b)| (a - b) * (a - b)).sum() };
            let mut order: Vec<usize> = (0..n).collect();
            order.sort_by(|&a, &b| squared(a).total_cmp(&squared(b)));
            assert_eq!(found.indices.row(i).to_vec(), order[..5]);
            for (rank, &j) in order[..5].iter().enumerate() {
                assert!((found.distances[[i, rank]] / squared(j).sqrt() - 1.0).abs() < 1e-14);
            }
        }
    }
}

#[test]
fn duplicates_far_from_the_origin_are_at_exactly_zero() {
    let points = normals(50, 100, 4) + 1e8;
    let found = nearest(points.view(), points.view(), 1).unwrap();
    assert_eq!(found.nearest_indices().to_vec(), (0..50).collect::<Vec<_>>());
    assert!(found.distances.iter().all(|&d| d == 0.0));
}

#[test]
fn bytes_do_not_depend_on_threads_or_batches() {
    let (queries, points) = (normals(70, 20, 5), normals(9000, 20, 6));
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| nearest(queries.view(), points.view(), 4).unwrap())
    };
    let one = run(1);
    assert_eq!(one, run(2));
    assert_eq!(one, run(7));
    for i in [0, 41, 69] {
        let alone = nearest(queries.select(ndarray::Axis(0), &[i]).view(), points.view(), 4).unwrap();
        assert_eq!(alone.distances.row(0), one.distances.row(i));
        assert_eq!(alone.indices.row(0), one.indices.row(i));
    }
}

#[test]
fn what_has_no_answer_is_refused() {
    let points = array![[0.0], [1.0]];
    assert!(nearest(points.view(), points.view(), 3).unwrap_err().to_string().contains("k is 3"));
    assert!(nearest(points.view(), points.view(), 0).is_err());
    assert!(nearest_others(points.view(), 2).is_err());
    assert!(nearest_others(array![[0.0]].view(), 1).is_err());
    assert!(nearest(array![[0.0, 1.0]].view(), points.view(), 1).is_err());
    assert!(nearest(array![[f64::NAN]].view(), points.view(), 1).is_err());
    let far = nearest(array![[1e200]].view(), points.view(), 1);
    assert!(matches!(far, Err(Error::Numerical { .. })));
    assert!(nearest(Array2::zeros((0, 1)).view(), points.view(), 1).unwrap().indices.is_empty());
}

#[test]
fn distinct_rows_keep_the_first_of_each() {
    let points = array![[0.0, 1.0], [1.0, 0.0], [-0.0, 1.0], [1.0, 0.0], [2.0, 2.0]];
    assert_eq!(distinct_rows(points.view()), [0, 1, 4]);
}

/// Both ways for all queries, whatever `search` would choose.
fn both(queries: &Array2<f64>, points: &Array2<f64>, k: usize, excluded: Option<&[usize]>) {
    let pair = Pair { queries: queries.view(), points: points.view(), k, excluded };
    let all: Vec<usize> = (0..queries.nrows()).collect();
    let scanned: Vec<_> = pair.scanned(&all).into_iter().map(Best::into_found).collect();
    if let Some(screened) = pair.screened() {
        let screened: Vec<_> = screened.into_iter().map(Best::into_found).collect();
        assert_eq!(screened, scanned);
    }
    // A chunk of the points and more than a panel, and enough queries: the screen was at work.
    assert!(pair.screened().is_some() || 2 * k > points.nrows() || queries.nrows() < 24);
}

/// Bulk, tails of panels and chunks, near-duplicates at 1e-9 of the data's size, where f32 sees only ties,
/// beside an outlier that sets the scale; offsets, scales, and queries from inside the data to far beyond it.
#[test]
fn the_screen_changes_nothing() {
    for (n, d) in [(30, 3), (65, 1), (2100, 40), (500, 300)] {
        let clusters = normals(7, d, 11);
        let mut points = normals(n, d, 12) * 1e-9;
        for (i, mut row) in points.outer_iter_mut().enumerate() {
            row += &clusters.row(i % 7);
        }
        let copy = points.row(1).to_owned();
        points.row_mut(n - 1).assign(&copy);
        points.row_mut(n - 2).fill(40.0);
        let mut queries = normals(35, d, 13);
        for (i, mut row) in queries.outer_iter_mut().enumerate() {
            row *= [0.0, 1e-9, 1.0, 1e3, 1e7][i % 5];
            row += &points.row(i * 13 % n);
        }
        let excluded: Vec<usize> = (0..35).map(|i| i * 13 % n).collect();
        for (scale, offset) in [(1.0, 0.0), (1.0, 1e6), (1e-30, 0.0), (1e90, 0.0)] {
            let points = &points * scale + offset;
            let queries = &queries * scale + offset;
            for k in [1, 6, n / 2] {
                both(&queries, &points, k, None);
                both(&queries, &points, k, Some(&excluded));
            }
        }
    }
}

/// More ties than a query holds at a time.
#[test]
fn many_equal_points() {
    let mut points = Array2::zeros((9000, 2));
    points.row_mut(0).fill(1.0);
    let queries = Array2::from_elem((24, 2), 0.25);
    both(&queries, &points, 5, None);
    let found = nearest(queries.view(), points.view(), 5).unwrap();
    assert_eq!(found.indices.row(23).to_vec(), [1, 2, 3, 4, 5]);
}

/// Squares of the radius, or the mean, beyond the range of f64, and points that are all equal.
#[test]
fn what_f32_cannot_hold_is_scanned() {
    for points in [normals(30, 4, 1) * 1e200, normals(30, 4, 1) * 1e-200, Array2::from_elem((30, 4), 1e308)] {
        let pair = Pair { queries: points.view(), points: points.view(), k: 1, excluded: None };
        assert!(pair.screened().is_none());
    }
    let points = Array2::from_elem((30, 4), 1e308);
    assert_eq!(nearest(points.view(), points.view(), 30).unwrap().indices.row(7).to_vec()[..3], [0, 1, 2]);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(96))]

    /// Integers times a power of two are exact throughout, so sorting integer squares gives the same order,
    /// ties and all.
    #[test]
    fn agrees_with_integers(
        n in 2usize..90,
        m in 1usize..50,
        d in 1usize..20,
        spread in 1i64..30,
        offset in proptest::sample::select(vec![0i64, 1000, 1 << 24, -(1 << 40)]),
        exponent in -60i32..60,
        part in 0.0..1.0f64,
        exclude in proptest::bool::ANY,
        seed in 0u64..1000,
    ) {
        let mut stream = Stream::new(seed, Purpose::Evaluation, 0, 0);
        let mut draw = |rows: usize| {
            Array2::from_shape_simple_fn((rows, d), || (stream.uniform() * spread as f64) as i64 + offset)
        };
        let (points, mut queries) = (draw(n), draw(m));
        // Some far away.
        queries.row_mut(m / 2).mapv_inplace(|v| v + 4000 * spread);
        let excluded: Vec<usize> = (0..m).map(|i| i % n).collect();
        let excluded = exclude.then_some(&excluded[..]);
        let k = 1 + ((n - 1 - usize::from(exclude)) as f64 * part * part).round() as usize;
        let scale = 2f64.powi(exponent);
        let real = |a: &Array2<i64>| a.mapv(|v| v as f64 * scale);
        let found = search(real(&queries).view(), real(&points).view(), k, excluded).unwrap();
        for row in 0..m {
            let mut all: Vec<(i64, usize)> = (0..n)
                .filter(|&i| excluded.is_none_or(|e| e[row] != i))
                .map(|i| ((&queries.row(row) - &points.row(i)).mapv(|v| v * v).sum(), i))
                .collect();
            all.sort_unstable();
            for (rank, (square, i)) in all[..k].iter().enumerate() {
                proptest::prop_assert_eq!(found.indices[(row, rank)], *i);
                proptest::prop_assert_eq!(found.distances[(row, rank)], (*square as f64).sqrt() * scale);
            }
        }
    }
}
