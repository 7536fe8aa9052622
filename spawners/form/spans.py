"""Spans of time as people write and read them: walltimes, and what is left of something. Pure."""

from __future__ import annotations

import re
from datetime import timedelta

from facility.errors import OptionError

WALLTIME = r"^(?:([0-9]{1,3})-)?([0-9]{1,4}):([0-5][0-9])(?::([0-5][0-9]))?$|^([0-9]{1,6})$"
"""Days, hours, minutes, seconds, or whole minutes, as Python and JavaScript both read it."""


def read_walltime(text: str) -> timedelta:
    """The duration a person wrote: "2:30", "2:30:00", "1-12:00" or whole minutes.

    Raises OptionError where it is none of these.
    """
    match = re.fullmatch(WALLTIME, text)
    if match is None:
        raise OptionError("walltime", "write hours and minutes as 2:30, or whole minutes")
    days, hours_, minutes, seconds, whole = (int(digits or 0) for digits in match.groups())
    return timedelta(days=days, hours=hours_, minutes=minutes + whole, seconds=seconds)


def hours(length: timedelta) -> str:
    """A duration as people write it: 2:30, or 36:00."""
    minutes = int(length.total_seconds()) // 60
    return f"{minutes // 60}:{minutes % 60:02d}"


def duration(length: timedelta) -> str:
    """A duration in the two units that matter: 3 d 4 h, 5 h 12 min, 40 s; a whole 8 h in one."""
    seconds = max(int(length.total_seconds()), 0)
    days, hours_, minutes = seconds // 86400, seconds // 3600 % 24, seconds // 60 % 60
    if days:
        return f"{days} d {hours_} h" if hours_ else f"{days} d"
    if hours_:
        return f"{hours_} h {minutes} min" if minutes else f"{hours_} h"
    return f"{minutes} min" if minutes else f"{seconds} s"
