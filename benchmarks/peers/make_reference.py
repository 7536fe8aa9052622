"""Makes the reference peaks of the tests: py4DSTEM, in an environment of its own, on generated and on real patterns.

    python benchmarks/peers/make_reference.py [--data FOLDER]

FOLDER holds the real scans named below; without it only the generated sets are made. Results go to
tests/dask_hpc/bragg/data, one file a scan: peaks of every option set, the options, the input or its sha256,
the version; SHA256SUMS holds the sum of each.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from environment import PY4DSTEM
from numpy.typing import NDArray

from dask_hpc.bragg import open_scan, synthetic_kernel
from dask_hpc.bragg.options import OptionValue
from dask_hpc.bragg.synthetic import Sample, generate

TARGET = Path(__file__).parents[2] / "tests" / "dask_hpc" / "bragg" / "data"
REAL = ("sped-2x3x144.blo", "merlin-2x2x256.hdf5")
Options = Mapping[str, OptionValue]

REAL_BASE: Options = {
    "sigma_cc": 1, "edgeBoundary": 5, "minRelativeIntensity": 0.01, "minPeakSpacing": 6, "maxNumPeaks": 70
}  # fmt: skip
REAL_SETS: list[Options] = [
    {**REAL_BASE, "corrPower": power, "subpixel": subpixel}
    for power in (1, 0.8)
    for subpixel in ("pixel", "poly", "multicorr")
]
MODES = ("pixel", "poly", "multicorr")
BASE: Options = {"edgeBoundary": 8, "minPeakSpacing": 8, "minRelativeIntensity": 0.02, "corrPower": 1}
SETS: list[Options] = [
    {},
    BASE,
    {**BASE, "subpixel": "poly"},
    {**BASE, "subpixel": "pixel"},
    *({**BASE, "corrPower": power, "subpixel": mode} for power in (0, 0.3, 0.5, 0.9) for mode in ("poly", "multicorr")),
    {**BASE, "upsample_factor": 5},
    {**BASE, "upsample_factor": 32, "sigma_cc": 0},
    {**BASE, "sigma_dp": 1.3},
    {**BASE, "sigma_cc": 7.5, "minAbsoluteIntensity": 0.4},
    {**BASE, "relativeToPeak": 3, "minRelativeIntensity": 0.3, "corrPower": 0.8},
    {**BASE, "minPeakSpacing": 0, "maxNumPeaks": 400, "minRelativeIntensity": 0, "edgeBoundary": 0},
    {**BASE, "maxNumPeaks": 5},
]
POWERS = (0, 0.25, 0.5, 0.75, 1)
GRID: list[Options] = [{**BASE, "corrPower": power, "subpixel": mode} for power in POWERS for mode in MODES]
WIDE_BASE: Options = {"edgeBoundary": 9, "minPeakSpacing": 20, "minRelativeIntensity": 0.01}
WIDE: list[Options] = [{**WIDE_BASE, "corrPower": power, "subpixel": mode} for power in POWERS for mode in MODES]
PREPARED: list[Options] = [
    {**BASE, "radial_bksb": True},
    {**BASE, "radial_bksb": True, "filter_function": "sqrt", "sigma_dp": 0.7, "corrPower": 0.8, "subpixel": "poly"},
    {**BASE, "filter_function": "sqrt"},
]
GENERATED = {
    "even": (Sample(scan=(2, 2), detector=(96, 128), dose=20_000, seed=1), SETS),
    "odd": (Sample(scan=(1, 3), detector=(97, 111), dose=6_000, seed=2), SETS),
    "mixed": (Sample(scan=(1, 2), detector=(90, 75), radius=3, spacing=12, dose=60_000, seed=3), SETS),
    "small": (Sample(scan=(3, 3), detector=(64, 64), radius=3, spacing=12, dose=3_000, seed=4), GRID),
    "square": (Sample(scan=(2, 2), detector=(128, 128), dose=20_000, seed=5), GRID),
    "low-dose": (Sample(scan=(2, 2), detector=(256, 256), radius=9, spacing=36, dose=1_500, seed=6), WIDE),
    "low-dose-odd": (Sample(scan=(2, 2), detector=(255, 257), radius=9, spacing=36, dose=1_500, seed=7), WIDE),
    "prepared": (Sample(scan=(2, 2), detector=(97, 84), dose=20_000, seed=8), PREPARED),
}


def main() -> None:
    """Make every reference that the given data allow."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of the real scans")
    data = parser.parse_args().data
    for name, (sample, sets) in GENERATED.items():
        patterns, _ = generate(sample)
        origin = origins(sample) if sets is PREPARED else {}
        make(f"generated-{name}", patterns, (sample.radius, 1.0), sets, {"patterns": patterns, **origin})
    for name in REAL if data else ():
        scan = open_scan(data / name)
        patterns = scan.read(0, scan.shape[0] * scan.shape[1]).reshape(scan.shape)
        sha256 = hashlib.sha256((data / name).read_bytes()).hexdigest()
        make(f"real-{Path(name).stem}", patterns, (2.5, 1.0), REAL_SETS, {"input": name, "sha256": sha256})
    files = sorted(TARGET.glob("*.npz"))
    sums = "".join(f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in files)
    (TARGET / "SHA256SUMS").write_text(sums, encoding="utf-8")


def origins(sample: Sample) -> dict[str, NDArray[np.float64]]:
    """Where the beam may be taken to be in each pattern, about its centre: (2, scan rows, scan columns)."""
    centre = (np.array(sample.detector) - 1) / 2
    wander = np.random.default_rng(sample.seed).normal(size=(2, *sample.scan))
    return {"origin": centre[:, None, None] + wander}


def make(
    name: str,
    patterns: NDArray[np.generic],
    disk: tuple[float, float],
    sets: Sequence[Options],
    origin: Mapping[str, object],
) -> None:
    """One reference file; `disk` is radius and edge width of the kernel."""
    kernel = synthetic_kernel(disk[0], (patterns.shape[2], patterns.shape[3]), width=disk[1])
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "input.npz", Path(folder) / "output.npz"
        options = json.dumps([dict(one) for one in sets])
        given = {"origin": origin["origin"]} if "origin" in origin else {}
        np.savez(source, patterns=patterns.astype(np.float64), kernel=kernel, options=options, **given)
        PY4DSTEM.run(Path(__file__).with_name("py4dstem_peaks.py"), source, target)
        with np.load(target) as found:
            answers = {key: found[key] for key in found.files}
    np.savez_compressed(TARGET / f"{name}.npz", options=options, disk=disk, **origin, **answers)
    peaks = sum(len(answers[f"peaks_{i}"]) for i in range(len(sets)))
    print(f"{name}: {len(sets)} option sets, {peaks} peaks, py4DSTEM {answers['version']}")


if __name__ == "__main__":
    main()
