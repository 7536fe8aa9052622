"""A rank as a Dask worker, once its MPI world stands; or a process that was forked as one, without MPI."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import signal
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import dask
from distributed import Worker
from distributed.threadpoolexecutor import ThreadPoolExecutor
from distributed.worker import DEFAULT_EXTENSIONS

from dask_hpc.block.grace import Grace
from dask_hpc.block.scratch import scratch
from dask_hpc.gangs.alone import AloneStage
from dask_hpc.gangs.in_step import StepStage
from dask_hpc.gangs.member import EXECUTOR, EXTENSION, GangMember, Stage
from dask_hpc.gangs.no_step import NoStepStage
from dask_hpc.mpi.network import own_address
from dask_hpc.mpi.place import Place
from dask_hpc.mpi.world import has_mpi
from dask_hpc.record.folder import Spec, folder_of
from dask_hpc.record.tls import security
from facility.clusters import ClusterRecord

_JOIN_SECONDS = 60.0


class RankWorker(Worker):
    """Dask's worker without a page."""

    def start_http_server(self, *_routes: object, **_options: object) -> None:
        """Serve no page: Dask's pages know no user, and every user of a node can connect to its ports."""


async def serve(
    spec: Spec,
    record: ClusterRecord,
    place: Place,
    stages: Mapping[str, Stage],
    go: Callable[[], None],
    lifeline: int | None = None,
) -> None:
    """Work for the cluster's scheduler until it says that the cluster closes; `go` ends this process at once.

    A worker without `stages` takes no part in gangs. One that has a `lifeline` goes when its other end is closed.
    """
    if lifeline is not None:
        asyncio.get_running_loop().add_reader(lifeline, go)
    gangs = {EXTENSION: lambda worker: GangMember(worker, stages)} if stages else {}
    extensions: dict[str, Any] = {**DEFAULT_EXTENSIONS, **gangs}
    worker = await RankWorker(
        record.scheduler_address,
        name=place.name,
        startup_information=place.told,
        nthreads=spec.threads_per_rank,
        resources={"GPU": spec.gpus_per_rank} if spec.gpus_per_rank else None,
        memory_limit=spec.memory_per_rank,
        host=own_address(spec.network_interface, spec.nodes),
        protocol="tls",
        security=security(folder_of(spec.name)),
        death_timeout=_JOIN_SECONDS,
        executor={EXECUTOR: ThreadPoolExecutor(1, thread_name_prefix="MPI")} if stages else None,
        extensions=extensions,
    )
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, Grace(worker, go).told)
    await worker.finished()


def work(spec: Spec, record: ClusterRecord, place: Place, lifeline: int | None = None) -> None:
    """Work until the cluster closes, or SIGTERM comes; what memory does not hold is on the node's disk until then.

    lifeline : a pipe that nothing is written to, and whose other end is open as long as this process is wanted.
    """
    for handler in logging.getLogger("distributed").handlers:
        handler.setLevel(logging.WARNING)  # `get_logs` keeps the rest; a thousand ranks' greetings hide an error
    with scratch(place.job) as spill:
        signal.signal(signal.SIGTERM, lambda _number, _frame: _leave(spill))
        with dask.config.set({"distributed.worker.http.routes": [], "temporary-directory": spill}):
            stages = make_stages(spec, place.job)
            asyncio.run(serve(spec, record, place, stages, lambda: _leave(spill), lifeline))
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _leave(spill: str) -> NoReturn:
    """End at once, as Slurm asks, but leave no files; MPI_Finalize could wait for a rank that has gone already."""
    shutil.rmtree(spill, ignore_errors=True)
    os._exit(128 + signal.SIGTERM)


def make_stages(spec: Spec, job: str) -> dict[str, Stage]:
    """Where gangs run on this rank, by their isolation; nowhere in a cluster without MPI."""
    if not spec.mpi:
        return {}
    if not has_mpi():
        return dict.fromkeys(("worker", "step"), AloneStage())
    from dask_hpc.gangs.on_mpi import MpiStage  # noqa: PLC0415 - importing it needs MPI to run

    return {"worker": MpiStage(), "step": NoStepStage(spec.image) if spec.image else StepStage(spec, job)}
