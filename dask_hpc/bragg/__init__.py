"""Bragg disks of 4D-STEM scans, as py4DSTEM finds them, at the speed an experiment needs; in one process or over Dask.

Names are loaded when they are first used, so that importing this package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dask_hpc.bragg.demo_scan import errors_against, read_truth, write_demo_scan
    from dask_hpc.bragg.draw import draw_count_map, draw_pattern, draw_strain_map, draw_vector_map
    from dask_hpc.bragg.find import find_bragg_disks
    from dask_hpc.bragg.options import BraggOptions
    from dask_hpc.bragg.peaks import Disks, Peaks
    from dask_hpc.bragg.probe import synthetic_kernel, vacuum_kernel
    from dask_hpc.bragg.progress import Progress
    from dask_hpc.bragg.readers import Scan, open_scan
    from dask_hpc.bragg.runs.run import BraggRun, Partial, RunProgress, start_bragg_disks

_HOME = {
    "BraggOptions": "options",
    "BraggRun": "runs.run",
    "Disks": "peaks",
    "Partial": "runs.run",
    "Peaks": "peaks",
    "Progress": "progress",
    "RunProgress": "runs.run",
    "Scan": "readers",
    "draw_count_map": "draw",
    "draw_pattern": "draw",
    "draw_strain_map": "draw",
    "draw_vector_map": "draw",
    "errors_against": "demo_scan",
    "find_bragg_disks": "find",
    "open_scan": "readers",
    "read_truth": "demo_scan",
    "start_bragg_disks": "runs.run",
    "synthetic_kernel": "probe",
    "vacuum_kernel": "probe",
    "write_demo_scan": "demo_scan",
}

__all__ = [
    "BraggOptions",
    "BraggRun",
    "Disks",
    "Partial",
    "Peaks",
    "Progress",
    "RunProgress",
    "Scan",
    "draw_count_map",
    "draw_pattern",
    "draw_strain_map",
    "draw_vector_map",
    "errors_against",
    "find_bragg_disks",
    "open_scan",
    "read_truth",
    "start_bragg_disks",
    "synthetic_kernel",
    "vacuum_kernel",
    "write_demo_scan",
]


def __getattr__(name: str) -> object:
    """Load a public name from its module (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
