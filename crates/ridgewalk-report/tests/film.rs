//! What a film becomes: the strip without script, and the numbers of the player.

use ridgewalk::survey::{Figure, Film, FilmFrame, FilmLayer, Marks, Plot, Role};
use ridgewalk_report::{Page, Section, figure_svg};
use serde_json::Value;

const PHASES: [&str; 3] = ["reach", "align", "slide"];

fn film(frames: usize, layers: Vec<FilmLayer>) -> Film {
    let frame = |k: usize| FilmFrame::new(0.5f64.powi(k as i32), PHASES[3 * k / frames]);
    Film {
        x: "across".into(),
        y: "up".into(),
        z: None,
        view: vec![(-2.0, 2.0), (-1.0, 1.0)],
        parameter: "noise level σ".into(),
        frames: (0..frames).map(frame).collect(),
        layers,
    }
}

fn figure(film: Film) -> Figure {
    Figure { id: "walk".into(), title: "A walk".into(), caption: "Seen.".into(), plot: Plot::Film(film) }
}

fn page(film: Film) -> String {
    Page::new("t").section(Section::new("s").figure(figure(film))).to_html()
}

fn data(film: Film) -> Value {
    let html = page(film);
    let (_, part) = html.split_once("<script type=\"application/json\">").unwrap();
    serde_json::from_str(part.split_once("</script>").unwrap().0).unwrap()
}

/// A film of nine frames: two data, a ridge that is the same in all frames but the last, one sample.
fn walk() -> Film {
    let mut ridges = vec![vec![vec![-2.0, 0.0, 2.0, 0.0]]; 9];
    ridges[8] = vec![vec![-2.0, 0.0, 0.0, 0.0], vec![1.0, 0.5]];
    let steps = (0..9).map(|k| vec![0.0, 1.0 - 0.125 * f64::from(k)]).collect();
    film(
        9,
        vec![
            FilmLayer::new("Ridge", Role::Ridge, Marks::Curves(ridges)),
            FilmLayer::new("Data", Role::Data, Marks::Still(vec![-2.0, 0.0, 2.0, 1.0])),
            FilmLayer::new("Sample", Role::Samples, Marks::Moving(steps)),
        ],
    )
}

#[test]
fn the_player_gets_whole_numbers_of_one_grid_and_no_frame_twice() {
    let data = data(walk());
    assert_eq!(data["kind"], "film");
    // The longest side is 4 units long: 10 000 steps of 0.0004 on both axes.
    assert!((data["unit"].as_f64().unwrap() - 4e-4).abs() < 1e-12);
    assert_eq!(data["size"], serde_json::json!([10_000, 5_000]));
    assert_eq!(data["values"][1], serde_json::json!(["0.5", "reach"]));
    let [ridge, points, sample] = [0, 1, 2].map(|k| &data["layers"][k]);
    assert_eq!(ridge["frames"][0], serde_json::json!([[0, 2500, 10_000, 2500]]));
    for k in 1..8 {
        assert_eq!(ridge["frames"][k], 0, "frame {k} refers to the first");
    }
    assert_eq!(ridge["frames"][8], serde_json::json!([[0, 2500, 5000, 2500], [7500, 3750]]));
    assert_eq!(points["frames"], serde_json::json!([[[0, 2500, 10_000, 5000]]]));
    assert_eq!(sample["frames"][2], serde_json::json!([[5000, 4375]]));
}

#[test]
fn colours_go_by_role_and_differ_within_one() {
    let still = |role| FilmLayer::new("a", role, Marks::Still(vec![0.0, 0.0]));
    let roles = [Role::Data, Role::Ridge, Role::Samples, Role::Samples, Role::Data];
    let data = data(film(3, roles.map(still).into()));
    let colours: Vec<_> = (0..5).map(|k| data["layers"][k]["k"].as_u64().unwrap()).collect();
    assert_eq!(colours, [1, 2, 0, 3, 4]);
}

#[test]
fn the_strip_has_six_of_nine_frames_in_order_with_the_first_and_the_last() {
    let svg = figure_svg(&figure(walk()));
    let document = roxmltree::Document::parse(&svg).unwrap();
    let texts: Vec<String> = document
        .descendants()
        .filter(|n| n.has_tag_name("text"))
        .map(|n| n.descendants().filter_map(|t| t.text().filter(|_| t.is_text())).collect())
        .collect();
    let heads: Vec<&String> = texts.iter().filter(|t| PHASES.iter().any(|p| t.ends_with(p))).collect();
    assert_eq!(heads.len(), 6, "{texts:?}");
    assert!(heads[0].contains("1 · reach") && heads[5].ends_with("0.003906 · slide"), "{heads:?}");
    for word in ["Ridge", "Sample", "across", "noise level σ"] {
        assert!(texts.iter().any(|t| t.contains(word)), "{word}: {texts:?}");
    }
    assert_eq!(document.descendants().filter(|n| n.has_tag_name("clipPath")).count(), 6);
}

/// The view is 4 by 2: panels are twice as wide as high, whatever their number, also on a phone.
#[test]
fn a_unit_is_as_long_on_both_axes() {
    for frames in [1, 2, 6, 9] {
        let mut short = walk();
        short.frames.truncate(frames);
        for part in page(short).split("<clipPath").skip(1) {
            let number = |name: &str| -> f64 {
                let (_, rest) = part.split_once(&format!(" {name}=\"")).unwrap();
                rest.split_once('"').unwrap().0.parse().unwrap()
            };
            let ratio = number("width") / number("height");
            assert!((ratio - 2.0).abs() < 0.01, "{frames} frames: {ratio}");
        }
    }
}

/// Points on a line would have no height at all; equal points no size.
#[test]
fn what_has_no_extent_gets_room() {
    for (marks, d) in [(vec![0.0, 1.0, 100.0, 1.0], 2), (vec![3.0; 6], 2), (vec![3.0; 6], 3)] {
        let mut flat = film(1, vec![FilmLayer::new("a", Role::Data, Marks::Still(marks))]);
        flat.view = vec![];
        flat.z = (d == 3).then(|| "z".into());
        let data = data(flat);
        let sizes: Vec<i64> = data["size"].as_array().unwrap().iter().map(|v| v.as_i64().unwrap()).collect();
        assert!(sizes.len() == d && sizes.iter().all(|&s| (2_500..=10_000).contains(&s)), "{sizes:?}");
    }
}

#[test]
fn what_cannot_be_drawn_is_left_out_with_a_word_and_keeps_its_place() {
    let steps = vec![vec![0.0, 0.0, 1.0, 1.0], vec![f64::NAN, 0.0, 1.0, 0.5], vec![0.0]];
    let curve = vec![vec![0.0, 0.0, 1.0, 0.0, f64::INFINITY, 0.0, 1.0, 1.0, 0.0, 1.0]];
    let film = film(
        3,
        vec![
            FilmLayer::new("Ridge", Role::Ridge, Marks::Curves(vec![curve])),
            FilmLayer::new("Pair", Role::Samples, Marks::Moving(steps)),
        ],
    );
    let svg = figure_svg(&figure(film.clone()));
    for word in [
        "Not drawn: 1 point of “Ridge”",
        "“Ridge” is missing in 2 frames",
        "Not drawn: 1 point of “Pair”",
        "incomplete points in 1 lists of “Pair”",
    ] {
        assert!(svg.contains(word), "{word}: {svg}");
    }
    let data = data(film);
    assert_eq!(data["layers"][0]["frames"][0].as_array().unwrap().len(), 2, "the gap makes two curves");
    assert_eq!(data["layers"][1]["frames"][1], serde_json::json!([[null, null, 7500, 3750]]));
}

/// A survey may follow thousands of samples through hundreds of levels.
#[test]
fn a_large_film_is_thinned_alike_in_all_frames() {
    let list = |k: u32| (0..10_000).map(|i| f64::from(i) / 10_000.0 + f64::from(k)).collect::<Vec<f64>>();
    let mut large =
        film(300, vec![FilmLayer::new("Many", Role::Samples, Marks::Moving((0..300).map(list).collect()))]);
    large.view = vec![];
    assert!(page(large.clone()).len() < 2_500_000);
    let svg = figure_svg(&figure(large.clone()));
    assert!(svg.contains("240 frames of 300") && svg.contains("of “Many”, evenly thinned"));
    let data = data(large);
    let frames = data["layers"][0]["frames"].as_array().unwrap();
    assert_eq!(frames.len(), 240);
    let (first, last) = (frames[0][0].as_array().unwrap(), frames[239][0].as_array().unwrap());
    assert!(first.len() > 500 && first.len() == last.len());
    // All points move alike: the same ones must have stayed.
    let moved: Vec<i64> =
        first.iter().zip(last).map(|(a, b)| b.as_i64().unwrap() - a.as_i64().unwrap()).collect();
    assert!(moved.iter().all(|m| (m - moved[0]).abs() <= 1));
}
