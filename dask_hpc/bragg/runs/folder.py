"""What there is of a run on the disk: a folder of its own with what is to be found, and the journal of what was."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import cloudpickle

from dask_hpc.bragg.errors import BadOption, JournalError, RunMissing, ScanError
from dask_hpc.bragg.readers.scan import Scan
from dask_hpc.bragg.tiles import Recipe, Tile

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""A run's name; it becomes the name of a folder."""
_PLAN, _WORK = "run.json", "work.pickle"


@dataclass(frozen=True)
class Plan:
    """What a run is, without its arrays; equal calls make equal plans, but for `begun`."""

    scan: str
    """Path of the scan."""
    size_bytes: int
    modified_ns: int
    """Size and time of the scan's file, by which a changed one is told."""
    patterns: int
    tile: int
    """Patterns a tile."""
    recipe: str
    """The recipe's digest."""
    begun: float
    """Seconds since the epoch, UTC."""

    def tiles(self) -> list[Tile]:
        """Every tile, in scan order."""
        return [Tile(start, min(start + self.tile, self.patterns)) for start in range(0, self.patterns, self.tile)]


def default_place() -> Path:
    """Where runs are kept that were given no other place: $XDG_STATE_HOME/beamside/bragg."""
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "beamside" / "bragg"


def make_plan(scan: Scan, recipe: Recipe, tile: int) -> Plan:
    """The plan of a run over a scan that is a file."""
    path = _path(scan)
    facts = path.stat()
    patterns = scan.shape[0] * scan.shape[1]
    return Plan(str(path), facts.st_size, facts.st_mtime_ns, patterns, tile, recipe.digest, time.time())


def name_of(plan: Plan) -> str:
    """The name of a run that was given none: equal scans and options have equal names."""
    what = json.dumps([plan.scan, plan.size_bytes, plan.modified_ns, plan.recipe])
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", Path(plan.scan).stem).strip("-_")[:80] or "scan"
    return f"{stem}-{hashlib.sha256(what.encode()).hexdigest()[:8]}"


def folder_of(name: str, place: Path) -> Path:
    """Where the run `name` keeps its files. Raises BadOption."""
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise BadOption(f"{name!r} is no name of a run: letters, digits, dots and dashes, at most 100, a letter first")
    return place / name


def make_folder(folder: Path, plan: Plan, scan: Scan, recipe: Recipe) -> None:
    """Write the run's folder, whole or not at all; one that is there stays, if it is of the same run.

    Raises BadOption where the name is that of another run, and JournalError where the disk does not take it.
    """
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".new-"))  # mkdtemp makes it 0700
        try:
            (new / _WORK).write_bytes(cloudpickle.dumps((scan, recipe)))
            (new / _PLAN).write_text(json.dumps(asdict(plan)), encoding="utf-8")
            if not folder.exists():
                new.rename(folder)  # which fails where another kernel was first
        finally:
            shutil.rmtree(new, ignore_errors=True)
    except OSError as reason:
        if not folder.exists():
            raise JournalError(
                f"{folder} cannot be made: {reason.strerror}; nothing was begun: make room there, or name another "
                "place with journal="
            ) from reason
    there = read_plan(folder)
    if name_of(there) != name_of(plan):
        raise BadOption(
            f"a run named {folder.name!r} is there already, of {there.scan} with other options or an earlier state of "
            f"that file; choose another name, or remove it: BraggRun.from_name({folder.name!r}, client).remove()"
        )


def read_plan(folder: Path) -> Plan:
    """The plan of the run in a folder. Raises RunMissing, JournalError."""
    try:
        return Plan(**json.loads((folder / _PLAN).read_text(encoding="utf-8")))
    except FileNotFoundError as reason:
        raise RunMissing(
            f"there is no run {folder.name!r} in {folder.parent}; list that folder, or begin one with start_bragg_disks"
        ) from reason
    except (OSError, ValueError, TypeError) as reason:
        raise JournalError(f"{folder / _PLAN} cannot be read: {reason}; remove the folder and begin again") from reason


def read_work(folder: Path) -> tuple[Scan, Recipe]:
    """The scan and the recipe of a run. Raises JournalError."""
    try:
        work: tuple[Scan, Recipe] = pickle.loads((folder / _WORK).read_bytes())  # noqa: S301  # the person's own 0700 folder
    except (OSError, pickle.UnpicklingError, EOFError, AttributeError, ImportError) as reason:
        raise JournalError(
            f"{folder / _WORK} cannot be read here: {reason}; workers must see that folder, with the software of the "
            "kernel that began the run: name a place that they see with journal="
        ) from reason
    return work


def check_unchanged(plan: Plan) -> None:
    """Refuse to go on with half of a run over another file. Raises ScanError."""
    try:
        facts = Path(plan.scan).stat()
    except OSError as reason:
        raise ScanError(f"{plan.scan}, of which this run found disks, cannot be read: {reason.strerror}") from reason
    if (facts.st_size, facts.st_mtime_ns) != (plan.size_bytes, plan.modified_ns):
        raise ScanError(f"{plan.scan} has changed since this run began; begin another with start_bragg_disks")


def coarse_to_fine(tiles: list[Tile]) -> Iterator[Tile]:
    """The tiles in an order that covers the scan evenly at any time: by their number with its bits reversed."""
    bits = max(len(tiles) - 1, 1).bit_length()
    numbers = (int(f"{number:0{bits}b}"[::-1], 2) for number in range(1 << bits))
    return (tiles[number] for number in numbers if number < len(tiles))


def _path(scan: Scan) -> Path:
    if scan.path is None:
        raise ScanError(
            "these patterns are in this kernel's memory and workers read files: save them (HDF5, whole patterns "
            "a chunk) where the workers see them and pass the path, or use find_bragg_disks without client="
        )
    return scan.path
