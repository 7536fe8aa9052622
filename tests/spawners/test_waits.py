"""The hub's own experience of the queue."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from facility.models import JobRequest
from spawners.intents import IntentStore
from spawners.waits import REMEMBERED, Wait, WaitHistory, Waits, waited

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
REGULAR = JobRequest("ncem", "regular", "main", timedelta(hours=1))
INSIDE = JobRequest("ncem", "regular", "main", timedelta(hours=1), reservation="beam-042")


@pytest.fixture
def history(tmp_path: Path) -> Iterator[WaitHistory]:
    """An empty history in a store of intents."""
    store = IntentStore(tmp_path / "intents.sqlite")
    yield store.waits_of("sidecar")
    store.close()


def test_without_a_start_nothing_is_usual(history: WaitHistory) -> None:
    """No experience is no figure, and not a wait of zero."""
    assert Waits() == history.typical(NOW)


def test_median_and_nine_in_ten_are_waits_that_really_were(history: WaitHistory) -> None:
    """By nearest rank, for partition and QOS."""
    for minutes in (1, 2, 3, 4, 5, 6, 7, 8, 9, 600):
        history.add(str(minutes), REGULAR, timedelta(minutes=minutes), NOW)

    usual = Wait(10, timedelta(minutes=5), timedelta(minutes=9))
    assert Waits({"main": usual}, {"regular": usual}, {}) == history.typical(NOW)


def test_a_start_inside_a_reservation_says_nothing_of_the_queue(history: WaitHistory) -> None:
    """It counts for the reservation alone."""
    history.add("1", INSIDE, timedelta(seconds=20), NOW)

    assert Waits({}, {}, {"beam-042": Wait(1, timedelta(seconds=20), timedelta(seconds=20))}) == history.typical(NOW)


def test_a_claim_that_is_repeated_counts_once(history: WaitHistory) -> None:
    """The same job and start are one experience; a new start is there at once."""
    history.add("1", REGULAR, timedelta(minutes=1), NOW)
    before = history.typical(NOW).partitions["main"].starts
    history.add("1", REGULAR, timedelta(minutes=1), NOW)
    history.add("2", REGULAR, timedelta(minutes=1), NOW)

    assert (1, 2) == (before, history.typical(NOW).partitions["main"].starts)


def test_what_is_older_than_a_month_is_forgotten(history: WaitHistory) -> None:
    """Also in a hub in which nothing starts meanwhile."""
    history.add("1", REGULAR, timedelta(minutes=1), NOW)
    known = history.typical(NOW)
    later = history.typical(NOW + REMEMBERED + timedelta(minutes=1))

    assert ({"main"}, set()) == (set(known.partitions), set(later.partitions))


def test_the_history_survives_the_hub(tmp_path: Path) -> None:
    """It lies in the hub's own file, also in one that an older hub made."""
    store = IntentStore(tmp_path / "intents.sqlite")
    store.waits_of("sidecar").add("1", REGULAR, timedelta(minutes=1), NOW)
    store.close()
    again = IntentStore(tmp_path / "intents.sqlite")

    assert {"main"} == set(again.waits_of("sidecar").typical(NOW).partitions)
    again.close()


def test_each_system_has_its_own_queue(tmp_path: Path) -> None:
    """The same job id and partition on another system are another experience."""
    store = IntentStore(tmp_path / "intents.sqlite")
    store.waits_of("alpha").add("1", REGULAR, timedelta(minutes=1), NOW)
    store.waits_of("beta").add("1", REGULAR, timedelta(minutes=9), NOW)

    medians = [store.waits_of(system).typical(NOW).partitions["main"].median for system in ("alpha", "beta")]
    assert [timedelta(minutes=1), timedelta(minutes=9)] == medians
    store.close()


def test_the_history_of_the_version_before_goes_on(tmp_path: Path) -> None:
    """It knew of one system, and its table stays for it to write to."""
    with sqlite3.connect(tmp_path / "intents.sqlite") as database:
        columns = "job_id TEXT, began REAL, seconds REAL, partition TEXT, qos TEXT, reservation TEXT"
        database.execute(f"CREATE TABLE waits ({columns}, PRIMARY KEY (job_id, began))")
        database.execute("INSERT INTO waits VALUES ('1', ?, 60, 'main', 'regular', '')", (NOW.timestamp(),))
    database.close()
    store = IntentStore(tmp_path / "intents.sqlite")

    store.name_system("alpha")

    usual = Wait(1, timedelta(minutes=1), timedelta(minutes=1))
    assert {"main": usual} == store.waits_of("alpha").typical(NOW).partitions
    assert {} == store.waits_of("beta").typical(NOW).partitions
    store.close()


@pytest.mark.parametrize(
    ("submitted", "starts", "opened", "wait"),
    [
        (0, 90, None, 90),
        (0, 90, 60, 30),  # it was handed in before its reservation opened
        (70, 90, 60, 20),
        (90, 90, None, 0),
        (95, 90, None, 0),  # clocks
        (None, 90, None, None),
        (0, None, None, None),
    ],
)
def test_a_wait_is_from_when_nodes_could_be_had(
    submitted: int | None, starts: int | None, opened: int | None, wait: int | None
) -> None:
    """Not the time until a reservation opens, and nothing where the scheduler told no times."""
    times = [None if second is None else NOW + timedelta(seconds=second) for second in (submitted, starts, opened)]

    assert waited(*times) == (None if wait is None else timedelta(seconds=wait))
