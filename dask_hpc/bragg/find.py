"""find_bragg_disks: the call that py4DSTEM's users know, here or on a Dask cluster."""

from __future__ import annotations

from dataclasses import asdict
from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dask_hpc.bragg.errors import BadOption, ReaderMissing
from dask_hpc.bragg.kernels import DTYPE, Found, Precision, Tier, compiled_tier_is_installed
from dask_hpc.bragg.options import BraggOptions, OptionValue
from dask_hpc.bragg.peaks import Peaks, Provenance, join
from dask_hpc.bragg.probe import as_kernel
from dask_hpc.bragg.progress import Listener, Reporter, listener
from dask_hpc.bragg.readers.opening import as_scan
from dask_hpc.bragg.readers.scan import Scan
from dask_hpc.bragg.tiles import Recipe, Tile, cut, find_in_tile

if TYPE_CHECKING:
    from distributed import Client

COMPILE_FROM = 4096
"""Patterns from which the compiled tier is worth its compilation, some seconds a machine, kept on disk."""


def find_bragg_disks(
    scan: object,
    probe: ArrayLike,
    *,
    client: Client | None = None,
    verbose: bool | Listener = False,
    tier: Tier | None = None,
    precision: Precision = "double",
    **options: OptionValue,
) -> Peaks:
    """Find the Bragg disks of every pattern of a scan by correlation with the probe.

    Parameters
    ----------
    scan : path, `open_scan(path)`, a 4D array (scan rows, scan columns, qx, qy), or an object with such `.data`.
    probe : (qx, qy), the corner-centred correlation kernel; see `synthetic_kernel` and `vacuum_kernel`.
    client : a Dask client; the scan must then be a file that the workers see. Without it this process does the work.
    verbose : True prints a line for each tenth done; a function is called with each `Progress`.
    tier : "numpy" or "numba" (compiled); by default the compiled one for scans of 4096 patterns and more,
        where it is installed. Both give the same disks to rounding.
    precision : "double", or "single", which is faster and moves a disk by some 1e-4 px, rarely by a grid step.
    options : `BraggOptions` by name, as in py4DSTEM: corrPower, sigma, minPeakSpacing, edgeBoundary, ...

    Raises BraggError: BadOption, ProbeError, ScanError, ReaderMissing or WorkerLost, each naming the remedy.
    """
    settings = BraggOptions.from_keywords(**options)
    patterns = as_scan(scan)
    rows, columns, *detector = patterns.shape
    if 2 * settings.edgeBoundary >= min(detector):
        raise BadOption(f"edgeBoundary {settings.edgeBoundary} leaves nothing of {detector[0]} x {detector[1]} pixels")
    recipe = _recipe(as_kernel(probe, (detector[0], detector[1])), settings, tier, precision, rows * columns)
    report = Reporter(rows * columns, listener(verbose))
    if client is None:
        tiles = cut(rows * columns, 1)
        found = _find_here(patterns, recipe, tiles, report)
    else:
        from dask_hpc.bragg.graph import find_on_cluster  # noqa: PLC0415  # needs the extra `dask`

        found = find_on_cluster(client, patterns, recipe, report)
    offsets, table = join([part.counts for part in found], [part.peaks for part in found])
    return Peaks(
        scan_shape=(rows, columns),
        pattern_shape=(detector[0], detector[1]),
        offsets=offsets,
        qx=table[:, 0].copy(),
        qy=table[:, 1].copy(),
        intensity=table[:, 2].copy(),
        provenance=_provenance(patterns, recipe),
    )


def _find_here(scan: Scan, recipe: Recipe, tiles: list[Tile], report: Reporter) -> list[Found]:
    """Every tile, in this thread."""
    found = []
    digest = recipe.digest
    for tile in tiles:
        found.append(find_in_tile(scan, recipe, digest, tile))
        report.add(tile.stop - tile.start, len(found[-1].peaks))
    return found


def _recipe(
    kernel: NDArray[np.float64], options: BraggOptions, tier: Tier | None, precision: Precision, patterns: int
) -> Recipe:
    """Fix tier and precision for the whole run. Raises BadOption, ReaderMissing."""
    if precision not in DTYPE:
        raise BadOption(f"precision is {precision!r}; choose one of {', '.join(DTYPE)}")
    if tier not in (None, "numpy", "numba"):
        raise BadOption(f"tier is {tier!r}; choose numpy or numba, or leave it out")
    if tier is None:
        tier = "numba" if patterns >= COMPILE_FROM and compiled_tier_is_installed() else "numpy"
    if tier == "numba" and not compiled_tier_is_installed():
        raise ReaderMissing("the compiled tier needs numba and rocket-fft: pip install 'beamside[bragg]'")
    return Recipe(kernel, options, tier, precision)


def _provenance(scan: Scan, recipe: Recipe) -> Provenance:
    """What made these peaks."""
    return {
        "input": str(scan.path) if scan.path else None,
        "scan": list(scan.shape),
        "synthetic": scan.synthetic,
        "options": asdict(recipe.options),
        "recipe": recipe.digest,
        "tier": recipe.tier,
        "precision": recipe.precision,
        "versions": {name: version(name) for name in ("numpy", "scipy")},
    }
