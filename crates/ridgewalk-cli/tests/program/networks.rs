//! Pretrained networks: samples of their implicit prior, and images that they denoise.

use std::fs;

use ndarray::{Array2, Array3};
use ridgewalk::{PointSet, Shape};
use ridgewalk_data::write_points;

use crate::support::Folder;

/// A safetensors file of one tensor: the 3×3 kernel of a network of one layer, which is subtracted from its input.
fn network(kernel: [f32; 9]) -> Vec<u8> {
    let header = br#"{"conv.0.weight":{"dtype":"F32","shape":[1,1,3,3],"data_offsets":[0,36]}}"#;
    let numbers = kernel.iter().flat_map(|v| v.to_le_bytes());
    (header.len() as u64).to_le_bytes().into_iter().chain(header.iter().copied()).chain(numbers).collect()
}

/// D(u) = u/2.
fn half() -> Vec<u8> {
    let mut kernel = [0.0; 9];
    kernel[4] = 0.5;
    network(kernel)
}

/// D(u) is the mean of a pixel and its eight neighbours.
fn mean() -> Vec<u8> {
    let mut kernel = [-1.0 / 9.0; 9];
    kernel[4] = 8.0 / 9.0;
    network(kernel)
}

fn images(
    folder: &Folder,
    name: &str,
    values: Vec<f64>,
    height: usize,
    width: usize,
    channels: usize,
) -> PointSet {
    let d = height * width * channels;
    let values = Array2::from_shape_vec((values.len() / d, d), values).unwrap();
    let points = PointSet::new(values, Shape::Image { height, width, channels }).unwrap();
    write_points(&folder.path(name), &points).unwrap();
    points
}

/// All of the residual is taken, so that every step halves the state: the samples are the start, halved until its root
/// mean square is at most twice the last level.
#[test]
fn samples_of_a_known_network_are_known() {
    let folder = Folder::with("half.safetensors", half());
    let words = "sample --network half.safetensors --shape 4x6 -n 3 --h0 1 --beta 1 --seed 5";
    let run = folder.ok(&format!("{words} --sigma-max 2 --sigma-min 0.01 -o out"));
    assert!(run.err.contains("coarse to fine from sigma 2 to 0.01"), "{}", run.err);
    let samples = folder.points("out/samples.npy");
    assert_eq!((samples.len(), samples.shape()), (3, Shape::Image { height: 4, width: 6, channels: 1 }));
    let record = folder.json("out/run.json");
    for i in 0..3 {
        assert_eq!(record["settings"]["endings"][i], "reached");
        let steps = record["settings"]["steps"][i].as_u64().unwrap();
        let mut stream = ridgewalk::random::Stream::new(5, ridgewalk::random::Purpose::Start, i as u64, 0);
        for value in samples.point(i) {
            let start = 0.5 + 2.0 * stream.normal();
            assert!((value - start / 2f64.powi(steps as i32)).abs() < 1e-6);
        }
        let rms = (samples.point(i).iter().map(|v| v * v).sum::<f64>() / 24.0).sqrt();
        assert!((0.01..=0.02).contains(&rms), "{rms}");
    }
    assert!(folder.path("out/samples.png").exists());
    folder.ok(&format!("{words} --sigma-max 2 --sigma-min 0.01 --batch 1 -o alone"));
    assert_eq!(folder.read("alone/samples.npy"), folder.read("out/samples.npy"));
    let again = folder.ok("rerun out/run.json -o again");
    assert!(again.err.contains("the same bytes again"), "{}", again.err);
}

#[test]
fn samples_that_do_not_end_are_told() {
    let folder = Folder::with("half.safetensors", half());
    let run = folder.ok("sample --network half.safetensors --shape 4x4 -n 2 --step-limit 3 -o out");
    assert!(run.err.contains("2 samples were left with noise"), "{}", run.err);
    assert_eq!(folder.json("out/run.json")["settings"]["endings"][0], "step-limit");
}

/// Means of neighbours written out, in the units of the images; noise of the residual, by hand; PSNR of what is known.
#[test]
fn denoised_images_are_those_of_the_network() {
    let folder = Folder::with("mean.safetensors", mean());
    let (height, width) = (5, 7);
    let values: Vec<f64> = (0..2 * 35).map(|k| ((k * 73) % 251) as f64).collect();
    let noisy = images(&folder, "noisy.npy", values, height, width, 1);
    images(&folder, "clean.npy", vec![100.0; 70], height, width, 1);
    let run =
        folder.ok("denoise noisy.npy --network mean.safetensors --clean clean.npy -o out --range 0,255");
    assert!(run.err.contains("values 0 to 255 of the images are its 0 to 1"), "{}", run.err);
    let denoised = folder.points("out/denoised.npy");
    assert_eq!((denoised.len(), denoised.shape()), (2, noisy.shape()));
    let record = folder.json("out/run.json");
    for i in 0..2 {
        let image = Array3::from_shape_vec((1, height, width), noisy.point(i).to_vec()).unwrap();
        let mut squares = 0.0;
        for (k, value) in denoised.point(i).iter().enumerate() {
            let (row, column) = (k / width, k % width);
            let around = (0..9).filter_map(|n| {
                let at = (row + n / 3).checked_sub(1).zip((column + n % 3).checked_sub(1))?;
                image.get((0, at.0, at.1))
            });
            let expected: f64 = around.sum::<f64>() / 9.0;
            assert!((value - expected).abs() < 1e-3, "image {i}, pixel {k}: {value} for {expected}");
            squares += (noisy.point(i)[k] - value).powi(2);
        }
        let found = &record["settings"]["images"][i];
        let implied = (squares / 35.0).sqrt();
        assert!((found["implied_noise"].as_f64().unwrap() / implied - 1.0).abs() < 1e-4);
        // tr J = 35/9, whatever the image: the mean of one probe is near it, and 32 times √(9/8) of the residual.
        let corrected = found["noise"].as_f64().unwrap();
        assert!(corrected > implied && corrected < 1.5 * implied);
        let psnr = |x: ndarray::ArrayView1<f64>| {
            let error = x.iter().map(|v| (v - 100.0).powi(2)).sum::<f64>() / 35.0;
            10.0 * (255.0 * 255.0 / error).log10()
        };
        assert!((found["psnr"]["before"].as_f64().unwrap() - psnr(noisy.point(i))).abs() < 1e-9);
        assert!((found["psnr"]["after"].as_f64().unwrap() - psnr(denoised.point(i))).abs() < 1e-9);
    }
    let again = folder.ok("rerun out/run.json -o again");
    assert!(again.err.contains("the same bytes again"), "{}", again.err);
}

/// Colours by themselves: as three grey images. A single image as the rows of a table, too.
#[test]
fn colours_and_tables_are_images() {
    let folder = Folder::with("mean.safetensors", mean());
    let values: Vec<f64> = (0..90).map(|k| ((k * 37) % 100) as f64 / 100.0).collect();
    images(&folder, "colour.npy", values.clone(), 5, 6, 3);
    let run = folder.ok("denoise colour.npy --network mean.safetensors -o colour --range 0,1 --probes 0");
    assert!(run.err.contains("each colour by itself"), "{}", run.err);
    let colour = folder.points("colour/denoised.npy");
    for channel in 0..3 {
        let grey: Vec<f64> = values.iter().skip(channel).step_by(3).copied().collect();
        let table: Vec<String> =
            grey.chunks(6).map(|row| row.iter().map(f64::to_string).collect::<Vec<_>>().join(",")).collect();
        folder.write("grey.csv", table.join("\n") + "\n");
        folder.ok("denoise grey.csv --network mean.safetensors --shape 5x6 -o grey --range 0,1");
        let grey = folder.points("grey/denoised.npy");
        assert_eq!(grey.shape(), Shape::Image { height: 5, width: 6, channels: 1 });
        for (k, value) in grey.point(0).iter().enumerate() {
            assert_eq!(*value, colour.point(0)[3 * k + channel]);
        }
    }
}

#[test]
fn the_range_is_that_of_the_format_or_of_the_values() {
    let folder = Folder::with("mean.safetensors", mean());
    for (values, told) in [
        (vec![0.0, 0.2, 0.3, 0.9], "values 0 to 1 "),
        (vec![0.0, 9.0, 180.0, 255.0], "values 0 to 255 "),
        (vec![0.0, 9.0, 180.0, 60_000.0], "values 0 to 65535 "),
        (vec![2.0, 9.0, 11.0, 16.0], "values 2 to 16 "),
        (vec![3.0; 4], "values 3 to 4 "),
    ] {
        images(&folder, "x.npy", values, 2, 2, 1);
        let run = folder.ok("denoise x.npy --network mean.safetensors");
        assert!(run.err.contains(told), "{told}: {}", run.err);
    }
}

#[test]
fn what_makes_no_sense_is_said() {
    let folder = Folder::with("half.safetensors", half());
    folder.write("foreign.safetensors", "no network at all");
    folder.write("cut.safetensors", &half()[..60]);
    images(&folder, "x.npy", vec![0.5; 12], 3, 4, 1);
    images(&folder, "y.npy", vec![0.5; 12], 4, 3, 1);
    fs::write(folder.path("table.csv"), "1,2,3\n4,5,6\n").unwrap();
    for (words, told) in [
        ("sample", "MODEL|DATA"),
        ("sample --network half.safetensors", "--shape"),
        ("sample --shape 4x4 digits", "--network"),
        ("sample digits --network half.safetensors --shape 4x4", "cannot be used with"),
        ("sample --network half.safetensors --shape 4x4 --solver heun", "cannot be used with"),
        ("sample --network half.safetensors --shape 4x4 --mad", "cannot be used with"),
        ("sample --network half.safetensors --shape 4x4 --smooth 1", "cannot be used with"),
        ("sample --network half.safetensors --shape 4x4 --model gaussian", "--model acts on DATA"),
        ("sample --network half.safetensors --shape 4x4 --tile 8", "--tile acts on DATA"),
        ("sample --network half.safetensors --shape 4", "as in 64x64"),
        ("sample --network half.safetensors --shape 0x4", "at least 1"),
        ("sample --network half.safetensors --shape 4x4 --beta 2", "at most 1"),
        ("sample --network half.safetensors --shape 4x4 --sigma-min 3", "go from 1 down to 3"),
        ("sample --network half.safetensors --shape 99999999x99999999", "pixels"),
        ("sample --network foreign.safetensors --shape 4x4", "not in the safetensors format"),
        ("sample --network missing.safetensors --shape 4x4", "cannot be read"),
        ("denoise x.npy --network cut.safetensors", "cut.safetensors: declares a header"),
        ("denoise x.npy --network half.safetensors --clean y.npy", "y.npy holds 1 of grey image 4×3"),
        ("denoise x.npy --network half.safetensors --shape 3x4", "drop the flag"),
        ("denoise x.npy --network half.safetensors --range 5,1", "the lower one first"),
        ("denoise table.csv --network half.safetensors", "--shape HxW"),
        ("denoise table.csv --network half.safetensors --shape 7x7", "2 vectors of 3 values"),
        ("denoise missing.npy --network half.safetensors", "missing.npy"),
    ] {
        folder.refused(words, &[told]);
    }
}
