//! Encoder and decoder, written once for values and for tangents.
//!
//! A residual block is y = (skip(x) + conv₁ silu(norm₁ conv₀ silu(norm₀ x)))/√2, as those of the UNet without a condition.

use ridgewalk::{Error, Result, Shape};

use super::{AutoencoderModel, CoderConfig, ConvolutionalConfig, PerceptronConfig};
use crate::network::{Convolution, GroupNorm, Linear, Value};
use crate::ops::{Activation, Grid};
use crate::parameters::{Form, Init, Layout, Leaves};

const HALF_ROOT: f32 = std::f32::consts::FRAC_1_SQRT_2;
/// ln v with which training begins: noise of a tenth of a unit, of which there is something to learn at once.
const FIRST_LOG_VARIANCE: f32 = -4.0;
const MOST_NUMBERS: usize = 1 << 31;

#[derive(Debug, Clone)]
struct Block {
    norms: [GroupNorm; 2],
    convolutions: [Convolution; 2],
    skip: Option<Linear>,
}

impl Block {
    fn new(layout: &mut Layout, name: &str, inputs: usize, outputs: usize) -> Self {
        let norm0 = GroupNorm::new(layout, &format!("{name}.norm0"), inputs);
        let conv0 = Convolution::new(layout, &format!("{name}.conv0"), inputs, outputs, 1.0);
        let norm1 = GroupNorm::new(layout, &format!("{name}.norm1"), outputs);
        let conv1 = Convolution::new(layout, &format!("{name}.conv1"), outputs, outputs, 0.1);
        let skip = (inputs != outputs).then(|| pointwise(layout, &format!("{name}.skip"), inputs, outputs));
        Block { norms: [norm0, norm1], convolutions: [conv0, conv1], skip }
    }

    fn forward<V: Value>(&self, leaves: &Leaves, x: V, grid: Grid) -> V {
        let [norm0, norm1] = &self.norms;
        let [conv0, conv1] = &self.convolutions;
        let h = norm0.apply(leaves, x.clone(), None, Activation::Silu, grid);
        let h = conv0.apply(leaves, h, None, 1.0, grid);
        let h = norm1.apply(leaves, h, None, Activation::Silu, grid);
        let skip = match &self.skip {
            Some(skip) => skip.apply(leaves, x, Activation::None),
            None => x,
        };
        conv1.apply(leaves, h, Some(skip), HALF_ROOT, grid)
    }
}

fn pointwise(layout: &mut Layout, name: &str, inputs: usize, outputs: usize) -> Linear {
    let init = Init::xavier(inputs, outputs, 1.0);
    Linear::of(layout, name, [inputs, outputs], Form::Pointwise, init, Some(Init::Constant(0.0)))
}

/// Blocks of every level, the finest first, and of how many channels each is.
#[derive(Debug, Clone)]
struct Convolutional {
    first: Convolution,
    down: Vec<Vec<Block>>,
    norm: GroupNorm,
    opening: Linear,
    up: Vec<Vec<Block>>,
    last_norm: GroupNorm,
    last: Convolution,
    map: bool,
    coarsest: usize,
}

#[derive(Debug, Clone)]
struct Perceptron {
    down: Vec<Linear>,
    up: Vec<Linear>,
    last: Linear,
    activation: Activation,
}

#[derive(Debug, Clone)]
enum Body {
    Perceptron(Perceptron),
    Convolutional(Convolutional),
}

/// An autoencoder without its numbers.
#[derive(Debug, Clone)]
pub(crate) struct Coder {
    model: AutoencoderModel,
    layout: Layout,
    body: Body,
    mean: Linear,
    log_variance: Option<Linear>,
    latent: usize,
}

impl Coder {
    /// # Errors
    /// If the configuration does not fit the shape.
    pub fn new(model: &AutoencoderModel) -> Result<Self> {
        let AutoencoderModel { config, shape, center, scale } = model;
        if !center.is_finite() || !scale.is_finite() || *scale <= 0.0 {
            let problem = format!("has the center {center} and the scale {scale}");
            return Err(Error::argument("the autoencoder", problem, "give points that vary"));
        }
        let config = config.resolved(*shape)?;
        let (each, latent) = (config.latent.unwrap_or(1), config.latent_dim(*shape));
        let variational = config.kl > 0.0;
        let mut layout = Layout::default();
        let heads = |layout: &mut Layout, inputs: usize, form: Form| {
            let zero = Some(Init::Constant(0.0));
            let init = Init::xavier(inputs, each, 1.0);
            let mean = Linear::of(layout, "encoder.mean", [inputs, each], form, init, zero);
            let still = (Init::Constant(0.0), Some(Init::Constant(FIRST_LOG_VARIANCE)));
            let log_variance = variational
                .then(|| Linear::of(layout, "encoder.log_variance", [inputs, each], form, still.0, still.1));
            (mean, log_variance)
        };
        let (body, (mean, log_variance)) = match (&config.network, shape) {
            (Some(CoderConfig::Convolutional(network)), Shape::Image { height, width, channels }) => {
                convolutional(network, (*height, *width, *channels), each, &mut layout, heads)
            }
            (Some(CoderConfig::Perceptron(network)), _) => {
                perceptron(network, shape.dim(), latent, &mut layout, heads)
            }
            _ => {
                let help = "choose a perceptron";
                return Err(Error::argument("autoencoder", "has convolutions for what is no image", help));
            }
        };
        if layout.len() > MOST_NUMBERS {
            let problem = format!("has {} numbers", layout.len());
            return Err(Error::argument("the autoencoder", problem, "choose a smaller one"));
        }
        let model = AutoencoderModel { config, ..model.clone() };
        Ok(Coder { model, layout, body, mean, log_variance, latent })
    }

    pub fn model(&self) -> &AutoencoderModel {
        &self.model
    }

    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Coordinates of the latent space.
    pub fn latent(&self) -> usize {
        self.latent
    }

    fn grid(&self, images: usize) -> (Grid, usize) {
        match self.model.shape {
            Shape::Image { height, width, channels } => (Grid { images, height, width }, channels),
            other => (Grid { images, height: 1, width: 1 }, other.dim()),
        }
    }

    /// μ and ln v of points u, `[n, d]` to `[n, k]` each; without noise there is no v.
    pub fn encode<V: Value>(&self, leaves: &Leaves, u: V) -> (V, Option<V>) {
        let [n, _] = u.dims();
        let h = match &self.body {
            Body::Perceptron(body) => {
                body.down.iter().fold(u, |h, layer| layer.apply(leaves, h, body.activation))
            }
            Body::Convolutional(body) => {
                let (grid, channels) = self.grid(n);
                body.encode(leaves, u.reshape([n * grid.pixels(), channels]), grid)
            }
        };
        let head = |head: &Linear| head.apply(leaves, h.clone(), Activation::None).reshape([n, self.latent]);
        (head(&self.mean), self.log_variance.as_ref().map(head))
    }

    /// û of latents c, `[n, k]` to `[n, d]`.
    pub fn decode<V: Value>(&self, leaves: &Leaves, c: V) -> V {
        let [n, _] = c.dims();
        match &self.body {
            Body::Perceptron(body) => {
                let h = body.up.iter().fold(c, |h, layer| layer.apply(leaves, h, body.activation));
                body.last.apply(leaves, h, Activation::None)
            }
            Body::Convolutional(body) => {
                let (grid, _) = self.grid(n);
                body.decode(leaves, c, grid).reshape([n, self.model.shape.dim()])
            }
        }
    }
}

impl Convolutional {
    fn encode<V: Value>(&self, leaves: &Leaves, x: V, mut grid: Grid) -> V {
        let mut h = self.first.apply(leaves, x, None, 1.0, grid);
        for (level, blocks) in self.down.iter().enumerate() {
            if level > 0 {
                h = h.downsample(grid);
                grid = grid.halved();
            }
            h = blocks.iter().fold(h, |h, block| block.forward(leaves, h, grid));
        }
        let h = self.norm.apply(leaves, h, None, Activation::Silu, grid);
        if self.map { h } else { h.reshape([grid.images, grid.pixels() * self.coarsest]) }
    }

    fn decode<V: Value>(&self, leaves: &Leaves, c: V, full: Grid) -> V {
        let mut grid = (1..self.up.len()).fold(full, |grid, _| grid.halved());
        let pixels = grid.images * grid.pixels();
        let c = if self.map {
            let [n, latent] = c.dims();
            c.reshape([pixels, n * latent / pixels.max(1)])
        } else {
            c
        };
        let mut h = self.opening.apply(leaves, c, Activation::None).reshape([pixels, self.coarsest]);
        for (level, blocks) in self.up.iter().enumerate().rev() {
            h = blocks.iter().fold(h, |h, block| block.forward(leaves, h, grid));
            if level > 0 {
                h = h.upsample(grid);
                grid = grid.doubled();
            }
        }
        let h = self.last_norm.apply(leaves, h, None, Activation::Silu, grid);
        self.last.apply(leaves, h, None, 1.0, grid)
    }
}

type Heads = (Linear, Option<Linear>);

fn perceptron(
    config: &PerceptronConfig,
    dim: usize,
    latent: usize,
    layout: &mut Layout,
    heads: impl Fn(&mut Layout, usize, Form) -> Heads,
) -> (Body, Heads) {
    let mut side = |part: &str, inputs: usize| -> Vec<Linear> {
        let inputs = |index: usize| if index == 0 { inputs } else { config.width };
        (0..config.depth)
            .map(|i| Linear::new(layout, &format!("{part}.layers.{i}"), inputs(i), config.width))
            .collect()
    };
    let (down, up) = (side("encoder", dim), side("decoder", latent));
    let hidden = |otherwise: usize| if config.depth == 0 { otherwise } else { config.width };
    let heads = heads(layout, hidden(dim), Form::Linear);
    let last = Linear::xavier(layout, "decoder.last", hidden(latent), dim, 1.0);
    (Body::Perceptron(Perceptron { down, up, last, activation: config.activation }), heads)
}

fn convolutional(
    config: &ConvolutionalConfig,
    (height, width, channels): (usize, usize, usize),
    latent: usize,
    layout: &mut Layout,
    heads: impl Fn(&mut Layout, usize, Form) -> Heads,
) -> (Body, Heads) {
    let wide: Vec<usize> = config.multipliers.iter().map(|multiplier| multiplier * config.channels).collect();
    let finest = config.channels;
    let coarsest = wide.last().copied().unwrap_or(finest);
    let first = Convolution::new(layout, "encoder.first", channels, finest, 1.0);
    let mut now = finest;
    let mut down = Vec::new();
    for (level, outputs) in wide.iter().enumerate() {
        let mut blocks = Vec::new();
        // Each level has one at least, for its channels are others.
        for index in 0..config.blocks.max(1) {
            blocks.push(Block::new(layout, &format!("encoder.level{level}.block{index}"), now, *outputs));
            now = *outputs;
        }
        down.push(blocks);
    }
    let norm = GroupNorm::new(layout, "encoder.norm", coarsest);
    let halvings = wide.len().saturating_sub(1) as u32;
    let pixels = (height >> halvings) * (width >> halvings);
    let (heads, opening) = match config.map {
        true => {
            (heads(layout, coarsest, Form::Pointwise), pointwise(layout, "decoder.opening", latent, coarsest))
        }
        false => {
            let heads = heads(layout, pixels * coarsest, Form::Linear);
            (heads, Linear::xavier(layout, "decoder.opening", latent, pixels * coarsest, 1.0))
        }
    };
    let mut up: Vec<Vec<Block>> = Vec::new();
    for (level, outputs) in wide.iter().enumerate().rev() {
        let mut blocks = Vec::new();
        for index in 0..config.blocks.max(1) {
            blocks.push(Block::new(layout, &format!("decoder.level{level}.block{index}"), now, *outputs));
            now = *outputs;
        }
        up.push(blocks);
    }
    up.reverse();
    let last_norm = GroupNorm::new(layout, "decoder.norm", now);
    let last = Convolution::new(layout, "decoder.last", now, channels, 0.1);
    let map = config.map;
    (
        Body::Convolutional(Convolutional { first, down, norm, opening, up, last_norm, last, map, coarsest }),
        heads,
    )
}
