"""Callbacks of one job that are made at a time at the latest."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005_callback_until"
down_revision = "0004_status"


def upgrade() -> None:
    """Add the column; callbacks that are there wait as they did."""
    op.add_column("callbacks", sa.Column("until", sa.DateTime(timezone=True)))


def downgrade() -> None:
    """Back to before."""
    op.drop_column("callbacks", "until")
