"""Reservations told as they begin and end."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from facility.models import Entitlement, Reservation
from facility.providers.slurm.sacctmgr import Associations
from facility.service.bookings.schedule import Schedule
from facility.service.events.happenings import Happening
from facility.service.scheduler.facts import Known
from facility.testing import FakeClock

MINUTE = timedelta(minutes=1)


@dataclass
class Given:
    """Facts that a test sets."""

    value: object
    clock: FakeClock

    async def known(self) -> Known:
        """As `Fact.known`."""
        return Known(self.value, self.clock.now())


@dataclass
class Site:
    """One reservation, two people, and what was told."""

    clock: FakeClock
    reservations: Given
    associations: Given
    told: list[Happening] = field(default_factory=list)

    @property
    def events(self) -> list[str]:
        """What was told, in order."""
        return [happening.event for happening in self.told]


@pytest.fixture
def site() -> Site:
    """beam-042 begins in an hour, for two hours, for the account ncem."""
    clock = FakeClock()
    starts = clock.now() + 60 * MINUTE
    beam = Reservation("beam-042", starts, starts + 120 * MINUTE, "INACTIVE", "nid001", 1, accounts=("ncem",))
    entitled = (Entitlement("ana", "ncem", ()), Entitlement("ben", "als", ()))
    associations = Given(Associations(entitled, frozenset()), clock)
    return Site(clock, Given((beam,), clock), associations)


@pytest.fixture
def schedule(site: Site) -> Schedule:
    """Watching it."""
    return Schedule(site, site.told.append, site.clock)  # type: ignore[arg-type]  # facts that are given


async def test_each_turn_is_told_once(site: Site, schedule: Schedule) -> None:
    """However often is looked: about to begin, begun, about to end, ended; to those whom it admits."""
    for minutes in (1, 44, 2, 12, 2, 60, 44, 2, 14, 1):
        await site.clock.advance(minutes * 60)
        await schedule.look()
        await schedule.look()

    assert ["reservation.starting", "reservation.active", "reservation.ending", "reservation.ended"] == site.events
    assert {("ana",)} == {happening.users for happening in site.told}
    assert "accounts" not in site.told[0].data


async def test_a_reservation_that_is_deleted_has_ended(site: Site, schedule: Schedule) -> None:
    """Whoever waits for it hears of it, with its name."""
    await schedule.look()
    site.reservations.value = ()
    await schedule.look()

    assert [("reservation.ended", "beam-042")] == [(told.event, told.data["name"]) for told in site.told]


async def test_an_end_that_is_moved_is_announced_anew(site: Site, schedule: Schedule) -> None:
    """The warning belongs to the end, not to the reservation."""
    [beam] = site.reservations.value
    await site.clock.advance(170 * 60)
    await schedule.look()
    site.reservations.value = (replace(beam, ends=beam.ends + 60 * MINUTE),)
    await site.clock.advance(60 * 60)
    await schedule.look()

    assert 2 == site.events.count("reservation.ending")


async def test_what_is_long_past_is_no_news(site: Site, schedule: Schedule) -> None:
    """A service that starts in the middle of a reservation tells nobody that it began hours ago."""
    await site.clock.advance(150 * 60)
    await schedule.look()

    assert [] == site.events


async def test_a_reservation_for_nobody_known_is_told_to_nobody(site: Site, schedule: Schedule) -> None:
    """And not to everybody."""
    [beam] = site.reservations.value
    site.reservations.value = (replace(beam, accounts=("staff",)),)
    await site.clock.advance(61 * 60)
    await schedule.look()

    assert [] == site.events
