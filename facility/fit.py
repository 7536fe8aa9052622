"""When would a job fit inside a reservation? From its nodes, the jobs on them, and their ends. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from facility.models import Job, Reservation
from facility.nodes import expand

Busy = dict[str, datetime | None]
"""The nodes on which jobs run, and when the last of each one's jobs ends; None where the scheduler tells no end."""


@dataclass(frozen=True)
class Fit:
    """Whether `nodes` nodes for `walltime` fit inside a reservation, and when."""

    reservation: str
    nodes: int
    walltime: timedelta
    fits: bool
    free_nodes: int  # nodes of the reservation on which nothing runs now
    earliest_start: datetime | None  # when enough nodes are free; None where they never are
    latest_start: datetime | None  # a job that starts later meets the reservation's end; None where it never fits
    waiting_jobs: int  # jobs that wait for this reservation already, and may take the nodes first
    words: str  # the same for people; times in UTC


def busy_nodes(jobs: Iterable[Job]) -> Busy:
    """What these jobs hold now."""
    busy: Busy = {}
    for job in jobs:
        if not holds_nodes(job):
            continue
        for node in expand(job.node_list):
            known = busy.get(node, job.ends)
            busy[node] = None if known is None or job.ends is None else max(known, job.ends)
    return busy


def holds_nodes(job: Job) -> bool:
    """Whether the scheduler has given the job nodes that it still has."""
    return bool(job.node_list) and not job.state.is_final and not job.state.is_waiting


def free_nodes(reservation: Reservation, busy: Busy) -> int:
    """How many of its nodes nothing runs on. Nodes that are down count as free: the queue does not tell of them."""
    return sum(node not in busy for node in expand(reservation.node_list))


def fit(
    reservation: Reservation,
    busy: Busy,
    waiting: int,
    nodes: int,
    walltime: timedelta,
    now: datetime,
) -> Fit:
    """When `nodes` nodes for `walltime` fit, by what runs at `now`. `waiting` jobs may still come before."""
    begin = max(reservation.starts, now)
    free_from = sorted(_free_from(reservation, busy, begin))
    earliest = free_from[nodes - 1] if nodes <= len(free_from) else None
    latest = reservation.ends - walltime
    fits = earliest is not None and earliest <= latest
    return Fit(
        reservation=reservation.name,
        nodes=nodes,
        walltime=walltime,
        fits=fits,
        free_nodes=free_nodes(reservation, busy),
        earliest_start=earliest,
        latest_start=latest if fits else None,
        waiting_jobs=waiting,
        words=_words(reservation, nodes, walltime, earliest, now) + _queue(waiting),
    )


def _free_from(reservation: Reservation, busy: Busy, begin: datetime) -> Iterator[datetime]:
    """When each node is free; one whose job has no known end is never."""
    for node in expand(reservation.node_list):
        end = busy.get(node, begin)
        if end is not None:
            yield max(end, begin)


def _words(reservation: Reservation, nodes: int, walltime: timedelta, earliest: datetime | None, now: datetime) -> str:
    asked = f"{_nodes(nodes)} for {span(walltime)}"
    if reservation.ends <= now:
        return f"{asked}: {reservation.name} has ended"
    if nodes > len(expand(reservation.node_list)):
        return f"{asked}: {reservation.name} has only {_nodes(len(expand(reservation.node_list)))}"
    if earliest is None:
        return f"{asked}: does not fit; jobs without a time limit hold the nodes"
    latest = reservation.ends - walltime
    if earliest > latest:
        left = max(reservation.ends - earliest, timedelta(0))
        free = f"{_nodes(nodes)} {'is' if nodes == 1 else 'are'} free from {_time(earliest, now)}"
        return f"{asked}: does not fit; {free}, {span(left)} before the end"
    if earliest > now:
        return f"{asked}: fits from {_time(earliest, now)} until {_time(latest, now)}"
    return f"{asked}: fits until {_time(latest, now)}"


def _queue(waiting: int) -> str:
    if not waiting:
        return ""
    return f"; {waiting} waiting job{' ' if waiting == 1 else 's '}may come first"


def _nodes(count: int) -> str:
    return f"{count} node" if count == 1 else f"{count} nodes"


def _time(moment: datetime, now: datetime) -> str:
    """A time of today as 16:40 UTC; another day's with its date."""
    moment, now = moment.astimezone(UTC), now.astimezone(UTC)
    return f"{moment:%H:%M} UTC" if moment.date() == now.date() else f"{moment:%Y-%m-%d %H:%M} UTC"


def span(length: timedelta) -> str:
    """A span in words: "2 h", "1 h 30 min", "45 s"."""
    seconds = int(length.total_seconds())
    figures = ((seconds // 86400, "d"), (seconds // 3600 % 24, "h"), (seconds // 60 % 60, "min"))
    said = [f"{figure} {unit}" for figure, unit in figures if figure]
    return " ".join(said) or f"{seconds} s"
