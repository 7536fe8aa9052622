"""Logins that ask to be linked: each has a code, good once and for ten minutes, shown to its login session alone."""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, insert, select

from facility.answers import LinkRequest
from facility.errors import Busy, NotFound
from facility.service.database import Database
from facility.service.identity.issuer import Login
from facility.service.identity.tables import link_requests

LIFETIME = timedelta(minutes=10)
ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"  # no vowels, so no words; nothing that looks like something else (RFC 8628, 6.1)
LETTERS = 12  # 20**12 = 4e15
MOST = 1000  # at a time; signing in at home comes before each


class LinkRequests:
    """The requests that wait. Short and blocking; the service calls it in a thread."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, login: Login) -> LinkRequest:
        """Store a request; it comes back with its code. An earlier one of the same login ends."""
        code = "".join(secrets.choice(ALPHABET) for _ in range(LETTERS))
        shown = "-".join(code[n : n + 4] for n in range(0, LETTERS, 4))
        ends = datetime.now(UTC) + LIFETIME
        asked = LinkRequest(
            login.issuer, login.subject, login.described, ends, shown, login.assurance, login.institution
        )
        row = {
            "hash": _hash(code),
            "issuer": login.issuer,
            "subject": login.subject,
            "described": login.described,
            "assurance": " ".join(login.assurance),
            "institution": login.institution,
        }
        its = (link_requests.c.issuer == login.issuer, link_requests.c.subject == login.subject)
        with self._database.writing() as connection:
            connection.execute(delete(link_requests).where(link_requests.c.expires_at < datetime.now(UTC)))
            connection.execute(delete(link_requests).where(*its))
            waiting = connection.execute(select(link_requests.c.hash).limit(MOST)).all()
            if len(waiting) >= MOST:
                raise Busy("too many logins wait to be linked; try again in ten minutes", LIFETIME.total_seconds())
            connection.execute(insert(link_requests).values(**row, expires_at=asked.expires))
        return asked

    def look(self, code: str) -> LinkRequest:
        """The request of a code, which stays. Raises NotFound for one that ended, was used, or never was."""
        query = select(link_requests).where(link_requests.c.hash == _hash(code))
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
        if row is None or row.expires_at <= datetime.now(UTC):
            raise NotFound("there is no such code, or it has ended; sign in at the hub again to get a new one")
        return _request(row)

    def take(self, code: str) -> LinkRequest:
        """The request of a code, for the one time that it is good."""
        asked = self.look(code)
        with self._database.writing() as connection:
            taken = connection.execute(delete(link_requests).where(link_requests.c.hash == _hash(code))).rowcount
        if not taken:
            raise NotFound("the code was used already")
        return asked

    def waiting(self) -> list[LinkRequest]:
        """The requests that wait, without their codes; for operators."""
        query = select(link_requests).where(link_requests.c.expires_at > datetime.now(UTC))
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(link_requests.c.expires_at)).all()
        return [_request(row) for row in rows]

    def forget(self, issuer: str, subject: str) -> None:
        """End the request of a login that has been linked otherwise."""
        its = (link_requests.c.issuer == issuer, link_requests.c.subject == subject)
        with self._database.writing() as connection:
            connection.execute(delete(link_requests).where(*its))


def _request(row: Row[Any]) -> LinkRequest:
    assurance = tuple(row.assurance.split())
    return LinkRequest(row.issuer, row.subject, row.described, row.expires_at, "", assurance, row.institution)


def _hash(code: str) -> str:
    plain = "".join(letter for letter in code.upper() if letter in ALPHABET)
    return hashlib.sha256(plain.encode()).hexdigest()
