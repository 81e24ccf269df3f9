"""Side by side: ridgewalk's empirical denoiser and the same algorithm in PyTorch, on the CPU.

One call for 64 queries at each noise level, and a whole trajectory (64 samples, 18 Heun steps,
35 evaluations, Karras 80 ... 0.002), on MNIST scaled to [-1, 1]; sigma is in the same units.
Each side is one process that lives for the whole run; repetitions alternate A B A B. Start it
with `bench/run denoiser`; `--help` lists the options.
"""

import argparse
import gzip
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from denoiser_torch import levels
from side import Side, output_of, processor

HERE = Path(__file__).resolve().parent
SIGMAS = [80, 20, 10, 5, 3, 2, 1, 0.5, 0.1, 0.02, 0.002]
QUERIES, CHECKED, CHECKED_PATHS = 64, 8, 4
VARIANTS = ["addmm", "cdist", "compile"]


def read_bytes(n):
    """MNIST's training images as bytes [n, 784], or random clusters of that shape."""
    folder = os.environ.get("RIDGEWALK_DATA")
    if folder:
        raw = gzip.decompress((Path(folder) / "mnist/train-images-idx3-ubyte.gz").read_bytes())
        return "MNIST", np.frombuffer(raw, np.uint8, offset=16).reshape(-1, 784)[:n]
    random = np.random.default_rng(0)
    centers = random.normal(128, 40, (100, 784))
    rows = [centers[i % 100] + random.normal(0, 25, 784) for i in range(n)]
    return "random clusters", np.clip(np.array(rows), 0, 255).astype(np.uint8)


def denoise_f64(points, x, sigma):
    """The definition: direct differences, f64."""
    out = np.empty_like(x)
    for row, q in zip(out, x):
        squares = np.concatenate([np.square(p - q).sum(1) for p in np.array_split(points, 100)])
        weights = np.exp((squares.min() - squares) / (2 * sigma**2))
        row[:] = weights @ points / weights.sum()
    return out


def heun_f64(points, x):
    sigmas = levels()
    for sigma, following in zip(sigmas, sigmas[1:]):
        slope = (x - denoise_f64(points, x, sigma)) / sigma
        ahead = x + (following - sigma) * slope
        there = (ahead - denoise_f64(points, ahead, following)) / following
        x = x + 0.5 * (following - sigma) * (slope + there)
    return denoise_f64(points, x, sigmas[-1])


def make_cases(points, folder, options):
    """Name, command, reference rows; queries lie where a trajectory goes: a data point + sigma noise."""
    random = np.random.default_rng(1)
    cases = []
    for sigma in options.sigmas:
        at = random.integers(len(points), size=QUERIES)
        x = points[at] + sigma * random.standard_normal((QUERIES, points.shape[1]))
        np.save(folder / f"queries-{sigma}.npy", x)
        expected = denoise_f64(points, x[:CHECKED], sigma)
        cases.append((f"call, σ = {sigma}", ["call", sigma, folder / f"queries-{sigma}.npy"], expected))
    spread = np.hypot(80, points.std(0).mean())
    start = points.mean(0) + spread * random.standard_normal((QUERIES, points.shape[1]))
    np.save(folder / "start.npy", start)
    expected = heun_f64(points, start[:CHECKED_PATHS])
    cases.append(("trajectory", ["trajectory", folder / "start.npy"], expected))
    return cases


def choose_variant(data, folder, options):
    """The peer's fastest form: the sum of medians over all noise levels decides."""
    sides = {}
    for variant in VARIANTS:
        try:
            sides[variant] = Side(torch_command(data, variant, options), options.threads)
            sides[variant].run("call", 1, folder / f"queries-{options.sigmas[0]}.npy", "-")
        except (SystemExit, OSError) as problem:
            sides.pop(variant, None)
            print(f"torch variant {variant} does not run here: {problem}", file=sys.stderr)
    totals = dict.fromkeys(sides, 0.0)
    for sigma in options.sigmas:
        words = ["call", sigma, folder / f"queries-{sigma}.npy", "-"]
        # Alternating too: one after the other, a busy moment of the machine would choose.
        rounds = [{name: side.run(*words)["seconds"] for name, side in sides.items()} for _ in range(5)]
        for name in sides:
            totals[name] += statistics.median(times[name] for times in rounds)
    for side in sides.values():
        side.end()
    return min(totals, key=totals.get), totals


def torch_command(data, variant, options):
    script = [sys.executable, str(HERE / "denoiser_torch.py"), str(data)]
    return [*script, "--variant", variant, "--threads", str(options.threads)]


def compare(sides, case, folder, pairs):
    name, words, expected = case
    result = {"case": name, "runs": {side: [] for side in sides}, "error": {}}
    for label, side in sides.items():
        target = folder / f"result-{label}.npy"
        side.run(*words, target)  # a warm-up, whose result is checked
        got = np.load(target)[: len(expected)]
        result["error"][label] = float(np.abs(got - expected).max())
    for _ in range(pairs):
        for label, side in sides.items():
            result["runs"][label].append(side.run(*words, "-"))
    print(row(result), file=sys.stderr)
    return result


def median(result, label, key):
    return statistics.median(run[key] for run in result["runs"][label])


def row(result):
    ours, peer = (median(result, label, "seconds") * 1e3 for label in ("ridgewalk", "torch"))
    pairs = zip(result["runs"]["ridgewalk"], result["runs"]["torch"])
    ratios = [a["seconds"] / b["seconds"] for a, b in pairs]
    cpu = [median(result, label, "cpu_seconds") for label in ("ridgewalk", "torch")]
    error = [result["error"][label] for label in ("ridgewalk", "torch")]
    return (
        f"| {result['case']} | {ours:.1f} | {peer:.1f} | **{ours / peer:.2f}** "
        f"({min(ratios):.2f}–{max(ratios):.2f}) | {cpu[0]:.3f} | {cpu[1]:.3f} "
        f"| {error[0]:.1e} | {error[1]:.1e} |"
    )


def markdown(report):
    lines = [
        f"# The empirical denoiser beside PyTorch: {report['data']}",
        "",
        f"{report['processor']}, {report['threads']} thread(s); ridgewalk {report['commit']} "
        f"({report['ridgewalk']['instruction_set']}), torch {report['versions']['torch']} "
        f"({report['torch']['instruction_set']}), variant `{report['variant']}`; {report['date']}, "
        f"load average {report['load_average']:.1f}.",
        "",
        f"Data scaled to [-1, 1], σ in the same units. {QUERIES} queries or samples; a trajectory is 18 Heun "
        "steps, 35 evaluations, Karras 80 … 0.002. Medians of alternating runs; the ratio is ours over "
        "theirs, below 1 is faster, with the range over pairs. Error: largest difference of a coordinate "
        f"from an f64 direct sum, on {CHECKED} queries ({CHECKED_PATHS} paths).",
        "",
        "| case | ridgewalk ms | torch ms | ratio | ridgewalk CPU s | torch CPU s | ridgewalk error | torch error |",
        "|---|---|---|---|---|---|---|---|",
        *[row(result) for result in report["cases"]],
        "",
        "| | ridgewalk | torch |",
        "|---|---|---|",
    ]
    for title, key, form in [
        ("start and load, s", "start_seconds", ".1f"),
        ("of that, building the model, s", "build_seconds", ".2f"),
        ("peak memory after the build, MiB", "peak_mib", ".0f"),
        ("peak memory of the whole run, MiB", "final_peak_mib", ".0f"),
    ]:
        values = " | ".join(format(report[label][key], form) for label in ("ridgewalk", "torch"))
        lines.append(f"| {title} | {values} |")
    timed = ", ".join(f"{name} {seconds * 1e3:.0f} ms" for name, seconds in report["variants"].items())
    lines += ["", f"Variants of the peer, sum of one call at each noise level: {timed}. Raw runs: the JSON beside this file."]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=7, help="alternating runs of each case (default 7)")
    parser.add_argument("--threads", type=int, default=2, help="threads of each side (default 2)")
    parser.add_argument("--points", type=int, default=60_000, help="points of the data set (default 60000)")
    parser.add_argument("--sigmas", type=float, nargs="+", default=SIGMAS, help="noise levels of the calls")
    parser.add_argument("--variant", choices=VARIANTS, help="the peer's form; otherwise the fastest is found")
    parser.add_argument("--output", type=Path, help="writes OUTPUT.md and OUTPUT.json (default: prints the table)")
    options = parser.parse_args()
    target = json.loads(output_of("cargo", "metadata", "--format-version", "1", "--no-deps"))["target_directory"]
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        name, values = read_bytes(options.points)
        data = folder / "data.npy"
        np.save(data, values)
        points = values / 127.5 - 1.0
        print("f64 references ...", file=sys.stderr)
        cases = make_cases(points, folder, options)
        del points
        totals = {}
        if not options.variant:
            options.variant, totals = choose_variant(data, folder, options)
        sides = {
            "ridgewalk": Side([f"{target}/release/examples/bench_denoiser", str(data)], options.threads),
            "torch": Side(torch_command(data, options.variant, options), options.threads),
        }
        results = [compare(sides, case, folder, options.pairs) for case in cases]
        report = {
            "data": f"{name}, {len(values):,} × {values.shape[1]}",
            "date": time.strftime("%Y-%m-%d"),
            "processor": processor(),
            "threads": options.threads,
            "load_average": os.getloadavg()[1],
            "commit": output_of("git", "describe", "--always", "--dirty"),
            "versions": {
                "python": platform.python_version(),
                "numpy": np.__version__,
                "torch": output_of(sys.executable, "-c", "import torch; print(torch.__version__)"),
                "rustc": output_of("rustc", "--version"),
            },
            "variant": options.variant,
            "variants": totals,
            **{label: dict(side.hello, final_peak_mib=side.peak_mib()) for label, side in sides.items()},
            "cases": results,
        }
        for side in sides.values():
            side.end()
    text = markdown(report)
    if options.output:
        options.output.with_suffix(".md").write_text(text)
        options.output.with_suffix(".json").write_text(json.dumps(report, indent=1) + "\n")
    print(text)


if __name__ == "__main__":
    main()
