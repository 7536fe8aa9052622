"""Reaching the scheduler that a record names, and no other."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable
from typing import TypeVar

from distributed.core import rpc
from distributed.security import Security

from dask_hpc.jobs.blocks import Blocks
from dask_hpc.jobs.follow import ended, wait_over
from dask_hpc.sessions.dialling import address_of
from facility.clusters import BASE_URL, ClusterRecord
from facility.errors import Unreachable

Answer = TypeVar("Answer")


async def unless_over(work: Awaitable[Answer], record: ClusterRecord, blocks: Blocks) -> Answer:
    """What `work` returns, or raises; Dask tries a dead address for long, so it is given up with the cluster.

    Raises ClusterEnded where that is over before.
    """
    doing = asyncio.ensure_future(work)
    over = asyncio.ensure_future(wait_over(record, None, blocks))
    try:
        await asyncio.wait({doing, over}, return_when=asyncio.FIRST_COMPLETED)
        if over.done():
            raise over.result()
        return await doing
    finally:
        doing.cancel()
        over.cancel()


async def reach(record: ClusterRecord, security: Security, blocks: Blocks) -> rpc:
    """The scheduler, once it has proved to be the one that the record names; a cut network does not end the line to it.

    Raises ClusterEnded where the cluster is over, Unreachable where it does not answer though its job is there.
    """
    scheduler = rpc(address_of(record.name), connection_args=security.get_connection_args("client"))
    try:
        answer = await unless_over(scheduler.identity(n_workers=0), record, blocks)
        if answer["id"] != record.scheduler_id:
            raise ended(record, f"another scheduler answers at {record.scheduler_address}")
    except OSError as error:
        await scheduler.close_rpc()
        where = f"cluster {record.name!r} does not answer at {record.scheduler_address}"
        raise Unreachable(f"{where}, but its job may run; try again") from error
    except BaseException:
        await scheduler.close_rpc()
        raise
    return scheduler


def link_to(record: ClusterRecord | None) -> str:
    """The path at which this kernel's Jupyter server shows the cluster's pages; empty where it shows none."""
    base = os.environ.get(BASE_URL, "")
    if not base or record is None or not (record.dashboard_socket or record.dashboard_address):
        return ""
    return f"{base}beamside/clusters/{record.name}/pages/status"
