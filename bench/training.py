"""Side by side: a training step of ridgewalk's networks and of the same networks in PyTorch, on the CPU.

Both sides begin with the same weights, take the same noisy points in the same order, and use the same loss, optimiser,
clipping and average. Steps of the two alternate A B A B. Start it with `bench/run training`; `--help` lists the options.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from side import Side, output_of, processor

HERE = Path(__file__).resolve().parent
CASES = {
    "unet": "UNet, 64 channels, levels 1 and 2, two blocks, attention in the middle; 16×16×3, batch 64",
    "mlp": "MLP, 4 × 512, 64 numbers, batch 512",
    "dit": "DiT, 4 blocks, width 384, 6 heads, 64 tokens, batch 32",
}
PER_RUN = {"unet": 2, "mlp": 20, "dit": 3}


def sides_of(case, folder, options, binary):
    ours = Side([binary, case, str(folder), str(options.curve)], options.threads)
    told = [f"--{name}={ours.hello[key]!r}" for name, key in
            (("center", "center"), ("scale", "scale"), ("rate", "learning_rate"))]
    script = [sys.executable, str(HERE / "training_torch.py"), case, str(folder), "--threads", str(options.threads)]
    sides = {"ridgewalk": ours, "torch": Side([*script, *told], options.threads)}
    if case == "unet":
        sides["torch, channels last"] = Side([*script, *told, "--channels-last"], options.threads)
    for label, side in sides.items():
        if side.hello["parameters"] != ours.hello["parameters"]:
            raise SystemExit(f"{case}: {label} has {side.hello['parameters']} numbers, not {ours.hello['parameters']}")
    return sides


def compare(case, folder, options, binary):
    sides = sides_of(case, folder, options, binary)
    curves = {label: side.run("steps", options.curve)["losses"] for label, side in sides.items()}
    runs = {label: [] for label in sides}
    for _ in range(options.pairs):
        for label, side in sides.items():
            # While the others ran, allocators gave memory back: a training that goes on does not meet that.
            side.run("steps", 1)
            run = side.run("steps", PER_RUN[case])
            runs[label].append({key: run[key] / PER_RUN[case] for key in ("seconds", "cpu_seconds")})
    memory = {label: side.peak_mib() for label, side in sides.items()}
    hello = {label: side.hello for label, side in sides.items()}
    for side in sides.values():
        side.end()
    result = {"case": case, "runs": runs, "curves": curves, "peak_mib": memory, "hello": hello}
    for line in rows(result):
        print(line, file=sys.stderr)
    return result


def median(runs, key):
    return statistics.median(run[key] for run in runs)


def furthest(ours, theirs):
    """The largest relative difference of two curves of losses."""
    return max(abs(a - b) / abs(b) for a, b in zip(ours, theirs))


def rows(result):
    ours = result["runs"]["ridgewalk"]
    lines = []
    for label, runs in result["runs"].items():
        if label == "ridgewalk":
            continue
        ratios = [a["seconds"] / b["seconds"] for a, b in zip(ours, runs)]
        peak = [result["peak_mib"][side] for side in ("ridgewalk", label)]
        lines.append(
            f"| {result['case']} | {label} | {median(ours, 'seconds') * 1e3:.1f} | {median(runs, 'seconds') * 1e3:.1f} "
            f"| **{median(ours, 'seconds') / median(runs, 'seconds'):.2f}** ({min(ratios):.2f}–{max(ratios):.2f}) "
            f"| {median(ours, 'cpu_seconds'):.3f} | {median(runs, 'cpu_seconds'):.3f} | {peak[0]:.0f} | {peak[1]:.0f} "
            f"| {furthest(result['curves']['ridgewalk'], result['curves'][label]):.1e} |"
        )
    return lines


def markdown(report):
    first = report["cases"][0]
    lines = [
        "# A training step beside PyTorch",
        "",
        f"{report['processor']}, {report['threads']} thread(s); ridgewalk {report['commit']} "
        f"({first['hello']['ridgewalk']['instruction_set']}), torch {first['hello']['torch']['torch']}; {report['date']}, "
        f"load average {report['load_average']:.1f}.",
        "",
        "A step is all of it: forward, backward, clipping, Adam, one average of the weights; ridgewalk draws its noise in "
        "the step, PyTorch has it ready. Medians of alternating runs of a few steps, each after one that is not timed; the ratio is ours over theirs, below 1 is faster, "
        f"with the range over pairs. Losses: the largest relative difference over the first {report['curve']} steps from "
        "the same weights.",
        "",
        "| case | peer | ridgewalk ms | peer ms | ratio | ridgewalk CPU s | peer CPU s | ridgewalk MiB | peer MiB | losses differ |",
        "|---|---|---|---|---|---|---|---|---|---|",
        *[line for case in report["cases"] for line in rows(case)],
        "",
        *[f"- `{name}`: {CASES[name]}" for name in (case["case"] for case in report["cases"])],
    ]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES), help="which networks")
    parser.add_argument("--pairs", type=int, default=15, help="alternating runs of each case (default 15)")
    parser.add_argument("--threads", type=int, default=2, help="threads of each side (default 2)")
    parser.add_argument("--curve", type=int, default=200, help="steps whose losses are compared (default 200)")
    parser.add_argument("--output", type=Path, help="writes OUTPUT.md and OUTPUT.json (default: prints the table)")
    options = parser.parse_args()
    target = json.loads(output_of("cargo", "metadata", "--format-version", "1", "--no-deps"))["target_directory"]
    binary = f"{target}/release/examples/bench_training"
    results = []
    for case in options.cases:
        with tempfile.TemporaryDirectory() as folder:
            results.append(compare(case, Path(folder), options, binary))
    report = {
        "date": time.strftime("%Y-%m-%d"),
        "processor": processor(),
        "threads": options.threads,
        "curve": options.curve,
        "commit": output_of("git", "rev-parse", "--short", "HEAD"),
        "load_average": os.getloadavg()[0],
        "cases": results,
    }
    text = markdown(report)
    if options.output:
        options.output.with_suffix(".md").write_text(text)
        options.output.with_suffix(".json").write_text(json.dumps(report, indent=1) + "\n")
    else:
        print(text)


main()
