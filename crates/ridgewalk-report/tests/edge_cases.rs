//! Hostile texts and awkward numbers: every page and every figure stays whole.

mod fixtures;

use std::collections::BTreeSet;

use fixtures::{HOSTILE, page, plots};
use ridgewalk::survey::{Axis, Figure, Film, Plot, Series};
use ridgewalk_report::{Page, Section, figure_svg, sheet_png};

fn figure(plot: Plot) -> Figure {
    Figure { id: "f".into(), title: HOSTILE.into(), caption: HOSTILE.into(), plot }
}

/// Every SVG must be well-formed XML whose coordinates are numbers, without elements of the attacker.
#[test]
fn every_svg_is_well_formed_and_finite() {
    for plot in plots() {
        let svg = figure_svg(&figure(plot.clone()));
        let document = roxmltree::Document::parse(&svg).unwrap_or_else(|e| panic!("{e}: {plot:?}"));
        for node in document.descendants().filter(|n| n.is_element()) {
            let name = node.tag_name().name();
            assert!(!["script", "img", "style"].contains(&name), "{name}: {plot:?}");
            for attribute in node.attributes() {
                assert!(!attribute.name().starts_with("on"), "{attribute:?}");
                if ["x", "y", "d", "width", "height", "viewBox", "cx", "cy", "transform"]
                    .contains(&attribute.name())
                {
                    let value = attribute.value();
                    assert!(!value.contains("NaN") && !value.contains("inf"), "{attribute:?}: {plot:?}");
                }
            }
        }
    }
}

#[test]
fn empty_plots_say_so() {
    let axis = || Axis::linear("x");
    let nothing = [
        Plot::Lines { x: axis(), y: axis(), series: vec![] },
        Plot::Scatter { x: axis(), y: axis(), series: vec![] },
        Plot::Distributions { x: axis(), groups: vec![] },
        Plot::Bars { y: axis(), bars: vec![] },
        Plot::Images { height: 8, width: 8, channels: 1, range: (0.0, 1.0), rows: vec![] },
        Plot::Film(Film {
            x: "x".into(),
            y: "y".into(),
            z: None,
            view: vec![],
            parameter: "σ".into(),
            frames: vec![],
            layers: vec![],
        }),
    ];
    for plot in nothing {
        assert!(figure_svg(&figure(plot.clone())).contains("No data"));
        assert!(Page::new("t").section(Section::new("s").figure(figure(plot))).to_html().contains("No data"));
    }
}

/// A page has two kinds of script: the data of its figures, and its own last one. A text that got out
/// of its place would add a third, or an element that no page has.
#[test]
fn hostile_texts_stay_texts() {
    let html = page().to_html();
    let lower = html.to_lowercase();
    let data = lower.matches("<script type=\"application/json\">").count();
    assert_eq!(lower.matches("<script").count(), data + 1);
    assert_eq!(lower.matches("</script").count(), data + 1);
    assert_eq!(lower.matches("<style").count(), 1);
    assert!(!lower.contains("<img src=x") && !lower.contains("<svg onload") && !lower.contains("<!-- ]]"));
    assert!(!html.contains('\u{0}') && !html.contains('\u{202E}'));
    // Nor does a text get lost.
    assert!(html.contains("数据 🙂"));
}

#[test]
fn the_data_in_scripts_read_back() {
    let html = page().to_html();
    for part in html.split("<script type=\"application/json\">").skip(1) {
        let (json, _) = part.split_once("</script>").unwrap();
        serde_json::from_str::<serde_json::Value>(json).unwrap_or_else(|e| panic!("{e}: {json}"));
    }
}

#[test]
fn names_are_unique_and_safe() {
    let page = page();
    let names: Vec<String> = page.figures().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    for name in &names {
        assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') && name != "theme", "{name}");
    }
    let html = page.to_html();
    let ids: Vec<&str> = html.split(" id=\"").skip(1).filter_map(|p| p.split('"').next()).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len());
}

#[test]
fn nothing_comes_from_elsewhere() {
    let html = page().to_html();
    for loading in [" src=\"http", " href=\"http", "url(http", "@import", "src=\"//"] {
        assert!(!html.contains(loading), "{loading}");
    }
}

#[test]
fn sheets_are_made_or_refused_but_never_panic() {
    let made = plots().iter().filter(|plot| sheet_png(plot).is_ok()).count();
    // The sheet with hostile texts, the one without a range between black and white, and the wide one.
    assert_eq!(made, 3);
}

#[test]
fn large_surveys_stay_below_three_megabytes() {
    let cloud = |n: u32| {
        (0..n).map(|i| (f64::from(i).sin() * 1.234_567_89, f64::from((i % 7919) * (i % 31)) / 7.0)).collect()
    };
    let series = || (0..3).map(|i| Series { name: format!("s{i}"), points: cloud(100_000) }).collect();
    let rows = (0..4).map(|_| ridgewalk::survey::ImageRow {
        label: "r".into(),
        images: (0..64)
            .map(|k| {
                (0..64 * 64 * 3).map(|i| f64::from((i % 4099 * (i % 37) * 31 + k) % 251) / 250.0).collect()
            })
            .collect(),
        notes: vec![],
    });
    let page = Page::new("t").section(
        Section::new("s")
            .figure(figure(Plot::Scatter { x: Axis::linear("x"), y: Axis::linear("y"), series: series() }))
            .figure(figure(Plot::Lines { x: Axis::linear("x"), y: Axis::linear("y"), series: series() }))
            .figure(figure(Plot::Images {
                height: 64,
                width: 64,
                channels: 3,
                range: (0.0, 1.0),
                rows: rows.collect(),
            })),
    );
    let size = page.to_html().len();
    assert!(size < 3_000_000, "{size}");
}
