"""What the routes of identity work with."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from facility.errors import Unreachable
from facility.service.identity.desk import Desk
from facility.service.identity.local import LocalIdentity
from facility.service.web.access import ServiceParts


async def identity_of(parts: ServiceParts) -> LocalIdentity:
    """Identity, which these routes are served beside."""
    if not isinstance(parts.identity, LocalIdentity):
        raise Unreachable("identity is served by another process; see service.identity_url in facility.toml")
    return parts.identity


async def desk_of(identity: Annotated[LocalIdentity, Depends(identity_of)]) -> Desk:
    """Its desk."""
    return identity.desk


async def address_of(request: Request) -> str:
    """Where a request comes from."""
    return request.client.host if request.client else ""


Here = Annotated[LocalIdentity, Depends(identity_of)]
AtDesk = Annotated[Desk, Depends(desk_of)]
Address = Annotated[str, Depends(address_of)]
