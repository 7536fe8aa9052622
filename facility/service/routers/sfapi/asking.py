"""What every group of routes does: the machine's name, the path of a file, work taken on, and errors in its shape."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from facility.errors import FacilityError, NotFound, NotSignedIn
from facility.service.caller import ScopeMissing
from facility.service.operations.service import Operation
from facility.service.parts import Parts
from facility.service.routers.sfapi.models import Started
from facility.service.web.access import ServiceParts
from facility.service.web.described import errors
from facility.service.web.refusals import Refusal

PREFIX = "/api/v1.2"

AT_ONCE = 0.8
"""Seconds that work is waited for before its task is told: clients look at it at once, and then every second."""


class Detail(BaseModel):
    """An error."""

    detail: str


ERRORS = errors(Detail)


async def read_machine(parts: ServiceParts, machine: Annotated[str, Path(max_length=64)]) -> str:
    """The machine as the client calls it: the system's own name, or an alias of the profile. Raises NotFound."""
    profile = parts.profile
    known = (profile.system_name, *profile.system.aliases)
    if machine not in known:
        raise NotFound(f"there is no machine {machine!r} here; there is {', '.join(known)}")
    return machine


Machine = Annotated[str, Depends(read_machine)]


async def read_path(path: Annotated[str, Path(max_length=4096)]) -> str:
    """The absolute path: clients write /ls/machine/home/ana, /ls/machine//home/ana and /ls/machine/%2Fhome%2Fana."""
    return path if path == "~" or path.startswith("~/") else f"/{path.lstrip('/')}"


FilePath = Annotated[str, Depends(read_path)]


async def started(parts: Parts, operation: Operation) -> Started:
    """The task of work that was taken on, which may have ended by now."""
    return Started(task_id=(await parts.operations.wait(operation.id, AT_ONCE)).id, status="OK")


def refused(refusal: FacilityError) -> str:
    """The words of a refusal, for an answer that says ERROR. Who may not ask at all is told by the status instead."""
    if isinstance(refusal, NotSignedIn | ScopeMissing):
        raise refusal
    return str(refusal)


def error_shape(request: Request, refusal: Refusal) -> JSONResponse:
    """An error as this API tells it, the next step with it."""
    return JSONResponse({"detail": f"{refusal.what}. {refusal.step}"}, refusal.status, refusal.headers)
