"""Logins whose people ask an operator for their account: one wish a login, kept until an operator has decided."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from facility.answers import LinkWish
from facility.errors import Busy, NotFound, Refused
from facility.service.database import Database
from facility.service.identity.issuer import Login
from facility.service.identity.tables import link_wishes

AGAIN = timedelta(hours=24)
"""After a refusal the same login may ask again."""

MOST = 500
"""Wishes that wait at a time; whoever comes after that is told to write to the operators."""

SHOWN = 200
LONGEST_WORD = 500


class LinkWishes:
    """The wishes. Short and blocking; the service calls it in a thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ask(self, login: Login) -> LinkWish:
        """Keep a login's wish; the one that waits stays as it is.

        Raises Refused within a day of a refusal, Busy where too many wait.
        """
        known = self.of(login.issuer, login.subject)
        if known and known.state == "waiting":
            return known
        now = datetime.now(UTC)
        if known and known.state == "refused" and known.decided and now < known.decided + AGAIN:
            raise Refused(f"this was refused on {known.decided:%Y-%m-%d}; ask again a day later, or write to us")
        with self._database.reading() as connection:
            waiting = link_wishes.c.state == "waiting"
            number = connection.execute(select(func.count()).select_from(link_wishes).where(waiting)).scalar_one()
        if number >= MOST:
            raise Busy("too many people wait for an operator's word; write to the operators, or try tomorrow", 3600.0)
        told = {"described": login.described, "assurance": " ".join(login.assurance), "institution": login.institution}
        fresh = {"state": "waiting", "word": "", "decided_by": "", "decided_at": None, "asked_at": now}
        self._keep(login, {**told, **fresh})
        return self._one(login.issuer, login.subject)

    def of(self, issuer: str, subject: str) -> LinkWish | None:
        """What one login asked; None where it did not."""
        its = (link_wishes.c.issuer == issuer, link_wishes.c.subject == subject)
        with self._database.reading() as connection:
            row = connection.execute(select(link_wishes).where(*its)).one_or_none()
        return _wish(row) if row else None

    def find(self, wish_id: str) -> LinkWish:
        """One wish. Raises NotFound."""
        with self._database.reading() as connection:
            row = connection.execute(select(link_wishes).where(link_wishes.c.id == wish_id)).one_or_none()
        if row is None:
            raise NotFound(f"there is no wish {wish_id[:40]!r}")
        return _wish(row)

    def waiting(self) -> list[LinkWish]:
        """Those that wait for an operator, the oldest first."""
        query = select(link_wishes).where(link_wishes.c.state == "waiting").order_by(link_wishes.c.asked_at)
        with self._database.reading() as connection:
            return [_wish(row) for row in connection.execute(query.limit(SHOWN))]

    def settle(self, issuer: str, subject: str, by: str) -> None:
        """The login is linked now, whoever did it: its wish, if it had one, is fulfilled."""
        its = (link_wishes.c.issuer == issuer, link_wishes.c.subject == subject)
        self._decide(its, "approved", by, "")

    def refuse(self, wish: LinkWish, operator: str, word: str) -> LinkWish:
        """Note an operator's no. Raises Refused where another operator was quicker."""
        its = (link_wishes.c.id == wish.id, link_wishes.c.state == "waiting")
        if not self._decide(its, "refused", operator, word[:LONGEST_WORD]):
            raise Refused("this wish has been decided already; look at the list again")
        return self.find(wish.id)

    def _decide(self, its: tuple[ColumnElement[bool], ...], state: str, by: str, word: str) -> int:
        new = {"state": state, "decided_by": by, "decided_at": datetime.now(UTC), "word": word}
        with self._database.writing() as connection:
            return connection.execute(update(link_wishes).where(*its).values(**new)).rowcount

    def _keep(self, login: Login, values: dict[str, Any]) -> None:
        its = (link_wishes.c.issuer == login.issuer, link_wishes.c.subject == login.subject)
        with self._database.writing() as connection:
            if connection.execute(update(link_wishes).where(*its).values(**values)).rowcount:
                return
        row = {"id": str(uuid.uuid4()), "issuer": login.issuer, "subject": login.subject, **values}
        try:
            with self._database.writing() as connection:
                connection.execute(insert(link_wishes).values(**row))
        except IntegrityError:  # the same login asked in two windows at once
            return

    def _one(self, issuer: str, subject: str) -> LinkWish:
        found = self.of(issuer, subject)
        if found is None:
            raise NotFound("the wish is gone; ask again")
        return found


def _wish(row: Row[Any]) -> LinkWish:
    return LinkWish(
        row.id,
        row.issuer,
        row.subject,
        row.described,
        tuple(row.assurance.split()),
        row.institution,
        row.asked_at,
        row.state,
        row.word,
        row.decided_by,
        row.decided_at,
    )
