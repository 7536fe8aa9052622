"""For the hub: whether a login may still enter, and that one has ended."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from facility.service.caller import Caller
from facility.service.identity.standing import end_login, standing
from facility.service.identity.store import Link
from facility.service.routers.identity.desk import AtDesk
from facility.service.routers.identity.links import Issuer, Subject
from facility.service.scopes import HUB
from facility.service.web.access import needs
from facility.wire import encode

router = APIRouter(prefix="/identity/logins", tags=["identity"])


class EndedLogin(BaseModel):
    """A login of an account that counts no more."""

    model_config = ConfigDict(extra="forbid")

    iss: str = Field(min_length=1, max_length=500)
    sub: str = Field(min_length=1, max_length=255)
    user: str = Field(min_length=1, max_length=32)
    why: str = Field("", max_length=200)


@router.get("/standing", dependencies=[Depends(needs(HUB))])
async def get_standing(desk: AtDesk, iss: Issuer, sub: Subject) -> JSONResponse:
    """Whose account a login leads to, and why that may not be used any more; for hubs."""
    return JSONResponse(encode(await standing(desk, iss, sub)))


@router.post("/ended")
async def end_one(desk: AtDesk, caller: Annotated[Caller, Depends(needs(HUB))], ended: EndedLogin) -> JSONResponse:
    """End every token and delegation that hubs have got for an account's logins until now; for hubs.

    The hub has learned that the login ended at home. The link and the account's own keys stay.
    """
    await end_login(desk, Link(ended.iss, ended.sub, ended.user), caller.client, ended.why)
    return JSONResponse({"user": ended.user})
