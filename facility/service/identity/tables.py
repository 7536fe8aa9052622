"""The tables of the identity database (`facility.service.migrations.identity` makes them)."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, MetaData, String, Table, UniqueConstraint

from facility.service.database import Moment

metadata = MetaData()

links = Table(
    "links",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("issuer", String(500), nullable=False),
    Column("subject", String(255), nullable=False),  # OpenID Connect Core, section 2: at most 255 characters
    Column("user", String(32), nullable=False),
    Column("linked_at", Moment(), nullable=False),
    Column("linked_by", String(32), nullable=False),
    Column("uid", BigInteger()),
    Column("how", String(16), nullable=False),
    Column("assurance", String(1000), nullable=False),
    Column("institution", String(500), nullable=False),
    UniqueConstraint("issuer", "subject", name="one_account_per_login"),
)

clients = Table(
    "clients",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("owner", String(32), nullable=False),
    Column("scopes", String(400), nullable=False),
    Column("public_key", String(4000), nullable=False),
    Column("created_at", Moment(), nullable=False),
    Column("name", String(64), nullable=False),
    Column("networks", String(1000), nullable=False),
    Column("expires_at", Moment()),
    Column("revoked_at", Moment()),
)

used_assertions = Table(
    "used_assertions",
    metadata,
    Column("client", String(64), primary_key=True),
    Column("jti", String(255), primary_key=True),
    Column("expires_at", Moment(), nullable=False),
)

revoked_tokens = Table(
    "revoked_tokens",
    metadata,
    Column("jti", String(300), primary_key=True),
    Column("expires_at", Moment(), nullable=False),
)

ended_logins = Table(
    "ended_logins",
    metadata,
    Column("user", String(32), primary_key=True),
    Column("ended_at", Moment(), nullable=False),
)

delegations = Table(
    "delegations",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("user", String(32), nullable=False),
    Column("client", String(64), nullable=False),
    Column("token", String(300), nullable=False),
    Column("verbs", String(400), nullable=False),
    Column("expires_at", Moment(), nullable=False),
)

link_requests = Table(
    "link_requests",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("issuer", String(500), nullable=False),
    Column("subject", String(255), nullable=False),
    Column("described", String(300), nullable=False),
    Column("assurance", String(1000), nullable=False),
    Column("institution", String(500), nullable=False),
    Column("expires_at", Moment(), nullable=False),
)

link_wishes = Table(
    "link_wishes",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("issuer", String(500), nullable=False),
    Column("subject", String(255), nullable=False),
    Column("described", String(300), nullable=False),
    Column("assurance", String(1000), nullable=False),
    Column("institution", String(500), nullable=False),
    Column("asked_at", Moment(), nullable=False),
    Column("state", String(16), nullable=False),
    Column("word", String(500), nullable=False),
    Column("decided_by", String(32), nullable=False),
    Column("decided_at", Moment()),
    UniqueConstraint("issuer", "subject", name="one_wish_per_login"),
)
