"""What programs must know to get a token for this service (RFC 9728); every process answers it."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse

from facility.service.scopes import HUB
from facility.service.web.access import ServiceParts, public

router = APIRouter(tags=["identity"])


@router.get("/.well-known/oauth-protected-resource", dependencies=[Depends(public)])
async def protected_resource(parts: ServiceParts) -> JSONResponse:
    """Where tokens for this service are made, and which scopes there are."""
    service = parts.profile.service
    return JSONResponse(
        {
            "resource": service.url,
            "resource_name": parts.profile.name,
            "authorization_servers": [service.token_issuer],
            "scopes_supported": [*service.scopes, HUB],
            "bearer_methods_supported": ["header"],
        },
        headers={"Cache-Control": "public, max-age=300"},
    )
