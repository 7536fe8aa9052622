"""What a link stands on, and logins that ask an operator for their account."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Links say how they came about, and which account it was; requests say how strong the login is."""
    with op.batch_alter_table("links") as links:
        links.add_column(sa.Column("uid", sa.BigInteger()))
        links.add_column(sa.Column("how", sa.String(16), nullable=False, server_default=""))
        links.add_column(sa.Column("assurance", sa.String(1000), nullable=False, server_default=""))
        links.add_column(sa.Column("institution", sa.String(500), nullable=False, server_default=""))
    with op.batch_alter_table("link_requests") as requests:
        requests.add_column(sa.Column("assurance", sa.String(1000), nullable=False, server_default=""))
        requests.add_column(sa.Column("institution", sa.String(500), nullable=False, server_default=""))
    op.create_table(
        "link_wishes",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("issuer", sa.String(500), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("described", sa.String(300), nullable=False),
        sa.Column("assurance", sa.String(1000), nullable=False),
        sa.Column("institution", sa.String(500), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("word", sa.String(500), nullable=False),
        sa.Column("decided_by", sa.String(32), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True)),
        sa.UniqueConstraint("issuer", "subject", name="one_wish_per_login"),
    )


def downgrade() -> None:
    """Back to links that say less."""
    op.drop_table("link_wishes")
    for table, columns in (("link_requests", ("institution", "assurance")),
                           ("links", ("institution", "assurance", "how", "uid"))):  # fmt: skip
        with op.batch_alter_table(table) as narrowed:
            for column in columns:
                narrowed.drop_column(column)
