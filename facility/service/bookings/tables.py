"""The tables of bookings: requests, who did what with them, and private calendar addresses."""

from __future__ import annotations

from sqlalchemy import Column, Integer, String, Table, Text

from facility.service.database import Moment, service_tables

bookings = Table(
    "bookings",
    service_tables,
    Column("id", String(36), primary_key=True),
    Column("owner", String(64), nullable=False, index=True),
    Column("state", String(16), nullable=False),
    Column("wish", Text, nullable=False),  # JSON
    Column("ends", Moment, nullable=False),
    Column("reservation", String(64), nullable=False, unique=True),
    Column("decided_by", String(64), nullable=False),
    Column("word", Text, nullable=False),
    Column("change", Text, nullable=False),  # JSON; empty: none
    Column("delegation", Text, nullable=False),  # the operator's leave, for what the owner may change by themselves
    Column("created", Moment, nullable=False),
    Column("updated", Moment, nullable=False),
)

acts = Table(
    "booking_acts",
    service_tables,
    Column("id", Integer, primary_key=True),
    Column("booking", String(36), nullable=False, index=True),
    Column("at", Moment, nullable=False),
    Column("who", String(64), nullable=False),
    Column("act", String(32), nullable=False),
    Column("words", Text, nullable=False),
)

feeds = Table(
    "calendar_feeds",
    service_tables,
    Column("id", String(36), primary_key=True),
    Column("owner", String(64), nullable=False, index=True),
    Column("digest", String(64), nullable=False, unique=True),  # SHA-256 of the secret in the address
    Column("created", Moment, nullable=False),
)
