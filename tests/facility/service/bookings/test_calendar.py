"""The calendar: read by the library that other programs use."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from icalendar import Calendar

from facility.bookings import Booking, BookingState, BookingWish
from facility.errors import NotFound, NotSignedIn, Refused
from facility.models import Reservation
from facility.service.bookings.calendar import calendar
from facility.service.bookings.feeds import MOST_FEEDS, FeedStore
from facility.service.database import Database

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
BEAM = Reservation("beam-042", NOW, NOW + 5 * HOUR, "ACTIVE", "nid[001-004]", 4, users=("ana", "ben"))
ASKED = Booking(
    "1", "ana", BookingState.ASKED, BookingWish(NOW + HOUR, NOW + 2 * HOUR, 1, "scan;\nnight, shift"), "ana-1", "", "",
    None, NOW, NOW,
)  # fmt: skip


def events(text: bytes) -> list[dict[str, object]]:
    """What a calendar program would read."""
    found = Calendar.from_ical(text)
    plain = ("UID", "SUMMARY", "STATUS", "DESCRIPTION")
    return [{key: str(e[key]) if key in plain else e.decoded(key) for key in e} for e in found.walk("VEVENT")]


def test_reservations_and_requests_are_events() -> None:
    """With their times in UTC, an alarm, and the text kept whole; what is only asked for is tentative."""
    text = calendar("Test", "facility.example.org", [BEAM], [ASKED], NOW)
    made, asked = events(text)

    assert (BEAM.starts, BEAM.ends, "CONFIRMED") == (made["DTSTART"], made["DTEND"], made["STATUS"])
    assert ("beam-042@facility.example.org", "beam-042: 4 nodes") == (made["UID"], made["SUMMARY"])
    assert ("TENTATIVE", "scan;\nnight, shift") == (asked["STATUS"], asked["DESCRIPTION"])
    assert b"TRIGGER:-PT15M" in text


def test_an_empty_calendar_is_one_too() -> None:
    """A program that subscribes gets no error."""
    assert [] == events(calendar("Test", "x", [], [], NOW))


@pytest.fixture
def feeds(database_address: str) -> Iterator[FeedStore]:
    """The addresses of calendars."""
    database = Database(database_address, "service")
    yield FeedStore(database)
    database.close()


def test_a_secret_opens_its_owners_calendar_until_it_is_removed(feeds: FeedStore) -> None:
    """And nothing else does; others cannot remove it."""
    made, secret = feeds.add("ana", NOW)

    assert "ana" == feeds.owner_of(secret)
    with pytest.raises(NotFound):
        feeds.remove(made.id, "ben")
    feeds.remove(made.id, "ana")
    for opens_nothing in (secret, "", made.id):
        with pytest.raises(NotSignedIn):
            feeds.owner_of(opens_nothing)


def test_there_are_so_many_addresses_and_no_more(feeds: FeedStore) -> None:
    """Each owner has a limit; listing tells no secret."""
    for _ in range(MOST_FEEDS):
        feeds.add("ana", NOW)
    with pytest.raises(Refused):
        feeds.add("ana", NOW)

    assert {""} == {feed.url for feed in feeds.find("ana")}
