"""Spans of time: how people write a walltime, and how the form tells what is left."""

from __future__ import annotations

from datetime import timedelta

import pytest

from facility.errors import OptionError
from spawners.form.spans import duration, read_walltime


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("90", 90), ("2:30", 150), ("02:30:00", 150), ("1-12:00", 2160), ("0:01:30", 1.5)],
)
def test_walltimes_as_people_write_them(text: str, minutes: float) -> None:
    """Minutes, hours:minutes, with seconds, and with days."""
    assert timedelta(minutes=minutes) == read_walltime(text)


@pytest.mark.parametrize("text", ["", "2:75", "-5", "1:00:00:00", "2h", "1e3", "٢:٣٠", "9999999"])
def test_what_is_no_walltime_is_refused(text: str) -> None:
    """Anything else is refused, digits of other scripts too."""
    with pytest.raises(OptionError):
        read_walltime(text)


def test_durations_are_told_in_two_units() -> None:
    """Long ones in days and hours, short ones in seconds; a unit of which there is none is left out."""
    told = [duration(timedelta(seconds=s)) for s in (40, 600, 18_720, 28_800, 273_600, 172_800, -5)]

    assert ["40 s", "10 min", "5 h 12 min", "8 h", "3 d 4 h", "2 d", "0 s"] == told
