"""What operators see of servers, waits and faults."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from facility.models import Job, JobState
from facility.status import Board, Condition, Resource
from hub_ext.pages.institution import Reached
from hub_ext.pages.news import Heard
from hub_ext.pages.overview import ROWS, Fault, faults, page_of, waits
from hub_ext.pages.servers import ServerInWords

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def a_server(number: int, state: str = "running") -> ServerInWords:
    """Of user00000 and so on."""
    return ServerInWords(f"user{number:05}", "", state, "", str(number), "nid001", NOW, None, None, None)


def a_job(state: JobState, waited: timedelta, partition: str = "main") -> Job:
    """Submitted so long before it started, or so long ago."""
    starts = NOW - MINUTE
    submitted = NOW - waited if state.is_waiting else starts - waited
    return Job("1", "ana", "x", state, str(state), partition=partition, submitted=submitted, starts=starts)


def test_a_thousand_servers_are_pages_and_none_is_lost() -> None:
    """Each is on exactly one page."""
    servers = [a_server(number) for number in range(1000)]

    pages = [page_of(servers, "", number) for number in range(1, 11)]

    assert servers == [server for page in pages for server in page.servers]
    assert {(1000, 10)} == {(page.found, page.last) for page in pages}
    assert ROWS == len(pages[0].servers)


@pytest.mark.parametrize(("number", "shown"), [(-3, 1), (0, 1), (2, 2), (99, 3)])
def test_a_page_that_does_not_exist_is_the_nearest(number: int, shown: int) -> None:
    """Whatever stands in the address, a page comes."""
    assert shown == page_of([a_server(n) for n in range(250)], "", number).number


def test_every_word_must_occur_somewhere() -> None:
    """User, name, state, job and node are searched, in any letters."""
    servers = [a_server(1), a_server(2, "waiting"), a_server(22, "waiting")]

    assert (2, 1, 0) == tuple(page_of(servers, words, 1).found for words in ("WAITING", "waiting user00022", "nobody"))
    assert (0, 1, ()) == (page_of([], "", 1).found, page_of([], "", 1).last, page_of([], "", 1).servers)


def test_waits_are_counted_by_partition() -> None:
    """The longest of those that wait, the median of those that run; others say nothing."""
    jobs = [
        a_job(JobState.PENDING, 5 * MINUTE), a_job(JobState.PENDING, 9 * MINUTE),
        *(a_job(JobState.RUNNING, n * MINUTE) for n in (1, 2, 60)),
        a_job(JobState.COMPLETED, MINUTE), a_job(JobState.RUNNING, MINUTE, "gpu"),
    ]  # fmt: skip

    gpu, main = waits(jobs, NOW)

    assert ("main", 2, 9 * MINUTE, 2 * MINUTE) == (main.partition, main.waiting, main.longest, main.usual)
    assert ("gpu", 0, None, MINUTE) == (gpu.partition, gpu.waiting, gpu.longest, gpu.usual)


def test_faults_are_all_that_is_not_up_the_newest_first() -> None:
    """Resources, the facility's and the institution's silence, and a queue that nobody looked at."""
    resources = tuple(
        Resource(name, name, "service", state, NOW - 9 * MINUTE, "why")
        for name, state in (("accounting", Condition.DOWN), ("web", Condition.UP), ("new", Condition.UNKNOWN))
    )
    board = Board(NOW, 1.0, resources, (), ())

    found = faults(
        Heard(board, NOW, "no answer", NOW - 2 * MINUTE),
        Reached("away", NOW - 3 * MINUTE),
        Fault("view of the queue", "down", NOW - MINUTE, "old"),
    )

    assert ["view of the queue", "facility service", "sign-in", "accounting"] == [fault.what for fault in found]
    assert () == faults(Heard(), Reached(), None)
