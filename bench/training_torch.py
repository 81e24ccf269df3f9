"""The peer of `bench/run training`: the same networks, loss and optimiser in PyTorch.

`training_torch.py unet|mlp|dit FOLDER [--threads N] [--channels-last]` loads the first weights and the noisy points
that ridgewalk wrote into FOLDER, answers one line, and then one line of JSON for every `steps K` on stdin.
"""

import argparse
import json
import math
import sys
import time
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F


class Waves(nn.Module):
    def __init__(self, channels, last, sine_first):
        super().__init__()
        half = channels // 2
        frequencies = torch.exp(-math.log(10_000) * torch.arange(half) / (half - 1 if last else half))
        self.register_buffer("frequencies", frequencies, persistent=False)
        self.sine_first = sine_first

    def forward(self, noise):
        angles = noise[:, None] * self.frequencies
        pair = [angles.sin(), angles.cos()] if self.sine_first else [angles.cos(), angles.sin()]
        return torch.cat(pair, 1)


class Embedding(nn.Module):
    """EDM's: two linear layers over waves."""

    def __init__(self, channels, width):
        super().__init__()
        self.waves = Waves(channels, last=True, sine_first=True)
        self.map_layer0, self.map_layer1 = nn.Linear(channels, width), nn.Linear(width, width)

    def embed(self, noise):
        return F.silu(self.map_layer1(F.silu(self.map_layer0(self.waves(noise)))))


class Mlp(Embedding):
    def __init__(self, dim=64, width=512, depth=4, embedding=64):
        super().__init__(embedding, embedding)
        sizes = [dim + embedding, *[width] * depth, dim]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:]))

    def forward(self, x, noise):
        x = torch.cat([x, self.embed(noise)], 1)
        for layer in self.layers[:-1]:
            x = F.silu(layer(x))
        return self.layers[-1](x)


def norm(channels):
    return nn.GroupNorm(min(32, channels // 4), channels, eps=1e-6)


class Block(nn.Module):
    def __init__(self, inputs, outputs, embedding, resample=None, attends=False):
        super().__init__()
        self.resample, self.attends = resample, attends
        self.norm0, self.norm1 = norm(inputs), norm(outputs)
        self.conv0 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.conv1 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.affine = nn.Linear(embedding, 2 * outputs)
        self.skip = nn.Conv2d(inputs, outputs, 1) if inputs != outputs or resample else nn.Identity()
        if attends:
            self.norm2 = norm(outputs)
            self.qkv, self.proj = nn.Conv2d(outputs, 3 * outputs, 1), nn.Conv2d(outputs, outputs, 1)

    def resized(self, x):
        if self.resample == "down":
            return F.avg_pool2d(x, 2)
        return F.interpolate(x, scale_factor=2, mode="nearest") if self.resample == "up" else x

    def forward(self, x, e):
        h = self.conv0(self.resized(F.silu(self.norm0(x))))
        scale, shift = self.affine(e)[:, :, None, None].chunk(2, 1)
        h = self.conv1(F.silu(torch.addcmul(shift, self.norm1(h), scale + 1)))
        x = (h + self.skip(self.resized(x))) * math.sqrt(0.5)
        if self.attends:
            n, c, height, width = x.shape
            q, k, v = self.qkv(self.norm2(x)).reshape(n, 1, c, 3, -1).permute(3, 0, 1, 4, 2)
            seen = F.scaled_dot_product_attention(q, k, v).transpose(2, 3).reshape(n, c, height, width)
            x = (x + self.proj(seen)) * math.sqrt(0.5)
        return x


class UNet(Embedding):
    """The defaults of ridgewalk's UNetConfig, with the names of EDM's SongUNet."""

    def __init__(self, size=16, colours=3, channels=64, multipliers=(1, 2), blocks=2):
        width = 4 * channels
        super().__init__(channels, width)
        self.enc, self.dec = nn.ModuleDict(), nn.ModuleDict()
        name = lambda level, what: f"{size >> level}x{size >> level}_{what}"
        self.enc[name(0, "conv")] = nn.Conv2d(colours, channels, 3, padding=1)
        now, skips = channels, [channels]
        for level, multiplier in enumerate(multipliers):
            if level:
                self.enc[name(level, "down")] = Block(now, now, width, "down")
                skips.append(now)
            for index in range(blocks):
                self.enc[name(level, f"block{index}")] = Block(now, channels * multiplier, width)
                now = channels * multiplier
                skips.append(now)
        for level in reversed(range(len(multipliers))):
            if level + 1 == len(multipliers):
                self.dec[name(level, "in0")] = Block(now, now, width, attends=True)
                self.dec[name(level, "in1")] = Block(now, now, width)
            else:
                self.dec[name(level, "up")] = Block(now, now, width, "up")
            for index in range(blocks + 1):
                self.dec[name(level, f"block{index}")] = Block(now + skips.pop(), channels * multipliers[level], width)
                now = channels * multipliers[level]
        self.dec[name(0, "aux_norm")] = norm(now)
        self.dec[name(0, "aux_conv")] = nn.Conv2d(now, colours, 3, padding=1)

    def forward(self, x, noise):
        e, skips = self.embed(noise), []
        for layer in self.enc.values():
            x = layer(x, e) if isinstance(layer, Block) else layer(x)
            skips.append(x)
        *blocks, last_norm, last = self.dec.values()
        for block in blocks:
            if x.shape[1] != block.norm0.num_channels:
                x = torch.cat([x, skips.pop()], 1)
            x = block(x, e)
        return last(F.silu(last_norm(x)))


class DitBlock(nn.Module):
    def __init__(self, width, heads, ratio=4):
        super().__init__()
        self.heads = heads
        self.attn = nn.ModuleDict({"qkv": nn.Linear(width, 3 * width), "proj": nn.Linear(width, width)})
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(width, ratio * width), "fc2": nn.Linear(ratio * width, width)})
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(width, 6 * width))

    def forward(self, x, c):
        n, tokens, width = x.shape
        shift, scale, gate, shift2, scale2, gate2 = self.adaLN_modulation(c)[:, None].chunk(6, 2)
        h = F.layer_norm(x, (width,), eps=1e-6) * (1 + scale) + shift
        q, k, v = self.attn["qkv"](h).reshape(n, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        h = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, tokens, width)
        x = x + gate * self.attn["proj"](h)
        h = F.layer_norm(x, (width,), eps=1e-6) * (1 + scale2) + shift2
        return x + gate2 * self.mlp["fc2"](F.gelu(self.mlp["fc1"](h), approximate="tanh"))


class Dit(nn.Module):
    def __init__(self, size=16, colours=3, patch=2, width=384, depth=4, heads=6):
        super().__init__()
        self.patch, self.side, self.colours = patch, size // patch, colours
        self.x_embedder = nn.ModuleDict({"proj": nn.Conv2d(colours, width, patch, patch)})
        self.waves = Waves(256, last=False, sine_first=False)
        mlp = nn.Sequential(nn.Linear(256, width), nn.SiLU(), nn.Linear(width, width))
        self.t_embedder = nn.ModuleDict({"mlp": mlp})
        self.blocks = nn.ModuleList(DitBlock(width, heads) for _ in range(depth))
        self.final_layer = nn.ModuleDict({
            "linear": nn.Linear(width, patch * patch * colours),
            "adaLN_modulation": nn.Sequential(nn.SiLU(), nn.Linear(width, 2 * width)),
        })
        quarter = width // 4
        frequencies = 10_000 ** (-torch.arange(quarter, dtype=torch.float64) / quarter)
        place = torch.arange(self.side, dtype=torch.float64)[:, None] * frequencies
        waves = torch.cat([place.sin(), place.cos()], 1)
        columns, rows = waves.repeat(self.side, 1), waves.repeat_interleave(self.side, 0)
        self.register_buffer("places", torch.cat([columns, rows], 1).float(), persistent=False)

    def forward(self, x, noise):
        n, p, side, colours = len(x), self.patch, self.side, self.colours
        h = self.x_embedder["proj"](x).flatten(2).transpose(1, 2) + self.places
        c = self.t_embedder["mlp"](self.waves(noise))
        for block in self.blocks:
            h = block(h, c)
        shift, scale = self.final_layer["adaLN_modulation"](c)[:, None].chunk(2, 2)
        h = F.layer_norm(h, h.shape[-1:], eps=1e-6) * (1 + scale) + shift
        h = self.final_layer["linear"](h).reshape(n, side, side, p, p, colours)
        return h.permute(0, 5, 1, 3, 2, 4).reshape(n, colours, side * p, side * p)


class Training:
    """EDM's loss and preconditioning, Adam with a warm-up and clipped gradients, one average of the weights."""

    def __init__(self, case, folder, options):
        weights = load_file(folder / "weights.safetensors")
        self.batches = load_file(folder / "batches.safetensors")
        self.net = {"unet": UNet, "mlp": Mlp, "dit": Dit}[case]()
        self.net.load_state_dict(weights)
        self.images, self.channels_last = case != "mlp", options.channels_last
        if self.channels_last:
            self.net = self.net.to(memory_format=torch.channels_last)
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=options.rate, eps=1e-8, fused=True)
        self.average = [p.detach().clone() for p in self.net.parameters()]
        self.options, self.step = options, 0

    def batch(self):
        index = self.step % len(self.batches["sigma"])
        clean, noise, sigma = (self.batches[name][index] for name in ("clean", "noise", "sigma"))
        shape = (len(sigma), 16, 16, 3) if self.images else clean.shape
        clean, noise = clean.reshape(shape) - self.options.center, noise.reshape(shape)
        if self.images:
            # Pixels lie with their channels side by side: a permutation is channels_last already.
            clean, noise = clean.permute(0, 3, 1, 2), noise.permute(0, 3, 1, 2)
            if not self.channels_last:
                clean, noise = clean.contiguous(), noise.contiguous()
        return clean, noise, sigma

    def take(self):
        clean, noise, sigma = self.batch()
        self.step += 1
        for group in self.optimizer.param_groups:
            group["lr"] = self.options.rate * min(self.step / 100, 1)
        s = self.options.scale
        level = sigma.reshape(-1, *[1] * (clean.ndim - 1))
        total = (level**2 + s**2).sqrt()
        answer = self.net((clean + level * noise) / total, (sigma / s).log() / 4)
        # λ c_out² = 1 in EDM's weighting: the error of F.
        target = (clean * level / total - noise * s**2 / total) / s
        loss = (answer - target).square().mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimizer.step()
        new = 1 - (1 - 1 / self.step) ** 7.94
        torch._foreach_lerp_(self.average, [p.detach() for p in self.net.parameters()], new)
        return loss.item()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("case", choices=["unet", "mlp", "dit"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--channels-last", action="store_true")
    for name in ("center", "scale", "rate"):
        parser.add_argument(f"--{name}", type=float, required=True)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    training = Training(options.case, options.folder, options)
    parameters = sum(p.numel() for p in training.net.parameters())
    print(json.dumps({"parameters": parameters, "torch": torch.__version__}), flush=True)
    for line in sys.stdin:
        count = int(line.split()[1])
        start = time.perf_counter()
        losses = [training.take() for _ in range(count)]
        print(json.dumps({"seconds": time.perf_counter() - start, "losses": losses}), flush=True)


main()
