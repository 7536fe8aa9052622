"""Bookings, what was done with them, calendar addresses, and what happened to whom."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003_bookings"
down_revision = "0003_groups"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "bookings",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("owner", sa.String(64), nullable=False, index=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("wish", sa.Text, nullable=False),
        sa.Column("ends", MOMENT, nullable=False),
        sa.Column("reservation", sa.String(64), nullable=False, unique=True),
        sa.Column("decided_by", sa.String(64), nullable=False),
        sa.Column("word", sa.Text, nullable=False),
        sa.Column("change", sa.Text, nullable=False),
        sa.Column("delegation", sa.Text, nullable=False),
        sa.Column("created", MOMENT, nullable=False),
        sa.Column("updated", MOMENT, nullable=False),
    )
    op.create_table(
        "booking_acts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("booking", sa.String(36), nullable=False, index=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("who", sa.String(64), nullable=False),
        sa.Column("act", sa.String(32), nullable=False),
        sa.Column("words", sa.Text, nullable=False),
    )
    op.create_table(
        "calendar_feeds",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("owner", sa.String(64), nullable=False, index=True),
        sa.Column("digest", sa.String(64), nullable=False, unique=True),
        sa.Column("created", MOMENT, nullable=False),
    )
    op.create_table(
        "happenings",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("event", sa.String(64), nullable=False),
        sa.Column("users", sa.Text, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("cause", sa.String(255), nullable=False, unique=True),
        sa.Column("told", MOMENT, nullable=False, index=True),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    """Back to before."""
    for table in ("happenings", "calendar_feeds", "booking_acts", "bookings"):
        op.drop_table(table)
