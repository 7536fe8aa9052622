"""What lies ahead of a session: its earliest end, by what, and the outages until then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from facility.models import Job, JobState
from facility.status import Condition, Outage
from server_ext.ahead import END_WARNING, NOTHING_AHEAD, Around, ahead, margin, uses

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NONE = timedelta(0)


def job(state: JobState = JobState.RUNNING, ends: datetime | None = NOON + 60 * MINUTE) -> Job:
    """One of ana's, begun at noon."""
    return Job("7", "ana", "lab", state, str(state), partition="main", starts=NOON, ends=ends)


def outage(id_: str, starts: datetime, resource: str = "", ends: datetime | None = None) -> Outage:
    """A planned one."""
    return Outage(id_, resource, starts, ends, "new disks", Condition.DOWN, planned=True, source="operator")


def test_a_session_ends_with_its_walltime() -> None:
    """Where nobody asks the server to end earlier."""
    found = ahead(job(), Around(), NONE)

    assert (found.ends, found.by) == (NOON + 60 * MINUTE, "walltime")


def test_a_server_that_is_asked_to_end_before_its_walltime_ends_then() -> None:
    """Slurm may send the warning a minute early, so that minute counts too."""
    early = margin({END_WARNING: "60"})

    assert early == 2 * MINUTE
    assert ahead(job(), Around(), early).ends == NOON + 58 * MINUTE


@pytest.mark.parametrize("told", ["", "0", "soon", "-5", "١"])
def test_a_warning_that_is_none_leaves_the_walltime(told: str) -> None:
    """Nor does a word that is no number end anybody early."""
    assert margin({END_WARNING: told}) == NONE


@pytest.mark.parametrize(("minutes", "by"), [(30, "reservation"), (90, "walltime")])
def test_the_earlier_end_counts(minutes: int, by: str) -> None:
    """A reservation may end before the walltime does, or after."""
    found = ahead(job(), Around(NOON + minutes * MINUTE), NONE)

    assert (found.ends, found.by) == (NOON + min(minutes, 60) * MINUTE, by)


def test_a_job_without_a_limit_ends_with_its_reservation() -> None:
    """The only end that is known is the one."""
    assert ahead(job(ends=None), Around(NOON + MINUTE), NONE).by == "reservation"


@pytest.mark.parametrize("state", [JobState.PENDING, JobState.COMPLETED])
def test_nothing_lies_ahead_of_a_job_that_does_not_run(state: JobState) -> None:
    """Waiting again, or over."""
    assert ahead(job(state), Around(is_reservation_gone=True), NONE) == NOTHING_AHEAD
    assert ahead(None, Around(), NONE) == NOTHING_AHEAD


def test_outages_that_begin_during_the_session_are_told() -> None:
    """Not the one it was started in, nor the one that comes after its end."""
    all_three = (outage("old", NOON - MINUTE), outage("ours", NOON + MINUTE), outage("late", NOON + 60 * MINUTE))

    assert [one.id for one in ahead(job(), Around(outages=all_three), NONE).outages] == ["ours"]


def test_outages_of_what_the_job_uses_concern_it() -> None:
    """The whole facility, the system, the partition; no other partition, and nothing that is over."""
    told = [outage(name or "all", NOON, name) for name in ("", "test", "partition:main", "partition:other", "files")]
    over = outage("over", NOON - 2 * MINUTE, "", NOON - MINUTE)

    assert [one.id for one in uses(job(), [*told, over], "test", NOON)] == ["all", "test", "partition:main"]
