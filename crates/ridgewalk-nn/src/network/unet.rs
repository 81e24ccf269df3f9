//! The UNet of EDM (arXiv 2206.00364) in its DDPM++ form (arXiv 2011.13456), with scaled skips (arXiv 2310.13545).
//!
//! Its arrays bear the names of EDM's `SongUNet`, so that weights of either serve the other.

use serde::{Deserialize, Serialize};

use crate::ops::{Activation, Grid, Matrix};
use crate::parameters::{Layout, Leaves};

use super::Value;
use super::architecture::{DEEPEST, WIDEST};
use super::block::{Block, NEARLY_ZERO, Plan, Resample};
use super::embedding::{Condition, Embedding};
use super::layer::{Convolution, GroupNorm};

/// Size of a UNet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UNetConfig {
    /// Channels at full size.
    pub channels: usize,
    /// Channels of every level in units of `channels`; each level has half the size of the one before.
    pub multipliers: Vec<usize>,
    /// Residual blocks a level.
    pub blocks: usize,
    /// Sizes (heights of images) at which there is attention; the coarsest level has it always, in its middle.
    pub attention: Vec<usize>,
    /// Channels of a head of attention; none for one head.
    pub head_width: Option<usize>,
    /// Whether the noise level scales channels as well as it shifts them.
    pub adaptive: bool,
    /// κ of the skips, which are scaled by 1, κ, κ², … from the outermost in (arXiv 2310.13545); 1 leaves them.
    pub skip_scale: f64,
}

impl Default for UNetConfig {
    fn default() -> Self {
        UNetConfig {
            channels: 64,
            multipliers: vec![1, 2],
            blocks: 2,
            attention: Vec::new(),
            head_width: None,
            adaptive: true,
            skip_scale: 1.0,
        }
    }
}

impl UNetConfig {
    /// For images of this size: as many levels as halve it evenly, down to 7 at the least and 4 at the most.
    pub fn for_image(height: usize, width: usize) -> Self {
        let mut multipliers = vec![1];
        let (mut h, mut w) = (height, width);
        while multipliers.len() < 4 && h.is_multiple_of(2) && w.is_multiple_of(2) && h.min(w) >= 14 {
            (h, w) = (h / 2, w / 2);
            multipliers.push(2);
        }
        let channels = if height.max(width) > 32 { 64 } else { 32 };
        UNetConfig { channels, multipliers, ..UNetConfig::default() }
    }

    /// What is wrong with it for images of this size, if anything.
    pub(crate) fn problem(&self, height: usize, width: usize) -> Option<String> {
        let factor = 1_usize.checked_shl(self.multipliers.len().saturating_sub(1) as u32).unwrap_or(0);
        let widest = self.multipliers.iter().max().and_then(|most| most.checked_mul(self.channels));
        if widest.is_none_or(|widest| widest > WIDEST) || self.blocks > DEEPEST || self.multipliers.len() > 16
        {
            return Some("channels, multipliers or blocks are too large".into());
        }
        if self.channels == 0 || self.multipliers.is_empty() || self.multipliers.contains(&0) {
            return Some("channels and multipliers must be at least 1".into());
        }
        if !self.channels.is_multiple_of(4) {
            return Some(format!("channels = {} must be a multiple of 4", self.channels));
        }
        if factor == 0 || !height.is_multiple_of(factor) || !width.is_multiple_of(factor) {
            let levels = self.multipliers.len();
            return Some(format!(
                "{levels} levels need sides that are multiples of {factor}, not {height}×{width}"
            ));
        }
        if self.head_width == Some(0) || !self.skip_scale.is_finite() {
            return Some("head_width must be at least 1 and skip_scale finite".into());
        }
        let sizes: Vec<usize> = (0..self.multipliers.len()).map(|level| height >> level).collect();
        if let Some(size) = self.attention.iter().find(|size| !sizes.contains(size)) {
            return Some(format!("there is no level of height {size} for attention: levels have {sizes:?}"));
        }
        let channels = |multiplier: &usize| self.channels * multiplier;
        let odd = |width: usize| self.multipliers.iter().map(channels).find(|c| !c.is_multiple_of(width));
        if let Some((width, channels)) = self.head_width.and_then(|width| Some((width, odd(width)?))) {
            return Some(format!("head_width = {width} does not divide {channels} channels"));
        }
        None
    }

    fn heads(&self, channels: usize) -> usize {
        match self.head_width {
            Some(width) if channels.is_multiple_of(width) => channels / width,
            _ => 1,
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct UNet {
    embedding: Embedding,
    first: Convolution,
    down: Vec<Block>,
    up: Vec<Block>,
    norm: GroupNorm,
    last: Convolution,
    skip_scale: f64,
}

impl UNet {
    /// `inputs` channels of images of the given height.
    pub fn new(
        config: &UNetConfig,
        (inputs, outputs): (usize, usize),
        height: usize,
        classes: usize,
        layout: &mut Layout,
    ) -> Self {
        let (channels, width) = (config.channels, 4 * config.channels);
        let embedding = Embedding::edm(layout, channels, width, classes);
        let plan = |inputs: usize, outputs: usize, resample: Resample, attends: bool| Plan {
            inputs,
            outputs,
            embedding: width,
            adaptive: config.adaptive,
            resample,
            heads: attends.then(|| config.heads(outputs)),
        };
        let size = |level: usize| height >> level;
        let attends = |level: usize| config.attention.contains(&size(level));
        let name = |part: &str, level: usize, what: &str| format!("{part}.{0}x{0}_{what}", size(level));
        let first = Convolution::new(layout, &name("enc", 0, "conv"), inputs, channels, 1.0);
        let (mut down, mut skips, mut now) = (Vec::new(), vec![channels], channels);
        for (level, multiplier) in config.multipliers.iter().enumerate() {
            if level > 0 {
                let plan = plan(now, now, Resample::Down, false);
                down.push(Block::new(layout, &name("enc", level, "down"), plan));
                skips.push(now);
            }
            for index in 0..config.blocks {
                let plan = plan(now, channels * multiplier, Resample::Keep, attends(level));
                down.push(Block::new(layout, &name("enc", level, &format!("block{index}")), plan));
                now = channels * multiplier;
                skips.push(now);
            }
        }
        let mut up = Vec::new();
        for (level, multiplier) in config.multipliers.iter().enumerate().rev() {
            if level + 1 == config.multipliers.len() {
                let middle = plan(now, now, Resample::Keep, true);
                up.push(Block::new(layout, &name("dec", level, "in0"), middle));
                up.push(Block::new(
                    layout,
                    &name("dec", level, "in1"),
                    plan(now, now, Resample::Keep, false),
                ));
            } else {
                up.push(Block::new(layout, &name("dec", level, "up"), plan(now, now, Resample::Up, false)));
            }
            for index in 0..=config.blocks {
                let inputs = now + skips.pop().unwrap_or(0);
                let attends = index == config.blocks && attends(level);
                let plan = plan(inputs, channels * multiplier, Resample::Keep, attends);
                up.push(Block::new(layout, &name("dec", level, &format!("block{index}")), plan));
                now = channels * multiplier;
            }
        }
        let norm = GroupNorm::new(layout, &name("dec", 0, "aux_norm"), now);
        let last = Convolution::new(layout, &name("dec", 0, "aux_conv"), now, outputs, NEARLY_ZERO);
        UNet { embedding, first, down, up, norm, last, skip_scale: config.skip_scale }
    }

    /// See [`Network::values_per_point`](super::Network::values_per_point).
    pub fn values_per_point(&self, mut grid: Grid) -> usize {
        let blocks = self.down.iter().chain(&self.up);
        blocks
            .map(|block| {
                grid = block.grid(grid);
                grid.pixels() * block.outputs()
            })
            .sum()
    }

    pub fn forward<V: Value>(
        &self,
        leaves: &Leaves,
        x: V,
        condition: &Condition<V>,
        like: &Matrix,
        grid: Grid,
    ) -> V {
        let e: V = self.embedding.apply(leaves, condition, like, grid.images);
        let mut grid = grid;
        let mut h = self.first.apply(leaves, x, None, 1.0, grid);
        let mut skips = vec![h.clone()];
        for block in &self.down {
            (h, grid) = block.forward(leaves, h, &e, grid);
            skips.push(h.clone());
        }
        for block in &self.up {
            if h.dims()[1] != block.inputs()
                && let Some(skip) = skips.pop()
            {
                // The one that was pushed first lies outermost.
                let scale = self.skip_scale.powi(skips.len() as i32) as f32;
                h = h.join(skip, scale);
            }
            (h, grid) = block.forward(leaves, h, &e, grid);
        }
        let h = self.norm.apply(leaves, h, None, Activation::Silu, grid);
        self.last.apply(leaves, h, None, 1.0, grid)
    }
}
