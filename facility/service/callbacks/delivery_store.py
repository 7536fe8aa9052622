"""Statements about deliveries, each in one transaction. They block and raise StoreFailed."""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, func, insert, select, update

from facility.callbacks import Attempt, Delivery, DeliveryState
from facility.errors import NotFound, Refused
from facility.service.callbacks.sending import Outcome
from facility.service.callbacks.subscription_store import KEPT
from facility.service.callbacks.tables import attempts, deliveries, subscriptions
from facility.service.database import Database
from facility.service.events.happenings import Happening

MOST_WAITING = 1000
"""Deliveries of one owner that wait; further ones take their numbers in the sequence, and are not stored."""

MOST_KEPT = 10_000
"""Deliveries of one owner in the log; the oldest that ended give way."""

LEASE = timedelta(seconds=60)
"""After which a delivery that a dead process held is sent again; longer than an attempt may take."""

LISTED = 200
LONGEST_CAUSE = 255  # characters that are kept


class DeliveryStore:
    """What is to be told, to whom, and how that went."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, wanted: Iterable[tuple[str, str, Happening]], now: datetime) -> int:
        """Store (subscription, owner, happening) once each; how many are new and kept."""
        added = 0
        with self._database.writing() as connection:
            for callback, owner, happening in wanted:
                added += self._add(connection, callback, owner, happening, now)
        return added

    def claim(self, now: datetime, except_owners: Collection[str]) -> tuple[Delivery, str] | None:
        """Take the delivery that is due longest, and where it goes; None where there is none. Nobody else gets it."""
        free = deliveries.c.lease_until.is_(None) | (deliveries.c.lease_until <= now)
        due = (deliveries.c.state == str(DeliveryState.WAITING)) & (deliveries.c.next_at <= now) & free
        chosen = (
            select(deliveries.c.id)
            .where(due, deliveries.c.owner.not_in(except_owners))
            .order_by(deliveries.c.next_at, deliveries.c.sequence)
            .limit(1)
        )
        with self._database.reading() as connection:
            if connection.execute(chosen).first() is None:
                return None
        held = {"lease_until": now + LEASE, "attempts": deliveries.c.attempts + 1, "updated": now}
        # "=" and not "IN": PostgreSQL may ask the latter anew for each row, and take more than one
        its_id = chosen.with_for_update(skip_locked=True).scalar_subquery()
        taking = update(deliveries).where(deliveries.c.id == its_id).values(**held)
        with self._database.writing() as connection:
            row = connection.execute(taking.returning(deliveries)).mappings().one_or_none()
            if row is None:
                return None
            url = connection.execute(select(subscriptions.c.url).where(subscriptions.c.id == row["callback"])).scalar()
        return _delivery(row), url or ""

    def close(self, delivery: Delivery, outcome: Outcome, now: datetime, next_at: datetime | None) -> None:
        """Note an attempt: delivered, to be tried again at `next_at`, or, where that is None, given up."""
        state = DeliveryState.DELIVERED if outcome.is_delivered else DeliveryState.DEAD
        if next_at is not None and not outcome.is_delivered:
            state = DeliveryState.WAITING
        told = {"last_status": outcome.status, "last_error": outcome.error[:400]}
        row = {"state": str(state), "next_at": next_at or now, "lease_until": None, "updated": now, **told}
        tried = {"at": now, "status": outcome.status, "error": outcome.error[:400], "seconds": outcome.seconds}
        with self._database.writing() as connection:
            connection.execute(update(deliveries).where(deliveries.c.id == delivery.id).values(**row))
            connection.execute(insert(attempts).values(delivery=delivery.id, **tried))

    def find(self, callback: str, owner: str, state: str = "") -> list[Delivery]:
        """The newest LISTED deliveries to one subscription, without their attempts."""
        query = select(deliveries).where(deliveries.c.callback == callback, deliveries.c.owner == owner)
        if state:
            query = query.where(deliveries.c.state == state)
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(deliveries.c.sequence.desc()).limit(LISTED)).mappings()
            return [_delivery(row) for row in rows]

    def get(self, id_: str, callback: str, owner: str) -> Delivery:
        """One delivery with its attempts. Raises NotFound."""
        wanted = (deliveries.c.id == id_) & (deliveries.c.callback == callback) & (deliveries.c.owner == owner)
        with self._database.reading() as connection:
            row = connection.execute(select(deliveries).where(wanted)).mappings().one_or_none()
            if row is None:
                raise NotFound(f"there is no delivery {id_} of that callback of yours")
            log = connection.execute(select(attempts).where(attempts.c.delivery == id_).order_by(attempts.c.id))
            tried = tuple(Attempt(a["at"], a["status"], a["error"], a["seconds"]) for a in log.mappings())
        return _delivery(row, tried)

    def send_again(self, id_: str, callback: str, owner: str, now: datetime) -> Delivery:
        """Let a delivery that ended begin anew, under the same id. Raises NotFound, Refused while it still waits."""
        found = self.get(id_, callback, owner)
        if found.state is DeliveryState.WAITING:
            raise Refused(f"delivery {id_} still waits for its next attempt, at {found.next_at:%Y-%m-%d %H:%M} UTC")
        anew = {"state": str(DeliveryState.WAITING), "attempts": 0, "next_at": now, "lease_until": None, "updated": now}
        with self._database.writing() as connection:
            connection.execute(update(deliveries).where(deliveries.c.id == id_).values(**anew))
        return self.get(id_, callback, owner)

    def give_up(self, callback: str, words: str, now: datetime) -> None:
        """End everything that waits for one subscription."""
        waiting = (deliveries.c.callback == callback) & (deliveries.c.state == str(DeliveryState.WAITING))
        with self._database.writing() as connection:
            dead = {"state": str(DeliveryState.DEAD), "last_error": words, "lease_until": None, "updated": now}
            connection.execute(update(deliveries).where(waiting).values(**dead))

    def prune(self, now: datetime) -> None:
        """Remove what ended long ago, and the oldest of owners who have very much."""
        ended = deliveries.c.state != str(DeliveryState.WAITING)
        with self._database.writing() as connection:
            connection.execute(delete(deliveries).where(ended, deliveries.c.updated < now - KEPT))
            counted = select(deliveries.c.owner).group_by(deliveries.c.owner).having(func.count() > MOST_KEPT)
            for owner in connection.execute(counted).scalars().all():
                newest = select(deliveries.c.id).where(deliveries.c.owner == owner)
                kept = newest.order_by(deliveries.c.updated.desc()).limit(MOST_KEPT).scalar_subquery()
                old = (deliveries.c.owner == owner) & ended & deliveries.c.id.not_in(kept)
                connection.execute(delete(deliveries).where(old))
            connection.execute(delete(attempts).where(attempts.c.delivery.not_in(select(deliveries.c.id))))

    def _add(self, connection: Connection, callback: str, owner: str, happening: Happening, now: datetime) -> int:
        """One delivery. The subscription's row is locked first, so that numbers follow each other without a gap."""
        holder = select(subscriptions.c.sequence).where(subscriptions.c.id == callback).with_for_update()
        sequence = connection.execute(holder).scalar()
        known = (deliveries.c.callback == callback) & (deliveries.c.cause == happening.cause[:LONGEST_CAUSE])
        if sequence is None or connection.execute(select(deliveries.c.id).where(known)).first():
            return 0
        waiting = (deliveries.c.owner == owner) & (deliveries.c.state == str(DeliveryState.WAITING))
        is_full = connection.execute(select(func.count()).where(waiting)).scalar_one() >= MOST_WAITING
        counted: dict[str, Any] = {"sequence": sequence + 1}
        if is_full:
            counted["dropped"] = subscriptions.c.dropped + 1
        connection.execute(update(subscriptions).where(subscriptions.c.id == callback).values(**counted))
        if not is_full:
            connection.execute(insert(deliveries).values(**_new(callback, owner, happening, sequence + 1, now)))
        return int(not is_full)


def _new(callback: str, owner: str, happening: Happening, sequence: int, now: datetime) -> dict[str, object]:
    body = {
        "type": happening.event,
        "timestamp": happening.at.isoformat(),
        "sequence": sequence,
        "callback": callback,
        "data": happening.data,
    }
    return {
        "id": f"msg_{uuid.uuid4().hex}", "callback": callback, "owner": owner, "event": happening.event,
        "cause": happening.cause[:LONGEST_CAUSE], "sequence": sequence, "body": json.dumps(body, separators=(",", ":")),
        "state": str(DeliveryState.WAITING), "attempts": 0, "next_at": now, "lease_until": None, "last_status": 0,
        "last_error": "", "created": now, "updated": now,
    }  # fmt: skip


def _delivery(row: RowMapping, log: tuple[Attempt, ...] = ()) -> Delivery:
    kept = {name: row[name] for name in row if name not in {"cause", "lease_until", "state"}}
    return Delivery(**kept, state=DeliveryState(row["state"]), log=log)
