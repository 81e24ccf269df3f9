//! From the tensors of a file to a network: which one it is, and whether all of it is there.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::blind_denoiser::Architecture;
use super::file::Values;
use super::network::{Convolution, DnCnn, Network, UNet, Weights};
use crate::error::{Error, Result};

const HELP: &str = "tensors conv.0.weight, conv.1.weight, … make a DnCNN, conv1.weight to conv9.weight the U-Net: \
                    rename those of your network";

/// Shapes of a layer of the U-Net: kernel, stride, padding, dilation.
struct Layer {
    kernel: usize,
    stride: usize,
    padding: usize,
    dilation: usize,
}

const fn layer(kernel: usize, stride: usize, padding: usize, dilation: usize) -> Layer {
    Layer { kernel, stride, padding, dilation }
}

const UNET: [Layer; 9] = [
    layer(5, 1, 2, 1),
    layer(3, 1, 1, 1),
    layer(3, 2, 1, 1),
    layer(3, 1, 1, 1),
    layer(3, 1, 2, 2),
    layer(3, 1, 4, 4),
    layer(4, 2, 1, 1),
    layer(3, 1, 1, 1),
    layer(5, 1, 2, 1),
];
/// Index of the layer that goes back to full size.
const UP: usize = 6;
/// How far the U-Net sees: 2 + 1 + 1 at full size, 1 + 2 + 4 + 1 pixels of half of it, 1 + 2 at full size.
const UNET_RADIUS: usize = 4 + 2 * 8 + 3;

/// The tensors of a file that are not yet taken.
struct Tensors<'a> {
    path: &'a Path,
    left: BTreeMap<String, Values>,
    parameters: usize,
    biases: usize,
}

impl Tensors<'_> {
    fn error(&self, problem: String) -> Error {
        Error::file(self.path, problem, HELP)
    }

    /// The convolution `name`, of square kernels of this size, with as many channels on the side that comes in.
    fn convolution(
        &mut self,
        name: &str,
        kernel: usize,
        incoming: usize,
        transposed: bool,
    ) -> Result<Weights> {
        let full = format!("{name}.weight");
        let Values { shape, values } =
            self.left.remove(&full).ok_or_else(|| self.error(format!("has no tensor `{full}`")))?;
        let wrong = || {
            let place = if transposed { "first" } else { "second" };
            format!(
                "has `{full}` of shape {shape:?}, where {kernel}×{kernel} kernels and {incoming} channels in {place} place belong"
            )
        };
        let &[a, b, rows, columns] = shape.as_slice() else { return Err(self.error(wrong())) };
        let (into, out) = if transposed { (a, b) } else { (b, a) };
        if (rows, columns, into) != (kernel, kernel, incoming) || out == 0 {
            return Err(self.error(wrong()));
        }
        let bias = match self.left.remove(&format!("{name}.bias")) {
            None => None,
            Some(bias) if bias.shape == [out] => Some(bias.values),
            Some(bias) => {
                let problem = format!("has `{name}.bias` of shape {:?}, where [{out}] belongs", bias.shape);
                return Err(self.error(problem));
            }
        };
        self.parameters += values.len() + bias.as_ref().map_or(0, Vec::len);
        self.biases += usize::from(bias.is_some());
        Ok(Weights { shape: [a, b, rows, columns], values, bias })
    }

    /// That nothing is left: a part that is not applied would make another network of it.
    fn finish(&self) -> Result<()> {
        match self.left.keys().next() {
            None => Ok(()),
            Some(name) => Err(self.error(format!("has a tensor `{name}` that has no place in the network"))),
        }
    }
}

/// The network of a file.
pub(super) fn network(
    path: &Path,
    tensors: BTreeMap<String, Values>,
) -> Result<(Arc<dyn Network>, Architecture)> {
    let mut tensors = Tensors { path, left: tensors, parameters: 0, biases: 0 };
    if tensors.left.contains_key("conv.0.weight") {
        dncnn(&mut tensors)
    } else if tensors.left.contains_key("conv1.weight") {
        unet(&mut tensors)
    } else {
        let first: Vec<String> = tensors.left.keys().take(3).map(|name| format!("`{name}`")).collect();
        let held = if first.is_empty() { "no tensors".into() } else { first.join(", ") };
        Err(tensors.error(format!("is of no known network: it holds {held}")))
    }
}

fn dncnn(tensors: &mut Tensors) -> Result<(Arc<dyn Network>, Architecture)> {
    const KERNEL: usize = 3;
    let depth = (0..).take_while(|i| tensors.left.contains_key(&format!("conv.{i}.weight"))).count();
    let (mut channels, mut width, mut layers) = (1, 0, Vec::with_capacity(depth));
    for index in 0..depth {
        let weights = tensors.convolution(&format!("conv.{index}"), KERNEL, channels, false)?;
        channels = weights.shape[0];
        width = width.max(channels);
        layers.push(Convolution::new(weights, 1, KERNEL / 2, 1));
    }
    ends_grey(tensors, channels, &format!("conv.{}.weight", depth.saturating_sub(1)))?;
    tensors.finish()?;
    let architecture = Architecture {
        name: "DnCNN",
        layers: depth,
        width,
        biased: tensors.biases > 0,
        parameters: tensors.parameters,
    };
    Ok((Arc::new(DnCnn::new(layers, depth * (KERNEL / 2))), architecture))
}

fn unet(tensors: &mut Tensors) -> Result<(Arc<dyn Network>, Architecture)> {
    let (mut channels, mut kept, mut width, mut layers) = (1, 0, 0, Vec::with_capacity(UNET.len()));
    for (index, Layer { kernel, stride, padding, dilation }) in UNET.into_iter().enumerate() {
        let up = index == UP;
        let incoming = if index == UP + 1 { channels + kept } else { channels };
        let weights = tensors.convolution(&format!("conv{}", index + 1), kernel, incoming, up)?;
        channels = weights.shape[usize::from(up)];
        width = width.max(channels);
        if index == 1 {
            kept = channels;
        }
        layers.push(if up {
            Convolution::transposed(weights, stride, padding)
        } else {
            Convolution::new(weights, stride, padding, dilation)
        });
    }
    ends_grey(tensors, channels, "conv9.weight")?;
    tensors.finish()?;
    let architecture = Architecture {
        name: "U-Net",
        layers: UNET.len(),
        width,
        biased: tensors.biases > 0,
        parameters: tensors.parameters,
    };
    let layers = layers.try_into().map_err(|_| tensors.error("is of no known network".into()))?;
    Ok((Arc::new(UNet::new(layers, UNET_RADIUS)), architecture))
}

fn ends_grey(tensors: &Tensors, channels: usize, name: &str) -> Result<()> {
    if channels == 1 {
        return Ok(());
    }
    Err(tensors.error(format!("gives {channels} channels by `{name}`, where a grey image has one")))
}
