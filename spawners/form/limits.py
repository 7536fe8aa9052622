"""The limits of what is offered, and how a sentence names them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from facility.admission import JudgedReservation
from facility.models import Partition

Schema = dict[str, Any]

MOST_LISTED = 12
"""Names that a sentence repeats before it says how many more there are."""

MINUTE = timedelta(minutes=1)


def usable(reservations: Iterable[JudgedReservation], now: datetime) -> list[JudgedReservation]:
    """Those in which this person may still run something: they admit, and a minute of them is left."""
    return [r for r in reservations if r.admits and time_inside(r, now) >= MINUTE]


def time_inside(reservation: JudgedReservation, now: datetime) -> timedelta:
    """How long a job may run inside it, in whole minutes, from now or from when it opens."""
    return (reservation.ends - max(now, reservation.starts)) // MINUTE * MINUTE


def why_not(reservation: JudgedReservation, now: datetime) -> str:
    """Why nothing can be started in it, in words."""
    if not reservation.admits:
        return reservation.why_not
    if reservation.ends <= now:
        return f"{reservation.name} ended at {reservation.ends:%Y-%m-%d %H:%M} UTC; choose another, or none"
    return f"{reservation.name} ends in less than a minute; nothing can start in it any more"


def too_small(reservation: JudgedReservation, nodes: int) -> str:
    """Why so many nodes never fit inside it, and what would; empty where they may."""
    most = reservation.node_count
    if not most or nodes <= most:
        return ""
    return f"{reservation.name} has {node_words(most)}; ask for {most} or fewer, or choose another"


def node_words(count: int) -> str:
    """As in 1 node, 2 nodes."""
    return f"{count} node{'s' if count != 1 else ''}"


def listed(names: Iterable[str]) -> str:
    """The names for a sentence; of very many the first and how many more."""
    known = list(dict.fromkeys(names))
    more = f" and {len(known) - MOST_LISTED} more" if len(known) > MOST_LISTED else ""
    return ", ".join(known[:MOST_LISTED]) + more or "none at the moment"


def sizes(partition: Partition) -> dict[str, int]:
    """The most of each size that a job in this partition may ask for; a GB is 1024 MB, as Slurm counts."""
    return {
        "nodes": partition.nodes,
        "cpus_per_node": partition.cpus_per_node,
        "memory_gb": partition.memory_mb_per_node // 1024,
        "gpus_per_node": partition.gpus_per_node,
    }


def at_most(limit: float, sentence: str, **others: str) -> Schema:
    """A largest value, with its sentence and those of other keywords."""
    return {"maximum": limit, "errorMessage": {"maximum": sentence, **others}}
