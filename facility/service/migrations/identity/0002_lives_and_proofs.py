"""Names, ends and addresses of clients; revoked tokens, delegations, and logins that ask to be linked."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Widen the clients, and make the new tables."""
    with op.batch_alter_table("clients") as clients:
        clients.alter_column("scope", new_column_name="scopes", type_=sa.String(400), existing_type=sa.String(16))
        clients.add_column(sa.Column("name", sa.String(64), nullable=False, server_default=""))
        clients.add_column(sa.Column("networks", sa.String(1000), nullable=False, server_default=""))
        clients.add_column(sa.Column("expires_at", sa.DateTime(timezone=True)))
        clients.add_column(sa.Column("revoked_at", sa.DateTime(timezone=True)))
    op.create_table(
        "revoked_tokens",
        sa.Column("jti", sa.String(300), primary_key=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "delegations",
        sa.Column("hash", sa.String(64), primary_key=True),
        sa.Column("user", sa.String(32), nullable=False),
        sa.Column("client", sa.String(64), nullable=False),
        sa.Column("token", sa.String(300), nullable=False),
        sa.Column("verbs", sa.String(400), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "link_requests",
        sa.Column("hash", sa.String(64), primary_key=True),
        sa.Column("issuer", sa.String(500), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("described", sa.String(300), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    )


def downgrade() -> None:
    """Back to links and plain clients."""
    for table in ("link_requests", "delegations", "revoked_tokens"):
        op.drop_table(table)
    with op.batch_alter_table("clients") as clients:
        for column in ("revoked_at", "expires_at", "networks", "name"):
            clients.drop_column(column)
        clients.alter_column("scopes", new_column_name="scope", type_=sa.String(16), existing_type=sa.String(400))
