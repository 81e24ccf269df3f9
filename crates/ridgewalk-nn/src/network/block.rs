//! The residual block of the UNet: EDM's `UNetBlock` (arXiv 2206.00364, appendix F.2), that of DDPM++ (arXiv 2011.13456).
//!
//! ```text
//! h = conv₀(resample(silu(norm₀ x)))
//! h = silu(norm₁(h)(1 + s) + t)       (s, t) = affine(e);  or silu(norm₁(h + t)), t = affine(e)
//! y = (skip(resample x) + conv₁ h)/√2
//! y = (y + proj attention(qkv norm₂ y))/√2                       where there is attention
//! ```

use crate::ops::{Activation, Grid};
use crate::parameters::{Form, Init, Layout, Leaves};

use super::Value;
use super::layer::{Convolution, GroupNorm, Linear};

/// Weights that end a branch begin this much smaller, so that blocks begin as their skips.
pub(super) const NEARLY_ZERO: f64 = 1e-5;
const HALF_ROOT: f32 = std::f32::consts::FRAC_1_SQRT_2;

/// What a block does to the size of images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resample {
    Keep,
    Down,
    Up,
}

impl Resample {
    fn apply<V: Value>(self, x: V, grid: Grid) -> V {
        match self {
            Resample::Keep => x,
            Resample::Down => x.downsample(grid),
            Resample::Up => x.upsample(grid),
        }
    }

    pub fn grid(self, grid: Grid) -> Grid {
        match self {
            Resample::Keep => grid,
            Resample::Down => grid.halved(),
            Resample::Up => grid.doubled(),
        }
    }
}

/// How a block is made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub inputs: usize,
    pub outputs: usize,
    pub embedding: usize,
    pub adaptive: bool,
    pub resample: Resample,
    /// Heads of its attention, if it has one.
    pub heads: Option<usize>,
}

#[derive(Debug, Clone)]
struct Attention {
    norm: GroupNorm,
    qkv: Linear,
    projection: Linear,
    heads: usize,
}

#[derive(Debug, Clone)]
pub(super) struct Block {
    plan: Plan,
    norms: [GroupNorm; 2],
    convolutions: [Convolution; 2],
    affine: Linear,
    skip: Option<Linear>,
    attention: Option<Attention>,
}

impl Block {
    pub fn new(layout: &mut Layout, name: &str, plan: Plan) -> Self {
        let Plan { inputs, outputs, embedding, adaptive, resample, heads } = plan;
        let norm0 = GroupNorm::new(layout, &format!("{name}.norm0"), inputs);
        let conv0 = Convolution::new(layout, &format!("{name}.conv0"), inputs, outputs, 1.0);
        let conditions = if adaptive { 2 * outputs } else { outputs };
        let affine = Linear::xavier(layout, &format!("{name}.affine"), embedding, conditions, 1.0);
        let norm1 = GroupNorm::new(layout, &format!("{name}.norm1"), outputs);
        let conv1 = Convolution::new(layout, &format!("{name}.conv1"), outputs, outputs, NEARLY_ZERO);
        let zero = Some(Init::Constant(0.0));
        let skip = (inputs != outputs || resample != Resample::Keep).then(|| {
            let init = Init::xavier(inputs, outputs, 1.0);
            Linear::of(layout, &format!("{name}.skip"), [inputs, outputs], Form::Pointwise, init, zero)
        });
        let attention = heads.map(|heads| {
            let norm = GroupNorm::new(layout, &format!("{name}.norm2"), outputs);
            let init = Init::xavier(outputs, 3 * outputs, 0.2_f64.sqrt());
            let dims = [outputs, 3 * outputs];
            let qkv =
                Linear::of(layout, &format!("{name}.qkv"), dims, Form::Interleaved { heads }, init, zero);
            let init = Init::xavier(outputs, outputs, NEARLY_ZERO);
            let dims = [outputs, outputs];
            let projection = Linear::of(layout, &format!("{name}.proj"), dims, Form::Pointwise, init, zero);
            Attention { norm, qkv, projection, heads }
        });
        Block { plan, norms: [norm0, norm1], convolutions: [conv0, conv1], affine, skip, attention }
    }

    /// The output, and the grid that it lies in.
    pub fn forward<V: Value>(&self, leaves: &Leaves, x: V, e: &V, grid: Grid) -> (V, Grid) {
        let Plan { outputs, adaptive, resample, .. } = self.plan;
        let h = self.norms[0].apply(leaves, x.clone(), None, Activation::Silu, grid);
        let (h, x) = (resample.apply(h, grid), resample.apply(x, grid));
        let grid = resample.grid(grid);
        let h = self.convolutions[0].apply(leaves, h, None, 1.0, grid);
        let condition = self.affine.apply(leaves, e.clone(), Activation::None);
        let h = if adaptive {
            let scale = condition.clone().columns(0, outputs);
            let modulation = Some((scale, condition.columns(outputs, outputs)));
            self.norms[1].apply(leaves, h, modulation, Activation::Silu, grid)
        } else {
            self.norms[1].apply(leaves, h.shift(condition), None, Activation::Silu, grid)
        };
        let skip = match &self.skip {
            Some(skip) => skip.apply(leaves, x, Activation::None),
            None => x,
        };
        let y = self.convolutions[1].apply(leaves, h, Some(skip), HALF_ROOT, grid);
        let Some(attention) = &self.attention else { return (y, grid) };
        let normalised = attention.norm.apply(leaves, y.clone(), None, Activation::None, grid);
        let qkv = attention.qkv.apply(leaves, normalised, Activation::None);
        let seen = qkv.attention(attention.heads, grid.images);
        (y.sum(attention.projection.apply(leaves, seen, Activation::None), HALF_ROOT), grid)
    }

    /// The grid that images of this one come out in.
    pub fn grid(&self, grid: Grid) -> Grid {
        self.plan.resample.grid(grid)
    }

    pub fn outputs(&self) -> usize {
        self.plan.outputs
    }

    pub fn inputs(&self) -> usize {
        self.plan.inputs
    }
}
