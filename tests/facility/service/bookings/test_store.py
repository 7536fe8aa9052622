"""Requests as they are stored, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from facility.bookings import BookingChange, BookingState, BookingWish
from facility.errors import NotFound, Refused
from facility.service.bookings.store import MOST_OPEN, BookingStore, Update
from facility.service.database import Database

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
WISH = BookingWish(NOW, NOW + HOUR, 2, "night shift", users=("ana", "ben"))


@pytest.fixture
def store(database_address: str) -> Iterator[BookingStore]:
    """An empty one."""
    database = Database(database_address, "service")
    yield BookingStore(database)
    database.close()


def test_what_was_stored_is_told_with_its_trail(store: BookingStore) -> None:
    """The wish, the staff's word, the change that waits; each act with who and when."""
    id_ = store.add("ana", WISH, NOW).id
    store.update(
        id_, (BookingState.ASKED,), Update("kim", "approved", "fine", BookingState.APPROVED, "kim", "fine"), NOW
    )
    store.update(
        id_, (BookingState.APPROVED,), Update("kim", "made", "", BookingState.MADE, delegation="s"), NOW + HOUR / 2
    )
    change = BookingChange("ana", ends=NOW + 2 * HOUR)
    store.update(id_, (BookingState.MADE,), Update("ana", "change asked for", change=change), NOW + HOUR / 2)
    found = store.get(id_, "ana", NOW + HOUR / 2)

    assert (WISH, BookingState.MADE, "kim", "fine", change) == (
        found.wish, found.state, found.decided_by, found.word, found.change,
    )  # fmt: skip
    assert ["asked", "approved", "made", "change asked for"] == [act.act for act in found.acts]
    assert "s" == store.delegation(id_)


def test_of_two_decisions_only_the_first_counts(store: BookingStore) -> None:
    """The second is told how it is by now, and leaves no line in the trail."""
    id_ = store.add("ana", WISH, NOW).id
    store.update(id_, (BookingState.ASKED,), Update("kim", "refused", state=BookingState.REFUSED), NOW)

    with pytest.raises(Refused, match="is refused by now"):
        store.update(id_, (BookingState.ASKED,), Update("kim", "approved", state=BookingState.APPROVED), NOW)
    assert 2 == len(store.get(id_, "", NOW).acts)


def test_a_reservation_whose_time_is_over_has_ended(store: BookingStore) -> None:
    """Nobody needs to say so."""
    id_ = store.add("ana", WISH, NOW).id
    store.update(id_, (BookingState.ASKED,), Update("kim", "made", state=BookingState.MADE), NOW)

    assert BookingState.ENDED is store.get(id_, "ana", NOW + HOUR).state


def test_requests_are_their_owners(store: BookingStore) -> None:
    """Others read none, and each has so many open ones and no more."""
    made = [store.add("ana", WISH, NOW) for _ in range(MOST_OPEN)]
    with pytest.raises(Refused, match="withdraw or release one first"):
        store.add("ana", WISH, NOW)
    with pytest.raises(NotFound):
        store.get(made[0].id, "ben", NOW)

    assert ([], MOST_OPEN) == (store.find("ben", NOW), len(store.find("", NOW)))
