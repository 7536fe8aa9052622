"""Statements about bookings, each in one transaction with its line in the audit trail. They block."""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, func, insert, select, update

from facility.bookings import Booking, BookingAct, BookingChange, BookingState, BookingWish
from facility.errors import NotFound, Refused
from facility.service.bookings.tables import acts, bookings
from facility.service.database import Database
from facility.wire import decode, encode

MOST_OPEN = 20
"""Requests of one owner that wait for the staff's word or are under way."""

LISTED = 500
KEPT = timedelta(days=365)
"""How long a booking is listed after its end."""

OPEN = (BookingState.ASKED, BookingState.APPROVED, BookingState.MADE)


@dataclass(frozen=True)
class Update:
    """What becomes of a booking, and why: the line in the audit trail."""

    who: str
    act: str
    words: str = ""
    state: BookingState | None = None  # None: as it was
    decided_by: str | None = None
    word: str | None = None
    wish: BookingWish | None = None
    change: BookingChange | None = None
    drop_change: bool = False
    delegation: str | None = field(default=None, repr=False)

    @property
    def values(self) -> dict[str, Any]:
        """The columns that become different."""
        plain = {"decided_by": self.decided_by, "word": self.word, "delegation": self.delegation}
        values: dict[str, Any] = {name: value for name, value in plain.items() if value is not None}
        if self.state is not None:
            values["state"] = str(self.state)
        if self.wish is not None:
            values |= {"wish": json.dumps(encode(self.wish)), "ends": self.wish.ends}
        if self.change is not None or self.drop_change:
            values["change"] = json.dumps(encode(self.change)) if self.change else ""
        return values


class BookingStore:
    """Who asked for which reservation, and what became of it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, owner: str, wish: BookingWish, now: datetime) -> Booking:
        """A new request. Raises Refused where its owner has too many open."""
        id_ = str(uuid.uuid4())
        row = {
            "id": id_, "owner": owner, "state": str(BookingState.ASKED), "wish": json.dumps(encode(wish)),
            "ends": wish.ends, "reservation": f"{owner[:40]}-{id_[:8]}", "decided_by": "", "word": "", "change": "",
            "delegation": "", "created": now, "updated": now,
        }  # fmt: skip
        mine = (bookings.c.owner == owner) & (bookings.c.ends > now) & bookings.c.state.in_([str(s) for s in OPEN])
        with self._database.writing() as connection:
            if connection.execute(select(func.count()).where(mine)).scalar_one() >= MOST_OPEN:
                raise Refused(f"you have {MOST_OPEN} open requests; withdraw or release one first")
            connection.execute(insert(bookings).values(**row))
            _note(connection, id_, now, Update(owner, "asked", wish.purpose))
        return self.get(id_, owner, now)

    def find(self, owner: str, now: datetime, states: Collection[BookingState] = ()) -> list[Booking]:
        """The newest LISTED of one owner (empty: of everybody), without their audit trail."""
        query = select(bookings).where(bookings.c.ends > now - KEPT).order_by(bookings.c.created.desc()).limit(LISTED)
        if owner:
            query = query.where(bookings.c.owner == owner)
        with self._database.reading() as connection:
            found = [_booking(row, now) for row in connection.execute(query).mappings()]
        return [booking for booking in found if not states or booking.state in states]

    def get(self, id_: str, owner: str, now: datetime) -> Booking:
        """One request of `owner` (empty: of anybody) with its audit trail. Raises NotFound."""
        query = select(bookings).where(bookings.c.id == id_)
        if owner:
            query = query.where(bookings.c.owner == owner)
        with self._database.reading() as connection:
            row = connection.execute(query).mappings().one_or_none()
            if row is None:
                raise NotFound(f"there is no request {id_} for a reservation of yours")
            trail = connection.execute(select(acts).where(acts.c.booking == id_).order_by(acts.c.id)).mappings()
            done = tuple(BookingAct(act["at"], act["who"], act["act"], act["words"]) for act in trail)
        return replace(_booking(row, now), acts=done)

    def delegation(self, id_: str) -> str:
        """The approving operator's leave that is kept with it; empty where there is none."""
        with self._database.reading() as connection:
            return connection.execute(select(bookings.c.delegation).where(bookings.c.id == id_)).scalar() or ""

    def update(self, id_: str, since: Collection[BookingState], change: Update, now: datetime) -> Booking:
        """Change it if it is in one of these states. Raises Refused where it is in another one by now."""
        wanted = (bookings.c.id == id_) & bookings.c.state.in_([str(state) for state in since])
        with self._database.writing() as connection:
            done = connection.execute(update(bookings).where(wanted).values(**change.values, updated=now))
            if done.rowcount:
                _note(connection, id_, now, change)
        found = self.get(id_, "", now)
        if not done.rowcount:
            raise Refused(f"the request is {found.state} by now, and cannot be {change.act}")
        return found


def _note(connection: Connection, id_: str, now: datetime, change: Update) -> None:
    line = {"who": change.who, "act": change.act, "words": change.words[:1000]}
    connection.execute(insert(acts).values(booking=id_, at=now, **line))


def _booking(row: RowMapping, now: datetime) -> Booking:
    state = BookingState(row["state"])
    is_over = row["ends"] <= now
    return Booking(
        id=row["id"],
        owner=row["owner"],
        state=BookingState.ENDED if is_over and state is BookingState.MADE else state,
        wish=decode(BookingWish, json.loads(row["wish"])),
        reservation=row["reservation"],
        decided_by=row["decided_by"],
        word=row["word"],
        change=decode(BookingChange, json.loads(row["change"])) if row["change"] else None,
        created=row["created"],
        updated=row["updated"],
    )
