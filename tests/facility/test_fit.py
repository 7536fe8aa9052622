"""Does a job fit inside a reservation, and until when?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from facility.fit import Fit, busy_nodes, fit, free_nodes, span
from facility.models import Job, JobState, Reservation

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
BEAM = Reservation("beam-042", NOW - HOUR, NOW + timedelta(hours=6, minutes=40), "ACTIVE", "nid[001-004]", 4)

MakeJob = Callable[..., Job]


def asked(jobs: list[Job], nodes: int, walltime: timedelta, reservation: Reservation = BEAM, waiting: int = 0) -> Fit:
    """The fit check among these jobs."""
    return fit(reservation, busy_nodes(jobs), waiting, nodes, walltime, NOW)


def test_an_empty_reservation_fits_until_its_end_less_the_walltime() -> None:
    """The latest start is said in words."""
    found = asked([], 4, 2 * HOUR)

    assert "4 nodes for 2 h: fits until 16:40 UTC" == found.words
    assert (True, 4, NOW, NOW + timedelta(hours=4, minutes=40)) == (
        found.fits, found.free_nodes, found.earliest_start, found.latest_start,
    )  # fmt: skip


def test_running_jobs_are_waited_for(make_job: MakeJob) -> None:
    """By the ends of their time limits: the third node is free when the shorter job ends."""
    jobs = [
        make_job("1", node_list="nid001", ends=NOW + 3 * HOUR),
        make_job("2", node_list="nid002", ends=NOW + HOUR),
        make_job("3", node_list="nid009", ends=NOW + 5 * HOUR),
    ]

    assert "3 nodes for 2 h: fits from 13:00 UTC until 16:40 UTC" == asked(jobs, 3, 2 * HOUR).words
    assert 2 == asked(jobs, 3, 2 * HOUR).free_nodes


def test_a_node_with_several_jobs_is_free_when_the_last_has_ended(make_job: MakeJob) -> None:
    """Jobs may share a node."""
    jobs = [make_job(str(n), node_list="nid[001-004]", ends=NOW + n * HOUR) for n in (1, 3, 2)]

    assert NOW + 3 * HOUR == asked(jobs, 1, HOUR).earliest_start


@pytest.mark.parametrize(
    ("nodes", "hours", "words"),
    [
        (5, 1, "5 nodes for 1 h: beam-042 has only 4 nodes"),
        (4, 6, "4 nodes for 6 h: does not fit; 4 nodes are free from 14:00 UTC, 4 h 40 min before the end"),
        (1, 7, "1 node for 7 h: does not fit; 1 node are free from 12:00 UTC, 6 h 40 min before the end"),
    ],
)
def test_what_does_not_fit_says_why(make_job: MakeJob, nodes: int, hours: int, words: str) -> None:
    """And offers no latest start."""
    found = asked([make_job(node_list="nid001", ends=NOW + 2 * HOUR)], nodes, hours * HOUR)

    assert (False, None, words.replace("1 node are", "1 node is")) == (found.fits, found.latest_start, found.words)


def test_a_job_without_an_end_never_leaves_its_node(make_job: MakeJob) -> None:
    """What is not known is not promised."""
    jobs = [make_job(node_list="nid[001-004]", ends=None)]

    assert (False, None) == (asked(jobs, 1, HOUR).fits, asked(jobs, 1, HOUR).earliest_start)


def test_a_reservation_to_come_fits_from_its_start() -> None:
    """On another day the date stands with the time."""
    later = Reservation("tomorrow", NOW + 24 * HOUR, NOW + 30 * HOUR, "INACTIVE", "nid001", 1)

    assert "1 node for 1 h: fits from 2026-01-02 12:00 UTC until 2026-01-02 17:00 UTC" == (
        asked([], 1, HOUR, later).words
    )


def test_waiting_jobs_are_named() -> None:
    """They may take the nodes first."""
    assert (
        "4 nodes for 2 h: fits until 16:40 UTC; 2 waiting jobs may come first" == asked([], 4, 2 * HOUR, BEAM, 2).words
    )


def test_jobs_that_wait_or_ended_hold_no_nodes(make_job: MakeJob) -> None:
    """Slurm names the planned nodes of waiting jobs, and the old ones of ended jobs."""
    jobs = [
        make_job("1", node_list="nid001", state=JobState.PENDING),
        make_job("2", node_list="nid002", state=JobState.COMPLETED),
    ]

    assert 4 == free_nodes(BEAM, busy_nodes(jobs))


@pytest.mark.parametrize(("minutes", "words"), [(90, "1 h 30 min"), (1500, "1 d 1 h"), (0.75, "45 s")])
def test_spans_read_as_people_say_them(minutes: float, words: str) -> None:
    """The two largest units or three."""
    assert words == span(timedelta(minutes=minutes))
