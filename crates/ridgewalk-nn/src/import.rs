//! Networks of PyTorch's files: which architecture tensors are of, by their names and shapes.
//!
//! | names | architecture |
//! |---|---|
//! | `enc.HxH_conv.weight`, … | `SongUNet` of EDM's code (arXiv 2206.00364) in its DDPM++ form |
//! | `x_embedder.proj.weight`, … | the diffusion transformer's code (arXiv 2212.09748), without learned variances |
//! | `layers.0.weight`, … | a perceptron as `ridgewalk train` writes it |
//!
//! What tensors cannot tell is the number of heads: 64 channels each in transformers (72 in DiT-XL), one in UNets, unless a configuration
//! says otherwise. Activations, residuals and scaled skips are taken to be the usual ones, and networks to be told the noise.

use std::collections::BTreeMap;
use std::path::Path;

use ridgewalk::{Moments, Shape};
use safetensors::{Dtype, SafeTensors};

use crate::error::{Error, Result};
use crate::label::NoiseLabel;
use crate::network::{Architecture, DitConfig, MlpConfig, NetworkConfig, UNetConfig, places};
use crate::neural::{ModelConfig, NeuralDenoiser};
use crate::preconditioning::Preconditioning;
use crate::train::{About, TrainConfig, TrainedModel};

/// Channels of a head of a transformer, where nothing else is known.
const HEAD: usize = 64;
/// What wrappers put before names.
const PREFIXES: [&str; 6] = ["module.", "model.", "net.", "ema.", "_orig_mod.", "unet."];
/// Parts of a file that hold no weights of use here.
const UNUSED: [&str; 5] =
    ["resample_filter", "map_augment.weight", "pos_embed", "k_mix.logit", "num_batches_tracked"];

/// PyTorch's arrays by name: shape and values.
pub type Arrays = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// What a file of weights does not say.
#[derive(Debug, Clone)]
pub struct ImportOptions {
    /// How the denoiser is made of the network's answer.
    pub preconditioning: Preconditioning,
    /// What the network is told of the noise.
    pub label: NoiseLabel,
    /// Sizes; none for what the tensors tell.
    pub architecture: Option<Architecture>,
    /// Rows and columns of an image; none for what the tensors tell, which is a square.
    pub sides: Option<(usize, usize)>,
    /// Mean and deviation of the data, from which samplers start; none for those of the preconditioning.
    pub moments: Option<Moments>,
}

/// The arrays of a safetensors file, in f32, without the prefix that all of them have.
///
/// # Errors
/// If it is no such file, or has tensors of other types than floats.
pub fn read_arrays(path: &Path) -> Result<Arrays> {
    let help = "write it with `safetensors.torch.save_file(net.state_dict(), …)`";
    let bytes = std::fs::read(path)
        .map_err(|e| Error::file(path, format!("cannot be read ({e})"), "check the path"))?;
    let file = SafeTensors::deserialize(&bytes)
        .map_err(|e| Error::file(path, format!("is not a sound safetensors file ({e})"), help))?;
    let mut arrays = Arrays::new();
    for (name, view) in file.tensors() {
        let data = view.data();
        let values: Vec<f32> = match view.dtype() {
            Dtype::F32 => data.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
            Dtype::F64 => data.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b) as f32).collect(),
            Dtype::BF16 => {
                let wide = |b: &[u8; 2]| f32::from_bits(u32::from(u16::from_le_bytes(*b)) << 16);
                data.as_chunks().0.iter().map(wide).collect()
            }
            Dtype::I64 if name.ends_with("num_batches_tracked") => continue,
            other => {
                let problem = format!("holds '{name}' as {other:?}");
                return Err(Error::file(path, problem, "save the network in float32: `net.float()`"));
            }
        };
        if let Some(index) = values.iter().position(|value| !value.is_finite()) {
            let problem = format!("has {} in '{name}'", values.get(index).copied().unwrap_or(f32::NAN));
            return Err(Error::file(path, problem, "the weights are not sound: take another checkpoint"));
        }
        arrays.insert(name, (view.shape().to_vec(), values));
    }
    if arrays.is_empty() {
        return Err(Error::file(path, "holds no tensors", help));
    }
    while let Some(prefix) =
        PREFIXES.iter().find(|prefix| arrays.keys().all(|name| name.starts_with(*prefix)))
    {
        arrays = arrays
            .into_iter()
            .map(|(name, array)| (name.strip_prefix(prefix).unwrap_or(&name).to_string(), array))
            .collect();
    }
    Ok(arrays)
}

/// The network that arrays are of: its architecture, shape, classes, and whether it is blind; else the problem.
///
/// # Errors
/// What is missing, or cannot be had here.
pub fn recognise(
    arrays: &Arrays,
    architecture: Option<&Architecture>,
    sides: Option<(usize, usize)>,
) -> std::result::Result<NetworkConfig, String> {
    let found = if arrays.contains_key("x_embedder.proj.weight") {
        transformer(arrays, sides)?
    } else if arrays.keys().any(|name| name.starts_with("enc.") && name.ends_with("_conv.weight")) {
        unet(arrays, sides)?
    } else if arrays.contains_key("layers.0.weight") {
        perceptron(arrays)?
    } else {
        let names: Vec<&str> = arrays.keys().take(3).map(String::as_str).collect();
        return Err(format!(
            "tensors '{}' … are of no known architecture (EDM's SongUNet, DiT, a perceptron)",
            names.join("', '")
        ));
    };
    match architecture {
        None => Ok(found),
        Some(given) if given.name() == found.architecture.name() => {
            Ok(NetworkConfig { architecture: given.clone(), ..found })
        }
        Some(given) => {
            Err(format!("the tensors are of a {}, not of a {}", found.architecture.name(), given.name()))
        }
    }
}

/// An array's shape.
fn shape<'a>(arrays: &'a Arrays, name: &str) -> std::result::Result<&'a [usize], String> {
    arrays.get(name).map(|(shape, _)| shape.as_slice()).ok_or_else(|| format!("tensor '{name}' is missing"))
}

fn dims<const N: usize>(arrays: &Arrays, name: &str) -> std::result::Result<[usize; N], String> {
    let shape = shape(arrays, name)?;
    shape
        .try_into()
        .map_err(|_| format!("tensor '{name}' has shape {shape:?}, where {N} dimensions are wanted"))
}

fn unet(arrays: &Arrays, sides: Option<(usize, usize)>) -> std::result::Result<NetworkConfig, String> {
    if arrays
        .keys()
        .any(|name| name.contains("aux_residual") || name.contains("aux_skip") || name.contains("aux_down"))
    {
        return Err("tensors 'aux_…' are of NCSN++ with residual or skip connections of images, which is not built here".into());
    }
    if arrays.contains_key("map_noise.freqs") {
        return Err("tensor 'map_noise.freqs' is of a Fourier embedding, which is not built here".into());
    }
    if let Some((name, (shape, _))) = arrays.iter().find(|(name, (shape, _))| {
        name.ends_with("resample_filter") && shape.iter().rev().take(2).any(|side| *side != 2)
    }) {
        return Err(format!("tensor '{name}' has shape {shape:?}: only filters [1, 1] are built here"));
    }
    let size = |name: &str| -> Option<usize> { name.strip_prefix("enc.")?.split_once('x')?.0.parse().ok() };
    let mut sizes: Vec<usize> = arrays.keys().filter_map(|name| size(name)).collect();
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    sizes.dedup();
    let height = sizes.first().copied().ok_or("no tensor 'enc.HxH_conv.weight' tells the size")?;
    let [channels, inputs, _, _] = dims(arrays, &format!("enc.{height}x{height}_conv.weight"))?;
    if channels == 0 {
        return Err(format!("tensor 'enc.{height}x{height}_conv.weight' is empty"));
    }
    let block = |size: usize, index: usize, what: &str| format!("enc.{size}x{size}_block{index}.{what}");
    let blocks = (0..).take_while(|i| arrays.contains_key(&block(height, *i, "conv0.weight"))).count();
    let mut multipliers = Vec::new();
    let mut attention = Vec::new();
    for size in &sizes {
        let [outputs, _, _, _] = dims(arrays, &block(*size, 0, "conv0.weight"))?;
        multipliers.push(outputs / channels);
        if arrays.contains_key(&block(*size, 0, "qkv.weight")) {
            attention.push(*size);
        }
    }
    let [conditions, _] = dims(arrays, &block(height, 0, "affine.weight"))?;
    let adaptive = conditions == 2 * multipliers.first().copied().unwrap_or(1) * channels;
    let classes =
        if arrays.contains_key("map_label.weight") { dims::<2>(arrays, "map_label.weight")?[1] } else { 0 };
    let (height, width) = sides.unwrap_or((height, height));
    let config =
        UNetConfig { channels, multipliers, blocks, attention, head_width: None, adaptive, skip_scale: 1.0 };
    let shape = Shape::Image { height, width, channels: inputs };
    Ok(NetworkConfig { architecture: Architecture::UNet(config), shape, classes, blind: false })
}

fn transformer(arrays: &Arrays, sides: Option<(usize, usize)>) -> std::result::Result<NetworkConfig, String> {
    let [width, inputs, patch, _] = dims(arrays, "x_embedder.proj.weight")?;
    let depth = (0..).take_while(|i| arrays.contains_key(&format!("blocks.{i}.attn.qkv.weight"))).count();
    let [hidden, _] = dims(arrays, "blocks.0.mlp.fc1.weight")?;
    let [outputs, _] = dims(arrays, "final_layer.linear.weight")?;
    if outputs == 2 * patch * patch * inputs {
        return Err("tensor 'final_layer.linear.weight' gives variances, too (learn_sigma), which is not built here: \
                    keep the rows of the noise"
            .into());
    }
    let (height, columns) = match (sides, arrays.get("pos_embed")) {
        (Some(sides), _) => sides,
        (None, Some((shape, _))) => {
            let tokens = shape.get(1).copied().unwrap_or(0);
            let side = tokens.isqrt() * patch;
            (side, side)
        }
        (None, None) => return Err("no tensor tells the size of images: say rows and columns".into()),
    };
    if let Some((_, given)) = arrays.get("pos_embed") {
        let (lines, across) = (height / patch.max(1), columns / patch.max(1));
        // Before the table is made: sides may be absurd.
        let length = lines.checked_mul(across).and_then(|tokens| tokens.checked_mul(width));
        let own = if length == Some(given.len()) { places(width, (lines, across)) } else { Vec::new() };
        if own.len() != given.len() || own.iter().zip(given).any(|(own, given)| (own - given).abs() > 1e-3) {
            return Err("tensor 'pos_embed' is not the table of sines that is built here".into());
        }
    }
    let classes = match arrays.get("y_embedder.embedding_table.weight") {
        Some((shape, _)) => shape.first().map_or(0, |rows| rows.saturating_sub(1)),
        None => 0,
    };
    if width == 0 {
        return Err("tensor 'x_embedder.proj.weight' is empty".into());
    }
    // DiT-XL of the published code is the one size of another width of a head.
    let heads = if width == 1152 { 16 } else { (width / HEAD).max(1) };
    let config = DitConfig { patch, width, depth, heads, mlp_ratio: hidden / width };
    let shape = Shape::Image { height, width: columns, channels: inputs };
    Ok(NetworkConfig { architecture: Architecture::Dit(config), shape, classes, blind: false })
}

fn perceptron(arrays: &Arrays) -> std::result::Result<NetworkConfig, String> {
    let count = (0..).take_while(|i| arrays.contains_key(&format!("layers.{i}.weight"))).count();
    let [dim, _] = dims(arrays, &format!("layers.{}.weight", count - 1))?;
    let [width, inputs] = dims(arrays, "layers.0.weight")?;
    let told = arrays.contains_key("map_layer0.weight");
    let embedding =
        if told { dims::<2>(arrays, "map_layer0.weight")?[0] } else { MlpConfig::default().embedding };
    let classes =
        if arrays.contains_key("map_label.weight") { dims::<2>(arrays, "map_label.weight")?[1] } else { 0 };
    if inputs != dim + if told { embedding } else { 0 } {
        return Err(format!(
            "tensor 'layers.0.weight' takes {inputs} numbers, not a point of {dim} and what is told"
        ));
    }
    let config = MlpConfig { width, depth: count - 1, embedding, ..MlpConfig::default() };
    let architecture = Architecture::Mlp(config);
    Ok(NetworkConfig { architecture, shape: Shape::Vector(dim), classes, blind: !told })
}

impl TrainedModel {
    /// The network of a safetensors file with PyTorch's names, as a model like those that are trained here;
    /// [`TrainedModel::save`] writes it.
    ///
    /// # Errors
    /// If the file is damaged, its tensors are of no known architecture, or one is missing, has another shape, or has no
    /// place.
    pub fn import(path: &Path, options: &ImportOptions) -> Result<Self> {
        let arrays = read_arrays(path)?;
        let help = "say sizes in a configuration, or import networks of other architectures as ONNX";
        let network = recognise(&arrays, options.architecture.as_ref(), options.sides)
            .map_err(|problem| Error::file(path, problem, help))?;
        let shape = network.shape;
        let classes = network.classes;
        let Preconditioning { center, scale, .. } = options.preconditioning;
        let config = TrainConfig {
            architecture: Some(network.architecture.clone()),
            prediction: options.preconditioning.prediction,
            blind: network.blind,
            classes: classes > 0,
            center: Some(center),
            scale: Some(scale),
            ..TrainConfig::default()
        };
        let model =
            ModelConfig { network, preconditioning: options.preconditioning, label: options.label.clone() };
        let denoiser = NeuralDenoiser::from_torch(&model, &arrays).map_err(|error| match error {
            ridgewalk::Error::Argument { problem, .. } => Error::file(path, problem, help),
            other => Error::Model(other),
        })?;
        let own: Vec<String> = denoiser.to_torch().into_iter().map(|(name, _, _)| name).collect();
        let unused = |name: &str| UNUSED.iter().any(|end| name.ends_with(end));
        if let Some(name) = arrays.keys().find(|name| !own.contains(name) && !unused(name)) {
            let problem = format!(
                "tensor '{name}' has no place in this {}",
                config.architecture.as_ref().map_or("", |a| a.name())
            );
            return Err(Error::file(path, problem, help));
        }
        let moments = options
            .moments
            .clone()
            .unwrap_or_else(|| Moments { mean: vec![center; shape.dim()].into(), std: scale });
        let about =
            About::elsewhere(path.display().to_string(), (center - 2.0 * scale, center + 2.0 * scale));
        let labels = (0..classes).filter_map(|class| u32::try_from(class).ok()).collect();
        Ok(TrainedModel {
            denoiser: denoiser.with_moments(moments),
            about,
            config,
            labels,
            step: 0,
            average: None,
        })
    }
}
