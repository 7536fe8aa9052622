"""Where programs find the token endpoint (RFC 8414)."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse

from facility.service.identity.endpoint import GRANTS
from facility.service.scopes import HUB
from facility.service.web.access import ServiceParts, public

router = APIRouter(tags=["identity"])


@router.get("/.well-known/oauth-authorization-server", dependencies=[Depends(public)])
async def authorization_server(parts: ServiceParts) -> JSONResponse:
    """The token endpoint and its kin."""
    service = parts.profile.service
    signed = ["RS256", "PS256", "ES256", "EdDSA"]
    return JSONResponse(
        {
            "issuer": service.token_issuer,
            "token_endpoint": f"{service.token_issuer}/identity/token",
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
            "token_endpoint_auth_signing_alg_values_supported": signed,
            "revocation_endpoint": f"{service.token_issuer}/identity/revoke",
            "revocation_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
            "revocation_endpoint_auth_signing_alg_values_supported": signed,
            "introspection_endpoint": f"{service.token_issuer}/identity/introspect",
            "introspection_endpoint_auth_methods_supported": ["private_key_jwt"],
            "introspection_endpoint_auth_signing_alg_values_supported": signed,
            "jwks_uri": f"{service.token_issuer}/identity/jwks",
            "scopes_supported": [*service.scopes, HUB],
            "response_types_supported": [],
            "grant_types_supported": list(GRANTS),
        },
        headers={"Cache-Control": "public, max-age=300"},
    )
