"""From the shape of a cluster to a JobRequest. Pure; no user text goes further."""

from __future__ import annotations

from datetime import timedelta

from dask_hpc.request.shape import SLURMS_OWN, Shape
from facility.models import NO_IMAGE, JobRequest
from facility.profile import System

AGENT_MB = 1024  # for the scheduler and the agent, which live beside the ranks of the first node
MIB = 2**20


def read_request(system: System, shape: Shape) -> JobRequest:
    """The JobRequest of one block, with the default walltime."""
    queued = system.scheduler == "slurm"  # a laptop runs a facility's notebook, and has none of these
    return JobRequest(
        account=shape.account if queued else "",
        qos=_qos(system, shape.qos) if queued else "",
        partition=(shape.partition or system.default_partition) if queued else "",
        walltime=timedelta(minutes=system.default_walltime_minutes),
        nodes=shape.nodes,
        reservation=shape.reservation if queued else "",
        image=(shape.image or NO_IMAGE) if queued else NO_IMAGE,
        constraint=shape.constraint if queued else "",
        cpus_per_task=shape.threads_per_rank,
        memory_mb=shape.ranks_per_node * shape.memory_per_rank // MIB + AGENT_MB,
        gpus_per_node=shape.ranks_per_node * shape.gpus_per_rank if queued else 0,
    )


def _qos(system: System, wanted: str) -> str:
    return "" if wanted == SLURMS_OWN else wanted or system.realtime_qos
