"""Outages and notes of operators."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004_status"
down_revision = "0003_bookings"

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "outages",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("resource", sa.String(64), nullable=False),
        sa.Column("starts", MOMENT, nullable=False),
        sa.Column("ends", MOMENT),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("planned", sa.Boolean, nullable=False),
        sa.Column("by", sa.String(64), nullable=False),
        sa.Column("cancelled", sa.Boolean, nullable=False),
    )
    op.create_table(
        "notes",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("resource", sa.String(64), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("created", MOMENT, nullable=False),
        sa.Column("by", sa.String(64), nullable=False),
        sa.Column("until", MOMENT),
    )


def downgrade() -> None:
    """Back to before."""
    for table in ("notes", "outages"):
        op.drop_table(table)
