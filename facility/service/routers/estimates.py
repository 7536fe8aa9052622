"""jobs: when a request would start, before anything is submitted."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from facility.errors import NotAllowed
from facility.models import JobRequest
from facility.service.caller import Caller, Mandate
from facility.service.scopes import HUB
from facility.service.web.access import ServiceParts, needs, read_subject
from facility.wire import encode

router = APIRouter(prefix="/jobs", tags=["jobs"])

Word = Annotated[str, Field(pattern=r"^([A-Za-z0-9][A-Za-z0-9_.@+-]{0,62})?$")]


class Wish(BaseModel):
    """What a job would ask for. What is left out is as Slurm's defaults have it."""

    model_config = ConfigDict(extra="forbid")

    user: str = Field("", max_length=32, description="for a hub: whose job it would be")
    account: Word = ""
    qos: Word = ""
    partition: Word = ""
    reservation: Word = ""
    walltime: float = Field(ge=1, le=366 * 86400, description="seconds")
    nodes: int = Field(1, ge=1, le=10**6)
    constraint: str = Field("", max_length=4096, pattern=r"^[^\x00-\x1f\x7f]*$")
    cpus_per_task: int | None = Field(None, ge=1, le=10**6)
    memory_mb: int | None = Field(None, ge=1, le=10**9, description="per node")
    gpus_per_node: int = Field(0, ge=0, le=10**4)

    def request(self) -> JobRequest:
        """The same in the vocabulary's words."""
        chosen = self.model_dump(exclude={"user", "walltime"})
        return JobRequest(walltime=timedelta(seconds=int(self.walltime)), **chosen)


@router.get("/estimate")
async def estimate(
    parts: ServiceParts,
    request: Request,
    caller: Annotated[Caller, Depends(needs("jobs", HUB))],
    wish: Annotated[Wish, Query()],
) -> JSONResponse:
    """When such a job would start if it were submitted now: the scheduler is asked as the person, once a minute.

    Where it may not be asked so soon the last answer comes, with its age; without one 429 says when to ask again.
    """
    subject = await read_subject(request, caller, wish.user)
    if not caller.is_hub and subject.pw_name != caller.user:
        raise NotAllowed(f"only {subject.pw_name}, or a hub, may ask when a job of {subject.pw_name} would start")
    mandate = Mandate(subject.pw_name, token=caller.token)
    return JSONResponse(encode(await parts.estimates.estimate(mandate, wish.request())))
