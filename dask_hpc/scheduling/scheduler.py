"""The scheduler's own process: started by the first block's agent beside the ranks, never a rank itself.

`python -m dask_hpc.scheduling.scheduler NAME` writes lines of JSON to its standard output: where it listens, then its
blocks whenever they change, and, at its end, why it closed. Its standard input stays open for as long as the agent
lives; end of file closes it.
"""

from __future__ import annotations

import asyncio
import json
import resource
import signal
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

import dask
from distributed import Scheduler
from distributed.comm.core import Comm
from tornado.ioloop import PeriodicCallback

from dask_hpc.block.first import JOB_ENDS
from dask_hpc.block.scratch import scratch
from dask_hpc.gangs.on_scheduler import GangKeeper
from dask_hpc.gangs.without_mpi import refuse_gangs
from dask_hpc.jobs.recipe import Recipe, read_recipe
from dask_hpc.mpi.network import own_address
from dask_hpc.record.folder import Spec, folder_of, read_spec
from dask_hpc.record.tls import security
from dask_hpc.scheduling.adaptive import BlockAdaptive
from dask_hpc.scheduling.keeper import Keeper
from dask_hpc.scheduling.pages import ORIGINS, Pages
from dask_hpc.scheduling.regang import Regangs
from dask_hpc.scheduling.watcher import Watcher
from dask_hpc.sessions.keeping import Sessions
from facility.clusters import read_record

_LOOKS = 4  # how often, in one no-client timeout, the scheduler looks for clients
_SILENCE_LOOK_SECONDS = 5.0  # Dask looks once in a whole time-out
_SELF = "fire-and-forget"  # Dask's own entry among the clients
_LINES = 200  # that who joins later is told
_PUBLISH_SECONDS = 0.05  # what changes together is told together
_LEAVE_SECONDS = 10.0  # what agents may need on top of their ranks' own time to close


class ClusterScheduler(Scheduler):
    """Dask's scheduler without a page, that keeps its blocks, and ends when nobody has used it for long enough."""

    def __init__(self, spec: Spec, recipe: Recipe) -> None:
        super().__init__(
            host=own_address(spec.network_interface, spec.hosts),
            port=0,
            protocol="tls",
            security=security(folder_of(spec.name)),
            dashboard=False,
            idle_timeout=spec.idle_timeout,
            worker_ttl=spec.silence_timeout,
        )
        gangs = GangKeeper(self)
        self.sessions = Sessions(self, recipe.knobs.lost_client_timeout)
        self.spec = spec
        self.closed_because = self.failed_because = ""
        provider = recipe.blocks()
        self.keeper = Keeper(self, spec, recipe, provider, publish=self.publish, fail=self.fail)
        self.adaptive = BlockAdaptive(self.keeper, gangs.ranks_wanted)
        self.regangs = Regangs(self.keeper, gangs, self.adaptive)
        if not spec.mpi:
            refuse_gangs(self, spec.name)
        self.handlers |= {"scale_blocks": self.scale_blocks, "adapt_blocks": self.adapt_blocks}
        self._lines: deque[tuple[int, str]] = deque(maxlen=_LINES)  # numbered, so that nobody is told one twice
        self._untold: list[tuple[int, str]] = []
        self._telling: asyncio.TimerHandle | None = None
        self._version = 0
        self._last_used = self._looked = time.monotonic()
        period = min(spec.no_client_timeout / _LOOKS, 5.0)
        self.periodic_callbacks["no-client"] = PeriodicCallback(self._close_when_forgotten, period * 1000)
        self.periodic_callbacks["worker-ttl"] = PeriodicCallback(self.check_worker_ttl, 1000 * _SILENCE_LOOK_SECONDS)

    def start_http_server(self, *_routes: object, **_options: object) -> None:
        """Serve no page at a port: Dask's pages know no user, and every user of a node can connect there."""

    # -- blocks ------------------------------------------------------------------------------------------------------

    async def scale_blocks(self, blocks: int) -> dict[str, Any]:
        """Have so many blocks, by a wish of a person's, which ends adapting; the blocks then are the answer."""
        self.adaptive.stop()
        await self.keeper.scale(blocks)
        return self._blocks_and_lines

    async def adapt_blocks(self, **options: Any) -> dict[str, Any]:  # noqa: ANN401 - see BlockAdaptive.adapt_to
        """Let the load say how many blocks there are."""
        self.adaptive.adapt_to(**options)
        return self._blocks_and_lines

    @property
    def blocks(self) -> dict[str, Any]:
        """What handles are told of the blocks."""
        return {**self.keeper.table.facts(), "adaptive": self.adaptive.bounds, "version": self._version}

    def subscribe_worker_status(self, comm: Comm) -> dict[str, Any]:
        """Tell one more handle of the workers and blocks that come and go; Dask's own remembers only the last."""
        Watcher(self, comm)
        found = self.identity()
        for worker in found["workers"].values():
            del worker["metrics"], worker["last_seen"]
        return {**found, "blocks": self._blocks_and_lines}

    @property
    def _blocks_and_lines(self) -> dict[str, Any]:
        return {**self.blocks, "lines": list(self._lines)}

    def publish(self, line: str = "") -> None:
        """Let the record and all handles know the blocks, and the line where there is one."""
        if line:
            number = self._lines[-1][0] + 1 if self._lines else 1
            self._lines.append((number, line))
            self._untold.append((number, line))
        if self._telling is None:
            self._telling = asyncio.get_running_loop().call_later(_PUBLISH_SECONDS, self._publish)

    def _publish(self) -> None:
        self._version += 1
        facts, self._untold, self._telling = {**self.blocks, "lines": self._untold}, [], None
        for plugin in list(self.plugins.values()):
            if isinstance(plugin, Watcher):
                plugin.tell(facts)
        _tell(blocks=facts["blocks"], wished=facts["wished"])

    async def check_worker_ttl(self) -> None:
        """As Dask's, unless this process itself was held up: then it has heard nobody."""
        before, self._looked = self._looked, time.monotonic()
        if self._looked - before < 2 * _SILENCE_LOOK_SECONDS:
            await super().check_worker_ttl()

    # -- end ---------------------------------------------------------------------------------------------------------

    def _close_when_forgotten(self) -> None:
        used = any(client != _SELF for client in self.clients) or any(ws.processing for ws in self.workers.values())
        if used or self.queued or not self.keeper.mending.has_worked:  # nobody can use it before the first rank came
            self._last_used = time.monotonic()
        elif time.monotonic() - self._last_used > self.spec.no_client_timeout:
            self._ongoing_background_tasks.call_soon(self.close, reason="no client was connected for too long")

    def fail(self, why: str) -> None:
        """End the cluster, which does not work."""
        self.failed_because = self.failed_because or why
        self._ongoing_background_tasks.call_soon(self.close, reason=why)

    async def close(self, timeout: float | None = None, reason: str = "a client asked for it") -> None:
        """Close as Dask does, cancel the blocks that wait, and keep the reason for the first block's agent."""
        self.closed_because = self.closed_because or reason
        self.adaptive.stop()
        await self.keeper.let_go()
        await self.sessions.close()
        await super().close(timeout=timeout, reason=reason)


async def serve(name: str, job_id: str, place: str) -> None:
    """Run the scheduler of cluster `name` in its first block's job until somebody or a time limit ends it.

    `place` is its own directory on this node.
    """
    spec, recipe = read_spec(name), read_recipe(name)
    host = own_address(spec.network_interface, spec.hosts)
    async with asyncio.TaskGroup() as group:
        scheduler = await ClusterScheduler(spec, recipe)
        agents = scheduler.keeper.agents
        listening = await agents.listen(folder_of(name), host)
        pages = Pages(scheduler)
        seen = pages.listen(place, folder_of(name), "" if recipe.system.scheduler == "none" else host)
        _tell(address=scheduler.address, id=scheduler.id, agents=listening, **seen)
        scheduler.keeper.begin(job_id)
        first = group.create_task(_close_with_agent(scheduler))
        await scheduler.finished()
        await agents.close(scheduler.closed_because, spec.close_timeout + _LEAVE_SECONDS)
        first.cancel()
        pages.close()
    if scheduler.failed_because:
        _tell(failed=scheduler.failed_because)
    elif scheduler.closed_because == JOB_ENDS:
        _tell(failed="the agent of the first block ended")
    else:
        _tell(closed=scheduler.closed_because)


def _tell(**facts: object) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


async def _close_with_agent(scheduler: ClusterScheduler) -> None:
    """Close when the first block's agent closes our standard input, or dies."""
    loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
    loop.add_signal_handler(signal.SIGTERM, reader.feed_eof)  # Slurm tells every process of the job
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()
    await scheduler.close(reason=JOB_ENDS)


def _allow_many_connections() -> None:
    """Slurm hands the person's soft limit of open files on, often 1,024; a rank takes two or three of them."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def main() -> None:
    """Serve the cluster that the command line names."""
    _allow_many_connections()
    job_id = read_record(sys.argv[1]).job_ids[0]
    sys.path.append(str(Path.cwd()))  # last: the notebook's own modules can be found, and can hide no other
    with (
        scratch(job_id) as spill,
        dask.config.set({"distributed.scheduler.http.routes": [], "temporary-directory": spill, **ORIGINS}),
    ):
        asyncio.run(serve(sys.argv[1], job_id, spill))


if __name__ == "__main__":
    main()
