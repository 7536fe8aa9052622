"""The unit of work: a run of whole patterns of one scan, and the recipe that is the same for all of them."""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from threading import Lock
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dask_hpc.bragg.errors import BadOption
from dask_hpc.bragg.kernels import (
    DTYPE,
    Found,
    Handover,
    Plan,
    Precision,
    Tier,
    finder,
    make_plan,
    subtract_background,
)
from dask_hpc.bragg.options import BraggOptions, Filter, Subpixel
from dask_hpc.bragg.readers.scan import Patterns, Scan

MOST = 256  # patterns a tile: 60-130 ms of work at 256 x 256 pixels, against 2 ms of scheduling
PLANS_KEPT = 2


@dataclass(frozen=True)
class Tile:
    """Patterns start to stop, in scan order."""

    start: int
    stop: int


@dataclass(frozen=True, eq=False)
class Recipe:
    """How to find disks: travels once to every worker."""

    kernel: NDArray[np.float64]
    options: BraggOptions
    tier: Tier | None
    """None: numpy in each process until its compiled tier is ready."""
    precision: Precision
    origins: NDArray[np.float64] | None = None
    """(patterns, 2): row and column of the beam, pixels; there where radial_bksb is asked for."""

    @property
    def digest(self) -> str:
        """Equal recipes have equal digests, in every process."""
        what = json.dumps([self.kernel.shape, self.options.record(), self.tier, self.precision]).encode()
        arrays = (self.kernel, np.empty(0) if self.origins is None else self.origins)
        return hashlib.sha256(what + b"".join(np.ascontiguousarray(array).tobytes() for array in arrays)).hexdigest()


class Made(NamedTuple):
    """What found the disks of a tile: the same again finds the same, bit by bit."""

    tier: Tier
    refinement: Subpixel


class Done(NamedTuple):
    """Disks of the patterns of a tile, and what found them."""

    found: Found
    made: Made


def cut(patterns: int, workers: int) -> list[Tile]:
    """Tiles of a scan: at most MOST patterns each, and on small scans enough of them for four a worker."""
    size = min(MOST, -(-patterns // (4 * max(workers, 1))))
    return [Tile(start, min(start + size, patterns)) for start in range(0, patterns, size)]


def find_in_tile(scan: Scan, recipe: Recipe, digest: str, tile: Tile) -> Done:
    """Read the patterns of a tile and find their disks; `digest` is the recipe's. Raises ScanError, BadOption."""
    plan = _plan(recipe, digest)
    tier = recipe.tier or _handover.tier(plan)
    patterns = scan.read(tile.start, tile.stop)
    if recipe.origins is not None:
        patterns = subtract_background(patterns, recipe.origins[tile.start : tile.stop])
    if recipe.options.filter_function is not None:
        patterns = _filtered(patterns, recipe.options.filter_function)
    return Done(finder(tier)(patterns, plan), Made(tier, recipe.options.subpixel))


def parts(tiles: Iterable[tuple[Tile, Made]]) -> list[tuple[int, int, Made]]:
    """Runs of patterns, start to stop, that the same tier and refinement made; `tiles` in scan order."""
    runs = [(made, list(run)) for made, run in groupby(tiles, key=lambda one: one[1])]
    return [(run[0][0].start, run[-1][0].stop, made) for made, run in runs]


def _filtered(patterns: Patterns, function: Filter) -> Patterns:
    """Every pattern through the caller's function. Raises BadOption where it returns no such pattern."""
    changed = [np.asarray(function(pattern)) for pattern in patterns]
    for one in changed:
        if one.shape != patterns.shape[1:] or one.dtype.kind not in "uif":
            raise BadOption(
                f"filter_function made {one.dtype} of shape {one.shape} from a pattern of shape "
                f"{patterns.shape[1:]}; it must return real numbers of the same shape"
            )
    return np.stack(changed)


# Plans live in this imported module: one that a task carried along would be made anew for every task.
_plans: OrderedDict[str, Plan] = OrderedDict()
_handover = Handover()
_lock = Lock()  # guards _plans: a worker's threads ask for the same plan at once


def _plan(recipe: Recipe, digest: str) -> Plan:
    """The plan of a recipe, made once per process."""
    with _lock:
        if digest not in _plans:
            _plans[digest] = make_plan(recipe.kernel, recipe.options, DTYPE[recipe.precision])
            while len(_plans) > PLANS_KEPT:
                _plans.popitem(last=False)
        _plans.move_to_end(digest)
        return _plans[digest]
