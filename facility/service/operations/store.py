"""The table of operations: every statement that reads or changes it. Its functions block."""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Index,
    Integer,
    RowMapping,
    String,
    Table,
    Text,
    UniqueConstraint,
    and_,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from facility.errors import KeyReused, NotFound
from facility.service.database import Database, Moment, service_tables

LISTED = 1000
"""Operations that a listing gives at most, the newest."""

LONGEST_PAYLOAD = 1_000_000
"""Characters of an operation's payload, or of its result, as JSON."""

SET_BACK = timedelta(seconds=60)
"""Clocks of several machines may differ so much."""

operations = Table(
    "operations",
    service_tables,
    Column("id", String(36), primary_key=True),
    Column("kind", String(64), nullable=False),
    Column("owner", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("payload", Text, nullable=False),
    Column("result", Text, nullable=False),
    Column("error", Text, nullable=False),
    Column("delegation", Text, nullable=False),
    Column("key", String(255)),  # null: none was given, and nulls never collide
    Column("attempts", Integer, nullable=False),
    Column("next_at", Moment, nullable=False),
    Column("leased_by", String(36), nullable=False),
    Column("lease_until", Moment),
    Column("created", Moment, nullable=False),
    Column("updated", Moment, nullable=False),
    UniqueConstraint("owner", "kind", "key", name="one_operation_per_key"),
    Index("operations_due", "state", "next_at"),
    Index("operations_of_owner", "owner", "created"),
)


class OperationState(StrEnum):
    """How far an operation is."""

    NEW = "new"  # waits for its turn, or for another attempt
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether nothing more happens to it."""
        return self in {OperationState.COMPLETED, OperationState.FAILED, OperationState.CANCELLED}


@dataclass(frozen=True)
class Operation:
    """One piece of durable work, as last stored."""

    id: str  # a random UUID
    kind: str
    owner: str  # the local user whose it is
    state: OperationState
    payload: dict[str, Any]
    result: dict[str, Any]  # what was reached so far; whole once the state is completed
    error: str  # why it failed, or why it is tried again; empty while there is nothing to say
    delegation: str = field(repr=False)  # proves in whose name it acts; empty once it has ended
    key: str  # the caller's idempotency key; empty where there is none
    attempts: int  # begun so far, the present one counted
    next_at: datetime  # not tried before that
    lease_until: datetime | None  # while it runs: when another process may take it over
    created: datetime
    updated: datetime
    is_replay: bool = False  # `add` found it stored already


class OperationStore:
    """Statements about operations, each in one transaction. They raise StoreFailed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, new: Operation) -> Operation:
        """Store it; or give the one that is stored under the same owner, kind and key. Raises KeyReused."""
        try:
            with self._database.writing() as connection:
                connection.execute(insert(operations).values(**_row(new)))
            return new
        except IntegrityError:
            wanted = and_(*(operations.c[name] == getattr(new, name) for name in ("owner", "kind", "key")))
            with self._database.reading() as connection:
                row = connection.execute(select(operations).where(wanted)).mappings().one()
            if row["payload"] != to_json(new.payload):
                raise KeyReused(f"the key {new.key!r} was used for another {new.kind}; choose a new one") from None
            return _operation(row, is_replay=True)

    def get(self, operation_id: str, owner: str) -> Operation:
        """One operation of `owner` (empty: of anybody). Raises NotFound."""
        wanted = operations.c.id == operation_id
        if owner:
            wanted &= operations.c.owner == owner
        with self._database.reading() as connection:
            row = connection.execute(select(operations).where(wanted)).mappings().one_or_none()
        if row is None:
            raise NotFound(f"there is no operation {operation_id} of yours")
        return _operation(row)

    def find(self, owner: str, kinds: Collection[str], states: Collection[OperationState]) -> tuple[Operation, ...]:
        """The newest LISTED of `owner` (empty: of everybody); no kinds or no states: all of them."""
        query = select(operations).order_by(operations.c.created.desc(), operations.c.id).limit(LISTED)
        if owner:
            query = query.where(operations.c.owner == owner)
        if kinds:
            query = query.where(operations.c.kind.in_(kinds))
        if states:
            query = query.where(operations.c.state.in_(states))
        with self._database.reading() as connection:
            return tuple(_operation(row) for row in connection.execute(query).mappings())

    def cancel(self, operation_id: str, owner: str, now: datetime) -> Operation:
        """End it unless it has ended. Whoever runs it finds its lease void. Raises NotFound."""
        change = update(operations).where(operations.c.id == operation_id, operations.c.state.in_(("new", "running")))
        if owner:
            change = change.where(operations.c.owner == owner)
        ended = {"state": "cancelled", "leased_by": "", "lease_until": None, "delegation": "", "updated": now}
        with self._database.writing() as connection:
            connection.execute(change.values(**ended))
        return self.get(operation_id, owner)

    def due(self, kinds: Collection[str], now: datetime) -> bool:
        """Whether there is anything to claim; cheap, and locks nothing."""
        with self._database.reading() as connection:
            return (
                connection.execute(select(operations.c.id).where(_claimable(kinds, now)).limit(1)).first() is not None
            )

    def claim(self, kind: str, count: int, lease: Lease, except_: Collection[str]) -> tuple[Operation, ...]:
        """Take `count` due operations at most, those first that waited longest; nobody else gets the same ones."""
        ids = (
            select(operations.c.id)
            .where(_claimable([kind], lease.now), operations.c.id.not_in(except_))
            .order_by(operations.c.next_at)
            .limit(count)
            .with_for_update(skip_locked=True)
        )
        held = {"state": "running", "leased_by": lease.holder, "lease_until": lease.until, "updated": lease.now}
        due = ids.cte("due")  # asked once; as a subquery PostgreSQL may ask it for each row, and take more than `count`
        change = update(operations).where(operations.c.id.in_(select(due.c.id)))
        taking = change.values(**held, attempts=operations.c.attempts + 1).returning(operations)
        with self._database.writing() as connection:
            rows = connection.execute(taking).mappings().all()
        return tuple(_operation(row) for row in rows)

    def change_held(self, operation_id: str, lease: Lease, values: dict[str, object]) -> bool:
        """Change what `lease.holder` runs; False where it is held no more (cancelled, or taken over)."""
        held = and_(operations.c.id == operation_id, operations.c.leased_by == lease.holder)
        with self._database.writing() as connection:
            change = update(operations).where(held).values(**values, updated=lease.now)
            return connection.execute(change).rowcount == 1

    def counts(self) -> dict[tuple[str, str], int]:
        """How many there are, by kind and state."""
        query = select(operations.c.kind, operations.c.state, func.count()).group_by(
            operations.c.kind, operations.c.state
        )
        with self._database.reading() as connection:
            return {(kind, state): count for kind, state, count in connection.execute(query)}

    def prune(self, before: datetime) -> int:
        """Remove those that ended before that; how many they were."""
        ended = [str(state) for state in OperationState if state.is_final]
        with self._database.writing() as connection:
            old = delete(operations).where(operations.c.state.in_(ended), operations.c.updated < before)
            return connection.execute(old).rowcount


@dataclass(frozen=True)
class Lease:
    """Who holds an operation, and until when; a holder that died is followed by another one then."""

    holder: str
    now: datetime
    seconds: float

    @property
    def until(self) -> datetime:
        """When it ends unless it is renewed."""
        return self.now + timedelta(seconds=self.seconds)


def new_operation(
    kind: str,
    owner: str,
    payload: dict[str, Any],
    now: datetime,
    next_at: datetime,
    delegation: str = "",
    key: str = "",
) -> Operation:
    """An operation that is to be stored. Raises ValueError for a payload that is no JSON, or too long."""
    to_json(payload)
    return Operation(
        id=str(uuid.uuid4()),
        kind=kind,
        owner=owner,
        state=OperationState.NEW,
        payload=payload,
        result={},
        error="",
        delegation=delegation,
        key=key,
        attempts=0,
        next_at=next_at,
        lease_until=None,
        created=now,
        updated=now,
    )


def to_json(value: dict[str, Any]) -> str:
    """The one way a record is written, so that equal ones are equal as text. Raises ValueError."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    if len(text) > LONGEST_PAYLOAD:
        raise ValueError(f"an operation holds at most {LONGEST_PAYLOAD} characters, this is {len(text)}")
    return text


def _claimable(kinds: Collection[str], now: datetime) -> ColumnElement[bool]:
    # a record of the future: the clock was set back, and what waits must not wait for it to come round again
    is_due = or_(operations.c.next_at <= now, operations.c.updated > now + SET_BACK)
    waits = and_(operations.c.state == "new", is_due)
    was_left = and_(operations.c.state == "running", operations.c.lease_until <= now)
    return and_(operations.c.kind.in_(kinds), or_(waits, was_left))


def _row(operation: Operation) -> dict[str, Any]:
    kept = {column.name for column in operations.columns} - {"leased_by"}
    row = {name: getattr(operation, name) for name in kept}
    texts = {name: to_json(getattr(operation, name)) for name in ("payload", "result")}
    return row | texts | {"state": str(operation.state), "key": operation.key or None, "leased_by": ""}


def _operation(row: RowMapping, *, is_replay: bool = False) -> Operation:
    found = {name: row[name] for name in row if name != "leased_by"}
    found |= {"state": OperationState(row["state"]), "key": row["key"] or ""}
    try:
        found |= {name: json.loads(row[name]) for name in ("payload", "result")}
    except ValueError:  # somebody, or a bad disk, changed it: this one cannot go on, all others can
        found |= {"payload": {}, "result": {}, "error": "its record in the database cannot be read"}
        found["state"] = OperationState.FAILED
    return Operation(**found, is_replay=is_replay)
