"""What holds runs: it lives in the scheduler's process, so that a run belongs to the cluster and to no kernel.

Kernels reach it by `Client.run_on_scheduler` with `hold`, `news`, `cancel` and `known`.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from distributed import Client, Future, KilledWorker, Scheduler, as_completed
from distributed.diagnostics.plugin import SchedulerPlugin

from dask_hpc.bragg.errors import JournalError, WorkerLost
from dask_hpc.bragg.runs.folder import Plan, coarse_to_fine, read_plan
from dask_hpc.bragg.runs.journal import records
from dask_hpc.bragg.runs.pace import LATEST, Left, left
from dask_hpc.bragg.runs.task import Noted, find_and_note
from dask_hpc.bragg.tiles import Tile

RETRIES = 2
IN_FLIGHT = 4  # tiles a thread that are out at once: the rest waits here, not in the scheduler's tables
_IDLE_ROUNDS = 2  # of finding, after which nothing more stood in the journal
_SEEN_SECONDS = 30.0  # so long a network filesystem may show a file as it was


class News(NamedTuple):
    """How a run is."""

    version: int
    """Grows with each change."""
    state: str
    """running, finished, failed, cancelled, or lost with its cluster."""
    patterns: int
    """Whose disks are in the journal."""
    fresh: int
    """Those of them that this cluster has found since it holds the run."""
    disks: int
    seconds: float
    """Since this cluster holds it, until its end."""
    left: Left | None
    threads: int
    """That the cluster's workers have now."""
    files: tuple[str, ...]
    """Of the journal."""
    error: Exception | None


class HeldRun:
    """One run, from its journal to its end."""

    def __init__(self, scheduler: Scheduler, folder: str) -> None:
        self.folder = Path(folder)
        self._scheduler = scheduler
        self._plan: Plan = read_plan(self.folder)
        self._state = "running"
        self._error: Exception | None = None
        self._stopped_as = ""  # the state that somebody wished for
        self._out: dict[Future[Noted], Tile] = {}
        self._disks: dict[Tile, int] = {}
        self._files: set[str] = set()
        self._patterns = self._fresh = self._version = 0
        self._arrivals: deque[float] = deque(maxlen=LATEST + 1)
        self._began = time.monotonic()
        self._ended: float | None = None
        self._changed = asyncio.Event()
        self._holding = asyncio.create_task(self._hold())

    @property
    def goes_on(self) -> bool:
        """Whether tiles are still to come."""
        return self._state == "running"

    @property
    def state(self) -> str:
        """See News."""
        return self._state

    async def stop(self, state: str) -> None:
        """End as `state`, and let no further tile begin; what is in the journal stays."""
        if self.goes_on:
            self._stopped_as = state
            for future in self._out:
                await future.cancel()
            await asyncio.wait([self._holding])

    async def news(self, seen: int, seconds: float) -> News:
        """How the run is, as soon as that is another version than was `seen`, or after so long."""
        if self.goes_on and seen == self._version:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), seconds)
        now = self._ended or time.monotonic()
        tiles = len(self._plan.tiles()) - len(self._disks)
        return News(
            version=self._version,
            state=self._state,
            patterns=self._patterns,
            fresh=self._fresh,
            disks=sum(self._disks.values()),
            seconds=now - self._began,
            left=left(list(self._arrivals), now, tiles) if self.goes_on else None,
            threads=self._scheduler.total_nthreads,
            files=tuple(self._files),
            error=self._error,
        )

    async def _hold(self) -> None:
        try:
            missing = await self._find_all()
            self._state = self._stopped_as if missing else "finished"
        except Exception as error:  # noqa: BLE001  # a filter of a person's can raise anything; kernels are told
            self._state, self._error = "failed", error
        self._ended = time.monotonic()
        self._tell()

    async def _find_all(self) -> list[Tile]:
        """Find what the journal lacks, until it lacks nothing, or as long as nobody stops it; what it lacks then.

        What was only said to be written counts for nothing.
        """
        # with a client of its own the run keeps the cluster, as a kernel that waits would
        async with Client(
            self._scheduler.address, security=self._scheduler.security, asynchronous=True, set_as_default=False
        ) as client:
            missing, idle = await self._look(), 0
            while missing and not self._stopped_as:
                noted = await self._find(client, missing)
                before, missing = len(missing), await self._look_for(noted)
                idle = idle + 1 if len(missing) == before else 0
                if idle == _IDLE_ROUNDS:
                    raise JournalError(
                        f"workers write to {self.folder} and the scheduler sees nothing of it: name a folder that all "
                        "machines of the cluster share with journal="
                    )
        return missing

    async def _look_for(self, noted: set[Tile]) -> list[Tile]:
        """The tiles that the journal lacks; a network filesystem gets some time to show those that were `noted`."""
        ends = time.monotonic() + _SEEN_SECONDS
        while noted.intersection(missing := await self._look()) and time.monotonic() < ends:  # noqa: ASYNC110  # of a disk
            await asyncio.sleep(1.0)
        return missing

    async def _look(self) -> list[Tile]:
        """Read the journal; the tiles that it lacks, coarse to fine."""
        self._disks = await asyncio.to_thread(
            lambda: {tile: len(done.found.peaks) for tile, done in records(self.folder, self._files)}
        )
        self._patterns = sum(tile.stop - tile.start for tile in self._disks)
        self._tell()
        return [tile for tile in coarse_to_fine(self._plan.tiles()) if tile not in self._disks]

    async def _find(self, client: Client, missing: list[Tile]) -> set[Tile]:
        """Send the tiles out, a bounded number at a time; those that are written down. Raises BraggError."""
        noted: set[Tile] = set()
        waiting = iter(missing)
        out = self._out = {}
        ended = as_completed(loop=client.loop)

        def send() -> None:
            while len(out) < IN_FLIGHT * max(self._scheduler.total_nthreads, 1):
                tile = None if self._stopped_as else next(waiting, None)
                if tile is None:
                    return
                future = client.submit(
                    find_and_note, str(self.folder), self._plan.begun, tile, retries=RETRIES, pure=False
                )
                out[future] = tile
                ended.add(future)

        send()
        async for future in ended:
            tile = out.pop(future)
            if not future.cancelled():  # by `stop`, or by Client.restart: the next look finds the tile missing
                self._note(await _noted(future, tile, self._plan))
                noted.add(tile)
            send()
        return noted

    def _note(self, noted: Noted) -> None:
        patterns = noted.tile.stop - noted.tile.start
        self._disks[noted.tile] = noted.disks
        self._files.add(noted.file)
        self._patterns += patterns
        self._fresh += patterns
        self._arrivals.append(time.monotonic())
        self._tell()

    def _tell(self) -> None:
        self._version += 1
        self._changed.set()
        self._changed = asyncio.Event()


async def _noted(future: Future[Noted], tile: Tile, plan: Plan) -> Noted:
    """What the task says. Raises BraggError, and whatever a person's filter raises."""
    try:
        noted: Noted = await future
        return noted
    except KilledWorker as reason:
        raise WorkerLost(
            f"patterns {tile.start} to {tile.stop} of {plan.scan} were lost with their worker several times; "
            "the workers may lack memory: see the cluster's log, or use fewer threads a worker"
        ) from reason


class RunKeeper(SchedulerPlugin):
    """The runs that a scheduler holds, by folder."""

    name = "bragg-runs"

    def __init__(self) -> None:
        self.held: dict[str, HeldRun] = {}

    async def before_close(self) -> None:
        """Let go of all runs while workers and scheduler still answer each other."""
        for held in self.held.values():
            await held.stop("lost")


async def threads(dask_scheduler: Scheduler) -> int:
    """Of all workers together, now."""
    return int(dask_scheduler.total_nthreads)


async def hold(folder: str, again: bool, dask_scheduler: Scheduler) -> None:
    """Have the run in `folder` go on here, unless it does, or has ended; `again`: also where it was cancelled."""
    held = _held(dask_scheduler)
    there = held.get(folder)
    if there is None or there.state == "failed" or (again and there.state == "cancelled"):
        held[folder] = HeldRun(dask_scheduler, folder)


async def news(folder: str, seen: int, seconds: float, dask_scheduler: Scheduler) -> News | None:
    """See HeldRun.news; None where this scheduler holds no such run."""
    there = _held(dask_scheduler).get(folder)
    return None if there is None else await there.news(seen, seconds)


async def cancel(folder: str, dask_scheduler: Scheduler) -> None:
    """Stop the run; one that is not held needs none."""
    there = _held(dask_scheduler).get(folder)
    if there is not None:
        await there.stop("cancelled")


async def forget(folder: str, dask_scheduler: Scheduler) -> None:
    """Cancel the run, and hold it no more."""
    await cancel(folder, dask_scheduler)
    _held(dask_scheduler).pop(folder, None)


async def known(name: str, dask_scheduler: Scheduler) -> str:
    """The folder of the run of that name that is held here; empty where none is."""
    return next((folder for folder in _held(dask_scheduler) if Path(folder).name == name), "")


def _held(scheduler: Scheduler) -> dict[str, HeldRun]:
    """The runs of this scheduler, by folder."""
    plugin = scheduler.plugins.get(RunKeeper.name)
    if not isinstance(plugin, RunKeeper):
        plugin = RunKeeper()
        scheduler.add_plugin(plugin)
    return plugin.held
