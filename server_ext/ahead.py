"""What lies ahead of a session: from when on it may end and by what, and the outages announced until then. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from facility.models import Job
from facility.status import Outage

END_WARNING = "BEAMSIDE_END_WARNING"
"""Names the variable by which the hub tells how many seconds before its walltime's end the server is asked to end."""

SIGNAL_EARLY = 60
"""Seconds by which Slurm may send a job's warning too early (sbatch(1), --signal)."""


@dataclass(frozen=True)
class Around:
    """What a session depends on besides its job, as the facility last told."""

    reservation_ends: datetime | None = None  # of the one that its job runs in and may not outlive
    is_reservation_gone: bool = False  # the facility knows its reservations, and that one is not among them
    outages: tuple[Outage, ...] = ()  # that are or will be, of what the job uses


@dataclass(frozen=True)
class Ahead:
    """What the people in a session must be told."""

    ends: datetime | None = None  # the earliest moment at which it may end; None while there is none known
    by: Literal["walltime", "reservation"] = "walltime"
    is_reservation_gone: bool = False
    outages: tuple[Outage, ...] = ()  # that begin during the session


NOTHING_AHEAD = Ahead()


def margin(environment: Mapping[str, str]) -> timedelta:
    """How long before the end of its walltime the server may be asked to end; nothing where nobody asks it."""
    told = environment.get(END_WARNING, "")
    seconds = int(told) if told.isascii() and told.isdigit() else 0
    return timedelta(seconds=seconds + SIGNAL_EARLY) if seconds else timedelta(0)


def ahead(job: Job | None, around: Around, early: timedelta) -> Ahead:
    """What lies ahead of a session in `job`, whose server ends `early` before the walltime is used up."""
    if job is None or job.state.is_waiting or job.state.is_final:
        return NOTHING_AHEAD
    ends = job.ends - early if job.ends else None
    by: Literal["walltime", "reservation"] = "walltime"
    booked = around.reservation_ends
    if booked and (ends is None or booked < ends):
        ends, by = booked, "reservation"
    begin = [one for one in around.outages if _begins_during(one, job, ends)]
    return Ahead(ends, by, around.is_reservation_gone, tuple(begin))


def uses(job: Job, outages: Iterable[Outage], system: str, now: datetime) -> tuple[Outage, ...]:
    """Those that are or will be, of the whole facility, the job's system or its partition."""
    used = {"", system, f"partition:{job.partition}"}
    return tuple(one for one in outages if one.resource in used and not one.is_over(now))


def _begins_during(outage: Outage, job: Job, ends: datetime | None) -> bool:
    after_start = job.starts is None or outage.starts >= job.starts
    return after_start and (ends is None or outage.starts < ends)
