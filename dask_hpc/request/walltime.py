"""Walltimes as people write them, and how long one may be."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from dask.utils import parse_timedelta

from facility.errors import OptionError
from facility.models import Reservation
from facility.profile import System

_CLOCK = re.compile(r"(?:(?P<days>\d+)-)?(?P<hours>\d+):(?P<minutes>\d\d)(?::(?P<seconds>\d\d))?")
_LEAVE = timedelta(minutes=1)  # before a reservation's end, so that the job is not refused for the seconds it takes


@dataclass(frozen=True)
class Limit:
    """The longest walltime that something allows."""

    longest: timedelta
    why: str  # what follows "that" in a sentence about it, e.g. "QOS realtime allows"


def read_walltime(walltime: timedelta | str) -> timedelta:
    """A walltime from a timedelta, from "1:30:00" (hours, as on the form; "2-12:00:00" has days) or "90 minutes".

    Raises OptionError where it is none.
    """
    if isinstance(walltime, timedelta):
        span = walltime
    elif clock := _CLOCK.fullmatch(walltime.strip()):
        span = timedelta(**{unit: int(figure or 0) for unit, figure in clock.groupdict().items()})
    else:
        try:
            span = timedelta(seconds=parse_timedelta(walltime, default=False))
        except (ValueError, TypeError, KeyError, IndexError) as error:
            raise OptionError("walltime", f'{walltime!r} is no walltime; write "1:30:00" or "90 minutes"') from error
    if span < timedelta(minutes=1):
        raise OptionError("walltime", f"{span} is too short; ask for a minute or more")
    return span


def fit_walltime(
    wanted: timedelta | None,
    system: System,
    reservation: Reservation | None,
    now: datetime,
    limits: Iterable[Limit] = (),
) -> timedelta:
    """The walltime that a request gets: what is wanted where it fits, else an error; the default is cut to fit.

    Slurm takes a job that ends after its reservation and never starts it, so that is refused here.
    """
    known = [Limit(timedelta(minutes=system.max_walltime_minutes), f"{system.title} allows"), *limits]
    if reservation is not None and reservation.is_active(now):
        known.append(Limit(reservation.remaining(now) - _LEAVE, f"reservation {reservation.name} leaves"))
    least = min(known, key=lambda limit: limit.longest)
    if wanted is None:
        wanted = min(timedelta(minutes=system.default_walltime_minutes), least.longest)
    if wanted > least.longest or wanted <= timedelta(0):
        longest = max(least.longest, timedelta(0))
        raise OptionError("walltime", f"{wanted} is longer than the {longest} that {least.why}")
    return wanted
