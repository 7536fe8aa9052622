"""Private addresses of calendars: a secret in the address, of which only the digest is kept. They block."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from datetime import datetime

from sqlalchemy import delete, func, insert, select

from facility.bookings import CalendarFeed
from facility.errors import NotFound, NotSignedIn, Refused
from facility.service.bookings.tables import feeds
from facility.service.database import Database

MOST_FEEDS = 10
"""Addresses of one owner."""


class FeedStore:
    """Whose calendar a secret opens."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, owner: str, now: datetime) -> tuple[CalendarFeed, str]:
        """A new address and its secret, which is told this once. Raises Refused where there are too many."""
        secret, id_ = secrets.token_urlsafe(32), str(uuid.uuid4())
        with self._database.writing() as connection:
            held = connection.execute(select(func.count()).where(feeds.c.owner == owner)).scalar_one()
            if held >= MOST_FEEDS:
                raise Refused(f"you have {held} calendar addresses; remove one first")
            connection.execute(insert(feeds).values(id=id_, owner=owner, digest=_digest(secret), created=now))
        return CalendarFeed(id_, now), secret

    def find(self, owner: str) -> list[CalendarFeed]:
        """The addresses of one owner, without their secrets."""
        query = select(feeds).where(feeds.c.owner == owner).order_by(feeds.c.created)
        with self._database.reading() as connection:
            return [CalendarFeed(row["id"], row["created"]) for row in connection.execute(query).mappings()]

    def remove(self, id_: str, owner: str) -> None:
        """Let an address open nothing any more. Raises NotFound."""
        with self._database.writing() as connection:
            gone = connection.execute(delete(feeds).where(feeds.c.id == id_, feeds.c.owner == owner)).rowcount
        if not gone:
            raise NotFound(f"there is no calendar address {id_} of yours")

    def owner_of(self, secret: str) -> str:
        """Whose calendar it is. Raises NotSignedIn for a secret that opens none."""
        with self._database.reading() as connection:
            owner = connection.execute(select(feeds.c.owner).where(feeds.c.digest == _digest(secret))).scalar()
        if owner is None:
            raise NotSignedIn("this calendar address opens nothing, or no longer; make a new one")
        return str(owner)


def _digest(secret: str) -> str:
    """The secret is 256 random bits, so that a plain hash of it tells nothing."""
    return hashlib.sha256(secret.encode()).hexdigest()
