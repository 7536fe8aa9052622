"""The demonstration's scan: a generated one in py4DSTEM's file layout, with its truth beside it in the same file."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path

import h5py
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from dask_hpc.bragg.errors import ScanError
from dask_hpc.bragg.options import OptionValue
from dask_hpc.bragg.peaks import Peaks
from dask_hpc.bragg.probe import Kernel, synthetic_kernel
from dask_hpc.bragg.readers.hdf5 import SYNTHETIC
from dask_hpc.bragg.synthetic import Sample, Truth, generate

ROOT = "synthetic_root"
DATA = f"{ROOT}/synthetic/data"
TRUTH = "synthetic_truth"
UNITS = (("Rx", "pixels"), ("Ry", "pixels"), ("Qx", "pixels"), ("Qy", "pixels"))


@dataclass(frozen=True)
class Errors:
    """Found disks against the truth of a generated scan."""

    disks: int
    """Found disks that belong to a true one."""
    missing: int
    """True disks that were not found, of those that the options allow to be found."""
    extra: int
    """Found disks where there is none."""
    rms_px: float
    """Root mean square distance of found from true centres, pixels."""
    worst_px: float


def write_demo_scan(path: str | Path, sample: Sample | None = None) -> Path:
    """Generate a scan (some seconds) and write it to one HDF5 file, EMD 1.0 as py4DSTEM reads it; returns the path.

    The file appears under its name only when it is complete.
    """
    sample = sample or Sample()
    file = Path(path)
    patterns, truth = generate(sample)
    partial = file.with_name(f".{file.name}.{os.getpid()}.partial")
    try:
        with h5py.File(partial, "w") as target:
            _write_patterns(target, patterns)
            group = target.create_group(TRUTH)
            group.attrs.update({name: value for name, value in asdict(sample).items()})
            for name, values in asdict(truth).items():
                group[name] = values
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
    return file


def demo_options(sample: Sample | None = None) -> dict[str, OptionValue]:
    """Options that suit a generated scan."""
    sample = sample or Sample()
    return {
        "corrPower": 1.0,
        "sigma": 2.0,
        "minRelativeIntensity": 0.01,
        "minPeakSpacing": round(0.6 * sample.spacing, 1),
        "edgeBoundary": int(np.ceil(sample.radius + 4 * sample.edge)),
        "maxNumPeaks": 100,
        "subpixel": "multicorr",
    }


def demo_kernel(sample: Sample | None = None) -> Kernel:
    """The kernel that suits a generated scan."""
    sample = sample or Sample()
    return synthetic_kernel(sample.radius, sample.detector, width=2 * sample.edge)


def read_truth(path: str | Path) -> Truth:
    """The truth of a generated scan. Raises ScanError for a file without it."""
    with h5py.File(path, "r") as file:
        if TRUTH not in file:
            raise ScanError(f"{path} holds no truth: it was not made by write_demo_scan, so no error can be reported")
        group = file[TRUTH]
        return Truth(
            offsets=group["offsets"][:],
            qx=group["qx"][:],
            qy=group["qy"][:],
            counts=group["counts"][:],
            strain=group["strain"][:],
            radius=float(group["radius"][()]),
        )


def errors_against(truth: Truth, peaks: Peaks) -> Errors:
    """How far found disks lie from the truth; a found disk belongs to the nearest true one within its radius."""
    distances: list[NDArray[np.float64]] = []
    missing = extra = 0
    edge = max(peaks.options.edgeBoundary, 1)
    high = np.array(peaks.pattern_shape) - 1 - edge
    for pattern in range(len(peaks.offsets) - 1):
        part = slice(truth.offsets[pattern], truth.offsets[pattern + 1])
        true = np.column_stack([truth.qx[part], truth.qy[part]])
        mine = slice(peaks.offsets[pattern], peaks.offsets[pattern + 1])
        found = np.column_stack([peaks.qx[mine], peaks.qy[mine]])
        distance, nearest = cKDTree(true).query(found, distance_upper_bound=truth.radius)
        matched = np.isfinite(distance)
        distances.append(distance[matched])
        extra += int((~matched).sum())
        allowed = np.asarray(((true > edge) & (true < high)).all(axis=1))
        allowed[nearest[matched]] = False
        missing += int(allowed.sum())
    every = np.concatenate(distances)
    rms = float(np.sqrt(np.mean(every**2))) if len(every) else float("nan")
    return Errors(len(every), missing, extra, rms, float(every.max(initial=0)))


def _write_patterns(file: h5py.File, patterns: NDArray[np.uint16]) -> None:
    """The layout of EMD 1.0, see https://emdatasets.com/format: one root, one array with four axes."""
    file.attrs.update(
        {"emd_group_type": "file", "version_major": 1, "version_minor": 0, "authoring_program": "beamside"}
    )
    root = file.create_group(ROOT)
    root.attrs.update({"emd_group_type": "root", "python_class": "Root"})
    cube = root.create_group("synthetic")
    cube.attrs.update({"emd_group_type": "array", "python_class": "DataCube"})
    _, columns, *detector = patterns.shape
    # whole patterns a chunk, several along the fast scan axis: what the finder reads at once
    data = cube.create_dataset("data", data=patterns, chunks=(1, min(columns, 16), *detector))
    data.attrs["units"] = "electrons"
    data.attrs[SYNTHETIC] = True
    for axis, (name, unit) in enumerate(UNITS):
        vector = cube.create_dataset(f"dim{axis}", data=np.array([0, 1]))
        vector.attrs.update({"name": name, "units": unit})
