"""The scheduler's part in gangs: it holds their tasks back until all of a gang's ranks are free, and ends gangs.

A gang arrives as ordinary tasks, one a rank, so that their inputs and results are Dask's own. A resource that no
worker has keeps each in the state "no-worker" once its inputs are there; when all of a gang are, it queues; when its
ranks are free of gangs, the resource is dropped and each task goes to its rank. A rank is free again when it says so.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from dask.typing import Key
from distributed import Scheduler
from distributed.core import Status
from distributed.diagnostics.plugin import SchedulerPlugin
from tornado.ioloop import PeriodicCallback

from dask_hpc.errors import NotEnoughRanks
from dask_hpc.gangs.demand import Load, ranks_wanted
from dask_hpc.gangs.gang import Block, Gang
from dask_hpc.gangs.hurry import hurry
from dask_hpc.gangs.member import EXTENSION
from dask_hpc.gangs.plans import Plans
from dask_hpc.gangs.queue import Grant, Ranks, World, grants
from dask_hpc.gangs.results import RESULTS
from dask_hpc.gangs.verdict import err
from dask_hpc.mpi.place import place_of

GATE = "gang"
"""The resource that holds a gang's tasks back, and the annotation that tells of the gang."""
Detail = Any
"""What Dask tells its plugins besides; none of it matters here."""
_LOOK_SECONDS = 1.0  # a paused rank that works again says so to nobody
_MOST_KEPT = 1024  # communicators that a rank keeps, of MPICH's 2048, when the block needs a new MPI world


class GangKeeper(SchedulerPlugin):
    """Starts gangs on all their ranks or on none, and ends them on all when one fails."""

    name = EXTENSION

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._blocks: dict[World, Block] = {}
        self._places: dict[str, tuple[World, int]] = {}  # address: world, and rank in it
        self._gangs: dict[str, Gang] = {}
        self._of_key: dict[Key, Gang] = {}
        self._waiting: list[Gang] = []
        self._news: list[tuple[str, str]] = []
        self._will_look = False
        self.plans = Plans(scheduler, self._blocks)
        self.have_begun = False
        scheduler.add_plugin(self, name=EXTENSION)
        scheduler.periodic_callbacks["gangs"] = PeriodicCallback(self.look, _LOOK_SECONDS * 1000)
        scheduler.stream_handlers |= {"gang-failed": self.failed, "gang-left": self.left}

    # -- ranks -------------------------------------------------------------------------------------------------------

    def add_worker(self, scheduler: Scheduler, worker: str) -> None:
        """A rank has come."""
        place = place_of(scheduler.workers[worker])
        world = (place.block, place.epoch, -1 if place.size > 1 else place.rank)
        block = self._blocks.setdefault(world, Block.of(place))
        block.ranks[place.rank] = worker
        self._places[worker] = (world, place.rank)
        self._ranks_changed()

    def remove_worker(self, scheduler: Scheduler, worker: str, *, stimulus_id: str, **_further: object) -> None:
        """A rank has gone: its gang cannot go on, and no later one can have it."""
        if worker not in self._places:
            return
        world, rank = self._places.pop(worker)
        block = self._blocks[world]
        del block.ranks[rank]
        block.lost.add(rank)
        gang = self._gangs.get(block.busy.pop(rank, ""))
        if not block.ranks:
            del self._blocks[world]
        if gang is not None:
            gang.on.discard(worker)
            self._end(gang, "lost", f"rank {block.name_of(rank)} was lost; {block}")
            self._drop_if_over(gang)
        self._ranks_changed()

    def remove_client(self, scheduler: Scheduler, client: str) -> None:
        """A client has gone."""
        self.plans.forget(client)

    def close_others(self, number: int, epoch: int) -> None:
        """Begin no gang in any world of a block but that of this epoch, which takes their place."""
        for block in self._blocks.values():
            if block.number == number and block.epoch != epoch:
                block.is_closed = True
        self._ranks_changed()

    def is_busy(self, number: int, but: int = -1) -> bool:
        """Whether a gang runs in a block; in another epoch `but` that."""
        return any(block.busy for block in self._blocks.values() if block.number == number and block.epoch != but)

    # -- tasks -------------------------------------------------------------------------------------------------------

    def update_graph(self, scheduler: Scheduler, *, annotations: dict[str, dict[Key, Any]], **_further: Detail) -> None:
        """Tasks have come; those of gangs say so."""
        for name, told in annotations.get(GATE, {}).items():
            key = str(name)
            if told["id"] not in self._gangs:
                gang = self._gangs[str(told["id"])] = Gang.read(told)
                if told["timeout"] is not None:
                    gang.timer = asyncio.get_running_loop().call_later(told["timeout"], self._time_out, gang)
            gang = self._gangs[str(told["id"])]
            gang.keys[key] = int(key.rpartition("-")[2])
            self._of_key[key] = gang

    def transition(self, key: Key, start: str, finish: str, *_further: Detail, **_more: Detail) -> None:
        """A task has changed its state. What follows is done when Dask has done its part."""
        if key in self._of_key:
            self._news.append((str(key), finish))
            self._look_soon()

    def _take_in(self, key: str, state: str) -> None:
        gang = self._of_key.get(key)
        if gang is None:
            return
        if state == "no-worker":
            self._take_ready(gang, key)
        elif state in ("memory", "erred"):
            gang.done.add(key)
            if state == "erred":
                words = self._scheduler.tasks[key].exception_text if key in self._scheduler.tasks else ""
                self._end(gang, "aborted", f"{gang.rank_of(key)} failed: {words}")
            if len(gang.done) == len(gang.keys):
                gang.stop_timer()
        elif state == "forgotten":
            del self._of_key[key], gang.keys[key]
            if key not in gang.done:
                self._end(gang, "aborted", "the gang was cancelled")
            self._drop_if_over(gang)

    def _take_ready(self, gang: Gang, key: str) -> None:
        """A task has all its inputs, or has lost the rank that it was on."""
        if gang.ended is not None:
            self._err(gang, key)
        elif gang.grant is not None:
            self._end(gang, "lost", f"{gang.rank_of(key)} was lost, and the result with it")
            self._err(gang, key)
        else:
            gang.ready.add(key)
            if len(gang.ready) == gang.ask.size:
                self._waiting.append(gang)

    # -- what adapting asks ------------------------------------------------------------------------------------------

    def ranks_wanted(self, target_duration: float) -> int:
        """How many ranks the gangs that run or wait for ranks could use."""
        running = [gang for gang in self._gangs.values() if gang.on]
        return ranks_wanted([self._load(gang) for gang in (*running, *self._waiting)], target_duration)

    def _load(self, gang: Gang) -> Load:
        """What is known of its work: how long such functions took, or twice what this one took so far."""
        task = next((self._scheduler.tasks[key] for key in gang.keys if key in self._scheduler.tasks), None)
        known = self._scheduler._get_prefix_duration(task.prefix) if task else 0.0  # as Dask's own adapting does
        return Load(gang.ask.size, known if gang.began is None else max(known, 2 * (time.monotonic() - gang.began)))

    # -- beginning and ending ----------------------------------------------------------------------------------------

    def _ranks_changed(self) -> None:
        self.plans.changed()
        self._look_soon()

    def _look_soon(self) -> None:
        if not self._will_look:
            self._will_look = True
            asyncio.get_running_loop().call_soon(self.look)

    def look(self) -> None:
        """Take in what has changed, and begin the gangs that can begin."""
        self._will_look = False
        while self._news:
            self._take_in(*self._news.pop(0))
        for gang in self._waiting:
            try:
                self.plans.check(gang.ask)
            except NotEnoughRanks as error:
                self._end(gang, "ranks", str(error))
        self._waiting = [gang for gang in self._waiting if gang.ended is None]
        if self._waiting:
            blocks = {world: self._ranks(block) for world, block in self._blocks.items() if not block.is_closed}
            for grant in grants([gang.ask for gang in self._waiting], blocks):
                self._begin(self._gangs[grant.gang], grant)
            self._waiting = [gang for gang in self._waiting if gang.grant is None]

    def _ranks(self, block: Block) -> Ranks:
        working = {rank for rank, address in block.ranks.items()
                   if self._scheduler.workers[address].status == Status.running}  # fmt: skip
        return Ranks(block.number, frozenset(block.ranks), frozenset(working - set(block.busy)))

    def _begin(self, gang: Gang, grant: Grant) -> None:
        block = self._blocks[grant.world]
        block.begun += 1
        self.have_begun = True
        gang.grant, gang.block, gang.began = grant, block, time.monotonic()
        addresses = [block.ranks[rank] for rank in grant.ranks]
        news = {"gang": gang.ask.gang, "ranks": grant.ranks, "addresses": addresses, "number": block.begun}
        for key, index in gang.keys.items():
            block.busy[grant.ranks[index]] = gang.ask.gang
            gang.on.add(addresses[index])
            self._tell(addresses[index], op="gang-start", index=index, **news)
            task = self._scheduler.tasks[key]
            task.resource_restrictions, task.worker_restrictions = {}, {addresses[index]}
        self._scheduler.transitions(dict.fromkeys(gang.keys, "processing"), f"gang-{gang.ask.gang}")
        for address in addresses:
            hurry(self._scheduler.stream_comms.get(address))

    def failed(self, worker: str, gang: str, reason: str) -> None:
        """The function has raised on one rank."""
        found = self._gangs.get(gang)
        if found is not None:
            self._end(found, "aborted", f"{found.rank_at(self._places[worker][1])} failed: {reason}")

    def left(self, worker: str, gang: str, index: int, kept: int, result: bytes | None) -> None:
        """One rank is quit of the gang, and what it returned where that is small."""
        if worker in self._places:
            world, rank = self._places[worker]
            block = self._blocks[world]
            block.busy.pop(rank, None)
            block.kept[rank] = block.kept.get(rank, 0) + kept
            if block.kept[rank] >= _MOST_KEPT and self.plans.mender is not None and not block.is_closed:
                self.plans.mender.renew(block.number, "MPI has few communicators left for their gangs")
        found = self._gangs.get(gang)
        if found is not None:
            found.on.discard(worker)
            if result is not None:
                self._take_result(found, index, result)
            self._drop_if_over(found)
        self._look_soon()

    def _take_result(self, gang: Gang, index: int, result: bytes) -> None:
        """Once all results are here, send them to whoever waits for them."""
        gang.results[index] = result
        if len(gang.results) < gang.ask.size or gang.ended is not None:
            return
        results = [gang.results[one] for one in range(gang.ask.size)]
        gang.results.clear()
        tasks = [self._scheduler.tasks[key] for key in gang.keys if key in self._scheduler.tasks]
        wanting = {client.client_key for task in tasks[:1] for client in task.who_wants or ()}
        for client in wanting & self.plans.clients:
            self.plans.send(client, op=RESULTS, gang=gang.ask.gang, results=results)
            hurry(self._scheduler.client_comms.get(client))

    def _time_out(self, gang: Gang) -> None:
        busy = {block.name_of(rank) for block in self._blocks.values() for rank in block.busy}
        waits = "it waited for its inputs"
        if gang.grant is None and len(gang.ready) == gang.ask.size:
            waits = f"it waited for ranks; in other gangs are {', '.join(sorted(busy)) or 'none'}"
        self._end(gang, "timeout", f"the gang's time is over: {'it ran' if gang.grant else waits}")

    def _end(self, gang: Gang, kind: str, reason: str) -> None:
        """End the gang on all ranks, for the first reason there is."""
        if gang.ended is not None or (gang.keys and len(gang.done) == len(gang.keys) and kind != "aborted"):
            return
        gang.ended = (kind, reason)
        gang.stop_timer()
        for address in gang.on:
            self._tell(address, op="gang-stop", gang=gang.ask.gang, kind=kind, reason=reason)
        if gang.grant is None:
            for key in list(gang.keys):
                self._err(gang, key)

    def _err(self, gang: Gang, key: str) -> None:
        if gang.ended is not None:
            err(self._scheduler, key, gang.ended, gang.ask.gang)

    def _tell(self, address: str, **message: object) -> None:
        self._scheduler.worker_send(address, message)

    def _drop_if_over(self, gang: Gang) -> None:
        if not gang.keys and not gang.on:
            gang.stop_timer()
            self._gangs.pop(gang.ask.gang, None)
