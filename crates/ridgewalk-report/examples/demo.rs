//! A page with every kind of plot, from made-up numbers (but for the films, which are computed): `cargo run -p ridgewalk-report --example demo > demo.html`.
//!
//! With a folder as argument it also writes every figure there, as SVG and (image sheets) as PNG.

use std::error::Error;
use std::f64::consts::PI;
use std::path::Path;

use ndarray::Array2;
use ridgewalk::closed_form::Empirical;
use ridgewalk::geometry::{FollowRidge, Ridge, RidgeFilm};
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::sampler::observers::Trajectories;
use ridgewalk::sampler::{Observer, Progress};
use ridgewalk::survey::{
    Axis, Bar, Cell, Expectation, Figure, Finding, Group, ImageRow, Plot, Series, Table,
};
use ridgewalk::{Heun, LogLinear, PointSet, Sampler};
use ridgewalk_report::{Footer, Page, Section, figure_svg, images, sheet_png};

/// Four digits in 8×8, `#` dark.
const DIGITS: [[&str; 8]; 4] = [
    ["  ####  ", " ##  ## ", " #    # ", " #    # ", " #    # ", " #    # ", " ##  ## ", "  ####  "],
    ["   ##   ", "  ###   ", "   ##   ", "   ##   ", "   ##   ", "   ##   ", "   ##   ", "  ####  "],
    ["  ####  ", " ##  ## ", "     ## ", "    ##  ", "   ##   ", "  ##    ", " ##     ", " ###### "],
    [" #####  ", "     ## ", "     ## ", "  ####  ", "     ## ", "     ## ", "     ## ", " #####  "],
];

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

fn main() -> Result<()> {
    let page = page()?;
    match std::env::args().nth(1) {
        Some(folder) => {
            for (name, figure) in page.figures() {
                std::fs::write(Path::new(&folder).join(format!("{name}.svg")), figure_svg(figure))?;
                if let Plot::Images { .. } = figure.plot {
                    std::fs::write(Path::new(&folder).join(format!("{name}.png")), sheet_png(&figure.plot)?)?;
                }
            }
            std::fs::write(Path::new(&folder).join("report.html"), page.to_html())?;
        }
        None => print!("{}", page.to_html()),
    }
    Ok(())
}

fn page() -> Result<Page> {
    Ok(Page::new("Survey of 200 samples from digits (made-up numbers)")
        .headline("One sample in eight is a copy of a training image; cleaning halves the distance to the data and copies no more")
        .lead(
            "200 samples were drawn with 18 Heun steps from the closed-form model of 1,797 handwritten digits, \
             smoothed with σ = 0.3, and drawn again with manifold attraction. Each was held against the training \
             set and against 359 digits kept back.",
        )
        .section(
            Section::new("Memorised or new")
                .text("A sample counts as a copy if its nearest training image is less than a third as far as the second nearest.")
                .finding(memorised())
                .finding(distances()),
        )
        .section(
            Section::new("On the ridge or off it")
                .text("The ridge is where the density has its crest. What is left of a sample after projection onto it is error, and its direction tells where the error came from.")
                .finding(ridge())
                .finding(noise_levels())
                .figure(wave_film()?)
                .figure(helix_film()?),
        )
        .section(Section::new("Settings compared").figure(bars()).figure(costs()).table("Distances in units of the data, with 95 % intervals", comparison()))
        .footer(
            Footer::new()
                .setting("seed", 7)
                .setting("model", "empirical digits, smoothed, σ = 0.3")
                .setting("schedule", "Karras, 0.002 to 80, ρ = 7, 18 steps")
                .setting("ridgewalk", "0.1.0")
                .command("ridgewalk survey digits --smooth 0.3 --mad 0.5 --n 200 --seed 7")
                .citation("T. Karras, M. Aittala, T. Aila, S. Laine: Elucidating the Design Space of Diffusion-Based Generative Models. arXiv:2206.00364")
                .licence("Optical Recognition of Handwritten Digits, UCI Machine Learning Repository: CC BY 4.0"),
        ))
}

fn memorised() -> Finding {
    let mut stream = Stream::new(1, Purpose::Synthetic, 0, 0);
    let mut row = |label: &str, noise: f64, note: &dyn Fn(usize) -> String| ImageRow {
        label: label.into(),
        images: (0..20).map(|i| digit(i % 4, noise, &mut stream)).collect(),
        notes: (0..20).map(note).collect(),
    };
    let rows = vec![
        row("Samples", 0.12, &|i| format!("{:.2}", 0.11 + 0.03 * i as f64)),
        row("Nearest training image", 0.02, &|i| format!("no. {}", 37 * i + 5)),
        row("Samples with manifold attraction", 0.04, &|_| String::new()),
    ];
    let figure = Figure {
        id: "samples".into(),
        title: "Samples and what they are near to".into(),
        caption: "Under each sample is its distance to the nearest training image, in units of the data. The first five of the first row are copies.".into(),
        plot: images((8, 8, 1), rows),
    };
    Finding::new("memorised-fraction", "25 of 200 samples are copies of a training image.", 0.125, 200)
        .interval((0.085, 0.17))
        .setting("criterion", "nearest / second nearest < 1/3")
        .setting("reference", "digits, 1,797 training images")
        .expect(Expectation {
            text: "at most 5 % of the samples of a model that generalises are copies".into(),
            at_least: None,
            at_most: Some(0.05),
        })
        .figure(figure)
}

fn distances() -> Finding {
    let mut stream = Stream::new(2, Purpose::Synthetic, 0, 0);
    let mut group = |name: &str, n: usize, scale: f64, width: f64| Group {
        name: name.into(),
        values: (0..n).map(|_| scale * (width * stream.normal()).exp()).collect(),
    };
    let groups = vec![
        group("Held-out digits", 359, 0.30, 0.24),
        group("Samples", 200, 0.42, 0.3),
        group("Samples, attracted", 200, 0.21, 0.35),
    ];
    Finding::new(
        "nearest-distance",
        "Attraction halves the distance to the data, to below that of digits kept back.",
        0.214,
        200,
    )
    .interval((0.204, 0.226))
    .setting("distance", "Euclidean")
    .expect(Expectation {
        text: "no farther than held-out digits, 0.30".into(),
        at_least: None,
        at_most: Some(0.3),
    })
    .table(Table {
        columns: vec!["Group".into(), "n".into(), "Median".into(), "95 % quantile".into()],
        rows: vec![
            vec!["Held-out digits".into(), 359.0.into(), 0.3002.into(), 0.4421.into()],
            vec!["Samples".into(), 200.0.into(), 0.4184.into(), 0.6893.into()],
            vec!["Samples, attracted".into(), 200.0.into(), 0.2141.into(), 0.3779.into()],
        ],
    })
    .figure(Figure {
        id: "nearest".into(),
        title: "Distance to the nearest training image".into(),
        caption:
            "Kernel densities; below them the median, the quartiles and the range of 90 % of the values."
                .into(),
        plot: Plot::Distributions { x: Axis::linear("Distance (units of the data)"), groups },
    })
}

fn ridge() -> Finding {
    let mut stream = Stream::new(3, Purpose::Synthetic, 0, 0);
    let mut ring = |name: &str, n: usize, noise: f64| Series {
        name: name.into(),
        points: (0..n)
            .map(|_| {
                let angle = 2.0 * std::f64::consts::PI * stream.uniform();
                let radius = 1.0 + noise * stream.normal();
                (radius * angle.cos(), radius * angle.sin())
            })
            .collect(),
    };
    let series =
        vec![ring("Data", 600, 0.08), ring("Samples", 200, 0.2), ring("Samples, attracted", 200, 0.02)];
    Finding::new("off-ridge", "Attracted samples lie on the ridge to 2 % of its radius.", 0.0203, 200)
        .interval((0.0184, 0.0224))
        .expect(Expectation { text: "within 0.05 of the ridge".into(), at_least: None, at_most: Some(0.05) })
        .setting("noise level", 0.1)
        .figure(Figure {
            id: "ring".into(),
            title: "Samples in the plane of the first two principal components".into(),
            caption:
                "Data lie around a circle. Plain samples scatter across it; attracted samples follow it."
                    .into(),
            plot: Plot::Scatter {
                x: Axis::linear("First component"),
                y: Axis::linear("Second component"),
                series,
            },
        })
}

fn noise_levels() -> Finding {
    let curve = |name: &str, f: &dyn Fn(f64) -> f64| Series {
        name: name.into(),
        points: (0..=80).map(|i| 10f64.powf(-2.5 + 4.5 * f64::from(i) / 80.0)).map(|s| (s, f(s))).collect(),
    };
    let series = vec![
        curve("Total", &|s| 1e-3 + 0.4 * s * s / (1.0 + s * s) + 0.02 * s),
        curve("Normal to the ridge", &|s| 1e-3 + 0.4 * s * s / (1.0 + s * s)),
        curve("Along the ridge", &|s| 0.02 * s),
    ];
    Finding::new(
        "error-by-noise",
        "Below σ = 1, nearly all of the error points away from the ridge.",
        0.953,
        64,
    )
    .setting("noise levels", 81)
    .figure(Figure {
        id: "error-by-noise".into(),
        title: "Denoising error by direction".into(),
        caption: "Root mean square error of the denoiser against the noise level, both logarithmic.".into(),
        plot: Plot::Lines {
            x: Axis::log("Noise level σ (units of the data)"),
            y: Axis::log("Error (units of the data)"),
            series,
        },
    })
}

/// Thirteen points on a wave, the ridge of their smoothed density, and samples on their way: computed, not made up.
fn wave_film() -> Result<Figure> {
    let data = Array2::from_shape_fn((13, 2), |(i, k)| {
        let x = -3.0 + 0.5 * i as f64;
        if k == 0 { x } else { 1.2 * (PI * x / 3.0).sin() }
    });
    film("wave-film", "Samples on their way to thirteen points", data, 80)
}

/// The same in three dimensions.
fn helix_film() -> Result<Figure> {
    let data = Array2::from_shape_fn((40, 3), |(i, k)| {
        let t = i as f64 / 39.0;
        [(3.0 * PI * t).cos(), (3.0 * PI * t).sin(), 2.0 * t - 1.0][k]
    });
    film("helix-film", "Samples on their way to a helix", data, 60)
}

fn film(id: &str, title: &str, data: Array2<f64>, n: usize) -> Result<Figure> {
    let model = Empirical::new(&PointSet::vectors(data.clone())?)?;
    let ridge = Ridge::new(&model, 1)?;
    let (mut paths, mut follow) = (Trajectories::new(), FollowRidge::new(&ridge));
    let mut both = |progress: &Progress| {
        let _ = paths.observe(progress);
        follow.observe(progress)
    };
    let sampler = Sampler::new(Heun::new(), LogLinear::new(0.02..40.0, 120)).seed(7);
    sampler.run_observed(&model, n, &mut both)?;
    let phases = follow.finish()?.phases().run;
    let film = RidgeFilm::new(&model, 1)?.phase(|sigma| phases.phase(sigma).name().into());
    let figure = film.draw(id, data.view(), &paths)?;
    Ok(Figure { title: title.into(), ..figure })
}

fn bars() -> Figure {
    let bar = |name: &str, value: f64, low: f64, high: f64| Bar {
        name: name.into(),
        value,
        interval: Some((low, high)),
    };
    Figure {
        id: "copies".into(),
        title: "Copies, by setting".into(),
        caption: "The share of samples that are copies, with 95 % bootstrap intervals.".into(),
        plot: Plot::Bars {
            y: Axis::linear("Share of samples that are copies"),
            bars: vec![
                bar("Empirical", 0.97, 0.94, 0.99),
                bar("Smoothed, σ = 0.1", 0.44, 0.37, 0.51),
                bar("Smoothed, σ = 0.3", 0.125, 0.085, 0.17),
                bar("Smoothed and attracted", 0.12, 0.08, 0.165),
                bar("Held-out digits", 0.02, 0.0, 0.045),
            ],
        },
    }
}

fn costs() -> Figure {
    let points =
        |order: f64| [6.0, 12.0, 18.0, 36.0, 72.0, 144.0].map(|n: f64| (n, 3.0 * n.powf(-order))).to_vec();
    Figure {
        id: "order".into(),
        title: "Error against the number of steps".into(),
        caption: "Euler is a method of order 1, Heun of order 2: their slopes are −1 and −2.".into(),
        plot: Plot::Lines {
            x: Axis::log("Steps"),
            y: Axis::log("Global error (units of the data)"),
            series: vec![
                Series { name: "Euler".into(), points: points(1.0) },
                Series { name: "Heun".into(), points: points(2.0) },
            ],
        },
    }
}

fn comparison() -> Table {
    let row = |name: &str, steps: f64, value: f64, low: f64, high: f64, time: f64| {
        vec![name.into(), steps.into(), Cell::Interval { value, interval: (low, high) }, time.into()]
    };
    Table {
        columns: vec!["Setting".into(), "Steps".into(), "Distance to the data".into(), "Error".into()],
        rows: vec![
            row("Empirical", 18.0, 0.0312, 0.0288, 0.0341, 2.1e-6),
            row("Smoothed, σ = 0.3", 18.0, 0.4184, 0.401, 0.4377, 0.0121),
            row("Smoothed and attracted", 36.0, 0.2141, 0.204, 0.226, 12.5),
        ],
    }
}

/// One of four digits, shifted in brightness and blurred by noise.
fn digit(which: usize, noise: f64, stream: &mut Stream) -> Vec<f64> {
    let pixel = |c: char| if c == '#' { 0.92 } else { 0.04 };
    DIGITS[which]
        .iter()
        .flat_map(|line| line.chars())
        .map(|c| (pixel(c) + noise * stream.normal()).clamp(0.0, 1.0))
        .collect()
}
