"""`run_mpi`: a function on many ranks at once, through any client of a cluster with gangs."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args
from uuid import uuid4

import dask
from dask.utils import funcname, parse_timedelta
from distributed import Client, get_client

from dask_hpc.gangs.future import MPIFuture
from dask_hpc.gangs.hurry import hurry
from dask_hpc.gangs.listener import Listener
from dask_hpc.gangs.member import EXECUTOR, take_part
from dask_hpc.gangs.on_scheduler import GATE
from dask_hpc.gangs.queue import Ask

Thing = Any
"""An argument of the function, or a future of one."""
Ranks = Sequence[int] | int | None
Started = Any
"""The MPIFuture, or an awaitable of it where the client is asynchronous."""
Isolation = Literal["worker", "step"]


@dataclass(frozen=True)
class Call:
    """How a function shall be run on ranks. See `MPICluster.run_mpi`."""

    ranks: Ranks = None
    inputs: Sequence[Thing] | None = None
    timeout: float | str | None = None
    isolation: Isolation = "worker"

    def __post_init__(self) -> None:
        """Raise ValueError for what cannot be."""
        if self.isolation not in get_args(Isolation):
            raise ValueError(
                f"isolation is {self.isolation!r}; it may be {' or '.join(map(repr, get_args(Isolation)))}"
            )
        wanted = 1 if self.ranks is None else self.ranks if isinstance(self.ranks, int) else len(set(self.ranks))
        if wanted < 1 or (isinstance(self.ranks, Sequence) and wanted != len(self.ranks)):
            raise ValueError(f"ranks is {self.ranks!r}; it may be a number of 1 or more, or a list of different ranks")


async def start_gang(
    client: Client, function: Callable[..., Thing], arguments: tuple[Thing, ...], call: Call
) -> MPIFuture:
    """Send a gang to the scheduler, once its ranks are known. See `MPICluster.run_mpi`."""
    began, limit = time.monotonic(), None if call.timeout is None else parse_timedelta(call.timeout)
    inputs = call.inputs
    ranks = len(inputs) if inputs is not None and call.ranks is None else call.ranks
    listener = Listener.of(client)
    foreseen = listener.foreseen(client, ranks)
    plan = await _asked(client, ranks, limit) if foreseen is None else _told(foreseen)
    if inputs is not None and len(inputs) != plan["size"]:
        raise ValueError(f"{plan['size']} ranks need as many inputs, got {len(inputs)}")
    gang = f"{funcname(function)}-{uuid4().hex}"
    left = None if limit is None else max(limit - (time.monotonic() - began), 0.0)
    annotation = {"id": gang, "timeout": left, **plan}
    with dask.annotate(  # type: ignore[attr-defined]  # it is public, but not listed
        executor=EXECUTOR, resources={GATE: 1}, **{GATE: annotation}
    ):
        futures = client.map(
            take_part,
            range(plan["size"]),
            *(() if inputs is None else (list(inputs),)),
            key=[f"{gang}-{index}" for index in range(plan["size"])],
            pure=False,
            gang=gang,
            function=function,
            arguments=arguments,
            isolation=call.isolation,
        )
    asyncio.get_running_loop().call_soon(_send_now, client)
    whole = MPIFuture(client, futures)
    listener.expect(gang, whole)
    return whole


async def _asked(client: Client, ranks: Ranks, limit: float | None) -> dict[str, Any]:
    assert client.scheduler is not None  # noqa: S101 - a client that is used has one
    plan: dict[str, Any] = await client.scheduler.gang_plan(ranks=ranks, timeout=limit, client=client.id)
    return plan


def _told(ask: Ask) -> dict[str, Any]:
    return {"size": ask.size, "ranks": ask.ranks, "block": ask.block}


def _send_now(client: Client) -> None:
    hurry(client.scheduler_comm)


def run_mpi(client: Client, function: Callable[..., Thing], arguments: tuple[Thing, ...], call: Call) -> Started:
    """Start a gang through any client of the cluster."""
    return client.sync(start_gang, client, function, arguments, call)


class MPITask:
    """A function that runs on ranks when it is called; see `mpi_task`."""

    def __init__(self, function: Callable[..., Thing], call: Call) -> None:
        functools.update_wrapper(self, function)
        self._function, self._call = function, call

    def __call__(self, *arguments: Thing) -> Started:
        """Start it on the current client's cluster, which is a task's own cluster inside a task."""
        return run_mpi(get_client(), self._function, arguments, self._call)

    def with_options(self, **options: Thing) -> MPITask:
        """The same function with other `ranks`, `inputs`, `timeout` or `isolation`."""
        return MPITask(self._function, replace(self._call, **options))


def mpi_task(
    *, ranks: Ranks = None, timeout: float | str | None = None, isolation: Isolation = "worker"
) -> Callable[[Callable[..., Thing]], MPITask]:
    """Make `fn(comm, *args)` a function of `args` alone, whose calls run on ranks and return an MPIFuture.

    Examples
    --------
    >>> @mpi_task(ranks=8)
    ... def energy(comm, mesh):
    ...     return comm.allreduce(mesh.energy_of_part(comm.rank, comm.size))
    """
    call = Call(ranks, None, timeout, isolation)
    return lambda function: MPITask(function, call)
