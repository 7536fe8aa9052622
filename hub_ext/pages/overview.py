"""What operators see: every server of the hub, what waits in the queue, and what is not as it should be. No I/O."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from facility.models import Job, JobState
from facility.status import Condition
from hub_ext.pages.institution import Reached
from hub_ext.pages.news import Heard
from hub_ext.pages.servers import ServerInWords

ROWS = 100
"""Servers on one page."""


@dataclass(frozen=True)
class Waits:
    """How long jobs wait in one partition now, everybody's."""

    partition: str
    waiting: int
    longest: timedelta | None  # of those that wait; None where none does
    usual: timedelta | None  # the median of those that run; None where none does
    system: str = ""  # its title; empty where the hub has one only


@dataclass(frozen=True)
class Fault:
    """Something that is not as it should be."""

    what: str
    state: str
    since: datetime
    words: str


@dataclass(frozen=True)
class Page:
    """One page of the servers that a filter leaves."""

    servers: tuple[ServerInWords, ...]
    found: int  # on all pages
    number: int  # of this page, from 1
    last: int


def page_of(servers: Sequence[ServerInWords], wanted: str, number: int) -> Page:
    """The page `number` of the servers in which each word of `wanted` occurs: in user, name, state, job and place."""
    words = wanted.lower().split()
    found = [server for server in servers if all(word in _searched(server) for word in words)]
    last = max((len(found) + ROWS - 1) // ROWS, 1)
    number = min(max(number, 1), last)
    return Page(tuple(found[(number - 1) * ROWS : number * ROWS]), len(found), number, last)


def _searched(server: ServerInWords) -> str:
    return f"{server.user} {server.title} {server.state} {server.job_id} {server.node} {server.system}".lower()


def waits(jobs: Iterable[Job], now: datetime, system: str = "") -> tuple[Waits, ...]:
    """The waits of each partition of one system in which a job waits or runs, by name."""
    waiting: dict[str, list[timedelta]] = defaultdict(list)
    waited: dict[str, list[timedelta]] = defaultdict(list)
    for job in jobs:
        if job.submitted is None:
            continue
        if job.state.is_waiting:
            waiting[job.partition].append(max(now - job.submitted, timedelta(0)))
        elif job.state is JobState.RUNNING and job.starts is not None:
            waited[job.partition].append(max(job.starts - job.submitted, timedelta(0)))
    return tuple(
        Waits(
            partition,
            len(waiting[partition]),
            max(waiting[partition], default=None),
            _median(waited[partition]),
            system,
        )
        for partition in sorted(waiting.keys() | waited.keys())
    )


def _median(lengths: Sequence[timedelta]) -> timedelta | None:
    return timedelta(seconds=median(length.total_seconds() for length in lengths)) if lengths else None


def faults(heard: Heard, institution: Reached, *others: Fault | None) -> tuple[Fault, ...]:
    """Everything that is down or works in part, the newest first; `others` are those that somebody else noticed."""
    found = [other for other in others if other is not None]
    if heard.since is not None:
        found.append(Fault("facility service", "down", heard.since, heard.problem))
    if institution.since is not None:
        found.append(Fault("sign-in", "down", institution.since, institution.problem))
    for resource in heard.board.resources if heard.board else ():
        if resource.state in {Condition.DOWN, Condition.DEGRADED}:
            found.append(Fault(resource.title, str(resource.state), resource.since, resource.words))
    return tuple(sorted(found, key=lambda fault: fault.since, reverse=True))
