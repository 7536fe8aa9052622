"""identity: tokens, keys, linked logins, and the proofs by which others act in a person's name."""

from __future__ import annotations

from facility.service.routers.identity import clients, closed, links, metadata, people, proofs, standing, tokens, wishes

routers = (
    tokens.router, people.router, clients.router, links.router, wishes.router, standing.router, proofs.router,
    closed.router, metadata.router,
)  # fmt: skip
