"""Files for the ignored test `foreign`: networks of diffusers with random weights, exported, and what the package makes of them.

    pip install torch diffusers onnx onnxscript
    python crates/ridgewalk-nn/tests/onnx/make_foreign.py foreign/
    RIDGEWALK_FOREIGN=$PWD/foreign cargo test -p ridgewalk-nn --features onnx --test onnx -- --ignored
"""

import sys
from pathlib import Path

import numpy as np
import torch
from diffusers import DDIMScheduler, UNet2DModel

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
torch.manual_seed(0)
net = UNet2DModel(
    sample_size=16, in_channels=3, out_channels=3, layers_per_block=1, norm_num_groups=8,
    block_out_channels=(32, 64), down_block_types=("DownBlock2D", "AttnDownBlock2D"),
    up_block_types=("AttnUpBlock2D", "UpBlock2D"),
).eval()


class Raw(torch.nn.Module):
    """The network itself: of noisy images and a time."""

    def __init__(self):
        super().__init__()
        self.net = net

    def forward(self, sample, timestep):
        return self.net(sample, timestep).sample


class Preconditioned(torch.nn.Module):
    """EDM's denoiser around it, for data of deviation 1/2 (arXiv 2206.00364, table 1)."""

    def __init__(self):
        super().__init__()
        self.net = net

    def forward(self, x, sigma):
        s, level = 0.5, sigma[:, None, None, None]
        total = level**2 + s**2
        f = self.net(x / total.sqrt(), sigma.log() / 4).sample
        return x * s**2 / total + f * level * s / total.sqrt()


def export(module, name, inputs, output):
    batch = torch.export.Dim("batch")
    example = (torch.randn(2, 3, 16, 16), torch.ones(2))
    shapes = {key: {0: batch} for key in inputs}
    torch.onnx.export(
        module.eval(), example, folder / name, input_names=inputs, output_names=[output],
        dynamic_shapes=shapes, dynamo=True, external_data=False,
    )


def save(name, images):
    """As points: channels last."""
    points = images.permute(0, 2, 3, 1).reshape(len(images), -1)
    np.save(folder / name, points.numpy().astype(np.float64))


export(Raw(), "unet.onnx", ["sample", "timestep"], "noise")
export(Preconditioned(), "edm.onnx", ["x", "sigma"], "denoised")
scheduler = DDIMScheduler(num_train_timesteps=1000, beta_schedule="linear", clip_sample=False)
scheduler.set_timesteps(20)
with torch.no_grad():
    x = torch.randn(5, 3, 16, 16)
    save("x.npy", x)
    save("noise.npy", Raw()(x, torch.full((5,), 499.0)))
    save("denoised.npy", Preconditioned()(x, torch.full((5,), 0.7)))
    for step in scheduler.timesteps:
        x = scheduler.step(net(x, step).sample, step, x, eta=0.0).prev_sample
    save("ddim.npy", x)
np.save(folder / "steps.npy", scheduler.timesteps.numpy().astype(np.float64)[None])
