"""Patterns per second of disk finding, ours and py4DSTEM's, in alternating rounds on the same generated patterns.

    python benchmarks/bragg_vs_py4dstem.py [--rounds 7]

256 x 256 pixels, disks of radius 9, about 41 a pattern. Every contender runs in a process of its own with the same
allocator settings and one thread for linear algebra. One-thread figures are patterns per second of processor time, so
that other work on the machine disturbs them little; two-thread figures are wall time. Ratios are taken round by round
against py4DSTEM in the same round; the median is printed with the lowest and the highest.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from peers.environment import FAIR, PY4DSTEM

from dask_hpc.bragg import BraggOptions, synthetic_kernel
from dask_hpc.bragg.kernels import DTYPE, finder, make_plan
from dask_hpc.bragg.synthetic import Sample, generate

HERE = Path(__file__).parent
SAMPLE = Sample(scan=(2, 8), detector=(256, 256), radius=9, spacing=36, dose=400_000)
COMMON = {"corrPower": 1, "sigma_cc": 2, "minPeakSpacing": 20, "edgeBoundary": 9, "minRelativeIntensity": 0.01}
SETS = {"multicorr": {**COMMON, "subpixel": "multicorr"}, "poly": {**COMMON, "subpixel": "poly"}}


@dataclass
class Contender:
    """One program that answers timed rounds; `threads` above 1 is judged by wall time."""

    name: str
    argv: list[str]
    threads: int = 1

    def start(self) -> None:
        """Start its process."""
        self.process = subprocess.Popen(
            self.argv, env={**os.environ, **FAIR}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def round(self, number: int) -> tuple[float, float]:
        """Process and wall seconds of one pass over the patterns with option set `number`."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(f"{number}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().split()
        if len(answer) != 2:
            raise SystemExit(f"{self.name} ended early: {' '.join(self.argv)}")
        return float(answer[0]), float(answer[1])

    def stop(self) -> None:
        """End its process."""
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(60)


def contenders(source: Path) -> list[Contender]:
    """py4DSTEM first: the others are compared with it."""
    peer = [str(PY4DSTEM.python()), "-W", "ignore", str(HERE / "peers" / "py4dstem_peaks.py"), str(source)]
    ours = [sys.executable, str(HERE / "peers" / "our_rounds.py"), str(source)]
    return [
        Contender("py4DSTEM", peer),
        Contender("numpy, double", [*ours, "numpy", "double", "1"]),
        Contender("compiled, double", [*ours, "numba", "double", "1"]),
        Contender("compiled, single", [*ours, "numba", "single", "1"]),
        Contender("compiled, double, 2 threads", [*ours, "numba", "double", "2"], threads=2),
        Contender("compiled, single, 2 threads", [*ours, "numba", "single", "2"], threads=2),
    ]


def main() -> None:
    """Check that all agree, then time them in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    patterns, truth = generate(SAMPLE)
    kernel = synthetic_kernel(SAMPLE.radius, SAMPLE.detector)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "input.npz"
        np.savez(source, patterns=patterns, kernel=kernel, options=json.dumps(list(SETS.values())))
        print_machine(len(truth.qx) / (patterns.shape[0] * patterns.shape[1]))
        compare(source, Path(folder) / "reference.npz", patterns, kernel)
        race = contenders(source)
        for contender in race:
            contender.start()
        for number, name in enumerate(SETS):
            print_table(name, race, [[one.round(number) for one in race] for _ in range(rounds + 1)][1:])
        for contender in race:
            contender.stop()


def print_machine(disks: float) -> None:
    """What the figures belong to."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    cpu = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    names = ("numpy", "scipy", "numba", "rocket-fft")
    print(f"{datetime.date.today()}, {cpu}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print(f"Python {platform.python_version()}, " + ", ".join(f"{name} {version(name)}" for name in names))
    print(f"generated patterns of {SAMPLE.detector[0]} x {SAMPLE.detector[1]} pixels, {disks:.1f} disks a pattern")


def compare(source: Path, target: Path, patterns: np.ndarray, kernel: np.ndarray) -> None:
    """Largest distance of our disks from py4DSTEM's; a number of disks that differs ends the benchmark."""
    PY4DSTEM.run(HERE / "peers" / "py4dstem_peaks.py", source, target)
    stack = patterns.reshape(-1, *patterns.shape[2:])
    with np.load(target) as found:
        print(f"py4DSTEM {found['version']}; largest distance from its disks, px:")
        for number, (name, options) in enumerate(SETS.items()):
            words = []
            for tier, precision in (("numpy", "double"), ("numba", "double"), ("numba", "single")):
                plan = make_plan(kernel, BraggOptions.from_keywords(**options), DTYPE[precision])
                ours = finder(tier)(stack, plan)
                if ours.counts.tolist() != np.diff(found[f"offsets_{number}"]).tolist():
                    raise SystemExit(f"{tier} {precision} finds another number of disks than py4DSTEM: {name}")
                words.append(f"{tier} {precision} {np.abs(ours.peaks - found[f'peaks_{number}'])[:, :2].max():.1e}")
            print(f"  {name}: {', '.join(words)}")


def print_table(name: str, race: list[Contender], times: list[list[tuple[float, float]]]) -> None:
    """Median rate and median ratio of each contender, with the spread of the ratio."""
    count = SAMPLE.scan[0] * SAMPLE.scan[1]
    print(f"\n{name}: patterns/s and ratio to py4DSTEM, median of {len(times)} rounds (lowest to highest)")
    for place, contender in enumerate(race):
        clock = 1 if contender.threads > 1 else 0
        rate = statistics.median(count / turn[place][clock] for turn in times)
        ratios = [turn[0][clock] / turn[place][clock] for turn in times]
        spread = f"{statistics.median(ratios):6.1f}x ({min(ratios):.1f} to {max(ratios):.1f})"
        print(f"  {contender.name:30s} {rate:8.1f}/s {spread}")


if __name__ == "__main__":
    main()
