"""Statements about subscriptions, each in one transaction. They block and raise StoreFailed."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import RowMapping, delete, func, insert, select, update

from facility.callbacks import Subscription, SubscriptionState
from facility.errors import NotFound, OptionError
from facility.service.callbacks.signing import new_secret
from facility.service.callbacks.tables import deliveries, marks, subscriptions
from facility.service.database import Database

MOST_SUBSCRIPTIONS = 20
"""Subscriptions of one owner."""

MOST_JOBS = 500
"""Jobs of one owner that a per-job shortcut waits for."""

BOTH_SIGN = timedelta(hours=24)
"""How long the old secret signs too after it was replaced."""

KEPT = timedelta(days=30)
"""How long a subscription that has ended, a delivery that has ended, and its log can be looked at."""

EVER = datetime(2000, 1, 1, tzinfo=UTC)
"""The `since` of a per-job shortcut: it is made after the submission, and wants that too."""


class SubscriptionStore:
    """Who wants to hear of what."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        owner: str,
        url: str,
        events: tuple[str, ...],
        filter_: dict[str, str],
        now: datetime,
        job_id: str = "",
        until: datetime | None = None,
    ) -> Subscription:
        """A new subscription, with its secret. Raises OptionError where its owner has too many."""
        new = Subscription(
            id=str(uuid.uuid4()), owner=owner, url=url, events=events, filter=filter_, job_id=job_id,
            state=SubscriptionState.ACTIVE, created=now, since=EVER if job_id else now, sequence=0, dropped=0,
            secret=new_secret(), until=until,
        )  # fmt: skip
        active = (subscriptions.c.owner == owner) & (subscriptions.c.state == str(SubscriptionState.ACTIVE))
        kind = subscriptions.c.job_id != "" if job_id else subscriptions.c.job_id == ""
        most = MOST_JOBS if job_id else MOST_SUBSCRIPTIONS
        with self._database.writing() as connection:
            held = connection.execute(select(func.count()).where(active, kind)).scalar_one()
            if held >= most:
                raise OptionError("url", f"you have {held} subscriptions, and no more are kept; remove one first")
            connection.execute(insert(subscriptions).values(**_row(new), old_secret="", old_until=None))
        return new

    def find(self, owner: str) -> list[Subscription]:
        """Those of one owner, the oldest first."""
        query = select(subscriptions).where(subscriptions.c.owner == owner)
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(subscriptions.c.created, subscriptions.c.id)).mappings()
            return [_subscription(row) for row in rows]

    def active(self) -> list[Subscription]:
        """Everybody's that still hear."""
        query = select(subscriptions).where(subscriptions.c.state == str(SubscriptionState.ACTIVE))
        with self._database.reading() as connection:
            return [_subscription(row) for row in connection.execute(query).mappings()]

    def get(self, id_: str, owner: str) -> Subscription:
        """One of `owner`'s. Raises NotFound."""
        query = select(subscriptions).where(subscriptions.c.id == id_, subscriptions.c.owner == owner)
        with self._database.reading() as connection:
            row = connection.execute(query).mappings().one_or_none()
        if row is None:
            raise NotFound(f"there is no callback {id_} of yours")
        return _subscription(row)

    def remove(self, id_: str, owner: str) -> None:
        """Forget it, and what was to be told to it. Raises NotFound."""
        with self._database.writing() as connection:
            gone = connection.execute(
                delete(subscriptions).where(subscriptions.c.id == id_, subscriptions.c.owner == owner)
            )
            connection.execute(delete(deliveries).where(deliveries.c.callback == id_, deliveries.c.owner == owner))
        if gone.rowcount == 0:
            raise NotFound(f"there is no callback {id_} of yours")

    def replace_secret(self, id_: str, owner: str, now: datetime) -> Subscription:
        """A new secret; the old one signs too for BOTH_SIGN. Raises NotFound."""
        secret = new_secret()
        mine = (subscriptions.c.id == id_) & (subscriptions.c.owner == owner)
        rotated = {"secret": secret, "old_secret": subscriptions.c.secret, "old_until": now + BOTH_SIGN}
        with self._database.writing() as connection:
            connection.execute(update(subscriptions).where(mine).values(**rotated))
        return replace(self.get(id_, owner), secret=secret)

    def secrets(self, id_: str, now: datetime) -> tuple[str, ...]:
        """The secrets that sign at `now`, the newest first; none where the subscription hears no more."""
        chosen = (subscriptions.c.secret, subscriptions.c.old_secret, subscriptions.c.old_until, subscriptions.c.state)
        with self._database.reading() as connection:
            row = connection.execute(select(*chosen).where(subscriptions.c.id == id_)).mappings().one_or_none()
        if row is None or row["state"] == SubscriptionState.UNSUBSCRIBED:
            return ()
        both = bool(row["old_secret"]) and row["old_until"] is not None and row["old_until"] > now
        return (row["secret"], row["old_secret"]) if both else (row["secret"],)

    def end(self, id_: str, state: SubscriptionState) -> None:
        """Let it hear no more."""
        with self._database.writing() as connection:
            connection.execute(update(subscriptions).where(subscriptions.c.id == id_).values(state=str(state)))

    def mark(self, name: str, at: datetime) -> None:
        """Remember a time under a name."""
        with self._database.writing() as connection:
            if connection.execute(update(marks).where(marks.c.name == name).values(at=at)).rowcount == 0:
                connection.execute(insert(marks).values(name=name, at=at))

    def marked(self, name: str) -> datetime | None:
        """The time remembered under a name; None where there is none."""
        with self._database.reading() as connection:
            found: datetime | None = connection.execute(select(marks.c.at).where(marks.c.name == name)).scalar()
        return found

    def prune(self, now: datetime) -> None:
        """Remove what ended long ago, and jobs' shortcuts whose jobs never ended."""
        old = subscriptions.c.created < now - KEPT
        ended = (subscriptions.c.state != str(SubscriptionState.ACTIVE)) | (subscriptions.c.job_id != "")
        with self._database.writing() as connection:
            connection.execute(delete(subscriptions).where(old, ended))


def _row(subscription: Subscription) -> dict[str, object]:
    kept = ("id", "owner", "url", "job_id", "created", "since", "sequence", "dropped", "secret", "until")
    row: dict[str, object] = {name: getattr(subscription, name) for name in kept}
    texts = {"events": " ".join(subscription.events), "filter": json.dumps(subscription.filter)}
    return row | texts | {"state": str(subscription.state)}


def _subscription(row: RowMapping) -> Subscription:
    return Subscription(
        id=row["id"], owner=row["owner"], url=row["url"], events=tuple(row["events"].split()),
        filter=json.loads(row["filter"]), state=SubscriptionState(row["state"]), job_id=row["job_id"],
        created=row["created"], since=row["since"], sequence=row["sequence"], dropped=row["dropped"],
        until=row["until"],
    )  # fmt: skip
