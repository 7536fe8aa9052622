"""What a process of a gang's own step does once it is in its MPI world: fetch its work, do it, hand back what came."""

from __future__ import annotations

import asyncio
import os
import threading

from distributed.core import rpc
from distributed.protocol import pickle
from distributed.protocol.serialize import to_serialize
from mpi4py import MPI

from dask_hpc.gangs.member import Outcome
from dask_hpc.record.folder import folder_of
from dask_hpc.record.tls import security

_OVER = 70  # sysexits.h, EX_SOFTWARE


class Host:
    """The worker that this process works for."""

    def __init__(self, name: str, gang: str) -> None:
        self._arguments = security(folder_of(name)).get_connection_args("worker")
        self._gang = gang

    async def ask(self, address: str, what: str, **words: Outcome) -> Outcome:
        """One question to a worker."""
        async with rpc(address, connection_args=self._arguments) as worker:
            return await getattr(worker, what)(gang=self._gang, **words)

    def leave_with(self, address: str) -> None:
        """End this process when the gang fails, or its worker is lost; nothing where the gang ends as it should."""
        try:
            is_good = asyncio.run(self.ask(address, "gang_step_over"))
        except OSError:
            is_good = False
        if not is_good:
            os._exit(_OVER)


def work(name: str, gang: str, first: str, rank: int) -> None:
    """Be rank `rank` of the gang. The first member's worker knows the others' addresses."""
    host = Host(name, gang)
    address = asyncio.run(host.ask(first, "gang_step_host", index=rank))
    threading.Thread(target=host.leave_with, args=(address,), daemon=True).start()
    task = asyncio.run(host.ask(address, "gang_step_work"))
    try:
        function, arguments = pickle.loads(task)
        outcome, failed = function(MPI.COMM_WORLD, *arguments), False
    except Exception as error:  # noqa: BLE001 - whatever the user's function raises belongs to the user
        outcome, failed = error, True
    data = to_serialize(pickle.dumps(outcome))
    asyncio.run(host.ask(address, "gang_step_result", failed=failed, data=data))
