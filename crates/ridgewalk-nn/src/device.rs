//! Where networks compute: the processor, or a device that a cargo feature brings.

use std::fmt;
use std::panic::{catch_unwind, set_hook, take_hook};
use std::str::FromStr;
use std::sync::Mutex;

use burn::tensor::{Device as Opened, Tensor};
use ridgewalk::{Error, Result};

/// Interfaces that cargo features of the same names bring.
const ALL: [&str; 5] = ["cuda", "rocm", "metal", "vulkan", "webgpu"];

/// Where a network computes: `cpu`, or one of `cuda`, `rocm`, `metal`, `vulkan` and `webgpu`, which are cargo features,
/// with the number of a device, as in `cuda:1`.
///
/// On the processor operations are fused and written by hand, and results are the same to the bit in any batch; on the
/// others operations are composed of those of the framework, and results agree with these up to rounding.
///
/// ```
/// use ridgewalk_nn::Device;
///
/// let device: Device = "cpu".parse()?;
/// assert_eq!(device, Device::default());
/// # Ok::<(), ridgewalk::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Device {
    /// Place in [`ALL`], and number of the device; none for the processor.
    other: Option<(usize, Option<usize>)>,
}

impl Device {
    /// The interfaces of this build besides `cpu`.
    pub fn available() -> Vec<&'static str> {
        ALL.into_iter().filter(|name| is_built(name)).collect()
    }

    /// Whether this is the processor.
    pub fn is_cpu(self) -> bool {
        self.other.is_none()
    }

    /// The device, ready for use.
    ///
    /// # Errors
    /// If it cannot be opened: there is none, or its driver is missing.
    pub(crate) fn open(self) -> Result<Opened> {
        let Some((interface, index)) = self.other else { return Ok(Opened::flex()) };
        let fail = |problem: String| {
            let help = "check that the driver is installed, or use cpu";
            Error::argument("device", format!("{self} cannot be opened ({problem})"), help)
        };
        let name = ALL.get(interface).copied().unwrap_or_default();
        let opened = named(name, index).ok_or_else(|| fail("not in this build".into()))?;
        // The framework opens a device when it is used, and panics where there is none.
        let tried = quietly(|| Tensor::<1>::ones([2], &opened).sum().into_data().iter::<f32>().next());
        match tried {
            Ok(Some(2.0)) => Ok(opened),
            Ok(found) => Err(fail(format!("1 + 1 is {found:?} there"))),
            Err(problem) => Err(fail(problem)),
        }
    }
}

/// What a task gives, or the first line of its panic, which is not printed.
fn quietly<T>(task: impl FnOnce() -> T + std::panic::UnwindSafe) -> std::result::Result<T, String> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let guard = ONE_AT_A_TIME.lock();
    let usual = take_hook();
    set_hook(Box::new(|_| {}));
    let found = catch_unwind(task);
    set_hook(usual);
    drop(guard);
    found.map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it did not answer");
        text.lines().next().unwrap_or_default().to_string()
    })
}

fn is_built(name: &str) -> bool {
    match name {
        "cuda" => cfg!(feature = "cuda"),
        "rocm" => cfg!(feature = "rocm"),
        "metal" => cfg!(feature = "metal"),
        "vulkan" => cfg!(feature = "vulkan"),
        "webgpu" => cfg!(feature = "webgpu"),
        _ => false,
    }
}

#[cfg(any(feature = "metal", feature = "vulkan", feature = "webgpu"))]
fn kind(index: Option<usize>) -> burn::tensor::DeviceKind {
    index.map_or(burn::tensor::DeviceKind::DefaultDevice, burn::tensor::DeviceKind::DiscreteGpu)
}

#[cfg_attr(
    not(any(feature = "cuda", feature = "rocm", feature = "metal", feature = "vulkan", feature = "webgpu")),
    expect(unused_variables, reason = "devices are numbered by the interfaces of features")
)]
fn named(name: &str, index: Option<usize>) -> Option<Opened> {
    match name {
        #[cfg(feature = "cuda")]
        "cuda" => Some(Opened::cuda(index.unwrap_or(0))),
        #[cfg(feature = "rocm")]
        "rocm" => Some(Opened::rocm(index.unwrap_or(0))),
        #[cfg(feature = "metal")]
        "metal" => Some(Opened::metal(kind(index))),
        #[cfg(feature = "vulkan")]
        "vulkan" => Some(Opened::vulkan(kind(index))),
        #[cfg(feature = "webgpu")]
        "webgpu" => Some(Opened::webgpu(kind(index))),
        _ => None,
    }
}

impl FromStr for Device {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let fail = |problem: String, help: String| Err(Error::argument("device", problem, help));
        if text == "cpu" {
            return Ok(Device::default());
        }
        let (name, number) = text.split_once(':').map_or((text, None), |(name, number)| (name, Some(number)));
        let Some(interface) = ALL.iter().position(|known| *known == name) else {
            return fail(format!("{text} is unknown"), format!("give cpu or one of {}", ALL.join(", ")));
        };
        if !is_built(name) {
            let help = format!("install it with `--features {name}`, or use cpu");
            return fail(format!("{name} is not in this build"), help);
        }
        match number.map(str::parse).transpose() {
            Ok(index) => Ok(Device { other: Some((interface, index)) }),
            Err(_) => fail(format!("{text} has no number after the colon"), format!("give {name}:0")),
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.other {
            None => f.write_str("cpu"),
            Some((interface, index)) => {
                f.write_str(ALL.get(interface).copied().unwrap_or_default())?;
                index.map_or(Ok(()), |index| write!(f, ":{index}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_those_without_their_feature_say_so() {
        assert_eq!("cpu".parse::<Device>().unwrap().to_string(), "cpu");
        let error = |text: &str| text.parse::<Device>().unwrap_err().to_string();
        assert!(error("gpu").contains("cpu or one of cuda"), "{}", error("gpu"));
        for name in ALL {
            if is_built(name) {
                assert_eq!(format!("{name}:1").parse::<Device>().unwrap().to_string(), format!("{name}:1"));
                assert!(error(&format!("{name}:x")).contains("no number"));
            } else {
                assert!(error(name).contains(&format!("--features {name}")), "{}", error(name));
            }
        }
    }

    #[test]
    fn a_panic_on_opening_is_an_error_with_its_first_line() {
        assert_eq!(quietly(|| -> u8 { panic!("no adapter\nand more") }), Err("no adapter".into()));
        assert_eq!(quietly(|| 3), Ok(3));
        assert!(Device::default().open().is_ok());
    }

    /// Three steps of a UNet and of a transformer, and a denoised image. Sums are taken in another order there: 10⁻³.
    fn trains_alike(device: Device) {
        use ndarray::Array2;
        use ridgewalk::{Denoiser, Differentiable, PointSet, Shape};

        use crate::network::{Architecture, DitConfig, UNetConfig};
        use crate::train::{TrainConfig, Trainer, TrainingData};

        let shape = Shape::Image { height: 8, width: 8, channels: 1 };
        let image = |(row, pixel): (usize, usize)| libm::sin((row * 64 + pixel) as f64);
        let points = PointSet::new(Array2::from_shape_fn((12, 64), image), shape).unwrap();
        let unet = UNetConfig { channels: 8, blocks: 1, ..UNetConfig::default() };
        let dit = DitConfig { width: 16, depth: 1, heads: 2, ..DitConfig::default() };
        for architecture in [Architecture::UNet(unet), Architecture::Dit(dit)] {
            let config = TrainConfig {
                steps: Some(3),
                batch: 4,
                architecture: Some(architecture),
                ..TrainConfig::default()
            };
            let answers = |device: Device| {
                let data = TrainingData::new(points.clone());
                let mut trainer = Trainer::new(&config, data).unwrap().on(device).unwrap();
                let mut found: Vec<f64> = (0..3).map(|_| trainer.step().unwrap().loss).collect();
                let denoiser = trainer.denoiser(None).unwrap();
                let x = points.values();
                found.extend(denoiser.denoise(x, 0.7).unwrap());
                found.extend(denoiser.jvp(x, 0.7, x).unwrap());
                found.extend(denoiser.vjp(x, 0.7, x).unwrap());
                found
            };
            for (here, there) in answers(Device::default()).into_iter().zip(answers(device)) {
                assert!((here - there).abs() < 1e-3 * (1.0 + here.abs()), "{device}: {there}, not {here}");
            }
        }
    }

    /// The same steps on every device of this build that the machine has.
    #[test]
    fn other_devices_agree_with_the_processor() {
        for name in Device::available() {
            let device: Device = name.parse().unwrap();
            match device.open() {
                Err(error) => eprintln!("skipped: {error}"),
                Ok(_) => trains_alike(device),
            }
        }
    }
}
