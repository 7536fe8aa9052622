"""A run as a kernel holds it: begin one, join one by its name, see how it is, take what is there, wait, cancel."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dask_hpc.bragg.errors import BadOption, JournalError, RunCancelled, RunLost
from dask_hpc.bragg.kernels import DTYPE, Found, Precision, Tier
from dask_hpc.bragg.options import OptionValue
from dask_hpc.bragg.peaks import Peaks
from dask_hpc.bragg.preparing import peaks_of, prepare
from dask_hpc.bragg.progress import Progress
from dask_hpc.bragg.runs import keeper
from dask_hpc.bragg.runs.folder import (
    check_unchanged,
    default_place,
    folder_of,
    make_folder,
    make_plan,
    name_of,
    read_plan,
    read_work,
)
from dask_hpc.bragg.runs.journal import records
from dask_hpc.bragg.runs.keeper import News
from dask_hpc.bragg.runs.pace import Left
from dask_hpc.bragg.tiles import Done, Made, Tile, cut

if TYPE_CHECKING:
    from distributed import Client

_ASK_SECONDS = 5.0  # so long the scheduler may hold an answer back when nothing has changed
_SEEN_SECONDS = 60.0  # so long a network filesystem may show a folder as it was

_GO_ON = "what is found is in the journal: BraggRun.from_name(name, client) goes on in another cluster"


@dataclass(frozen=True)
class RunProgress(Progress):
    """How far a run is, how fast, and when it will end."""

    state: str
    """running, finished, failed, cancelled, or lost with its cluster."""
    fresh: int
    """Patterns that this cluster has found; the others were in the journal already."""
    threads: int
    """Of the cluster's workers, now."""
    left: Left | None
    """Time to the end with its interval; None where the run does not go on, and before a few tiles have come in."""

    @property
    def rate(self) -> float:
        """Patterns per second since this cluster holds the run."""
        return self.fresh / self.seconds if self.seconds > 0 else 0.0

    def __str__(self) -> str:
        words = self.state
        if self.state == "running":
            words = str(self.left) if self.left else "no end can be told yet"
            words += "" if self.threads else "; it waits for workers"
        return f"{super().__str__()}; {words}"


class Partial(NamedTuple):
    """What a run has found so far."""

    peaks: Peaks
    """Of the whole scan; patterns that are still to come have no disks."""
    found: NDArray[np.bool_]
    """(scan rows, scan columns): which patterns are done."""


def start_bragg_disks(
    scan: object,
    probe: ArrayLike,
    *,
    client: Client,
    name: str | None = None,
    journal: str | Path | None = None,
    origin: ArrayLike | None = None,
    tier: Tier | None = None,
    precision: Precision = "double",
    **options: OptionValue,
) -> BraggRun:
    """Begin to find the Bragg disks of a scan on a cluster, and return at once.

    The cluster holds the run: it goes on when this kernel ends. A call with the same scan and options joins the run
    that is there, or goes on with what its journal lacks.

    Parameters
    ----------
    scan, probe, origin, tier, precision, options : as in `find_bragg_disks`; the scan is a file that workers see.
    client : a Dask client; scheduler and workers must have this software and see the journal.
    name : by which other kernels join it; left out, it is made from the scan's file name and the options.
    journal : folder in which runs are kept, seen by kernel, scheduler and workers; left out,
        `~/.local/state/beamside/bragg`, or the same in $XDG_STATE_HOME.

    Raises BraggError: BadOption, ProbeError, ScanError, ReaderMissing, JournalError or RunLost, each naming the remedy.
    """
    _check(client)
    patterns, recipe = prepare(scan, probe, options, origin=origin, tier=tier, precision=precision)
    threads: int = _on_scheduler(client, keeper.threads)
    first = cut(patterns.shape[0] * patterns.shape[1], threads)[0]
    plan = make_plan(patterns, recipe, first.stop)
    folder = folder_of(name_of(plan) if name is None else name, _place(journal))
    make_folder(folder, plan, patterns, recipe)
    _on_scheduler(client, keeper.hold, str(folder), True)
    return BraggRun(folder, client)


class BraggRun:
    """A run that a cluster holds; `await run` or `run.result()` are its disks."""

    def __init__(self, folder: Path, client: Client) -> None:
        self.folder = folder
        """Where its journal is."""
        self._client = client
        self._plan = read_plan(folder)
        self._scan, self._recipe = read_work(folder)

    @classmethod
    def from_name(cls, name: str, client: Client, *, journal: str | Path | None = None) -> BraggRun:
        """Join the run of that name from any kernel.

        A run that this cluster does not hold, as one whose cluster is gone, or that has failed, goes on here with what
        its journal lacks; one that was cancelled stays so, until start_bragg_disks is called again.
        Raises RunMissing, ScanError (the file has changed since), JournalError, RunLost, BadOption.
        """
        _check(client)
        held: str = _on_scheduler(client, keeper.known, name) if journal is None else ""
        folder = Path(held) if held else folder_of(name, _place(journal))
        run = cls(folder, client)
        news = None if not held else _on_scheduler(client, keeper.news, held, -1, 0.0)
        if news is None or news.state == "failed":
            check_unchanged(run._plan)
            _on_scheduler(client, keeper.hold, str(folder), False)
        return run

    @property
    def name(self) -> str:
        """By which other kernels join it."""
        return self.folder.name

    @property
    def progress(self) -> RunProgress:
        """How far it is. Raises RunLost."""
        return self._progress(self._news(-1, 0.0))

    def partial(self) -> Partial:
        """What is found so far, coarse to fine over the scan; also when the run or its cluster is gone."""
        tiles = self._plan.tiles()
        written = self._written(())
        refinement = self._recipe.options.subpixel
        none = np.empty((0, 3), DTYPE[self._recipe.precision])
        done = [
            written.get(tile)
            or Done(Found(np.zeros(tile.stop - tile.start, np.int64), none), Made("numpy", refinement))
            for tile in tiles
        ]
        found = np.zeros(self._plan.patterns, bool)
        for tile in written:
            found[tile.start : tile.stop] = True
        peaks = peaks_of(self._scan, self._recipe, tiles, done)
        return Partial(peaks, found.reshape(peaks.scan_shape))

    def result(self, timeout: float | None = None, *, tell: Callable[[Progress], None] | None = None) -> Peaks:
        """Wait for the end; the disks of the whole scan.

        timeout : seconds, after which TimeoutError is raised and the run goes on.  tell : called with each progress.
        Raises what ended it (ScanError, WorkerLost, JournalError, ...), RunCancelled, or RunLost where the cluster is
        gone.
        """
        ends = None if timeout is None else time.monotonic() + timeout
        news = self._news(-1, 0.0)
        while news.state == "running":
            wait = _ASK_SECONDS if ends is None else min(_ASK_SECONDS, ends - time.monotonic())
            if wait <= 0:
                raise TimeoutError(f"run {self.name} has not ended within {timeout} s; it goes on")
            if tell is not None:
                tell(self._progress(news))
            news = self._news(news.version, wait)
        if tell is not None:
            tell(self._progress(news))
        if news.error is not None:
            raise news.error
        if news.state == "lost":
            raise RunLost(f"the cluster that held run {self.name} has ended; {_GO_ON}")
        if news.state == "cancelled":
            raise RunCancelled(
                f"run {self.name} was cancelled with {news.patterns} of {self._plan.patterns} patterns found; they are "
                "kept: run.partial() has them, and start_bragg_disks with the same options goes on"
            )
        return self._whole(news.files)

    def __await__(self) -> Generator[Any, None, Peaks]:
        """`await run` is its result, while other cells and widgets go on."""
        return asyncio.to_thread(self.result).__await__()

    def cancel(self) -> None:
        """Let no further tile begin, whoever waits; what is found is kept. Raises RunLost."""
        _on_scheduler(self._client, keeper.cancel, str(self.folder))

    def remove(self) -> None:
        """Cancel it, and delete what is found. Raises RunLost."""
        _on_scheduler(self._client, keeper.forget, str(self.folder))
        shutil.rmtree(self.folder, ignore_errors=True)  # a tile that ends just now may write once more

    def __repr__(self) -> str:
        try:
            return f"<BraggRun {self.name}: {self.progress}>"
        except RunLost:
            return f"<BraggRun {self.name}: its cluster is gone>"

    def _progress(self, news: News) -> RunProgress:
        total, now = self._plan.patterns, news
        return RunProgress(now.patterns, total, now.disks, now.seconds, now.state, now.fresh, now.threads, now.left)

    def _news(self, seen: int, seconds: float) -> News:
        news: News | None = _on_scheduler(self._client, keeper.news, str(self.folder), seen, seconds)
        if news is None:
            raise RunLost(
                f"this cluster does not hold run {self.name}: it was removed, or the scheduler was started again; "
                f"BraggRun.from_name({self.name!r}, client) goes on with what its journal lacks"
            )
        return news

    def _written(self, files: tuple[str, ...]) -> dict[Tile, Done]:
        return dict(records(self.folder, files))

    def _whole(self, files: tuple[str, ...]) -> Peaks:
        """Every tile from the journal, which the scheduler has seen there whole."""
        tiles, ends = self._plan.tiles(), time.monotonic() + _SEEN_SECONDS
        while not (written := self._written(files)).keys() >= set(tiles):
            if time.monotonic() > ends:
                raise JournalError(
                    f"run {self.name} has ended, and this kernel sees {len(written)} of {len(tiles)} tiles in "
                    f"{self.folder}: name a folder that kernel and cluster share with journal="
                )
            time.sleep(1.0)
        return peaks_of(self._scan, self._recipe, tiles, [written[tile] for tile in tiles])


def _place(journal: str | Path | None) -> Path:
    return default_place() if journal is None else Path(journal).expanduser().resolve()


def _check(client: Client) -> None:
    """Raises BadOption."""
    if client.asynchronous:
        raise BadOption("a run speaks with the scheduler from any thread, so it needs a synchronous client: Client(…)")


def _on_scheduler(client: Client, function: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401  # its answer
    """The answer of one of the keeper's functions. Raises RunLost, and what the function raises."""
    if client.scheduler is None:
        raise RunLost(f"this client is closed; {_GO_ON}")
    try:
        return client.run_on_scheduler(function, *arguments)
    except (OSError, RuntimeError) as reason:
        raise RunLost(f"the cluster does not answer ({reason}); {_GO_ON}") from reason
