"""Which accounts this machine has closed, as the root helper says."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from facility.service.routers.identity.desk import Here
from facility.service.web.access import proved

router = APIRouter(prefix="/identity", tags=["identity"])


class Statement(BaseModel):
    """What the root helper says."""

    model_config = ConfigDict(extra="forbid")

    statement: str = Field(min_length=1, max_length=2**20, description="as the helper's verb closed-accounts gives it")


@router.post("/closed", dependencies=[Depends(proved)])
async def hear_closed(identity: Here, said: Statement) -> JSONResponse:
    """Take note of the accounts that are locked or have expired; the statement is signed by the root helper."""
    return JSONResponse({"changed": await identity.hear_closed(said.statement)})
