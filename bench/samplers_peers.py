"""The peers' samplers behind one signature: run(levels, start, denoise) -> end state.

levels fall and end at the lowest positive one; start is the state of the variance-exploding process at
levels[0]; denoise(x, sigma) is D, counted by the caller. All end with D at the lowest level, as ours does.
Everything is f64; where a package casts to f32 of its own accord it is left to.
"""

import importlib.metadata
import warnings

import torch

warnings.filterwarnings("ignore")


def with_zero(levels):
    return torch.cat([levels, levels.new_zeros(1)])


def k_diffusion():
    """k-diffusion's functions take D itself."""
    from k_diffusion import sampling

    def of(function, **options):
        def run(levels, start, denoise):
            model = lambda x, sigma: denoise(x, float(sigma[0]))
            return function(model, start, with_zero(levels), disable=True, **options)

        return run

    return {
        "euler": of(sampling.sample_euler),
        "heun": of(sampling.sample_heun),
        "lms:order=4": of(sampling.sample_lms),
        "dpm++2s": of(sampling.sample_dpmpp_2s_ancestral, eta=0.0),
        "dpm++2m": of(sampling.sample_dpmpp_2m),
    }


def diffusers():
    """diffusers' schedulers, told our levels; `sample` prediction is D."""
    import diffusers as package

    def exploding(scheduler, levels, start, denoise):
        return steps(scheduler, levels, start, denoise, lambda sigma: 1.0)

    def preserving(scheduler, levels, start, denoise):
        return steps(scheduler, levels, start, denoise, lambda sigma: (1 + sigma**2) ** -0.5)

    def steps(scheduler, levels, start, denoise, alpha):
        x = start * alpha(levels[0])
        for i, sigma in enumerate(visited(scheduler, levels)):
            scale = alpha(sigma)
            answer = denoise(x / scale, float(sigma))
            x = scheduler.step(answer, scheduler.timesteps[i], x).prev_sample.to(torch.float64)
        return x

    def visited(scheduler, levels):
        """Sets the grid; Heun's scheduler lists every level twice but for the first."""
        scheduler.set_timesteps(len(levels))
        twice = isinstance(scheduler, package.HeunDiscreteScheduler)
        sigmas = torch.cat([levels[:1], levels[1:].repeat_interleave(2)]) if twice else levels
        scheduler.sigmas = with_zero(sigmas)
        scheduler.timesteps = torch.arange(len(sigmas), 0, -1, dtype=torch.float64)
        scheduler.num_inference_steps = len(sigmas)
        scheduler.set_begin_index(0)
        scheduler.is_scale_input_called = True  # it would scale the input of a network by its noise level
        return sigmas

    def of(name, kind, **options):
        def run(levels, start, denoise):
            scheduler = getattr(package, name)(prediction_type="sample", **options)
            return kind(scheduler, levels, start, denoise)

        return run

    return {
        "euler": of("EulerDiscreteScheduler", exploding),
        "heun": of("HeunDiscreteScheduler", exploding),
        "lms:order=4": of("LMSDiscreteScheduler", exploding),
        "dpm++2m": of("DPMSolverMultistepScheduler", preserving),
        "dpm++3m": of("DPMSolverMultistepScheduler", preserving, solver_order=3),
        "unipc:order=2": of("UniPCMultistepScheduler", preserving, solver_order=2),
        "unipc:order=3": of("UniPCMultistepScheduler", preserving, solver_order=3),
    }


def azula():
    """azula's samplers on a schedule whose time is the noise level."""
    from azula.denoise import Denoiser, DiracPosterior
    from azula import sample

    class Exploding:
        def __call__(self, t):
            return self.alpha(t), self.sigma(t)

        def alpha(self, t):
            return torch.ones_like(t)

        def sigma(self, t):
            return t

    class Model(Denoiser):
        def __init__(self, denoise):
            super().__init__()
            self.schedule, self.denoise = Exploding(), denoise

        def forward(self, x, t):
            return DiracPosterior(self.denoise(x, float(t)))

    def of(name, **options):
        kind = getattr(sample, name)
        told = type(f"Told{name}", (kind,), {"timesteps": property(lambda self: self.levels)})

        def run(levels, start, denoise):
            sampler = told(Model(denoise), silent=True, **options)
            sampler.levels = levels
            return denoise(sampler(start), float(levels[-1]))

        return run

    return {
        "euler": of("DDIMSampler"),
        "heun": of("HeunSampler"),
        "eab:order=2": of("xEABSampler", order=2),
        "eab:order=3": of("xEABSampler", order=3),
        "(REAB, order 2)": of("REABSampler", order=2),
    }


def formulas():
    """Of diff-sampler, which is no package: iPNDM's published weights (arXiv 2204.13902), written here."""
    weights = [[1.0], [3 / 2, -1 / 2], [23 / 12, -16 / 12, 5 / 12], [55 / 24, -59 / 24, 37 / 24, -9 / 24]]

    def of(order):
        def run(levels, start, denoise):
            x, past = start, []
            for sigma, following in zip(levels[:-1], levels[1:]):
                past = [(x - denoise(x, float(sigma))) / sigma, *past][:order]
                x = x + (following - sigma) * sum(w * d for w, d in zip(weights[len(past) - 1], past))
            return denoise(x, float(levels[-1]))

        return run

    return {"ipndm:order=4": of(4)}


PEERS = {"k-diffusion": k_diffusion, "diffusers": diffusers, "azula": azula, "formula": formulas}


def load():
    """Peers that are installed, with versions; and why others are not here."""
    found, missing = {}, {}
    for name, make in PEERS.items():
        try:
            version = "" if name == "formula" else importlib.metadata.version(name)
            found[name] = (version, make())
        except Exception as problem:  # a package that does not load must not end the run
            missing[name] = f"{type(problem).__name__}: {problem}"
    return found, missing
