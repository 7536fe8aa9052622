"""transfers: data from one tier to another, in the person's own name."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from facility.service.accounts.people import check_person
from facility.service.caller import Caller
from facility.service.transfers.service import LONGEST_LABEL, Wish
from facility.service.transfers.tiers import spot
from facility.service.web.access import ServiceParts, needs
from facility.wire import encode

router = APIRouter(prefix="/transfers", tags=["transfers"])

Owner = Annotated[Caller, Depends(needs("transfers"))]
LONGEST_WAIT = 30.0
Key = Annotated[str, Header(alias="Idempotency-Key", max_length=255)]


class PlaceIn(BaseModel):
    """A place in a tier."""

    model_config = ConfigDict(extra="forbid")

    tier: str = Field(min_length=1, max_length=64, description="the tier's name, or its Globus collection")
    path: str = Field(min_length=1, max_length=4096, description="below the tier's own directory, or with it before")


class TransferIn(BaseModel):
    """What is to be brought where."""

    model_config = ConfigDict(extra="forbid")

    source: PlaceIn
    destination: PlaceIn = Field(description="the path is the copy's own name, not the directory to put it in")
    label: str = Field("", max_length=LONGEST_LABEL)
    verify: bool = Field(True, description="read both sides again at the end and compare")


@router.get("")
async def transfers(parts: ServiceParts, caller: Owner) -> JSONResponse:
    """One's own transfers, the newest first."""
    return JSONResponse(encode(await parts.transfers.list(caller.mandate.user)))


@router.post("", status_code=202)
async def start(parts: ServiceParts, caller: Owner, wanted: TransferIn, idempotency_key: Key = "") -> JSONResponse:
    """Start a transfer; ask for it by its id."""
    check_person(caller.mandate.user, parts.profile)
    wish = Wish(
        wanted.source.tier,
        wanted.source.path,
        wanted.destination.tier,
        wanted.destination.path,
        wanted.label,
        wanted.verify,
    )
    found = await parts.transfers.start(caller, wish, key=idempotency_key)
    return JSONResponse(encode(found), 202, headers={"Location": f"/transfers/{found.id}"})


@router.get("/tiers")
async def tiers(parts: ServiceParts, caller: Owner) -> JSONResponse:
    """The tiers, and where one's own files are in each."""
    user = caller.mandate.user
    found = [
        {"name": name, "title": tier.title or name, "path": spot(parts.profile, name, ".", user).path}
        for name, tier in parts.profile.tiers.items()
    ]
    return JSONResponse({"tiers": found})


@router.get("/{transfer_id}")
async def transfer(
    parts: ServiceParts,
    caller: Owner,
    transfer_id: UUID,
    wait: Annotated[float, Query(ge=0, le=LONGEST_WAIT)] = 0.0,
) -> JSONResponse:
    """One transfer; with `wait` the answer comes when it has ended, or after so many seconds."""
    return JSONResponse(encode(await parts.transfers.wait(str(transfer_id), caller.mandate.user, wait)))


@router.delete("/{transfer_id}")
async def cancel(parts: ServiceParts, caller: Owner, transfer_id: UUID) -> JSONResponse:
    """End a transfer; what was copied so far stays, and one that has ended stays as it is."""
    return JSONResponse(encode(await parts.transfers.cancel(str(transfer_id), caller.mandate.user)))
