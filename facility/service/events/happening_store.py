"""The table of happenings: what any process tells, every process hears, each thing once, in one order. It blocks."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Column, Connection, Integer, RowMapping, String, Table, Text, delete, func, insert, select

from facility.service.database import Database, Moment, service_tables
from facility.service.events.happenings import Happening

KEPT = timedelta(days=1)
READ_AT_ONCE = 1000
ONE_WRITER = 0x68617070  # PostgreSQL's advisory lock: numbers become visible in their order, so that none is missed

table = Table(
    "happenings",
    service_tables,
    Column("id", Integer, primary_key=True),
    Column("event", String(64), nullable=False),
    Column("users", Text, nullable=False),  # JSON; an empty list: everybody
    Column("data", Text, nullable=False),
    Column("at", Moment, nullable=False),
    Column("cause", String(255), nullable=False, unique=True),
    Column("told", Moment, nullable=False, index=True),
    sqlite_autoincrement=True,  # a number is never given twice, also where all older ones are forgotten
)


@dataclass(frozen=True)
class Told:
    """A happening with its place in the order."""

    id: int
    happening: Happening


class HappeningStore:
    """What happened in the last day."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, happenings: Iterable[Happening], now: datetime) -> None:
        """Store those whose cause is new, and forget what is old."""
        with self._database.writing() as connection:
            if self._database.is_shared:
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ONE_WRITER})")
            for happening in happenings:
                _add(connection, happening, now)
            connection.execute(delete(table).where(table.c.told < now - KEPT))

    def after(self, id_: int) -> list[Told]:
        """The next ones in their order, READ_AT_ONCE at most."""
        query = select(table).where(table.c.id > id_).order_by(table.c.id).limit(READ_AT_ONCE)
        with self._database.reading() as connection:
            rows = connection.execute(query).mappings()
            return [_told(row) for row in rows]

    def last(self) -> int:
        """The number of the last one; 0 where there was none yet."""
        with self._database.reading() as connection:
            return connection.execute(select(func.max(table.c.id))).scalar() or 0


def _add(connection: Connection, happening: Happening, now: datetime) -> None:
    cause = happening.cause[:255]
    if connection.execute(select(table.c.id).where(table.c.cause == cause)).first():
        return
    texts = {"users": json.dumps(happening.users), "data": json.dumps(happening.data)}
    connection.execute(insert(table).values(event=happening.event, **texts, at=happening.at, cause=cause, told=now))


def _told(row: RowMapping) -> Told:
    users, data = tuple(json.loads(row["users"])), json.loads(row["data"])
    return Told(row["id"], Happening(row["event"], users, data, row["at"], row["cause"]))
