"""Tokens: had at /identity/token, ended at /identity/revoke, looked up at /identity/introspect."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import JSONResponse

from facility.errors import FacilityError, NotSignedIn
from facility.service.caller import Caller
from facility.service.identity.endpoint import ACCESS_TOKEN, EXCHANGE, prove_client
from facility.service.identity.oauth import FORM, NO_STORE, TokenRefused, read_form, refusal
from facility.service.routers.identity.desk import Address, AtDesk, Here
from facility.service.scopes import write_scopes
from facility.service.web.access import proved, public
from facility.service.web.described import OAUTH

router = APIRouter(prefix="/identity", tags=["identity"], responses=OAUTH)


def _form(*required: str, **optional: str) -> dict[str, Any]:
    """The form of an OAuth endpoint for the OpenAPI description; the fields are read by `read_form`."""
    fields = {name: {"type": "string"} for name in (*required, *optional)}
    schema = {"type": "object", "properties": fields, "required": list(required)}
    return {"requestBody": {"required": True, "content": {FORM: {"schema": schema}}}}


@router.post(
    "/token",
    dependencies=[Depends(proved)],
    openapi_extra=_form("grant_type", "client_assertion_type", "client_assertion", scope="", subject_token="",
                        subject_token_type=""),
)  # fmt: skip
async def get_token(identity: Here, request: Request, address: Address) -> JSONResponse:
    """A token of ten minutes: of a client's owner, or, for the hub with a person's ID token, of that person."""
    try:
        form = await read_form(request)
        token = await identity.token(form, address)
    except FacilityError as error:
        return refusal(error)
    content = {
        "access_token": token.access_token,
        "token_type": token.token_type,
        "expires_in": token.expires_in,
        "scope": token.scope,
    }
    if form["grant_type"] == EXCHANGE:
        content["issued_token_type"] = ACCESS_TOKEN
    return JSONResponse(content, headers=NO_STORE)


@router.post("/revoke", dependencies=[Depends(proved)], openapi_extra=_form("token", token_type_hint=""))
async def revoke(identity: Here, desk: AtDesk, request: Request, address: Address) -> JSONResponse:
    """End a token (RFC 7009). Whoever holds it may; an assertion that comes along must be of the token's client."""
    try:
        form = await read_form(request)
        token = _required(form, "token")
        if "client_assertion" in form:
            client = await prove_client(desk, form, address)
            if (await _known(identity, token, client.id)) is None:
                return JSONResponse({}, headers=NO_STORE)
        await identity.revoke(token)
    except FacilityError as error:
        return refusal(error)
    return JSONResponse({}, headers=NO_STORE)


@router.post("/introspect", dependencies=[Depends(proved)], openapi_extra=_form("token", token_type_hint=""))
async def introspect(
    identity: Here, desk: AtDesk, request: Request, address: Address, authorization: Annotated[str, Header()] = ""
) -> JSONResponse:
    """What a token is good for (RFC 7662), for its holder, its client, and the hub; to all others it is not active."""
    try:
        form = await read_form(request)
        token = _required(form, "token")
        if authorization.partition(" ")[2].strip() == token:
            found = await _known(identity, token, "")
        else:
            client = await prove_client(desk, form, address)
            found = await _known(identity, token, "" if client.is_hub else client.id)
    except FacilityError as error:
        return refusal(error)
    return JSONResponse(_told(found, desk.profile.service.audience), headers=NO_STORE)


@router.get("/jwks", dependencies=[Depends(public)])
async def jwks(desk: AtDesk) -> JSONResponse:
    """The public keys of our tokens (RFC 7517)."""
    return JSONResponse(desk.keyring.jwks(), headers={"Cache-Control": "public, max-age=60"})


async def _known(identity: Here, token: str, client: str) -> Caller | None:
    """Whom an active token is for, if it was given to `client` (empty: to whomever)."""
    try:
        caller = await identity.verify(token)
    except NotSignedIn:
        return None
    return caller if client in {"", caller.client} else None


def _told(caller: Caller | None, audience: str) -> dict[str, object]:
    if caller is None:
        return {"active": False}
    return {
        "active": True,
        "token_type": "Bearer",
        "sub": caller.user,
        "username": caller.user,
        "scope": write_scopes(caller.scopes),
        "client_id": caller.client,
        "aud": audience,
        "exp": int(caller.expires.timestamp()),
    }


def _required(form: dict[str, str], name: str) -> str:
    if not form.get(name):
        raise TokenRefused("invalid_request", f"the field {name} is missing")
    return form[name]
