"""Reservations that are about to begin, begin, are about to end, and end, told to those whom they admit."""

from __future__ import annotations

import asyncio
import logging
import pwd
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from facility.admission import judge
from facility.errors import FacilityError
from facility.models import Entitlement, Reservation
from facility.service.accounts.people import groups_of
from facility.service.clock import Clock
from facility.service.events.happenings import Happening
from facility.service.scheduler.facts import Facts
from facility.wire import encode

log = logging.getLogger(__name__)

WARNED = timedelta(minutes=15)
"""How long before its start and its end a reservation is announced."""

OLD = timedelta(hours=1)
"""What happened longer ago is not told any more."""

LOOK = 5.0


class Schedule:
    """Watches the known reservations; asks the scheduler nothing itself."""

    def __init__(self, facts: Facts, tell: Callable[[Happening], None], clock: Clock) -> None:
        self._facts = facts
        self._tell = tell
        self._clock = clock
        self._told: dict[str, datetime] = {}
        self._seen: dict[str, Reservation] = {}

    async def run(self) -> None:
        """Tell for ever."""
        while True:
            try:
                await self.look()
            except FacilityError as error:
                log.debug("reservations are not known: %s", error)
            await self._clock.sleep(LOOK)

    async def look(self) -> None:
        """Tell what has come since the last look. Raises Unreachable where reservations were never known."""
        known = await self._facts.reservations.known()
        entitlements = (await self._facts.associations.known()).value.entitlements
        now = self._clock.now()
        due = [*self._gone(known.value, now), *(one for r in known.value for one in moments(r, now))]
        for event, reservation, at in due:
            cause = f"{event}:{reservation.name}:{int(reservation.starts.timestamp())}"
            cause += f":{int(reservation.ends.timestamp())}" if event == "reservation.ending" else ""
            if cause in self._told or at < now - OLD:
                continue
            self._told[cause] = at
            users = await asyncio.to_thread(admitted, reservation, entitlements)
            if users:
                self._tell(Happening(event, users, _data(reservation), at, cause))
        self._told = {cause: at for cause, at in self._told.items() if at > now - 2 * OLD - WARNED}

    def _gone(self, known: tuple[Reservation, ...], now: datetime) -> Iterator[tuple[str, Reservation, datetime]]:
        """Reservations that ended, or were ended before their time. One that was never seen is nobody's news."""
        there = {reservation.name: reservation for reservation in known}
        for name, reservation in list(self._seen.items()):
            if name not in there or reservation.ends <= now:
                del self._seen[name]
                yield "reservation.ended", reservation, min(reservation.ends, now)
        self._seen |= {name: reservation for name, reservation in there.items() if reservation.ends > now}


def moments(reservation: Reservation, now: datetime) -> Iterator[tuple[str, Reservation, datetime]]:
    """What is true of a reservation at `now`, each with the time since when it is."""
    if reservation.starts - WARNED <= now < reservation.starts:
        yield "reservation.starting", reservation, reservation.starts - WARNED
    if reservation.is_active(now):
        yield "reservation.active", reservation, reservation.starts
    if max(reservation.starts, reservation.ends - WARNED) <= now < reservation.ends:
        yield "reservation.ending", reservation, max(reservation.starts, reservation.ends - WARNED)


def admitted(reservation: Reservation, entitlements: tuple[Entitlement, ...]) -> tuple[str, ...]:
    """Whom it admits, among those who may charge anything. Unix groups are looked up only where it names some."""
    by_user: dict[str, list[Entitlement]] = {}
    for entitlement in entitlements:
        by_user.setdefault(entitlement.user, []).append(entitlement)
    return tuple(
        user
        for user, own in sorted(by_user.items())
        if judge(reservation, user, own, _groups(user) if reservation.groups else (), reservation.starts).admits
    )


def _groups(user: str) -> tuple[str, ...]:
    try:
        return groups_of(pwd.getpwnam(user))
    except KeyError:
        return ()  # accounting knows somebody whom this machine does not


def _data(reservation: Reservation) -> dict[str, Any]:
    """The reservation as its calendar tells it: not for whom else it is."""
    shown = ("name", "starts", "ends", "state", "node_list", "node_count", "partition")
    return {name: encode(getattr(reservation, name)) for name in shown} | {"reservation": reservation.name}
