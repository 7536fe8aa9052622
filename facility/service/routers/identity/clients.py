"""One's own keys: register, list, revoke."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from facility.service.caller import Caller
from facility.service.identity.clients import NewClient, make_client, scopes_of
from facility.service.routers.identity.desk import AtDesk, Here
from facility.service.web.access import needs
from facility.wire import encode

router = APIRouter(prefix="/identity/clients", tags=["identity"])

Owner = Annotated[Caller, Depends(needs("identity"))]


class Registration(BaseModel):
    """A key to be registered. The private half stays with its owner: make the pair there, and send the public half."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=64)
    public_key: str = Field(min_length=1, max_length=4000, description="PEM, or a JWK as JSON text")
    scopes: list[str] = Field(min_length=1, max_length=20)
    days: float = Field(30, gt=0, le=730, description="until it ends")
    networks: list[str] = Field([], max_length=20, description="from where tokens may be asked for, CIDR")


@router.post("", status_code=201)
async def register(desk: AtDesk, caller: Owner, new: Registration) -> JSONResponse:
    """Register a key of one's own; its id comes back. It never reaches further than the token that registers it."""
    asked = NewClient(new.name, new.public_key, scopes_of(new.scopes), new.days, tuple(new.networks))
    return JSONResponse(encode(await make_client(desk, caller, asked)), 201)


@router.get("")
async def listed(identity: Here, caller: Owner) -> JSONResponse:
    """One's own keys, with what each may do and until when."""
    return JSONResponse({"clients": encode(await identity.clients(caller))})


@router.delete("/{client_id}")
async def revoke(
    identity: Here, caller: Owner, client_id: Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
) -> JSONResponse:
    """End a key for good, with its tokens and delegations; everywhere within 60 seconds."""
    await identity.revoke_client(client_id, caller.user)
    return JSONResponse({"id": client_id})
