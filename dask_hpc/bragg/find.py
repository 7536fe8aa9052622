"""find_bragg_disks: the call that py4DSTEM's users know, here or on a Dask cluster."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dask_hpc.bragg.errors import BadOption, ReaderMissing
from dask_hpc.bragg.kernels import DTYPE, Precision, Tier, compiled_tier_is_installed
from dask_hpc.bragg.options import BraggOptions, OptionValue
from dask_hpc.bragg.peaks import Peaks, Provenance, join
from dask_hpc.bragg.probe import as_kernel
from dask_hpc.bragg.progress import Listener, Reporter, listener
from dask_hpc.bragg.readers.opening import as_scan
from dask_hpc.bragg.readers.scan import Scan
from dask_hpc.bragg.tiles import Done, Recipe, Tile, cut, find_in_tile, parts

if TYPE_CHECKING:
    from distributed import Client

COMPILE_FROM = 4096
"""Patterns from which the compiled tier is worth its compilation, behind the plain one's work."""


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
    settings = BraggOptions.from_keywords(**options)
    patterns = as_scan(scan)
    rows, columns, *detector = patterns.shape
    if 2 * settings.edgeBoundary >= min(detector):
        raise BadOption(f"edgeBoundary {settings.edgeBoundary} leaves nothing of {detector[0]} x {detector[1]} pixels")
    recipe = Recipe(
        kernel=as_kernel(probe, (detector[0], detector[1])),
        options=settings,
        tier=_tier(tier, rows * columns),
        precision=_precision(precision),
        origins=_origins(origin, scan, (rows, columns), wanted=settings.radial_bksb),
    )
    report = Reporter(rows * columns, listener(verbose))
    if client is None:
        tiles = cut(rows * columns, 1)
        done = _find_here(patterns, recipe, tiles, report)
    else:
        from dask_hpc.bragg.graph import find_on_cluster  # noqa: PLC0415  # needs the extra `dask`

        tiles, done = find_on_cluster(client, patterns, recipe, report)
    offsets, table = join([one.found.counts for one in done], [one.found.peaks for one in done])
    return Peaks(
        scan_shape=(rows, columns),
        pattern_shape=(detector[0], detector[1]),
        offsets=offsets,
        qx=table[:, 0].copy(),
        qy=table[:, 1].copy(),
        intensity=table[:, 2].copy(),
        provenance=_provenance(patterns, recipe, tiles, done),
    )


def _find_here(scan: Scan, recipe: Recipe, tiles: list[Tile], report: Reporter) -> list[Done]:
    """Every tile, in this thread."""
    done = []
    digest = recipe.digest
    for tile in tiles:
        done.append(find_in_tile(scan, recipe, digest, tile))
        report.add(tile.stop - tile.start, len(done[-1].found.peaks))
    return done


def _tier(wanted: Tier | None, patterns: int) -> Tier | None:
    """The tier of the whole run; None where the compiled one shall take over. Raises BadOption, ReaderMissing."""
    if wanted not in (None, "numpy", "numba"):
        raise BadOption(f"tier is {wanted!r}; choose numpy or numba, or leave it out")
    if wanted is None:
        return None if patterns >= COMPILE_FROM and compiled_tier_is_installed() else "numpy"
    if wanted == "numba" and not compiled_tier_is_installed():
        raise ReaderMissing("the compiled tier needs numba and rocket-fft: pip install 'beamside[bragg]'")
    return wanted


def _precision(wanted: Precision) -> Precision:
    """The precision of every stage. Raises BadOption."""
    if wanted not in DTYPE:
        raise BadOption(f"precision is {wanted!r}; choose one of {', '.join(DTYPE)}")
    return wanted


def _origins(
    given: ArrayLike | None, scan: object, shape: tuple[int, int], *, wanted: bool
) -> NDArray[np.float64] | None:
    """Row and column of the beam for each pattern, (patterns, 2); None where nothing asks for it. Raises BadOption."""
    if not wanted:
        if given is not None:
            raise BadOption("origin is for radial_bksb alone; add radial_bksb=True or leave it out")
        return None
    ask = getattr(getattr(scan, "calibration", None), "get_origin", None)
    if given is None and ask is not None:
        given = ask()
    if given is None:
        raise BadOption("radial_bksb takes rings around the beam: give origin=(row, column), or one a scan position")
    try:
        origin = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError) as reason:
        raise BadOption(f"origin is no pair of numbers but {type(given).__name__}") from reason
    if origin.shape not in ((2,), (2, *shape)) or not np.isfinite(origin).all():
        raise BadOption(f"origin has shape {origin.shape}; it must be finite, and (2,) or {(2, *shape)}")
    return np.broadcast_to(origin.reshape(2, -1).T, (shape[0] * shape[1], 2))


def _provenance(scan: Scan, recipe: Recipe, tiles: list[Tile], done: list[Done]) -> Provenance:
    """What made these peaks."""
    made = parts(zip(tiles, (one.made for one in done), strict=True))
    return {
        "input": str(scan.path) if scan.path else None,
        "scan": list(scan.shape),
        "synthetic": scan.synthetic,
        "options": recipe.options.record(),
        "recipe": recipe.digest,
        "tier": recipe.tier,
        "made": [
            {"start": start, "stop": stop, "tier": by.tier, "refinement": by.refinement} for start, stop, by in made
        ],
        "precision": recipe.precision,
        "versions": {name: version(name) for name in ("numpy", "scipy")},
    }
