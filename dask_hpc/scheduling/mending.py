"""Ranks that come, go and are lost: who is awaited, who is missed, and what replaces it."""

from __future__ import annotations

import asyncio

from distributed import Scheduler
from distributed.diagnostics.plugin import SchedulerPlugin

from dask_hpc.block.grace import ANSWER, TOLD
from dask_hpc.mpi.place import Place, place_of, process_of
from dask_hpc.scheduling.owner import Owner
from dask_hpc.scheduling.table import Block, Phase

_STEP_SECONDS = 0.5  # how long the others of a step may take to be missed too
_WHOLE_SECONDS = 2.0  # how long the news that a whole step has ended may take, after all its ranks were missed


class Mending(SchedulerPlugin):
    """Follows the workers of all blocks and replaces those that are lost."""

    name = "blocks"

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._places: dict[str, Place] = {}
        self._last: dict[tuple[int, int], tuple[str, int]] = {}  # node and process of each rank of each block
        self.has_worked = False
        owner.scheduler.add_plugin(self)
        owner.scheduler.stream_handlers[TOLD] = self.told

    def workers_of(self, block: Block) -> list[str]:
        """The addresses of the block's workers that are here."""
        there = self._owner.scheduler.workers
        return [one for one, place in self._places.items() if place.block == block.number and one in there]

    def complete(self, block: Block) -> None:
        """Replace what was lost of a block that was to leave, and stays."""
        if block.has_worked and block.missed:
            self._replace(block, block.missed, f"ranks {block.missed} of block {block.number} were lost")

    # -- what the scheduler sees ---------------------------------------------------------------------------------------

    def add_worker(self, scheduler: Scheduler, worker: str) -> None:
        """A rank has come; one that nobody awaits any more is sent home."""
        place = place_of(scheduler.workers[worker])
        block = self._owner.table.blocks.get(place.block)
        self._places[worker] = place
        self._last[place.block, place.rank] = place.node, process_of(scheduler.workers[worker])
        if block is None or not block.expects(place.rank, place.epoch):
            scheduler.close_worker(worker)
            return
        self.has_worked = True
        block.arrive(place.rank, place.epoch)
        self._owner.changed()

    def remove_worker(self, scheduler: Scheduler, worker: str, **_more: object) -> None:
        """A rank has gone; one that is awaited is replaced, unless its whole step has ended."""
        place = self._places.pop(worker)
        block = self._owner.table.blocks.get(place.block)
        if block is not None and place.epoch == block.coming:
            block.stay(f"rank {place.rank} of the new ones was lost")
        elif block is not None and block.is_of(place.rank, place.epoch):
            block.here.discard(place.rank)
            self._owner.changed()
            self._owner.spawn(self._replace_later(block, place))

    async def _replace_later(self, block: Block, place: Place) -> None:
        await asyncio.sleep(_STEP_SECONDS)
        alone = self._owner.spec.mends_alone  # else its whole step ends with it, unless the rank is stuck
        if not alone or not set(block.lost_with(place.epoch)) & block.here:  # then all of its step may be at its end
            await asyncio.sleep(_WHOLE_SECONDS)
        if block.coming is not None:
            return  # all ranks come anew; where they do not, whoever waits for them sees to this one
        if self._owner.agents.has(block.number) and block.expects(place.rank, place.epoch):
            lost = [place.rank] if alone else list(range(block.ranks))
            self._replace(block, lost, f"rank {place.rank} of block {block.number} was lost")

    # -- what Slurm says to the ranks ----------------------------------------------------------------------------------

    def told(self, worker: str) -> None:
        """Slurm has told a rank to end: it may stay while its block leaves, unless its job is over already."""
        place = self._places.get(worker)
        block = self._owner.table.blocks.get(place.block) if place else None
        stays = place is not None and block is not None and block.is_of(place.rank, place.epoch) and not block.is_over
        self._owner.scheduler.worker_send(worker, {"op": ANSWER, "stay": stays})
        if block is not None and stays:
            self._owner.ends_soon(block, "Slurm told its ranks to end")

    def let_go(self, block: Block) -> None:
        """The block's job is over: its ranks go at once, tidily, before Slurm kills them."""
        block.is_over = True
        for worker in self.workers_of(block):
            self._owner.scheduler.worker_send(worker, {"op": ANSWER, "stay": False})

    # -- what the agents see -------------------------------------------------------------------------------------------

    def step_ended(self, block: Block, epoch: int, words: str) -> None:
        """A step is over: start the ranks anew that are awaited of it, unless no rank could work at all."""
        if epoch == block.coming:
            block.stay(f"they ended: {words}")
            return
        lost = block.lost_with(epoch) if block.is_live else []
        if not lost:
            return
        if not self.has_worked and block.number == 0:
            self._owner.fail(f"all ranks ended: {words}")
        elif not block.has_worked:
            self._give_up(block, f"all ranks ended: {words}")
        else:
            self._replace(block, lost, f"ranks {lost} of block {block.number} ended: {words}")

    def _replace(self, block: Block, ranks: list[int], why: str) -> None:
        self._owner.tell(f"{why}; starting anew")
        steps = [None] if len(ranks) == block.ranks else ranks
        for rank in steps:  # each alone in its own epoch, for none of them sees another
            if not block.mend():
                self._give_up(block, f"its ranks are lost again and again; at last {why}")
                return
            if rank is None:
                self._owner.start(block)
            else:
                node, process = self._last.get((block.number, rank), ("", 0))
                place = {"rank": rank, "node": node, "instead": process}
                self._owner.agents.send(block.number, start=block.begin_one(rank), **place)

    def _give_up(self, block: Block, why: str) -> None:
        """The block does not work; the first one's job goes on without ranks, for the scheduler lives in it."""
        if block.number:
            self._owner.agents.send(block.number, end=why)
            self._owner.lose(block, why)
        else:
            block.phase = Phase.LEAVING
            self._owner.refuse(f"block 0 has no ranks any more: {why}")
            self._owner.agents.send(0, stop=True)
