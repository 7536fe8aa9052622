"""The tables of outages and notes that operators post. Its functions block."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Boolean, Column, String, Table, Text, delete, insert, select, update

from facility.errors import NotFound
from facility.service.database import Database, Moment, service_tables
from facility.status import Condition, Note, Outage

KEPT = timedelta(days=400)  # that outages are told of after their end

outages = Table(
    "outages",
    service_tables,
    Column("id", String(36), primary_key=True),
    Column("resource", String(64), nullable=False),
    Column("starts", Moment, nullable=False),
    Column("ends", Moment),
    Column("description", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("planned", Boolean, nullable=False),
    Column("by", String(64), nullable=False),
    Column("cancelled", Boolean, nullable=False),
)

notes = Table(
    "notes",
    service_tables,
    Column("id", String(36), primary_key=True),
    Column("resource", String(64), nullable=False),
    Column("text", Text, nullable=False),
    Column("created", Moment, nullable=False),
    Column("by", String(64), nullable=False),
    Column("until", Moment),
)


class StatusStore:
    """Outages and notes, each act in one transaction. Raises StoreFailed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def outages(self, now: datetime) -> tuple[Outage, ...]:
        """All that are not long over."""
        with self._database.reading() as connection:
            rows = connection.execute(select(outages).order_by(outages.c.starts)).mappings().all()
        found = (Outage(**{**row, "state": Condition(row["state"])}, source="operator") for row in rows)
        return tuple(outage for outage in found if outage.ends is None or outage.ends > now - KEPT)

    def notes(self) -> tuple[Note, ...]:
        """All of them, the newest first."""
        with self._database.reading() as connection:
            return tuple(
                Note(**row) for row in connection.execute(select(notes).order_by(notes.c.created.desc())).mappings()
            )

    def add_outage(self, outage: Outage) -> None:
        """Store a new one."""
        row = {column.name: getattr(outage, column.name) for column in outages.columns} | {"state": str(outage.state)}
        with self._database.writing() as connection:
            connection.execute(insert(outages).values(**row))

    def end_outage(self, outage_id: str, now: datetime) -> None:
        """End one that has begun; one that has not is cancelled. Raises NotFound."""
        with self._database.writing() as connection:
            found = connection.execute(select(outages).where(outages.c.id == outage_id)).mappings().one_or_none()
            if found is None:
                raise NotFound(f"no operator announced an outage {outage_id}")
            change = {"ends": now} if found["starts"] <= now else {"cancelled": True}
            if found["ends"] is None or found["ends"] > now:
                connection.execute(update(outages).where(outages.c.id == outage_id).values(**change))

    def add_note(self, note: Note) -> None:
        """Store a new one."""
        row = {column.name: getattr(note, column.name) for column in notes.columns}
        with self._database.writing() as connection:
            connection.execute(insert(notes).values(**row))

    def remove_note(self, note_id: str) -> None:
        """Forget it. Raises NotFound."""
        with self._database.writing() as connection:
            if connection.execute(delete(notes).where(notes.c.id == note_id)).rowcount == 0:
                raise NotFound(f"there is no note {note_id}")
