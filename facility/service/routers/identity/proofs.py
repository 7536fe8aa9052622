"""Grants and delegations, by which the other services act in a person's name and never without one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from facility.errors import NotSignedIn, Refused
from facility.service.caller import Caller, Mandate
from facility.service.identity.grants import LIFETIME
from facility.service.identity.oauth import NO_STORE
from facility.service.routers.identity.desk import Here
from facility.service.web.access import needs, proved

router = APIRouter(prefix="/identity", tags=["identity"])


class Act(BaseModel):
    """One act that is to be done in a person's name."""

    model_config = ConfigDict(extra="forbid")

    user: str = Field(min_length=1, max_length=32)
    verb: str = Field(min_length=1, max_length=40)
    digest: str = Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the arguments as canonical JSON")
    delegation: str = Field("", max_length=200)


class NewDelegation(BaseModel):
    """Leave that outlives the token it is made from."""

    model_config = ConfigDict(extra="forbid")

    verbs: list[str] = Field(min_length=1, max_length=40)
    seconds: float = Field(gt=0, le=48 * 3600)


class OldDelegation(BaseModel):
    """A delegation that is needed no more."""

    model_config = ConfigDict(extra="forbid")

    delegation: str = Field(min_length=1, max_length=200)


@router.post("/grants", dependencies=[Depends(proved)])
async def grant(identity: Here, act: Act, authorization: Annotated[str, Header()] = "") -> JSONResponse:
    """Leave for one act, good once and for a minute: for the bearer of a person's token, or by a delegation."""
    token = authorization.partition(" ")[2].strip()
    if bool(token) == bool(act.delegation):
        raise Refused("send a bearer token or a delegation, one of the two") if token else NotSignedIn("no proof came")
    signed = await identity.grant(Mandate(act.user, token=token, delegation=act.delegation), act.verb, act.digest)
    return JSONResponse({"grant": signed, "expires_in": LIFETIME}, headers=NO_STORE)


@router.post("/delegations", status_code=201)
async def delegate(identity: Here, caller: Annotated[Caller, Depends(needs())], new: NewDelegation) -> JSONResponse:
    """Make a delegation from the bearer's token, for verbs that its scopes open."""
    secret = await identity.delegate(caller, frozenset(new.verbs), new.seconds)
    return JSONResponse({"delegation": secret, "expires_in": int(new.seconds)}, 201, headers=NO_STORE)


@router.post("/delegations/end", dependencies=[Depends(proved)])
async def end(identity: Here, old: OldDelegation) -> JSONResponse:
    """End a delegation; one that has ended is no error."""
    await identity.end_delegation(old.delegation)
    return JSONResponse({})
