"""auth: a token by a signed assertion, its end, and what it is good for. Nobody signs in here with a password."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Depends, Form, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from facility.service.caller import Caller
from facility.service.routers.sfapi_2020.at import group
from facility.service.scopes import write_scopes
from facility.service.web.access import ServiceParts, needs, proved

router = group("/auth")
AnyToken = Annotated[Caller, Depends(needs())]

GRANT = "client_credentials"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
NO_STORE = {"Cache-Control": "no-store"}


class Assertion(BaseModel):
    """What proves who asks (RFC 7523); a field for a password there is not."""

    client_assertion: str = Field(max_length=16_384)
    scope: str = Field("", max_length=500)


class Verified(BaseModel):
    """Whom a token speaks for, for what, and until when."""

    user: str
    client: str
    scope: str
    expires: datetime


@router.post("/login", dependencies=[Depends(proved)])
async def login(parts: ServiceParts, request: Request, form: Annotated[Assertion, Form()]) -> JSONResponse:
    """A token of ten minutes for an assertion that the caller's key signed; the same as at the token endpoint."""
    asked = {"grant_type": GRANT, "client_assertion_type": ASSERTION, "client_assertion": form.client_assertion}
    asked |= {"scope": form.scope} if form.scope else {}
    token = await parts.identity.token(asked, request.client.host if request.client else "")
    told = {"access_token": token.access_token, "token_type": token.token_type, "expires_in": token.expires_in}
    return JSONResponse(told | {"scope": token.scope}, headers=NO_STORE)


@router.post("/revoke")
async def revoke(parts: ServiceParts, caller: AnyToken) -> JSONResponse:
    """End the token that this request brought, with the delegations made from it."""
    await parts.identity.revoke(caller.token)
    return JSONResponse({"revoked": True}, headers=NO_STORE)


@router.get("/verify")
async def verify(caller: AnyToken) -> Verified:
    """Whom the token that this request brought speaks for."""
    return Verified(user=caller.user, client=caller.client, scope=write_scopes(caller.scopes), expires=caller.expires)
