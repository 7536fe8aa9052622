"""The tables of callbacks: who wants what, each thing that is to be told to each, and every attempt at that."""

from __future__ import annotations

from sqlalchemy import Column, Float, Index, Integer, String, Table, Text, UniqueConstraint

from facility.service.database import Moment, service_tables

subscriptions = Table(
    "callbacks",
    service_tables,
    Column("id", String(36), primary_key=True),
    Column("owner", String(64), nullable=False, index=True),
    Column("url", String(2000), nullable=False),  # mailto:NAME for e-mail to the owner's own account
    Column("events", Text, nullable=False),  # patterns, separated by spaces
    Column("filter", Text, nullable=False),  # JSON
    Column("state", String(16), nullable=False),
    Column("secret", String(100), nullable=False),
    Column("old_secret", String(100), nullable=False),  # signs too while `old_until` is to come
    Column("old_until", Moment),
    Column("job_id", String(32), nullable=False),  # of a per-job shortcut; else empty
    Column("until", Moment),  # of a per-job shortcut that is told by this time at the latest
    Column("since", Moment, nullable=False),  # what happened before is not told
    Column("sequence", Integer, nullable=False),  # of the last delivery
    Column("dropped", Integer, nullable=False),  # numbers of the sequence that were never stored
    Column("created", Moment, nullable=False),
)

deliveries = Table(
    "callback_deliveries",
    service_tables,
    Column("id", String(40), primary_key=True),  # the webhook-id, the same at every attempt
    Column("callback", String(36), nullable=False),
    Column("owner", String(64), nullable=False),
    Column("event", String(64), nullable=False),
    Column("cause", String(255), nullable=False),
    Column("sequence", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", Moment, nullable=False),
    Column("lease_until", Moment),
    Column("last_status", Integer, nullable=False),
    Column("last_error", String(400), nullable=False),
    Column("created", Moment, nullable=False),
    Column("updated", Moment, nullable=False),
    UniqueConstraint("callback", "cause", name="one_delivery_per_cause"),
    Index("deliveries_due", "state", "next_at"),
    Index("deliveries_of_owner", "owner", "state"),
)

attempts = Table(
    "callback_attempts",
    service_tables,
    Column("id", Integer, primary_key=True),
    Column("delivery", String(40), nullable=False, index=True),
    Column("at", Moment, nullable=False),
    Column("status", Integer, nullable=False),  # 0: no answer
    Column("error", String(400), nullable=False),
    Column("seconds", Float, nullable=False),
)

marks = Table(
    "callback_marks",
    service_tables,
    Column("name", String(64), primary_key=True),
    Column("at", Moment, nullable=False),
)
