"""More and fewer workers, in whole blocks: wishes go to the cluster's scheduler, which keeps them for every kernel."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from distributed.core import Status
from distributed.deploy.cluster import Cluster

from dask_hpc.deploy.adapting import Adapting, read_bounds
from dask_hpc.deploy.heard import Heard, waits_for
from dask_hpc.deploy.shown import block_lines, scaling_lines, table
from dask_hpc.mpi.place import worker_name
from dask_hpc.record.folder import read_spec, write_spec
from dask_hpc.request.sizes import BlockSize, blocks_for, workers_between
from dask_hpc.scheduling.watcher import BLOCKS
from facility.clusters import BlockRecord, ClusterRecord
from facility.errors import SubmitRefused

_ORDER = "scale_blocks"
_ADAPT = "adapt_blocks"


class Scaling(Cluster):
    """The part of a handle that knows the cluster's blocks, and wishes for others."""

    record: ClusterRecord | None
    _told: str

    def _begin_scaling(self) -> None:
        self._heard = Heard()
        self._wish: tuple[str, dict[str, Any]] | None = None  # made before there was a scheduler to hear it

    # -- wishes ------------------------------------------------------------------------------------------------------

    def scale(  # type: ignore[override]  # Dask's classes add keywords too
        self,
        n: int | None = None,
        *,
        blocks: int | None = None,
        nodes: int | None = None,
        cores: int | None = None,
        memory: int | str | None = None,
    ) -> Awaitable[None] | None:
        """Have `n` workers, or as many as have so many `nodes` or `cores`, or so much `memory`, in whole blocks.

        Say one of them; it is rounded up. It ends adapting. Returns when Slurm has taken what is missing. Blocks that
        are too many leave by themselves, idle ones first, when their results are with others. While the cluster waits
        for its first job, the wish waits with it. Raises SubmitRefused with Slurm's own words; the blocks that there
        are stay.
        """
        wished = {"n": n, "blocks": blocks, "nodes": nodes, "cores": cores, "memory": memory}
        return self._do(self._send_wish, _ORDER, {"blocks": blocks_for(wished, self._size)})

    def adapt(  # type: ignore[override]  # noqa: PLR0913 - the Adaptive is in the scheduler; all are keywords of Dask's
        self,
        minimum: int | None = None,
        maximum: int | float | None = None,
        *,
        minimum_jobs: int | None = None,
        maximum_jobs: int | None = None,
        minimum_cores: int | None = None,
        maximum_cores: int | None = None,
        minimum_memory: int | str | None = None,
        maximum_memory: int | str | None = None,
        interval: str | float | timedelta | None = None,
        wait_count: int | None = None,
        target_duration: str | float | timedelta | None = None,
    ) -> Adapting:
        """Let the load say how many workers there are, between `minimum` and `maximum`, in whole blocks.

        The bounds may be in jobs, which are blocks, in cores or in memory too; the strictest of each side counts. It
        goes on in the cluster's scheduler until `scale`, whatever becomes of this kernel. What is None is that of
        `distributed.adaptive` in dask.config. The answer has these as attributes, and can `stop`.
        """
        asked = {name: value for name, value in locals().items() if name.startswith(("minimum", "maximum"))}
        least, most = workers_between(asked, self._size)
        bounds = read_bounds(
            self._ranks, minimum=least, maximum=most, interval=interval, wait_count=wait_count,
            target_duration=target_duration,
        )  # fmt: skip
        return Adapting(self, bounds, self._do(self._send_wish, _ADAPT, bounds.order()))

    def stop_adapting(self) -> Awaitable[None] | None:
        """Keep the number of blocks that there is, until the next wish."""
        return self._do(self._stop_adapting)

    async def _stop_adapting(self) -> None:
        if self._wish is not None and self._wish[0] == _ADAPT:
            self._wish = None
        elif self._heard.bounds is not None:
            await self._send_wish(_ORDER, {"blocks": self._heard.wished})

    @property
    def adapts_between(self) -> tuple[float, float] | None:
        """The least and the most workers while the load says how many there are; None while it does not."""
        return self._heard.bounds

    @property
    def is_waiting(self) -> bool:
        """Whether the cluster's scheduler has not spoken to this kernel yet."""
        return not self._heard and self.status not in (Status.closed, Status.failed)

    async def _send_wish(self, order: str, options: dict[str, Any]) -> None:
        if not await self._can_hear():
            self._wish = order, options
            if order == _ORDER:  # so that it is kept where this kernel dies before the job begins
                await asyncio.to_thread(_keep_wish, self.name, options["blocks"])
            if not await self._can_hear():
                return
            self._wish = None
        self._hear(await getattr(self.scheduler_comm, order)(**options))
        if self._heard.refused:
            raise SubmitRefused(self._heard.refused)

    async def _send_early_wish(self) -> None:
        """Tell the scheduler, which listens now, what was wished for before; a refusal is in the log."""
        if self._wish is not None:
            order, options = self._wish
            self._wish = None
            self._hear(await getattr(self.scheduler_comm, order)(**options))

    def _do(self, act: Callable[..., Coroutine[Any, Any, None]], *arguments: object) -> Awaitable[None] | None:
        """Act now; in a loop that runs, begin at once, and be awaited by whoever wants to know the outcome."""
        if not self.asynchronous:
            done: None = self.sync(act, *arguments)
            return done
        task = asyncio.ensure_future(act(*arguments))
        task.add_done_callback(lambda over: over.cancelled() or over.exception())  # it is in the log anyway
        return task

    # -- what there is -----------------------------------------------------------------------------------------------

    @property
    def blocks(self) -> tuple[BlockRecord, ...]:
        """The batch jobs of the cluster, with their states in words."""
        if self._heard:
            return self._heard.blocks
        return self.record.blocks if self.record else ()

    @property
    def plan(self) -> set[str]:
        """The names of all workers that the cluster was asked for."""
        if self._heard:
            return self._heard.plan
        early = self._wish[1].get("blocks") if self._wish else None
        wished = early if early is not None else self.record.wished if self.record else 0
        return {worker_name(block, rank, 0) for block in range(wished) for rank in range(self._ranks)}

    @property
    def requested(self) -> set[str]:
        """The names of all workers whose job Slurm has taken; one that was refused is not among them."""
        if self._heard:
            return self._heard.requested
        if self.record is None or not self.record.job_ids:
            return set()
        return {worker_name(0, rank, 0) for rank in range(self._ranks)}

    @property
    def _ranks(self) -> int:
        """How many ranks a block has."""
        raise NotImplementedError

    @property
    def _size(self) -> BlockSize:
        """What a block has."""
        raise NotImplementedError

    async def _can_hear(self) -> bool:
        """Whether there is a scheduler to hear a wish; waits for the line to it where there is."""
        raise NotImplementedError

    # -- what the scheduler tells --------------------------------------------------------------------------------------

    def _update_worker_status(self, op: str, msg: Any) -> None:  # noqa: ANN401 - Dask's own messages
        if op == BLOCKS:
            self._hear(msg)
        else:
            super()._update_worker_status(op, msg)

    def _hear_all(self, facts: dict[str, Any]) -> None:
        """Hear the blocks for the first time; what was said before is in the logs, and not printed."""
        self._cluster_manager_logs.extend((datetime.now(), line) for line in self._heard.before(facts))
        self._hear(facts)

    def _hear(self, facts: dict[str, Any]) -> None:
        for line in self._heard.news(facts):
            self._tell(line)

    def _tell(self, line: str) -> None:
        if line != self._told:
            self._told = line
            self._log(line)

    # -- words -------------------------------------------------------------------------------------------------------

    def _waits_for(self) -> str:
        """What is missing, in words; empty where nothing is."""
        return waits_for(self._heard.refused, self.blocks)

    def _scaling_status(self) -> str:
        """The lines of the widget about scaling, in Dask's own form."""
        counts = scaling_lines(self._heard.bounds, len(self.scheduler_info["workers"]), len(self.plan))
        return table([*counts, *block_lines(self.blocks)])


def _keep_wish(name: str, blocks: int) -> None:
    write_spec(replace(read_spec(name), blocks=blocks))
