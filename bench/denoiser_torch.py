"""The peer's side of `bench/run denoiser`: the same algorithm in PyTorch, as one long-lived process.

D(x; sigma) = softmax(-|x - x_i|^2 / 2 sigma^2) @ data, in float32 on the CPU. Its strongest form:
data centred once (fewer digits lost), squared norms computed once, buffers reused, in-place
operations, inference mode, denormals flushed to zero (at middle noise levels the weights are full
of them, and the second product takes three times as long).

Commands and answers are those of `bench_denoiser.rs`. The variant is one of:

    addmm    softmax((q.c - |c|^2/2) / sigma^2), the bias fused into the product
    cdist    softmax(-cdist(q, c)^2 / 2 sigma^2) by matrix products, where torch's cdist allows it
    compile  addmm's formula under torch.compile
"""

import argparse
import json
import sys
import time

import numpy as np
import torch

STEPS, SIGMA_MIN, SIGMA_MAX, RHO = 18, 0.002, 80.0, 7.0


class Empirical:
    def __init__(self, data, variant):
        self.mean = data.mean(0)
        self.points = data.sub_(self.mean)
        self.transposed = self.points.t()
        self.bias = -0.5 * self.points.square().sum(1)
        self.variant = variant
        self.scores = None
        self.compiled = torch.compile(self._formula) if variant == "compile" else None

    def _formula(self, x, scale):
        weights = torch.softmax((x @ self.transposed + self.bias) * scale, 1)
        return weights @ self.points + self.mean

    def __call__(self, x, sigma):
        x, scale = x.float() - self.mean, 1.0 / sigma**2
        if self.variant == "compile":
            return self.compiled(x, torch.tensor(scale, dtype=torch.float32)).double()
        if self.variant == "cdist":
            mode = "use_mm_for_euclid_dist"
            scores = torch.cdist(x, self.points, compute_mode=mode).square_().mul_(-0.5 * scale)
        else:
            if self.scores is None or len(self.scores) != len(x):
                self.scores = torch.empty(len(x), len(self.points))
            torch.addmm(self.bias, x, self.transposed, beta=scale, alpha=scale, out=self.scores)
            scores = self.scores
        torch.softmax(scores, 1, out=scores)
        return (scores @ self.points).add_(self.mean).double()


def levels():
    high, low = SIGMA_MAX ** (1 / RHO), SIGMA_MIN ** (1 / RHO)
    return [(high + i / (STEPS - 1) * (low - high)) ** RHO for i in range(STEPS)]


def heun(model, x):
    sigmas = levels()
    for sigma, following in zip(sigmas, sigmas[1:]):
        slope = (x - model(x, sigma)) / sigma
        ahead = x + (following - sigma) * slope
        x = x + 0.5 * (following - sigma) * (slope + (ahead - model(ahead, following)) / following)
    return model(x, sigmas[-1])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("data")
    parser.add_argument("--variant", default="addmm", choices=["addmm", "cdist", "compile"])
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    data = torch.from_numpy(np.load(options.data)).float().div_(127.5).sub_(1)
    with torch.inference_mode():
        start = time.perf_counter()
        model = Empirical(data, options.variant)
        answer({"build_seconds": time.perf_counter() - start, "instruction_set": torch.backends.cpu.get_cpu_capability()})
        for line in sys.stdin:
            kind, *sigma, source, target = line.split()
            x = torch.from_numpy(np.load(source))
            start = time.perf_counter()
            result = model(x, float(sigma[0])) if kind == "call" else heun(model, x)
            seconds = time.perf_counter() - start
            if target != "-":
                np.save(target, result.numpy())
            answer({"seconds": seconds})


def answer(message):
    print(json.dumps(message), flush=True)


if __name__ == "__main__":
    main()
