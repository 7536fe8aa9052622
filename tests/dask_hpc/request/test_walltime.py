"""Walltimes as people write them, and what limits them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dask_hpc.request.walltime import Limit, fit_walltime, read_walltime
from facility.errors import OptionError
from facility.models import Reservation
from facility.profile import System

NOW = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)
SYSTEM = System(title="Demo", default_walltime_minutes=60, max_walltime_minutes=240)
NIGHT = Reservation("beam-042", NOW - timedelta(hours=1), NOW + timedelta(minutes=30), "ACTIVE")
DEBUG = Limit(timedelta(minutes=20), "QOS debug allows")


@pytest.mark.parametrize(
    ("text", "minutes"),
    [("1:30:00", 90), ("0:30", 30), ("2-00:00:00", 2880), ("90 minutes", 90), ("2h", 120), (timedelta(hours=1), 60)],
)
def test_a_walltime_is_read_as_people_write_it(text: timedelta | str, minutes: int) -> None:
    """Hours and minutes as on a clock, a number with its unit, or a timedelta."""
    assert read_walltime(text) == timedelta(minutes=minutes)


@pytest.mark.parametrize("text", ["90", "soon", "1:2:3", "", "30 s", "1:30:00\n--nodes=99"])
def test_what_is_no_walltime_is_refused_by_name(text: str) -> None:
    """A number without a unit means nothing certain, and neither does a word."""
    with pytest.raises(OptionError) as refusal:
        read_walltime(text)

    assert refusal.value.field == "walltime"


def test_the_default_walltime_is_cut_to_the_reservation() -> None:
    """Slurm would take a job that outlives its reservation, and never start it."""
    assert fit_walltime(None, SYSTEM, NIGHT, NOW) == timedelta(minutes=29)


def test_a_walltime_past_the_reservation_is_refused() -> None:
    """The message names the reservation and what it leaves."""
    with pytest.raises(OptionError, match=r"1:00:00 is longer than the 0:29:00 that reservation beam-042 leaves"):
        fit_walltime(timedelta(hours=1), SYSTEM, NIGHT, NOW)


def test_a_later_reservation_limits_nothing_yet() -> None:
    """Its job waits for its beginning."""
    later = replace(NIGHT, starts=NOW + timedelta(hours=5), ends=NOW + timedelta(hours=6))

    assert fit_walltime(None, SYSTEM, later, NOW) == timedelta(hours=1)


def test_the_systems_longest_walltime_holds() -> None:
    """The profile's own limit is told as the system's."""
    with pytest.raises(OptionError, match="that Demo allows"):
        fit_walltime(timedelta(hours=5), SYSTEM, None, NOW)


def test_the_tightest_limit_holds_and_is_named() -> None:
    """The default is cut to it; a wish beyond it is refused with who says so."""
    assert fit_walltime(None, SYSTEM, NIGHT, NOW, [DEBUG]) == timedelta(minutes=20)
    with pytest.raises(OptionError, match=r"0:25:00 is longer than the 0:20:00 that QOS debug allows"):
        fit_walltime(timedelta(minutes=25), SYSTEM, NIGHT, NOW, [DEBUG])
