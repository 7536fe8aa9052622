"""storage: transfers between tiers, under the words of Globus, whatever engine carries them."""

from __future__ import annotations

import posixpath
from typing import Annotated

from fastapi import APIRouter, Depends, Form
from pydantic import BaseModel, Field

from facility.answers import Transfer as Carried
from facility.errors import Refused
from facility.service.caller import Caller
from facility.service.parts import Parts
from facility.service.routers.sfapi.asking import ERRORS, PREFIX, refused
from facility.service.routers.sfapi.models import Transfer, TransferState
from facility.service.transfers.service import Wish
from facility.service.web.access import ServiceParts, needs

router = APIRouter(prefix=f"{PREFIX}/storage", tags=["Superfacility storage"], responses=ERRORS)
Owner = Annotated[Caller, Depends(needs("transfers"))]


class NewTransfer(BaseModel):
    """What is to be brought where."""

    source_uuid: str = Field(max_length=64)  # a Globus collection, or the name of a tier, or of the machine
    target_uuid: str = Field(max_length=64)
    source_dir: str = Field(max_length=4096)
    target_dir: str = Field(max_length=4096)
    label: str | None = Field(None, max_length=128)


@router.post("/globus/transfer")
async def start(parts: ServiceParts, caller: Owner, new: Annotated[NewTransfer, Form()]) -> Transfer:
    """Start a transfer; its id tells how it goes."""
    wish = Wish(
        tier_of(parts, new.source_uuid),
        new.source_dir,
        tier_of(parts, new.target_uuid),
        target_of(new.source_dir, new.target_dir),
        new.label or "",
    )
    try:
        found = await parts.transfers.start(caller, wish)
    except Refused as refusal:
        return Transfer(transfer_id="", status="ERROR", reason=refused(refusal))
    return Transfer(transfer_id=found.id, status="OK", reason=None)


@router.get("/globus/transfer/{transfer_id}")
async def state(parts: ServiceParts, caller: Owner, transfer_id: str) -> TransferState:
    """How it goes."""
    return told(await parts.transfers.get(transfer_id, caller.mandate.user))


def target_of(source: str, target: str) -> str:
    """The copy's own name: a target that ends with a slash is the directory to put it in."""
    return posixpath.join(target, posixpath.basename(source.rstrip("/"))) if target.endswith("/") else target


def tier_of(parts: Parts, name: str) -> str:
    """The tier that is meant: a name of the machine, and the names of transfer nodes, mean the first of the profile."""
    tiers = parts.profile.tiers
    is_machine = name == parts.profile.system_name or name in (*parts.profile.system.aliases, "dtn", "dtns", "dtn01")
    return next(iter(tiers), name) if is_machine and name not in tiers else name


def told(found: Carried) -> TransferState:
    """A transfer in this API's words."""
    states = {"ACTIVE": "ACTIVE", "SUCCEEDED": "SUCCEEDED", "CANCELED": "CANCELED"}
    return TransferState.model_validate(
        {
            "status": "OK",
            "reason": found.reason or None,
            "globus_status": states.get(found.state, "FAILED"),
            "bytes_transferred": found.bytes_transferred,
            "completion_time": found.completed,
            "effective_bytes_per_second": round(found.bytes_per_second),
        }
    )
