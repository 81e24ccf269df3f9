//! Published networks against outputs of another implementation, and against measured figures. Set `RIDGEWALK_DATA` to a
//! folder that holds `models/` and `images/`; without it these tests pass and say so.

use ndarray::{Array2, Axis};
use ridgewalk::Autonomous;
use ridgewalk_nn::BlindDenoiser;

use super::support::{largest, norm, normals, published, read, row};

const DNCNN: &str = "bf_dncnn20_bsd400_s0-100";
const UNET: &str = "bf_unet_bsd400_s0-100";
const BIASED: &str = "dncnn20_bias_bsd400_s0-100";

fn load(name: &str) -> Option<BlindDenoiser> {
    published(&format!("models/{name}.safetensors")).map(|path| BlindDenoiser::load(path).unwrap())
}

#[test]
fn outputs_are_those_of_another_implementation() {
    for name in [DNCNN, UNET, BIASED] {
        let Some(denoiser) = load(name) else { continue };
        let Some(golden) = published(&format!("models/{name}.golden.safetensors")) else { continue };
        let golden = read(&golden);
        let wide = |name: &str| row(golden[name].1.iter().map(|v| f64::from(*v)).collect());
        let y = denoiser.image(64, 64).unwrap().field(wide("x").view()).unwrap();
        let error = largest(&y, &wide("y"));
        println!("{name}: {}; largest error {error:.1e}", denoiser.architecture());
        assert!(error < 1e-4, "{name}: {error:.1e}");
    }
}

#[test]
fn the_jacobian_is_that_of_another_implementation() {
    let (Some(denoiser), Some(golden)) =
        (load(UNET), published(&format!("models/{UNET}.golden.safetensors")))
    else {
        return;
    };
    let golden = read(&golden);
    let x = row(golden["jac_x_16x16"].1.iter().map(|v| f64::from(*v)).collect());
    let expected: Vec<f64> = golden["jac_256x256"].1.iter().map(|v| f64::from(*v)).collect();
    let expected = Array2::from_shape_vec((256, 256), expected).unwrap();
    let model = denoiser.image(16, 16).unwrap();
    let jacobian = model.jacobian(x.view()).unwrap();
    let error = largest(&jacobian.index_axis(Axis(0), 0).to_owned(), &expected);
    println!("Jacobian: largest error {error:.1e}");
    assert!(error < 1e-4, "{error:.1e}");
    // Forward mode says the same.
    let v = row(normals(1, 256, 1.0));
    assert!(largest(&model.jvp(x.view(), v.view()).unwrap(), &v.dot(&expected.t())) < 1e-3);
}

/// PSNR in decibels of a 256×256 part of a photograph, by levels in 1/255. That of noise of level 25 and less varies by 0.04 from
/// draw to draw, so that a tenth is room enough for one; at 50 by 0.09: there, the mean of four draws against that of eight
/// by another implementation.
#[test]
fn photographs_are_denoised_as_was_measured() {
    let Some(camera) = published("images/camera.png") else { return };
    let camera = ridgewalk_data::load(camera.to_str().unwrap()).unwrap();
    let part = |k: usize| camera.values()[(0, (k / 256) * 512 + 128 + k % 256)] / 255.0;
    let clean = row((0..256 * 256).map(part).collect());
    let psnr = |x: &Array2<f64>| -20.0 * (norm(&(x - &clean)) / 256.0).log10();
    for (name, level, draws, noisy, expected) in [
        (DNCNN, 10.0, 1, 28.14, 36.80),
        (UNET, 10.0, 1, 28.14, 36.51),
        (UNET, 25.0, 1, 20.18, 31.97),
        (UNET, 50.0, 4, 14.16, 28.70),
    ] {
        let Some(model) = load(name).map(|denoiser| denoiser.image(256, 256).unwrap()) else { continue };
        let mut found = 0.0;
        for draw in 0..draws {
            let u = &clean + &row(normals(draw, 256 * 256, level / 255.0));
            assert!((psnr(&u) - noisy).abs() < 0.1);
            found += psnr(&model.field(u.view()).unwrap()) / draws as f64;
        }
        println!("{name} at {level}/255: {found:.2} dB, measured elsewhere {expected}");
        assert!((found - expected).abs() < 0.1, "{name} at {level}: {found:.2} dB for {expected}");
    }
}

/// D(αy) = α D(y) and J y = D(y) without biases; 4 % off with them.
#[test]
fn homogeneity_is_that_of_the_biases() {
    for name in [DNCNN, UNET, BIASED] {
        let (Some(denoiser), Some(golden)) =
            (load(name), published(&format!("models/{name}.golden.safetensors")))
        else {
            continue;
        };
        let x = row(read(&golden)["x"].1.iter().map(|v| f64::from(*v)).collect());
        let model = denoiser.image(64, 64).unwrap();
        let y = model.field(x.view()).unwrap();
        let scaled = model.field((0.4 * &x).view()).unwrap() / 0.4;
        let product = model.jvp(x.view(), x.view()).unwrap();
        let errors = [scaled, product].map(|other| norm(&(other - &y)) / norm(&y));
        println!("{name}: D(0.4y)/0.4 is {:.1e} from D(y), Jy {:.1e}", errors[0], errors[1]);
        match denoiser.architecture().biased {
            false => assert!(errors.iter().all(|e| *e < 1e-5), "{name}: {errors:?}"),
            true => assert!(errors.iter().all(|e| (0.01..0.1).contains(e)), "{name}: {errors:?}"),
        }
    }
}
