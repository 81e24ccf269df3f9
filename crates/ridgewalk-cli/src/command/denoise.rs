//! `ridgewalk denoise`: images without their noise, by one application of a pretrained network.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, concatenate};
use ridgewalk::autonomous::{Autonomous, corrected_noise};
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::{PointSet, Shape};
use ridgewalk_data::{SheetOptions, write_points, write_sheet};
use ridgewalk_nn::{BlindDenoiser, ImageDenoiser};
use ridgewalk_report::format_number;
use serde_json::{Value, json};

use crate::arguments::{Denoise, Reading, Sides, Span};
use crate::failure::{Failure, Result};
use crate::onnx;
use crate::progress::{Meter, result, say};
use crate::record::{NAME, Record, make_folder, probe_folder, remove_old};
use crate::source;

const POINTS: &str = "denoised.npy";
const SHEET: &str = "denoised.png";
/// Images on the sheet, and lines of the table on a terminal.
const SHOWN: usize = 64;
const LINES: usize = 20;
/// Ranges of stored images; values may leave one by noise.
const RANGES: [f64; 3] = [1.0, 255.0, 65_535.0];

/// Step of differences, in pixels of 0 to 1.
const STEP: f64 = 1e-3;

/// A network of grey images of one size.
enum Model {
    Image(ImageDenoiser),
    /// Of another framework, without derivatives.
    Field(Box<dyn Autonomous>),
}

impl Model {
    fn field(&self, u: ArrayView2<f64>) -> ridgewalk::Result<Array2<f64>> {
        match self {
            Model::Image(model) => model.field(u),
            Model::Field(model) => model.field(u),
        }
    }

    fn dim(&self) -> usize {
        match self {
            Model::Image(model) => model.dim(),
            Model::Field(model) => model.dim(),
        }
    }

    /// tr J of every row by random signs, exact or by central differences.
    fn trace(&self, u: ArrayView2<f64>, probes: ArrayView2<f64>) -> ridgewalk::Result<Array1<f64>> {
        let model = match self {
            Model::Image(model) => return model.trace(u, probes),
            Model::Field(model) => model,
        };
        let mut sum = Array1::zeros(u.nrows());
        for probe in probes.outer_iter() {
            let moved = |step: f64| model.field((&u + &(step * &probe)).view());
            let difference = (moved(STEP)? - moved(-STEP)?) / (2.0 * STEP);
            sum += &difference.dot(&probe);
        }
        Ok(sum / probes.nrows() as f64)
    }
}

/// What was found of one image, in its own units.
struct Found {
    implied: f64,
    corrected: Option<f64>,
    /// PSNR before and after.
    psnr: Option<(f64, f64)>,
}

pub fn run(denoise: &Denoise, arguments: &[String]) -> Result<()> {
    // Of any size, or none of an ONNX file, which is opened for images of one.
    let own = match onnx::is_file(&denoise.network) {
        true => None,
        false => Some(BlindDenoiser::load(&denoise.network)?),
    };
    let noisy = images(source::read(&denoise.images, &denoise.reading, denoise.seed)?, denoise)?;
    let clean = match &denoise.clean {
        None => None,
        Some(path) => {
            let spec = path.to_string_lossy();
            // The same selection, without the noise that was asked for.
            let reading = Reading { noise: None, salt_and_pepper: None, ..denoise.reading.clone() };
            let clean = images(source::read(&spec, &reading, denoise.seed)?, denoise)?;
            if (clean.len(), clean.shape()) != (noisy.len(), noisy.shape()) {
                let problem = format!(
                    "holds {} of {}, and {} holds {} of {}",
                    clean.len(),
                    clean.shape(),
                    denoise.images,
                    noisy.len(),
                    noisy.shape()
                );
                return Err(Failure::new(path.display(), problem, "give the same images without noise"));
            }
            Some(clean)
        }
    };
    probe_folder(&denoise.output)?;
    let Shape::Image { height, width, channels } = noisy.shape() else {
        return Err(Failure::new(&denoise.images, "holds no images", "give images"));
    };
    let span = denoise.range.unwrap_or_else(|| span(clean.as_ref().unwrap_or(&noisy)));
    let (model, description) = match own {
        Some(network) => {
            let model = Model::Image(network.image(height, width)?);
            (model, network.architecture().to_string())
        }
        None => {
            let (field, description) = onnx::field(&denoise.network, height, width)?;
            (Model::Field(field), description)
        }
    };
    say(&format!(
        "{}; values {} to {} of the images are its 0 to 1{}",
        description,
        span.low,
        span.high,
        if channels > 1 { ", each colour by itself" } else { "" }
    ));
    let mut meter = Meter::new("denoising");
    let (mut values, mut found) = (Array2::zeros((noisy.len(), noisy.dim())), Vec::new());
    for (index, image) in noisy.values().outer_iter().enumerate() {
        let (denoised, noise) = one(&model, image, channels, span, denoise, index)?;
        let psnr = clean.as_ref().map(|clean| {
            let clean = clean.point(index);
            (psnr(image, clean, span), psnr(denoised.view(), clean, span))
        });
        values.row_mut(index).assign(&denoised);
        found.push(Found { psnr, ..noise });
        meter.tell(index + 1, noisy.len());
    }
    tell(&found);
    let denoised = noisy.with_values(values)?;
    let settings = json!({
        "network": description, "range": [span.low, span.high], "probes": denoise.probes,
        "seed": denoise.seed, "shape": noisy.shape(), "images": found.iter().map(Found::json).collect::<Vec<_>>(),
    });
    let record = Record::new(arguments, settings, &denoise.inputs())?;
    make_folder(&denoise.output)?;
    remove_old(&denoise.output, NAME);
    write_points(&denoise.output.join(POINTS), &denoised)?;
    sheet(denoise, &noisy, &denoised, clean.as_ref(), span)?;
    let record = record.finish(&denoise.output, &[POINTS, SHEET])?;
    say(&format!(
        "{} images ({}): {}",
        denoised.len(),
        denoised.shape(),
        denoise.output.join(POINTS).display()
    ));
    if denoise.json {
        result(&record.to_json())?;
    }
    Ok(())
}

/// Points as images, by --shape if they are stored as vectors: one a row, or the rows of one.
fn images(points: PointSet, denoise: &Denoise) -> Result<PointSet> {
    let Shape::Vector(d) = points.shape() else {
        return match denoise.shape {
            None => Ok(points),
            Some(_) => Err(Failure::new(
                "--shape",
                format!("is for vectors, and each point is a {}", points.shape()),
                "drop the flag",
            )),
        };
    };
    let Some(Sides { height, width }) = denoise.shape else {
        return Err(Failure::new(
            &denoise.images,
            format!("holds vectors of {d} values, not images"),
            "say with --shape HxW what they are: images, a row each, or one image of that many rows",
        ));
    };
    let shape = Shape::Image { height, width, channels: 1 };
    if height.checked_mul(width) == Some(d) {
        return Ok(PointSet::new(points.values().to_owned(), shape)?);
    }
    if (points.len(), d) == (height, width) {
        let values = points.values().iter().copied().collect::<Array1<f64>>().insert_axis(Axis(0));
        return Ok(PointSet::new(values, shape)?);
    }
    Err(Failure::new(
        "--shape",
        format!("says {height}×{width}, and there are {} vectors of {d} values", points.len()),
        "give the rows and columns of an image",
    ))
}

/// The range that values are of: a customary one if the largest is near its end, else their own.
fn span(images: &PointSet) -> Span {
    let (low, high) = images.range();
    match RANGES.into_iter().find(|end| (0.5 * end..2.0 * end).contains(&high)) {
        Some(high) => Span { low: 0.0, high },
        None if low < high => Span { low, high },
        None => Span { low, high: low + 1.0 },
    }
}

/// One image and its noise, all channels together.
fn one(
    model: &Model,
    image: ArrayView1<f64>,
    channels: usize,
    span: Span,
    denoise: &Denoise,
    index: usize,
) -> Result<(Array1<f64>, Found)> {
    let scale = span.high - span.low;
    let pixels = model.dim();
    let u = Array2::from_shape_fn((channels, pixels), |(c, p)| (image[p * channels + c] - span.low) / scale);
    let denoised = model.field(u.view())?;
    let residual: Array1<f64> = (&u - &denoised).into_iter().collect();
    let implied = scale * root_mean_square(residual.view());
    let corrected = match denoise.probes {
        0 => None,
        probes => {
            let mut stream = Stream::new(denoise.seed, Purpose::Projection, index as u64, 0);
            let mut sign = || if stream.uniform() < 0.5 { -1.0 } else { 1.0 };
            let probes = Array2::from_shape_simple_fn((probes, pixels), &mut sign);
            let trace = model.trace(u.view(), probes.view())?.sum();
            // A denoiser that takes nothing away says nothing of the noise.
            corrected_noise(implied, channels * pixels, trace).ok()
        }
    };
    let back =
        Array1::from_shape_fn(image.len(), |k| span.low + scale * denoised[(k % channels, k / channels)]);
    Ok((back, Found { implied, corrected, psnr: None }))
}

fn root_mean_square(values: ArrayView1<f64>) -> f64 {
    (values.iter().map(|v| v * v).sum::<f64>() / values.len().max(1) as f64).sqrt()
}

fn psnr(image: ArrayView1<f64>, clean: ArrayView1<f64>, span: Span) -> f64 {
    20.0 * ((span.high - span.low) / root_mean_square((&image - &clean).view())).log10()
}

impl Found {
    fn json(&self) -> Value {
        let psnr = self.psnr.map(|(before, after)| json!({ "before": before, "after": after }));
        json!({ "implied_noise": self.implied, "noise": self.corrected, "psnr": psnr })
    }
}

fn tell(found: &[Found]) {
    say("image   noise found (residual alone)   PSNR before → after");
    for (index, Found { implied, corrected, psnr }) in found.iter().take(LINES).enumerate() {
        let noise = corrected.map_or_else(|| "-".into(), format_number);
        let psnr = psnr.map_or_else(|| "-".into(), |(a, b)| format!("{a:.2} → {b:.2} dB"));
        say(&format!("{index:>5}   {noise:>11} {:<18}   {psnr}", format!("({})", format_number(*implied))));
    }
    if found.len() > LINES {
        say(&format!("… and {} more: run.json has them all", found.len() - LINES));
    }
}

/// Rows of noisy, denoised and, where there are any, clean images.
fn sheet(
    denoise: &Denoise,
    noisy: &PointSet,
    denoised: &PointSet,
    clean: Option<&PointSet>,
    span: Span,
) -> Result<()> {
    let shown = noisy.len().min(SHOWN);
    let columns: Vec<&PointSet> = [Some(noisy), Some(denoised), clean].into_iter().flatten().collect();
    let rows: Vec<_> = (0..shown)
        .flat_map(|index| columns.iter().map(move |set| set.point(index).insert_axis(Axis(0))))
        .collect();
    let values = concatenate(Axis(0), &rows)
        .map_err(|e| Failure::new(SHEET, format!("cannot be laid out ({e})"), "give other images"))?;
    let options = SheetOptions {
        columns: Some(columns.len()),
        range: Some((span.low, span.high)),
        ..SheetOptions::default()
    };
    let path = denoise.output.join(SHEET);
    Ok(write_sheet(&path, &PointSet::new(values, noisy.shape())?, &options)?)
}
