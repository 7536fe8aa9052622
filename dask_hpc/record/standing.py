"""Whether the scheduler that a record names is still that of its cluster: told by the scheduler's own id.

A record can outlive its scheduler, and another process may listen at the old address by then.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from distributed.comm.core import FatalCommClosedError
from distributed.core import rpc

from dask_hpc.record.folder import folder_of
from dask_hpc.record.tls import security
from facility.clusters import ClusterRecord

STALE = "stale"
"""The state of a record, as it is listed, whose address somebody else has."""

_SECONDS = 3.0


async def as_found(record: ClusterRecord) -> ClusterRecord:
    """The record, as "stale" where another scheduler answers at its address; silence proves nothing."""
    if record.state != "running":
        return record
    try:
        async with asyncio.timeout(_SECONDS):
            found = await _id_at(record)
    except FatalCommClosedError:
        found = ""  # it has not this cluster's certificate
    except (OSError, TimeoutError):
        return record
    if found == record.scheduler_id:
        return record
    return replace(record, state=STALE, reason=f"another scheduler answers at {record.scheduler_address}")


async def _id_at(record: ClusterRecord) -> str:
    arguments = security(folder_of(record.name)).get_connection_args("client")
    scheduler = rpc(record.scheduler_address, connection_args=arguments, timeout=_SECONDS)
    try:
        return str((await scheduler.identity(n_workers=0))["id"])
    finally:
        await scheduler.close_rpc()
