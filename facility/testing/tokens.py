"""Tokens for tests of what stands behind the gate."""

from __future__ import annotations

from facility.service.identity.local import LocalIdentity
from facility.service.parts import Parts
from facility.service.scopes import PERSONAL


def token_for(parts: Parts, user: str, scopes: frozenset[str] = PERSONAL, client: str = "test") -> str:
    """A bearer token as the service itself would have made it; only a process that serves identity can."""
    if not isinstance(parts.identity, LocalIdentity):
        raise TypeError("identity is served by another process; ask that one")
    return parts.identity.desk.tokens.mint(user, scopes, client).access_token
