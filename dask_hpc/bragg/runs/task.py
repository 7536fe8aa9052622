"""What a worker does for a run: find the disks of a tile, write them down, and tell where."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from dask_hpc.bragg.allocator import keep_freed_memory
from dask_hpc.bragg.readers.scan import Scan
from dask_hpc.bragg.runs.folder import read_work
from dask_hpc.bragg.runs.journal import Writer
from dask_hpc.bragg.tiles import Recipe, Tile, find_in_tile

RUNS_KEPT = 4


class Noted(NamedTuple):
    """A tile that is in the journal."""

    tile: Tile
    disks: int
    file: str
    """Name of the file that holds it."""


class _Work(NamedTuple):
    scan: Scan
    recipe: Recipe
    digest: str
    writer: Writer


def find_and_note(folder: str, begun: float, tile: Tile) -> Noted:
    """The disks of a tile of the run in `folder` that was `begun` then, into its journal. Raises BraggError."""
    keep_freed_memory()
    with _lock:  # a worker's threads come at once, and the second finds what the first made
        work = _work(folder, begun)
    done = find_in_tile(work.scan, work.recipe, work.digest, tile)
    return Noted(tile, len(done.found.peaks), work.writer.append(tile, done))


_lock = Lock()


@lru_cache(RUNS_KEPT)
def _work(folder: str, begun: float) -> _Work:  # a run that was removed and begun again is another one
    """What is the same for all tiles of a run, read once a process."""
    scan, recipe = read_work(Path(folder))
    return _Work(scan, recipe, recipe.digest, Writer(Path(folder)))
