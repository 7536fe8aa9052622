"""operations: what was asked for and takes a while, and how far it is."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.responses import JSONResponse

from facility.answers import Work
from facility.service.caller import Caller
from facility.service.operations.service import Operation
from facility.service.web.access import ServiceParts, needs
from facility.wire import encode

router = APIRouter(prefix="/operations", tags=["operations"])

Asker = Annotated[Caller, Depends(needs())]
LONGEST_WAIT = 30.0
Wait = Annotated[float, Query(ge=0, le=LONGEST_WAIT)]


def told(operation: Operation) -> Work:
    """An operation without its payload, which may hold a script, and without the leave behind it."""
    return Work(
        id=operation.id,
        kind=operation.kind,
        state=str(operation.state),
        result=operation.result,
        error=operation.error,
        created=operation.created,
        updated=operation.updated,
    )


@router.get("")
async def operations(parts: ServiceParts, caller: Asker) -> JSONResponse:
    """One's own, the newest first."""
    return JSONResponse({"operations": [encode(told(one)) for one in await parts.operations.list(caller.user)]})


@router.get("/{operation_id}")
async def operation(parts: ServiceParts, caller: Asker, operation_id: UUID, wait: Wait = 0.0) -> JSONResponse:
    """One of one's own; with `wait` the answer comes when it has ended, or after so many seconds."""
    return JSONResponse(encode(told(await parts.operations.wait(str(operation_id), wait, caller.user))))


@router.delete("/{operation_id}")
async def cancel(parts: ServiceParts, caller: Asker, operation_id: UUID) -> JSONResponse:
    """End one of one's own; one that has ended stays as it is."""
    return JSONResponse(encode(told(await parts.operations.cancel(str(operation_id), caller.user))))
