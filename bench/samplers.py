"""Side by side: solver error against evaluations, fitted order and overhead per step, ours and the peers'.

All run on the same exact fields in f64, from the same starts, over the same noise levels, ending with D at
the lowest: a mixture in 64 dimensions (16 modes of rank 4), the empirical field of the embedded digits, and a
Gaussian whose flow is known. In each cell: the median over paths of the root-mean-square end-point error
against a fine reference, and the share of paths that end in another mode, or at another training point.
Start it with `bench/run samplers`; `--help` lists the options.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

import samplers_peers
from side import output_of, processor

HERE = Path(__file__).resolve().parent
BUDGETS = [5, 7, 9, 11, 15, 25, 35, 71]
OURS = [
    "euler", "heun", "dpm++2s", "dpm++2m", "dpm++3m", "unipc:order=2", "unipc:order=3", "deis:order=3",
    "ipndm:order=4", "lms:order=4", "eab:order=2", "eab:order=3", "evodiff",
]  # fmt: skip
TWICE = {"heun", "dpm++2s"}
TELEPORTED = ["dpm++2m", "unipc:order=2"]
TELEPORT_TO = [10, 5, 3]
REFERENCE = ("heun", 1000)


class Ours:
    """ridgewalk as one process that is told what to run."""

    def __init__(self, folder):
        binary = output_of("cargo", "metadata", "--format-version", "1", "--no-deps")
        command = Path(json.loads(binary)["target_directory"]) / "release/examples/bench_samplers"
        pipe = subprocess.PIPE
        self.process = subprocess.Popen([str(command)], stdin=pipe, stdout=pipe, text=True)
        self.folder = folder

    def tell(self, *words):
        print(*words, file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"bench_samplers ended at `{' '.join(map(str, words))}`")
        return json.loads(line)

    def run(self, solver, levels, start, skip=0):
        paths = {name: self.folder / f"{name}.npy" for name in ("levels", "start", "end")}
        np.save(paths["levels"], levels[:, None])
        np.save(paths["start"], start)
        answer = self.tell("run", solver, paths["levels"], paths["start"], paths["end"], skip)
        return np.load(paths["end"]), answer["evaluations"]


class Mixture:
    """16 modes in 64 dimensions: centres N(0, 0.5²), each of rank 4 (.25 .09 .04 .01) and 1e-4 elsewhere."""

    name, closest = "mixture, d = 64, 16 modes", "mode"

    def __init__(self, seed):
        random = np.random.default_rng(seed)
        self.means = 0.5 * random.standard_normal((16, 64))
        bases = [np.linalg.qr(random.standard_normal((64, 4)))[0].T for _ in range(16)]
        self.vectors, self.floor = np.array(bases), 1e-4
        self.values = np.tile([0.25, 0.09, 0.04, 0.01], (16, 1))
        self.parts = [torch.from_numpy(a) for a in (self.means, self.vectors, self.values + self.floor)]

    def tell(self, ours, folder):
        np.save(folder / "means.npy", self.means)
        np.save(folder / "vectors.npy", self.vectors.reshape(-1, 64))
        np.save(folder / "values.npy", self.values)
        ours.tell("mixture", folder / "means.npy", folder / "vectors.npy", folder / "values.npy", self.floor)

    def posterior(self, x, sigma):
        means, vectors, values = self.parts
        off = x[:, None] - means
        inside = torch.einsum("bkd,krd->bkr", off, vectors)
        high, low = values + sigma**2, self.floor + sigma**2
        squares = (inside**2 / high).sum(2) + ((off**2).sum(2) - (inside**2).sum(2)) / low
        logs = -0.5 * (squares + high.log().sum(1))
        gains = values / high - self.floor / low
        each = means + self.floor / low * off + torch.einsum("bkr,krd->bkd", inside * gains, vectors)
        return torch.softmax(logs, 1), each

    def denoise(self, x, sigma):
        weights, each = self.posterior(x, sigma)
        return torch.einsum("bk,bkd->bd", weights, each)

    def nearest(self, x):
        return self.posterior(torch.from_numpy(x), 0.002)[0].argmax(1).numpy()

    def scale(self):
        return math.sqrt(0.25 + 0.39 / 64)


class Empirical:
    """The embedded digits: 1797 points in 64 dimensions, pixels 0 … 16, scaled to [-1, 1]."""

    name, closest = "digits (empirical), d = 64", "training point"

    def __init__(self, ours, folder):
        ours.tell("digits", folder / "points.npy")
        self.points = torch.from_numpy(np.load(folder / "points.npy"))

    def tell(self, ours, folder):
        ours.tell("empirical", folder / "points.npy")

    def denoise(self, x, sigma):
        logs = -torch.cdist(x, self.points) ** 2 / (2 * sigma**2)
        return torch.softmax(logs, 1) @ self.points

    def nearest(self, x):
        return torch.cdist(torch.from_numpy(x), self.points).argmin(1).numpy()

    def scale(self):
        return float(self.points.std())


def karras(n, low=0.002, high=80.0, rho=7.0):
    u = np.linspace(0, 1, n) if n > 1 else np.zeros(1)
    return (high ** (1 / rho) + u * (low ** (1 / rho) - high ** (1 / rho))) ** rho


def levels_for(solver, budget):
    """As many levels as the budget pays for: a step to the next, and one evaluation at the last."""
    return karras((budget + 1) // 2 if solver in TWICE else budget)


def cell(end, reference, nearest, home):
    errors = np.sqrt(np.mean((end - reference) ** 2, axis=1))
    finite = np.isfinite(errors).all()
    return {
        "median": float(np.median(errors)) if finite else math.inf,
        "strays": float(np.mean(nearest(end) != home)) if finite else 1.0,
    }


def compare(ours, field, peers, options, folder):
    """Errors and strays of every solver at every budget, ours and the peers'."""
    field.tell(ours, folder)
    random = np.random.default_rng(options.seed)
    start = math.hypot(80, field.scale()) * random.standard_normal((options.paths, 64))
    reference, _ = ours.run(REFERENCE[0], karras(REFERENCE[1]), start)
    home = field.nearest(reference)
    table = {}
    for budget in options.budgets:
        for solver in OURS:
            end, evaluations = ours.run(solver, levels_for(solver, budget), start)
            assert evaluations == budget, (solver, evaluations, budget)
            table.setdefault(("ridgewalk", solver), {})[budget] = cell(end, reference, field.nearest, home)
        for solver in TELEPORTED:
            for to in TELEPORT_TO:
                table.setdefault(("ridgewalk", f"{solver}, teleported to {to}"), {})[budget] = teleported(
                    ours, field, solver, budget, to, start, reference, home
                )
        for package, (_, samplers) in peers.items():
            for solver, run in samplers.items():
                levels, calls = torch.from_numpy(levels_for(solver, budget)), []

                def denoise(x, sigma):
                    calls.append(sigma)
                    return field.denoise(x, sigma)

                end = run(levels, torch.from_numpy(start), denoise).numpy()
                entry = cell(end, reference, field.nearest, home) | {"evaluations": len(calls)}
                table.setdefault((package, solver), {})[budget] = entry
    return table


def teleported(ours, field, solver, budget, to, start, reference, home):
    """On a whole grid from 80 whose first steps, down to about `to`, are the Gaussian's: the rest is paid for."""
    grids = [karras(budget + skip) for skip in range(1, 200)]
    skip = min(range(1, 200), key=lambda skip: abs(math.log(grids[skip - 1][skip] / to)))
    end, evaluations = ours.run(solver, grids[skip - 1], start, skip)
    assert evaluations == budget, (solver, evaluations, budget)
    return cell(end, reference, field.nearest, home)


def orders(ours, peers, folder):
    """End-point errors on N((1, −2, ½), diag(4, 1, .09)), log-SNR uniform from −3 to 3, and their slope."""
    mean, variances = np.array([1.0, -2.0, 0.5]), np.array([4.0, 1.0, 0.09])
    np.save(folder / "mean.npy", mean[None])
    np.save(folder / "variances.npy", variances[None])
    ours.tell("gaussian", folder / "mean.npy", folder / "variances.npy")
    m, v = torch.from_numpy(mean), torch.from_numpy(variances)
    field = lambda x, sigma: m + v / (v + sigma**2) * (x - m)

    def errors(run):
        found = []
        for n in (20, 40, 80, 160):
            levels = np.exp(-np.linspace(-3, 3, n + 1))
            off = np.sqrt(variances + levels[0] ** 2) * np.array([0.7, -1.3, 0.4])
            last = variances + levels[-1] ** 2
            exact = mean + variances / last * off * np.sqrt(last / (variances + levels[0] ** 2))
            found.append(float(np.abs(run(levels, (mean + off)[None]) - exact).max()))
        return found, math.log2(found[-2] / found[-1])

    table = {("ridgewalk", s): errors(lambda levels, x: ours.run(s, levels, x)[0]) for s in OURS}
    for package, (_, samplers) in peers.items():
        for solver, run in samplers.items():
            told = lambda levels, x: run(torch.from_numpy(levels), torch.from_numpy(x), field).numpy()
            table[package, solver] = errors(told)
    return table


def overheads(ours, peers, options):
    """Microseconds a sample and step beside the model, which halves its input; alternating, medians."""
    table, n, levels = {}, 256, karras(30)
    for d in (64, 784):
        x = np.random.default_rng(0).standard_normal((n, d))
        state, grid = torch.from_numpy(x), torch.from_numpy(levels)
        runs = {}
        for _ in range(options.repeats):
            for solver in OURS:
                seconds = ours.tell("overhead", solver, n, d, len(levels))["seconds"]
                runs.setdefault(("ridgewalk", solver), []).append(seconds)
            for package, (_, samplers) in peers.items():
                for solver, run in samplers.items():
                    spent = [0.0]

                    def denoise(x, sigma):
                        begin = time.perf_counter()
                        half = 0.5 * x
                        spent[0] += time.perf_counter() - begin
                        return half

                    begin = time.perf_counter()
                    run(grid, state, denoise)
                    runs.setdefault((package, solver), []).append(time.perf_counter() - begin - spent[0])
        for key, seconds in runs.items():
            table.setdefault(key, {})[d] = 1e6 * statistics.median(seconds) / (n * len(levels))
    return table


def markdown(report):
    lines = [
        "# Solvers: error against evaluations, beside the peers",
        "",
        f"{report['processor']}, load average {report['load_average']:.1f}; ridgewalk {report['commit']}, torch "
        f"{report['torch']}; {report['date']}. "
        + "; ".join(f"{name} {version}" for name, version in report["peers"].items() if version)
        + ". " + "; ".join(f"{name} is not in the tables ({why})" for name, why in report["missing"].items()),
        "",
        f"{report['paths']} paths from the same starts, Karras levels 80 … 0.002 (ρ = 7), last step to 0; reference: "
        f"{REFERENCE[0]} with {REFERENCE[1]} levels. In each cell the median over paths of the root-mean-square end-point "
        "error, and in brackets the share of paths that end elsewhere. Columns: evaluations of the model.",
    ]
    for field, table in report["fields"].items():
        lines += ["", f"## {field}", "", "| | solver | " + " | ".join(map(str, report["budgets"])) + " |"]
        lines.append("|---|---|" + "---|" * len(report["budgets"]))
        for (package, solver), cells in table.items():
            shown = [f"{100 * c['strays']:.1f} %" for c in cells.values()]
            if field == Mixture.name:  # an empirical path that does not stray ends at its point exactly
                shown = [f"{c['median']:.1e} ({s})" for c, s in zip(cells.values(), shown)]
            lines.append(f"| {package} | {solver} | " + " | ".join(shown) + " |")
    lines += [
        "", "## Order", "",
        "Largest end-point error on N((1, −2, ½), diag(4, 1, 0.09)) against its exact flow, steps of equal size in "
        "log-SNR from −3 to 3; the slope is that of the last halving.",
        "", "| | solver | 20 | 40 | 80 | 160 steps | slope |", "|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for (package, solver), (errors, slope) in report["orders"].items():
        shown = " | ".join(f"{e:.1e}" for e in errors)
        lines.append(f"| {package} | {solver} | {shown} | {slope:.2f} |")
    lines += [
        "", "## Overhead", "",
        "Microseconds a step and sample beside the model, 256 samples at a time; torch and ridgewalk each with all "
        "cores. Medians of alternating runs.",
        "", "| | solver | d = 64 | d = 784 |", "|---|---|---|---|",
    ]  # fmt: skip
    for (package, solver), cells in report["overheads"].items():
        lines.append(f"| {package} | {solver} | " + " | ".join(f"{c:.2f}" for c in cells.values()) + " |")
    return "\n".join(lines) + "\n"


def plain(table):
    return [{"package": package, "solver": solver, "values": v} for (package, solver), v in table.items()]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--paths", type=int, default=256, help="paths a run (default 256)")
    parser.add_argument("--budgets", type=int, nargs="+", default=BUDGETS, help="odd numbers of evaluations")
    parser.add_argument("--repeats", type=int, default=5, help="timed runs a sampler (default 5)")
    parser.add_argument("--seed", type=int, default=0, help="of the mixture and of the starts")
    parser.add_argument("--output", type=Path, help="writes OUTPUT.md and OUTPUT.json")
    options = parser.parse_args()
    if any(budget % 2 == 0 or budget < 3 for budget in options.budgets):
        parser.error("budgets are odd numbers from 3 up: a Heun step takes two evaluations, the last step one")
    torch.set_default_dtype(torch.float64)
    torch.set_grad_enabled(False)
    peers, missing = samplers_peers.load()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        ours = Ours(folder)
        fields = [Mixture(options.seed), Empirical(ours, folder)]
        tables = {field.name: compare(ours, field, peers, options, folder) for field in fields}
        report = {
            "processor": processor(),
            "commit": output_of("git", "describe", "--always", "--dirty"),
            "torch": torch.__version__,
            "date": time.strftime("%Y-%m-%d"),
            "load_average": os.getloadavg()[0],
            "peers": {name: version for name, (version, _) in peers.items()},
            "missing": missing,
            "paths": options.paths,
            "budgets": options.budgets,
            "fields": tables,
            "orders": orders(ours, peers, folder),
            "overheads": overheads(ours, peers, options),
        }
    print(markdown(report))
    if options.output:
        options.output.with_suffix(".md").write_text(markdown(report))
        report["fields"] = {name: plain(table) for name, table in tables.items()}
        report |= {key: plain(report[key]) for key in ("orders", "overheads")}
        options.output.with_suffix(".json").write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
