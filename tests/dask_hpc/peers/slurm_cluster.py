"""MPICluster behind the arguments and attributes of dask-jobqueue's clusters, for dask-jobqueue's own tests.

It stands alone, so that it can be laid where the people of the tests may read it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from contextlib import suppress
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import dask.config
from distributed import Client, Future
from distributed.core import Status

from dask_hpc import MPICluster
from dask_hpc.deploy.adapting import Adapting
from dask_hpc.record.folder import read_spec
from dask_hpc.request.sizes import blocks_for

SECTION = "in-its-place"
OF_PBS = "-V"  # qsub(1B): hands the environment on; ours does that by a list, and sbatch(1) means its version
SECONDS = 60.0


@dataclass(frozen=True)
class Job:
    """A block whose job Slurm has taken, which dask-jobqueue calls running."""

    number: str
    status: Status = Status.running


class SLURMCluster(MPICluster):
    """A cluster whose scheduler lives as long as this process, as dask-jobqueue's does; its jobs hold workers alone.

    What dask-jobqueue takes as arguments becomes a section of its configuration, read as a profile; `loop` and
    `job_cls` say nothing here.
    """

    job_cls = Job

    def __init__(
        self,
        n_workers: int = 0,
        *,
        name: str | None = None,
        asynchronous: bool = False,
        loop: object = None,
        job_cls: type[Job] = Job,
        **arguments: Any,
    ) -> None:
        own = {key.replace("_", "-"): value for key, value in arguments.items()}
        section = {**dask.config.get("jobqueue.slurm"), **own}
        section["job-extra-directives"] = [line for line in section["job-extra-directives"] if line != OF_PBS]
        self._asked: int | None = None
        self._sent: Awaitable[None] | None = None
        with dask.config.set({f"jobqueue.{SECTION}": section}):
            super().__init__(name, profile=f"jobqueue.{SECTION}", scheduler="client", asynchronous=asynchronous)
        self.scale(n_workers)  # before the scheduler listens, so that no block begins that was not asked for

    # -- more and fewer ----------------------------------------------------------------------------------------------

    def scale(  # type: ignore[override]  # dask-jobqueue's own arguments
        self,
        n: int | None = None,
        jobs: int | None = None,
        memory: str | None = None,
        cores: int | None = None,
    ) -> Awaitable[None] | None:
        """Jobs are blocks. To none, dask-jobqueue ends them with all they hold; ours stay until that is deleted."""
        wished = {"n": n, "blocks": jobs, "cores": cores, "memory": memory}
        self._asked = blocks_for(wished, self._size)
        if self._asked == 0 and not self.asynchronous:
            self._delete_results()
        self._sent = super().scale(n, blocks=jobs, cores=cores, memory=memory)
        return self._sent

    @staticmethod
    def _delete_results() -> None:
        with suppress(ValueError):  # there is no client yet
            client = Client.current()
            client.cancel([Future(key, client) for key in client.futures])

    def adapt(  # type: ignore[override]  # as above
        self, minimum: int | None = None, maximum: int | None = None, *, interval: str | None = None, **bounds: Any
    ) -> Look:
        """With the looks at the load that dask-jobqueue's tests ask for."""
        self._asked = None
        return Look(self, super().adapt(minimum, maximum, interval=interval, **bounds))

    def __await__(self) -> Generator[Any, None, SLURMCluster]:
        """Wait until Slurm has taken what is wished for, as a SpecCluster does."""
        return self._settled().__await__()

    async def _settled(self) -> SLURMCluster:
        if self._sent is not None:
            await self._sent
        await self._ready()
        await self._until(lambda: self.plan <= self.requested)
        return self

    async def _until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(SECONDS):
            while not condition():  # noqa: ASYNC110 - what the handle shows is what is tested
                await asyncio.sleep(0.02)

    # -- what there is -----------------------------------------------------------------------------------------------

    @property
    def worker_spec(self) -> dict[int, Job]:
        """One entry for each job that is wished for."""
        wished = self._asked if self._asked is not None else self._heard.wished if self._heard else 0
        return {number: Job(str(number)) for number in range(wished)}

    @property
    def workers(self) -> dict[str, Job]:
        """One entry for each job that is wished for and that Slurm has taken."""
        return {number: Job(number) for number in {name.partition("-")[0] for name in self.requested}}

    @property
    def scheduler(self) -> Seen:
        """What this kernel sees of the scheduler, which is another process."""
        return Seen(self)

    @property
    def _dummy_job(self) -> SimpleNamespace:
        return SimpleNamespace(worker_processes=self._ranks)

    def job_script(self) -> str:
        """What the jobs of the cluster find in its folder, in the words of `dask worker`."""
        spec = read_spec(self.name)
        return f" --nworkers {spec.ranks_per_node} --nthreads {spec.threads_per_rank} "


@dataclass(frozen=True)
class Seen:
    """The scheduler, as far as it has told this kernel."""

    cluster: SLURMCluster

    @property
    def workers(self) -> dict[str, SimpleNamespace]:
        """The workers that are here, by address."""
        return {address: SimpleNamespace(**facts) for address, facts in self.cluster.scheduler_info["workers"].items()}


@dataclass(frozen=True)
class Look:
    """The hold on the adapting; the looks at the load are the scheduler's own."""

    cluster: SLURMCluster
    adapting: Adapting

    async def adapt(self) -> None:
        """Wait until a look was taken that keeps the bounds."""
        await self.adapting
        await self.cluster._ready()
        least, most = self.adapting.minimum, self.adapting.maximum
        await self.cluster._until(lambda: least <= len(self.cluster.plan) <= most)
