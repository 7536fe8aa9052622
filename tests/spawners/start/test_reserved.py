"""What a reservation has to do with a wait."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from facility.admission import JudgedReservation
from facility.models import Job, JobRequest, JobState
from facility.offer import Part
from spawners.start.reserved import fate

NOW = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
WAITING = Job("7", "ana", "n", JobState.PENDING, "PENDING", reason="Reservation")
WANTED = JobRequest("ncem", "realtime", "main", HOUR, reservation="night")
GONE = "Its reservation night has ended or was deleted"


def known(starts: timedelta, ends: timedelta, *flags: str) -> Part[tuple[JudgedReservation, ...]]:
    """What the facility tells of the one."""
    return Part((JudgedReservation("night", NOW + starts, NOW + ends, "ACTIVE", flags=flags),), NOW)


@pytest.mark.parametrize(
    ("job", "part", "words"),
    [
        (WAITING, known(-HOUR, HOUR / 2), "ends at 20:30 UTC, before the job could. Start without"),
        (WAITING, Part((), NOW), f"{GONE}; it cannot start there. Start without the reservation, or cancel."),
        (replace(WAITING, state=JobState.RESV_DEL_HOLD), known(-HOUR, HOUR), f"{GONE}, and Slurm holds the job."),
    ],
)
def test_each_of_its_ends_is_told_with_what_to_do(
    job: Job, part: Part[tuple[JudgedReservation, ...]], words: str
) -> None:
    """Too late, gone, gone and held."""
    assert words in fate(job, WANTED, part, NOW)


@pytest.mark.parametrize(
    ("job", "wanted", "part"),
    [
        (WAITING, WANTED, known(-HOUR, 3 * HOUR)),  # there is no room in it: Slurm's own reason says so
        (WAITING, WANTED, known(HOUR, 3 * HOUR)),  # it has not begun: told with the estimate
        (WAITING, WANTED, known(-HOUR, HOUR / 2, "FLEX")),  # jobs may end after it
        (WAITING, replace(WANTED, reservation=""), Part((), NOW)),
        (WAITING, WANTED, Part((), None)),  # nobody told so far
        (WAITING, WANTED, Part((), NOW, True)),  # or not lately
        (replace(WAITING, state=JobState.RUNNING), WANTED, Part((), NOW)),
    ],
)
def test_nothing_is_said_of_what_is_not_known_or_not_its_doing(
    job: Job, wanted: JobRequest, part: Part[tuple[JudgedReservation, ...]]
) -> None:
    """Silence is no end of a reservation."""
    assert "" == fate(job, wanted, part, NOW)
