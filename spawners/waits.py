"""How long jobs of this hub waited in the queue: its own experience, by partition, QOS and reservation, no names.

Kept in the store of intents. A job inside a reservation says nothing of its partition's queue, so it counts for the
reservation alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import ceil

from facility.models import JobRequest
from spawners.database import Database

_SCHEMA = """
CREATE TABLE IF NOT EXISTS waits_by_system (
    system TEXT NOT NULL, job_id TEXT NOT NULL, began REAL NOT NULL, seconds REAL NOT NULL, partition TEXT NOT NULL,
    qos TEXT NOT NULL, reservation TEXT NOT NULL, PRIMARY KEY (system, job_id, began));
CREATE INDEX IF NOT EXISTS waits_by_system_and_time ON waits_by_system (system, began);
"""

REMEMBERED = timedelta(days=30)
"""Queues change; what is older says nothing of today's."""

RECOUNTED = timedelta(minutes=10)
"""After this the figures are made anew although no job began, for old waits fall out of them."""


@dataclass(frozen=True)
class Wait:
    """What is usual in one queue."""

    starts: int  # of how many jobs, at least one
    median: timedelta
    nine_in_ten: timedelta  # so long or shorter waited 90 % of them


@dataclass(frozen=True)
class Waits:
    """What is usual, for each name that any job of this hub ever asked for; others are not in the dictionaries."""

    partitions: dict[str, Wait] = field(default_factory=dict)
    qos: dict[str, Wait] = field(default_factory=dict)
    reservations: dict[str, Wait] = field(default_factory=dict)


class WaitHistory:
    """The waits of the last REMEMBERED days on one system.

    Parameters
    ----------
    database : the store of intents, which commits each statement.
    """

    def __init__(self, database: Database, system: str) -> None:
        self._database = database
        self._system = system
        self._database.executescript(_SCHEMA)
        self._waits = Waits()
        self._counted: datetime | None = None  # None: a job began since

    def add(self, job_id: str, request: JobRequest, waited: timedelta, began: datetime) -> None:
        """A job of this hub began after it had waited so long; the same job and start count once."""
        values = (self._system, job_id, began.timestamp(), max(waited, timedelta(0)).total_seconds(),
                  request.partition, request.qos, request.reservation)  # fmt: skip
        self._database.jot("INSERT OR IGNORE INTO waits_by_system VALUES (?, ?, ?, ?, ?, ?, ?)", values)
        self._counted = None

    def take_over(self) -> None:
        """Make the waits in the table of the version that knew of one system waits of this one."""
        if self._database.execute("SELECT 1 FROM sqlite_master WHERE name = 'waits'").fetchone() is None:
            return
        self._database.execute(
            "INSERT OR IGNORE INTO waits_by_system"
            " SELECT ?, job_id, began, seconds, partition, qos, reservation FROM waits",
            (self._system,),
        )
        self._database.execute("DELETE FROM waits")
        self._counted = None

    def typical(self, now: datetime) -> Waits:
        """What is usual now."""
        if self._counted is None or now - self._counted > RECOUNTED:
            self._waits, self._counted = self._count(now), now
        return self._waits

    def _count(self, now: datetime) -> Waits:
        self._database.execute("DELETE FROM waits_by_system WHERE began < ?", ((now - REMEMBERED).timestamp(),))
        rows = self._database.execute(
            "SELECT partition, qos, reservation, seconds FROM waits_by_system WHERE system = ?", (self._system,)
        ).fetchall()
        in_queue = [row for row in rows if not row[2]]
        return Waits(
            partitions=_by_name((row[0], row[3]) for row in in_queue),
            qos=_by_name((row[1], row[3]) for row in in_queue),
            reservations=_by_name((row[2], row[3]) for row in rows if row[2]),
        )


def _by_name(waits: Iterable[tuple[str, float]]) -> dict[str, Wait]:
    named: dict[str, list[float]] = {}
    for name, seconds in waits:
        named.setdefault(name, []).append(seconds)
    return {name: _wait(sorted(seconds)) for name, seconds in named.items()}


def _wait(ordered: Sequence[float]) -> Wait:
    """By nearest rank: a figure that some job really waited."""
    return Wait(len(ordered), _rank(ordered, 0.5), _rank(ordered, 0.9))


def _rank(ordered: Sequence[float], share: float) -> timedelta:
    return timedelta(seconds=ordered[ceil(share * len(ordered)) - 1])


def waited(submitted: datetime | None, starts: datetime | None, opened: datetime | None) -> timedelta | None:
    """How long a job that runs waited for nodes; None where the scheduler told no times.

    opened : when its reservation opened. A job that was handed in before it did not wait for nodes until then.
    """
    if submitted is None or starts is None or starts > datetime.now(UTC) + timedelta(minutes=2):
        return None
    return max(starts - max(submitted, opened or submitted), timedelta(0))
