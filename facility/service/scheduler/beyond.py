"""Requests that Slurm would take and never start: what --test-only does not look at."""

from __future__ import annotations

from datetime import datetime

from facility.models import JobRequest
from facility.script import slurm_time
from facility.service.scheduler.facts import Facts


def beyond(request: JobRequest, facts: Facts, begin: datetime) -> str:
    """Which limit keeps such a job from ever starting, in words; empty where none that is known does.

    Looked at are walltime and nodes of the QOS, the walltime of the partition, and the end of the reservation for a job
    that starts at `begin`. A QOS or partition that is not named is the site's default, which Slurm alone knows.
    """
    qos = next((one for one in facts.qos.latest.value if one.name == request.qos), None) if facts.qos.latest else None
    if qos and qos.max_walltime and request.walltime > qos.max_walltime:
        return f"such a job would wait for ever: QOS {qos.name} allows {slurm_time(qos.max_walltime)} at most"
    if qos and qos.max_nodes is not None and request.nodes > qos.max_nodes:
        return f"such a job would wait for ever: QOS {qos.name} allows {qos.max_nodes} nodes at most"
    partitions = facts.partitions.latest.value if facts.partitions.latest else ()
    partition = next((one for one in partitions if one.name == request.partition), None)
    if partition and partition.max_walltime and request.walltime > partition.max_walltime:
        limit = slurm_time(partition.max_walltime)
        return f"such a job would wait for ever: partition {partition.name} allows {limit} at most"
    reservations = facts.reservations.latest.value if facts.reservations.latest else ()
    reservation = next((one for one in reservations if one.name == request.reservation), None)
    if reservation and not reservation.is_flexible and begin + request.walltime > reservation.ends:
        left = slurm_time(reservation.remaining(begin))
        return f"such a job does not fit any more: {reservation.name} has {left} left"
    return ""
