"""Groups that projects make."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003_groups"
down_revision = "0002_callbacks"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "groups",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(32), nullable=False, unique=True),
        sa.Column("account", sa.String(64), nullable=False, index=True),
        sa.Column("made_by", sa.String(32), nullable=False),
        sa.Column("made", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "group_members",
        sa.Column("group", sa.Integer, sa.ForeignKey("groups.id"), primary_key=True),
        sa.Column("user", sa.String(32), primary_key=True, index=True),
    )


def downgrade() -> None:
    """Back to before."""
    for table in ("group_members", "groups"):
        op.drop_table(table)
