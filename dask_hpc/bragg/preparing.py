"""What every way of finding disks shares: the words of a call become one recipe, and tiles become `Peaks`."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dask_hpc.bragg.errors import BadOption, ReaderMissing
from dask_hpc.bragg.kernels import DTYPE, Precision, Tier, compiled_tier_is_installed
from dask_hpc.bragg.options import BraggOptions, OptionValue
from dask_hpc.bragg.peaks import Peaks, Provenance, join
from dask_hpc.bragg.probe import as_kernel
from dask_hpc.bragg.readers.opening import as_scan
from dask_hpc.bragg.readers.scan import Scan
from dask_hpc.bragg.tiles import Done, Recipe, Tile, parts

COMPILE_FROM = 4096
"""Patterns from which the compiled tier is worth its compilation, behind the plain one's work."""


def prepare(
    scan: object,
    probe: ArrayLike,
    options: dict[str, OptionValue],
    *,
    origin: ArrayLike | None,
    tier: Tier | None,
    precision: Precision,
) -> tuple[Scan, Recipe]:
    """The scan and the recipe that a call names; see find_bragg_disks. Raises BraggError."""
    settings = BraggOptions.from_keywords(**options)
    patterns = as_scan(scan)
    rows, columns, *detector = patterns.shape
    if 2 * settings.edgeBoundary >= min(detector):
        raise BadOption(f"edgeBoundary {settings.edgeBoundary} leaves nothing of {detector[0]} x {detector[1]} pixels")
    return patterns, Recipe(
        kernel=as_kernel(probe, (detector[0], detector[1])),
        options=settings,
        tier=_tier(tier, rows * columns),
        precision=_precision(precision),
        origins=_origins(origin, scan, (rows, columns), wanted=settings.radial_bksb),
    )


def peaks_of(scan: Scan, recipe: Recipe, tiles: Sequence[Tile], done: Sequence[Done]) -> Peaks:
    """The disks of a whole scan, from those of each of its `tiles`, which stand in scan order."""
    rows, columns, *detector = scan.shape
    offsets, table = join([one.found.counts for one in done], [one.found.peaks for one in done])
    return Peaks(
        scan_shape=(rows, columns),
        pattern_shape=(detector[0], detector[1]),
        offsets=offsets,
        qx=table[:, 0].copy(),
        qy=table[:, 1].copy(),
        intensity=table[:, 2].copy(),
        provenance=_provenance(scan, recipe, tiles, done),
    )


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


def _provenance(scan: Scan, recipe: Recipe, tiles: Sequence[Tile], done: Sequence[Done]) -> Provenance:
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
