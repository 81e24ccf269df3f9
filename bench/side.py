"""A process of one side of a benchmark, and what a report says of the machine."""

import json
import os
import platform
import subprocess
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
# A thread pool spins for a moment after its work: the other side starts when that is over.
PAUSE = 0.25


class Side:
    """One long-lived process that is told what to do."""

    def __init__(self, command, threads):
        environment = dict(os.environ, RAYON_NUM_THREADS=str(threads), OMP_NUM_THREADS=str(threads))
        start = time.perf_counter()
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment)
        self.hello = self.answer()
        self.hello["start_seconds"] = time.perf_counter() - start
        self.hello["peak_mib"] = self.peak_mib()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"`{self.process.args[0]}` ended before it answered")
        return json.loads(line)

    def run(self, *words):
        """The answer to one repetition: its seconds, CPU-seconds and what else the process tells."""
        time.sleep(PAUSE)
        before = self.cpu_seconds()
        print(*words, file=self.process.stdin, flush=True)
        answer = self.answer()
        return {**answer, "cpu_seconds": self.cpu_seconds() - before}

    def cpu_seconds(self):
        """Of all threads, in nanoseconds from the scheduler: `stat` counts in hundredths only."""
        total = 0
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
        return total / 1e9

    def peak_mib(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def processor():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip() + f", {os.cpu_count()} cores"
    return platform.processor()


def output_of(*command):
    return subprocess.run(command, capture_output=True, text=True, cwd=HERE, check=True).stdout.strip()
