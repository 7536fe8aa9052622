"""One kernel's hold on a cluster: finding or making it, the line to its scheduler, letting go of it and ending it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Generator, Iterable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from distributed.comm.core import Comm
from distributed.core import Status
from distributed.utils import Log, Logs, NoOpAwaitable

from dask_hpc.config import read_knobs
from dask_hpc.deploy.create import create
from dask_hpc.deploy.ending import end_cluster
from dask_hpc.deploy.placing import begun
from dask_hpc.deploy.reach import link_to, reach, unless_over
from dask_hpc.deploy.scaling import Scaling
from dask_hpc.deploy.shown import block_lines, progress, rows
from dask_hpc.errors import ClusterEnded
from dask_hpc.jobs.blocks import blocks_of
from dask_hpc.jobs.follow import wait_over, wait_running
from dask_hpc.jobs.recipe import Recipe
from dask_hpc.record.folder import Spec, block_logs, folder_of, read_spec
from dask_hpc.record.tls import security
from dask_hpc.request.sizes import BlockSize
from facility.clusters import ClusterRecord, read_record
from facility.errors import NotFound
from facility.profile import load_profile

_AGENT_SECONDS = 30.0  # what the block agent may need on top of the ranks' own time to close


class Handle(Scaling):
    """The part of a cluster that lives in one kernel, from its first look at the record to its last."""

    def _open(
        self, name: str, made: tuple[Recipe, int] | None, asynchronous: bool, notes: tuple[str, ...] = ()
    ) -> None:
        self._made, self._notes = made, notes
        self._knobs = made[0].knobs if made else read_knobs()
        self._provider = blocks_of(load_profile().system, self._knobs)
        self._begin_scaling()
        self._beginning: asyncio.Future[ClusterRecord] | None = None
        self._connecting: asyncio.Future[None] | None = None
        self._told = ""
        self.record: ClusterRecord | None = None
        self.security = security(folder_of(name))
        super().__init__(asynchronous=asynchronous, name=name)
        if not self.called_from_running_loop:
            self._loop_runner.start()
            try:
                self.sync(self._begin)
            except BaseException:
                self.status = Status.closed
                self._loop_runner.stop()
                raise

    # -- beginning ---------------------------------------------------------------------------------------------------

    async def _begin(self) -> ClusterRecord:
        """Submit the job, or find the record; however often it is called, once. The connection follows by itself."""
        if self._beginning is None:
            self._beginning = asyncio.ensure_future(self._find_or_create())
        begun = await asyncio.shield(self._beginning)
        self.record = self.record or begun  # the connection may know more of it by now
        if self._connecting is None:
            self._connecting = asyncio.ensure_future(self._connect())
            self._connecting.add_done_callback(self._note)
        return self.record

    async def _find_or_create(self) -> ClusterRecord:
        if self._made is None:
            return read_record(self.name)
        for note in self._notes:
            self._tell(note)
        record = await create(self.name, *self._made, self._provider)
        queued = self._made[0].system.scheduler == "slurm"
        queue = f"QOS {record.qos or 'as the account has it'}" if queued else "no queue"
        where = f"{record.ranks} ranks on {record.nodes} nodes, {queue}"
        self._tell(f"{begun(self._made[0], record.job_ids[0])}: {where}")
        return record

    async def _connect(self) -> None:
        self.record = record = await wait_running(self.name, self._provider, self._tell)
        self.scheduler_comm = await reach(record, self.security, self._provider)
        try:
            await unless_over(super()._start(), record, self._provider)
        except OSError as error:  # it goes, and has not said why yet
            raise await wait_over(record, self._knobs.close_timeout, self._provider) from error
        self._tell(f"job {record.job_ids[0]} runs the scheduler at {record.scheduler_address}")
        self._hear_all(self.scheduler_info.pop("blocks"))
        await self._send_early_wish()

    def _note(self, connecting: asyncio.Future[None]) -> None:
        """Keep what went wrong for the repr; whoever waits for the cluster gets the error itself."""
        if not connecting.cancelled() and (error := connecting.exception()) is not None:
            self.status = Status.failed
            self._told = str(error).partition("\n")[0]

    async def _ready(self) -> Self:
        await self._begin()
        assert self._connecting is not None  # noqa: S101 - _begin made it
        await asyncio.shield(self._connecting)
        await self._check_scheduler()
        return self

    def __await__(self) -> Generator[Any, None, Self]:
        """Wait until the scheduler answers. Raises ClusterEnded when the job is over before that."""
        return self._ready().__await__()

    # -- the scheduler ------------------------------------------------------------------------------------------------

    async def _check_scheduler(self) -> None:
        """Raise ClusterEnded where the scheduler has left us."""
        if self.status == Status.failed and self.record is not None:
            raise await wait_over(self.record, self._knobs.close_timeout, self._provider)

    async def _watch_worker_status(self, comm: Comm) -> None:
        """Follow the workers that come and go, and notice when the scheduler has gone."""
        await super()._watch_worker_status(comm)
        if self.status == Status.running:
            self.status = Status.failed
            self.scheduler_info["workers"].clear()
            self._tell(f"the scheduler at {self.scheduler_address} has gone")

    @property
    def _ranks(self) -> int:
        return self._size.ranks if self.record is None else self.record.ranks

    @property
    def _size(self) -> BlockSize:
        if self._made is None:
            spec = self._spec
            nodes, ranks, threads, memory = spec.nodes, spec.ranks, spec.threads_per_rank, spec.memory_per_rank
        else:
            recipe, _ = self._made
            nodes, ranks = recipe.request.nodes, recipe.request.nodes * recipe.ranks_per_node
            threads, memory = recipe.knobs.threads_per_rank, recipe.knobs.memory_per_rank
        return BlockSize(nodes, ranks, ranks * threads, ranks * memory)

    @property
    def _has_mpi(self) -> bool:
        return self._spec.mpi if self._made is None else self._made[0].mpi

    @property
    def _spec(self) -> Spec:
        try:
            return read_spec(self.name)
        except FileNotFoundError as error:
            raise NotFound(f"cluster {self.name!r} has ended; MPICluster.list() shows the names") from error

    async def _can_hear(self) -> bool:
        await self._begin()
        if read_record(self.name).state == "running":
            await self._ready()
        return self.status == Status.running

    # -- end ---------------------------------------------------------------------------------------------------------

    def close(self, timeout: float | None = None) -> Awaitable[None] | None:
        """End the cluster for everybody: the scheduler sends the workers home and the job ends by itself."""
        result: Awaitable[None] | None = super().close(timeout)
        if not self.asynchronous:
            self._loop_runner.stop()
        return result

    def disconnect(self) -> Awaitable[None] | None:
        """Leave the cluster running and let go of it; what every attached handle does at the end of a `with` block."""
        if self.status == Status.closed:
            return NoOpAwaitable() if self.asynchronous else None
        result: Awaitable[None] | None = self.sync(self._leave)
        if not self.asynchronous:
            self._loop_runner.stop()
        return result

    async def _leave(self) -> None:
        for task in (self._beginning, self._connecting):
            if task is not None:
                task.cancel()
                await asyncio.wait({task})
        await super()._close()

    async def _close(self) -> None:
        """End the cluster; a job that does not end by itself is cancelled."""
        if self.status == Status.closed:
            return
        patience = self._knobs.close_timeout + _AGENT_SECONDS
        if self.record is not None and self._connecting is not None:
            if self._is_running():
                await asyncio.wait({self._connecting}, timeout=patience)
            scheduler = self.scheduler_comm if self.status == Status.running else None
            self.status = Status.closing  # so that the scheduler's leaving is no news
            if problem := await end_cluster(self.name, scheduler, self._provider, patience):
                self._log(problem)
        await self._leave()

    def _is_running(self) -> bool:
        try:
            return read_record(self.name).state == "running"
        except NotFound:
            return False

    def __enter__(self) -> Self:
        """The cluster as it is; `get_client` and `wait_for_workers` wait for it."""
        return self

    async def __aenter__(self) -> Self:
        """The cluster, its job submitted; awaiting it waits for the scheduler."""
        await self._begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End what this handle made; leave what it only joined."""
        if self._made is None:
            self.disconnect()
        else:
            self.close()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End what this handle made; leave what it only joined."""
        await (self._leave() if self._made is None else self._close())

    def __del__(self, _warn: object = None) -> None:
        """Nothing: a handle may be dropped, because the cluster belongs to its name."""

    # -- pages -------------------------------------------------------------------------------------------------------

    @property
    def dashboard_link(self) -> str:
        """Where a browser finds the cluster's pages: below this kernel's own Jupyter server; empty outside of one."""
        return link_to(self.record)

    # -- words -------------------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        """Dask's own once the scheduler answers; before that, what the job waits for."""
        if self.status == Status.running:
            return str(super().__repr__())
        return f"MPICluster({self.name!r}, {self._told or self.status.name})"

    def _repr_html_(self, cluster_status: str | None = None) -> str:
        here, planned = len(self.scheduler_info["workers"]), len(self.plan)
        shown = progress(here, planned) + rows([self._told, *block_lines(self.blocks)])
        return str(super()._repr_html_(cluster_status=cluster_status or shown))

    async def _get_logs(
        self, cluster: bool = True, scheduler: bool = True, workers: bool | Iterable[str] = True
    ) -> Logs:
        """Dask's own, and what the jobs of the blocks have printed; without a scheduler, what there is without one."""
        with suppress(ClusterEnded):  # its logs say why
            await self._can_hear()
        speaks = self.status == Status.running
        logs: Logs = await super()._get_logs(cluster, scheduler and speaks, workers if speaks else False)
        if cluster:
            logs |= {f"Block {number}": Log("\n".join(lines)) for number, lines in block_logs(self.name)}
        return logs
