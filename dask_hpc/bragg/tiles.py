"""The unit of work: a run of whole patterns of one scan, and the recipe that is the same for all of them."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from dask_hpc.bragg.kernels import DTYPE, Found, Plan, Precision, Tier, finder, make_plan
from dask_hpc.bragg.options import BraggOptions
from dask_hpc.bragg.readers.scan import Scan

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
    tier: Tier
    precision: Precision

    @property
    def digest(self) -> str:
        """Equal recipes have equal digests, in every process."""
        what = repr((self.kernel.shape, self.options, self.tier, self.precision)).encode()
        return hashlib.sha256(what + np.ascontiguousarray(self.kernel).tobytes()).hexdigest()


def cut(patterns: int, workers: int) -> list[Tile]:
    """Tiles of a scan: at most MOST patterns each, and on small scans enough of them for four a worker."""
    size = min(MOST, -(-patterns // (4 * max(workers, 1))))
    return [Tile(start, min(start + size, patterns)) for start in range(0, patterns, size)]


def find_in_tile(scan: Scan, recipe: Recipe, digest: str, tile: Tile) -> Found:
    """Read the patterns of a tile and find their disks; `digest` is the recipe's. Raises ScanError."""
    plan = _plan(recipe, digest)
    return finder(recipe.tier)(scan.read(tile.start, tile.stop), plan)


# Plans live in this imported module: one that a task carried along would be made anew for every task.
_plans: OrderedDict[str, Plan] = OrderedDict()
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
