"""find_bragg_disks: the call that py4DSTEM's users know, here or on a Dask cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from dask_hpc.bragg.kernels import Precision, Tier
from dask_hpc.bragg.options import OptionValue
from dask_hpc.bragg.peaks import Peaks
from dask_hpc.bragg.preparing import peaks_of, prepare
from dask_hpc.bragg.progress import Listener, Reporter, listener
from dask_hpc.bragg.readers.scan import Scan
from dask_hpc.bragg.tiles import Done, Recipe, Tile, cut, find_in_tile

if TYPE_CHECKING:
    from distributed import Client


def find_bragg_disks(
    scan: object,
    probe: ArrayLike,
    *,
    origin: ArrayLike | None = None,
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
    origin : row and column of the beam for radial_bksb, pixels: (2,) or (2, scan rows, scan columns). Left out, it is
        asked of the scan's `.calibration`, where it has one as py4DSTEM's DataCube does.
    client : a Dask client; the scan must then be a file that the workers see. Without it this process does the work.
    verbose : True prints a line for each tenth done; a function is called with each `Progress`.
    tier : "numpy" or "numba" (compiled). Left out, numpy finds the disks of small scans; those of 4096 patterns and
        more it begins, until numba, where it is installed, is ready to take over. Both agree to rounding.
    precision : "double", or "single", which is faster and moves a disk by some 1e-4 px, rarely by a grid step.
    options : `BraggOptions` by name, as in py4DSTEM: corrPower, sigma, minPeakSpacing, edgeBoundary, ...

    Raises BraggError: BadOption, ProbeError, ScanError, ReaderMissing or WorkerLost, each naming the remedy.
    """
    patterns, recipe = prepare(scan, probe, options, origin=origin, tier=tier, precision=precision)
    rows, columns = patterns.shape[:2]
    report = Reporter(rows * columns, listener(verbose))
    if client is None:
        tiles = cut(rows * columns, 1)
        done = _find_here(patterns, recipe, tiles, report)
    else:
        from dask_hpc.bragg.graph import find_on_cluster  # noqa: PLC0415  # needs the extra `dask`

        tiles, done = find_on_cluster(client, patterns, recipe, report)
    return peaks_of(patterns, recipe, tiles, done)


def _find_here(scan: Scan, recipe: Recipe, tiles: list[Tile], report: Reporter) -> list[Done]:
    """Every tile, in this thread."""
    done = []
    digest = recipe.digest
    for tile in tiles:
        done.append(find_in_tile(scan, recipe, digest, tile))
        report.add(tile.stop - tile.start, len(done[-1].found.peaks))
    return done
