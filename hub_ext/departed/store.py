"""Who departed, when and why: kept in the hub's folder for the person's next visit and for operators."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hub_ext.departed.why import NEXT, WORDS, Why

_SCHEMA = """
CREATE TABLE IF NOT EXISTS departures (
    user TEXT PRIMARY KEY, issuer TEXT NOT NULL, subject TEXT NOT NULL, why TEXT NOT NULL, told TEXT NOT NULL,
    visitor TEXT NOT NULL, at REAL NOT NULL, servers TEXT NOT NULL DEFAULT '', owed TEXT NOT NULL DEFAULT '',
    back REAL);
"""

KEPT = timedelta(days=90)
SHOWN_AFTER = timedelta(hours=1)
"""How long a person who came back reads what happened."""


@dataclass(frozen=True)
class Departure:
    """One person's sign-in that ended."""

    user: str
    issuer: str
    subject: str
    why: Why
    told: str  # by whoever ended it; for operators
    at: datetime
    servers: str  # what became of them, a sentence; empty where none ran
    owed: tuple[str, ...]  # the systems whose facilities have still to be told
    back: datetime | None  # when the person signed in again

    @property
    def words(self) -> str:
        """What happened, for the person."""
        return f"{WORDS[self.why]} {self.servers}".strip()

    @property
    def next_step(self) -> str:
        """What the person may do."""
        return NEXT[self.why]


def visitor_of(cookie_id: str) -> str:
    """What a browser keeps by which it is known after its session ended; good for nothing else."""
    return hashlib.sha256(b"beamside visitor " + cookie_id.encode()).hexdigest()


class Departures:
    """One row a person. Every method commits before it returns."""

    def __init__(self, path: Path) -> None:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))  # sqlite3 itself would make it world-readable
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.row_factory = sqlite3.Row
        self._database.executescript(_SCHEMA)
        self._database.execute("DELETE FROM departures WHERE at < ?", ((datetime.now(UTC) - KEPT).timestamp(),))

    def note(
        self, user: str, login: tuple[str, str], why: Why, told: str, visitor: str, systems: Iterable[str]
    ) -> Departure:
        """Write down that somebody departed now, and that the facilities of `systems` have to be told."""
        row = (user, *login, why, told, visitor, datetime.now(UTC).timestamp(), " ".join(systems))
        self._database.execute(
            "INSERT OR REPLACE INTO departures (user, issuer, subject, why, told, visitor, at, owed)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            row,
        )
        return self._all("user = ?", user)[0]

    def set_servers(self, user: str, sentence: str) -> None:
        """Write down what became of the person's servers."""
        self._database.execute("UPDATE departures SET servers = ? WHERE user = ?", (sentence, user))

    def owe(self, user: str, systems: Iterable[str]) -> None:
        """Write down which systems' facilities have still to be told."""
        self._database.execute("UPDATE departures SET owed = ? WHERE user = ?", (" ".join(systems), user))

    def welcome_back(self, user: str) -> None:
        """The person signed in again."""
        now = datetime.now(UTC).timestamp()
        self._database.execute("UPDATE departures SET back = ?, owed = '' WHERE user = ? AND back IS NULL", (now, user))

    def owed(self) -> list[Departure]:
        """Those of which a facility has still to be told."""
        return self._all("owed != ''")

    def lately(self, since: datetime) -> list[Departure]:
        """Those since then, the newest first."""
        return self._all("at >= ?", since.timestamp())

    def of_visitor(self, visitor: str) -> Departure | None:
        """Of a browser whose session ended by a departure; None for all others, and for who is back."""
        return next(iter(self._all("visitor = ? AND back IS NULL", visitor)), None)

    def of_login(self, issuer: str, subject: str) -> Departure | None:
        """Of a sign-in that ended, and was not let in since."""
        return next(iter(self._all("issuer = ? AND subject = ? AND back IS NULL", issuer, subject)), None)

    def of_returned(self, user: str) -> Departure | None:
        """Of somebody who came back a short while ago."""
        since = (datetime.now(UTC) - SHOWN_AFTER).timestamp()
        return next(iter(self._all("user = ? AND back >= ?", user, since)), None)

    def _all(self, where: str, *values: str | float) -> list[Departure]:
        query = f"SELECT * FROM departures WHERE {where} ORDER BY at DESC"  # noqa: S608 - this module's own words
        return [_departure(row) for row in self._database.execute(query, values)]


def _departure(row: sqlite3.Row) -> Departure:
    back = datetime.fromtimestamp(row["back"], UTC) if row["back"] is not None else None
    return Departure(
        row["user"], row["issuer"], row["subject"], Why(row["why"]), row["told"],
        datetime.fromtimestamp(row["at"], UTC), row["servers"], tuple(str(row["owed"]).split()), back,
    )  # fmt: skip
