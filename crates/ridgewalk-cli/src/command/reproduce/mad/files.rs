//! The same on data sets that are given as files: handwritten digits, projections of particles, faces.

use ndarray::{Array2, ArrayView2};
use ridgewalk::closed_form::CovarianceKind;
use ridgewalk::metrics::bootstrap::mean;
use ridgewalk::survey::{
    Cell, Expectation, Figure, Finding, ImageRow, Memorisation, Plot, Reference, Subject, Table,
};
use ridgewalk::{PointSet, Shape};
use ridgewalk_data::{add_noise, add_salt_and_pepper};
use ridgewalk_report::format_number;

use super::super::part::Part;
use super::case::{Case, Fit, few, split};
use super::digits::first;
use super::measure::{COLUMNS, Measured, table};
use super::sampling::{Draw, Way};
use super::settings::Settings;
use crate::failure::Result;
use crate::progress::say;

/// Images of a row of a sheet.
const SHOWN: usize = 12;
/// Clean images that samples are compared with, and held-out ones.
const REFERENCES: usize = 2000;
const HELD_OUT: usize = 1000;

fn draws(settings: &Settings, noise: f64) -> Draw {
    Draw { n: settings.size(400, 100), seed: settings.seed(), noise }
}

fn ways(case: &Case, seed: u64) -> Result<[(&'static str, Way); 6]> {
    let noise = case.noise;
    Ok([
        ("plain", Way::Plain),
        ("attracted", Way::Attracted(case.chosen(seed)?)),
        ("truncated at η", Way::Truncated(noise)),
        ("truncated at 2η", Way::Truncated(2.0 * noise)),
        ("Tweedie step", Way::Tweedie(noise)),
        ("deconvolved", Way::Deconvolved(noise)),
    ])
}

/// Samples in every way, with what they measure.
fn groups(case: &Case, draws: Draw) -> Result<Vec<(PointSet, Measured)>> {
    let mut out = Vec::new();
    for (name, way) in ways(case, draws.seed)? {
        let samples = case.samples(&way, draws, name)?;
        let measured = case.yardstick.measure(name, &samples)?;
        out.push((samples, measured));
    }
    Ok(out)
}

fn sheet(id: &str, title: &str, case: &Case, groups: &[(PointSet, Measured)]) -> Option<Figure> {
    let Shape::Image { height, width, channels } = case.noisy.shape() else { return None };
    let row = |label: &str, points: &PointSet| ImageRow {
        label: label.into(),
        images: few(points, SHOWN),
        notes: Vec::new(),
    };
    let mut rows = vec![
        row("clean images, which the model has not seen", &case.yardstick.clean),
        row("noisy images, which it has", &case.noisy),
    ];
    rows.extend(groups.iter().map(|(samples, m)| row(&m.name, samples)));
    // Room for the signal and one standard deviation of noise on both sides.
    let (low, high) = case.yardstick.clean.range();
    let range = (low - case.noise.min(0.5 * (high - low)), high + case.noise.min(0.5 * (high - low)));
    Some(Figure {
        id: id.into(),
        title: title.into(),
        caption: "Samples in one column begin at the same noise.".into(),
        plot: Plot::Images { height, width, channels, range, rows },
    })
}

/// A table, a sheet and the finding of one case; whether the background shows the noise.
fn report(part: &mut Part, id: &str, title: &str, case: &Case, groups: &[(PointSet, Measured)]) {
    let (Some((_, plain)), Some((_, attracted))) = (groups.first(), groups.get(1)) else { return };
    if let Some(figure) = sheet(id, title, case, groups) {
        part.figure(figure);
    }
    let all: Vec<&Measured> = groups.iter().map(|g| &g.1).collect();
    part.table(id, &format!("{title}. {COLUMNS}"), table(plain, &case.yardstick.null(), &all));
    if case.yardstick.background() > 0 {
        let removed = attracted.removed(plain);
        let statement = format!(
            "{title}: attraction removes {} of the noise in the {} pixels that no clean image uses; its worst departure from \
             held-out clean images is {}.",
            super::percent(removed),
            case.yardstick.background(),
            format_number(attracted.departure())
        );
        part.finding(
            Finding::new(format!("{id}-removed"), statement, removed, attracted.noise_squares.len())
                .expect(Expectation { text: "at least 60 %".into(), at_least: Some(0.6), at_most: None }),
        );
    }
    let nearer = attracted.to_clean / plain.to_clean;
    let statement = format!(
        "{title}: attracted samples are {} of plain ones' distance from the nearest clean image, {} of what held-out clean \
         images have.",
        super::percent(nearer),
        super::percent(attracted.to_clean)
    );
    part.finding(Finding::new(format!("{id}-nearer"), statement, nearer, draws_of(groups)));
}

fn draws_of(groups: &[(PointSet, Measured)]) -> usize {
    groups.first().map_or(0, |g| g.0.len())
}

/// MNIST under Gaussian noise and under salt and pepper.
pub fn mnist(settings: &Settings, all: &PointSet) -> Result<Part> {
    let mut part = Part::new(
        "MNIST",
        "Handwritten digits of 28×28 under Gaussian noise of 5 to 30 % of the range, and under salt and pepper. A mixture of \
         low-rank Gaussians is fitted to noisy images.",
    );
    let (clean, rest) = split(all, settings.size(10_000, 2000), settings.seed())?;
    let held_out = first(&rest, HELD_OUT)?;
    let (low, high) = all.range();
    let fit = Fit {
        components: settings.size(50, 20),
        kind: CovarianceKind::LowRank(16),
        principal: Some(100),
        seed: settings.seed(),
    };
    for part_of_range in settings.size(&[0.05, 0.1, 0.2, 0.3][..], &[0.2]) {
        let noise = part_of_range * (high - low);
        say(&format!("MNIST with noise {noise}"));
        let noisy = add_noise(&clean, noise, settings.seed())?;
        let case = Case::new(&clean, noisy, held_out.clone(), noise, fit, REFERENCES)?;
        let found = groups(&case, draws(settings, noise))?;
        let title = format!("MNIST, noise {} of the range", super::percent(*part_of_range));
        report(&mut part, &format!("mnist-{}", (100.0 * part_of_range).round()), &title, &case, &found);
    }
    let fraction = 0.1;
    let noise = (high - low) * (0.5f64 * fraction).sqrt();
    let noisy = add_salt_and_pepper(&clean, fraction, settings.seed())?;
    let case = Case::new(&clean, noisy, held_out, noise, fit, REFERENCES)?;
    let found = groups(&case, draws(settings, noise))?;
    report(&mut part, "mnist-impulses", "MNIST, salt and pepper on 10 % of the pixels", &case, &found);
    Ok(part)
}

/// Photographs of faces under noise of a tenth of the range.
pub fn faces(settings: &Settings, all: &PointSet) -> Result<Part> {
    let mut part = Part::new(
        "Faces",
        "Photographs of faces under Gaussian noise of a tenth of the range; a mixture of low-rank Gaussians is fitted to the \
         noisy images. A tenth of the images is held out.",
    );
    let (clean, held_out) = split(all, all.len() - all.len() / 10, settings.seed())?;
    let (low, high) = all.range();
    let noise = 0.1 * (high - low);
    let fit = few_points(settings, clean.len());
    let noisy = add_noise(&clean, noise, settings.seed())?;
    let case = Case::new(&clean, noisy, held_out, noise, fit, REFERENCES)?;
    let found = groups(&case, draws(settings, noise))?;
    report(&mut part, "faces", "Faces, noise a tenth of the range", &case, &found);
    Ok(part)
}

/// Few images of many pixels: as many components as leave each a hundred points.
fn few_points(settings: &Settings, n: usize) -> Fit {
    Fit {
        components: (n / 100).clamp(1, 40),
        kind: CovarianceKind::LowRank(8),
        principal: Some(40.min(n / 4).max(9)),
        seed: settings.seed(),
    }
}

/// Projections of particles at low signal-to-noise ratios.
pub fn particles(settings: &Settings, all: &PointSet) -> Result<Part> {
    let mut part = Part::new(
        "Projections of particles",
        "Clean projections with so much noise on them that the signal has half as much variance, or as much. A mixture of \
         low-rank Gaussians is fitted to the noisy images, a fifth being held out, and its samples are compared with the true \
         projections, which it has not seen. The paper's experiment on cryo-EM images has no truth to compare with.",
    );
    let (clean, held_out) = split(all, all.len() - all.len() / 5, settings.seed())?;
    let signal = clean.moments().std;
    for ratio in [0.5f64, 1.0] {
        let noise = signal / ratio.sqrt();
        let noisy = add_noise(&clean, noise, settings.seed())?;
        // Copies are judged by noisy images of other particles than the new clean ones that stand beside the samples.
        let (seen, unseen) = halves(&held_out)?;
        let noisy_held_out = add_noise(&seen, noise, settings.seed().wrapping_add(1))?;
        let fit = few_points(settings, clean.len());
        let case = Case::new(&clean, noisy.clone(), held_out.clone(), noise, fit, REFERENCES)?;
        let found = groups(&case, draws(settings, noise))?;
        let title = format!("Particles, signal-to-noise ratio {ratio}");
        let id = format!("particles-{}", (10.0 * ratio).round());
        report(&mut part, &id, &title, &case, &found);
        let truth = stack(clean.values(), held_out.values());
        let reference = Reference::new(&noisy).held_out(&noisy_held_out);
        let mut rows: Vec<Vec<Cell>> = Vec::new();
        let mut means = Vec::new();
        let copies = |name: &str, samples: &PointSet| -> Result<f64> {
            let verdicts = Memorisation::default().verdicts(&Subject::new(name, samples, &reference))?;
            Ok(verdicts.memorised.iter().filter(|m| **m).count() as f64 / samples.len() as f64)
        };
        for (samples, measured) in &found {
            let correlation = mean(&correlations(samples.values(), truth.view()));
            let copied = copies(&measured.name, samples)?;
            rows.push(vec![measured.name.as_str().into(), correlation.into(), copied.into()]);
            means.push((correlation, copied));
        }
        let new = copies("new clean projections", &unseen)?;
        rows.push(vec!["new clean projections".into(), 1.0.into(), new.into()]);
        let noisy_images = first(&noisy, draws(settings, noise).n)?;
        let own = mean(&correlations(noisy_images.values(), truth.view()));
        rows.push(vec!["noisy images themselves".into(), own.into(), "–".into()]);
        let columns = ["samples", "correlation with the nearest true projection", "copies of noisy images"];
        let table = Table { columns: columns.map(Into::into).to_vec(), rows };
        part.table(&format!("{id}-truth"), &format!("{title}: against the truth"), table);
        if let (Some(plain), Some(attracted)) = (means.first(), means.get(1)) {
            let statement = format!(
                "{title}: the correlation of samples with the nearest true projection goes from {} to {} under attraction; {} \
                 of the attracted samples count as copies of noisy training images, {} of new clean projections do.",
                format_number(plain.0),
                format_number(attracted.0),
                super::percent(attracted.1),
                super::percent(new)
            );
            let finding = Finding::new(format!("{id}-correlation"), statement, attracted.0, draws_of(&found));
            part.finding(finding.setting("plain", plain.0).setting("copies", attracted.1).expect(
                Expectation { text: "above plain sampling's".into(), at_least: Some(plain.0), at_most: None },
            ));
        }
    }
    Ok(part)
}

/// A set in two halves.
fn halves(points: &PointSet) -> Result<(PointSet, PointSet)> {
    let middle = points.len() / 2;
    let rows = |range: std::ops::Range<usize>| points.select(&range.collect::<Vec<_>>());
    Ok((rows(0..middle)?, rows(middle..points.len())?))
}

fn stack(a: ArrayView2<f64>, b: ArrayView2<f64>) -> Array2<f64> {
    let mut out = Array2::zeros((a.nrows() + b.nrows(), a.ncols()));
    for (mut row, from) in out.outer_iter_mut().zip(a.outer_iter().chain(b.outer_iter())) {
        row.assign(&from);
    }
    out
}

/// Of every row, the largest correlation with a row of the truth.
fn correlations(x: ArrayView2<f64>, truth: ArrayView2<f64>) -> Vec<f64> {
    let normal = |set: ArrayView2<f64>| {
        let mut out = set.to_owned();
        for mut row in out.outer_iter_mut() {
            let centre = row.mean().unwrap_or_default();
            row.mapv_inplace(|v| v - centre);
            let norm = row.dot(&row).sqrt();
            row.mapv_inplace(|v| if norm > 0.0 { v / norm } else { 0.0 });
        }
        out
    };
    let products = normal(x).dot(&normal(truth).t());
    products.outer_iter().map(|row| row.iter().copied().fold(-1.0, f64::max)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn correlations_by_hand() {
        let truth = array![[1.0, 2.0, 3.0], [3.0, 2.0, 1.0]];
        let found = correlations(array![[10.0, 20.0, 30.0], [1.0, 0.0, 1.0]].view(), truth.view());
        assert!((found[0] - 1.0).abs() < 1e-12 && found[1].abs() < 1e-12);
    }
}
