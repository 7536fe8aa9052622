"""tasks: operations as this API tells of them. Its clients read `result` as text that holds JSON."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Depends

from facility.service.caller import Caller
from facility.service.jobs.submission import CANCEL, SUBMIT
from facility.service.operations.service import Operation, OperationState
from facility.service.routers.sfapi.asking import ERRORS, PREFIX
from facility.service.routers.sfapi.models import Task, Tasks
from facility.service.web.access import ServiceParts, needs

router = APIRouter(prefix=f"{PREFIX}/tasks", tags=["Superfacility tasks"], responses=ERRORS)
Asker = Annotated[Caller, Depends(needs())]

TOLD_INSIDE = frozenset({SUBMIT, CANCEL, "command"})
"""Kinds whose failure is told inside the result of a completed task, where clients look for the words."""


def task_of(operation: Operation) -> Task:
    """An operation as a task."""
    if not operation.state.is_final:
        return Task(id=operation.id, status="new", result=None)
    result = json.dumps(_result(operation))
    if operation.state is OperationState.CANCELLED:
        return Task(id=operation.id, status="cancelled", result=result)
    if operation.state is OperationState.FAILED and operation.kind not in TOLD_INSIDE:
        return Task(id=operation.id, status="failed", result=result)
    return Task(id=operation.id, status="completed", result=result)


def _result(operation: Operation) -> dict[str, Any]:
    told = {name: value for name, value in operation.result.items() if name != "asked"}
    if operation.kind == SUBMIT:
        told.setdefault("jobid", None)
    if operation.state is OperationState.COMPLETED:
        return {"status": "ok", "error": None} | told
    return told | {"status": "error", "error": operation.error or f"the task was {operation.state}"}


@router.get("")
async def tasks(parts: ServiceParts, caller: Asker) -> Tasks:
    """The caller's tasks, the newest first."""
    return Tasks(tasks=[task_of(operation) for operation in await parts.operations.list(caller.user)])


@router.get("/{task_id}")
async def task(parts: ServiceParts, caller: Asker, task_id: str) -> Task:
    """One task of the caller's."""
    return task_of(await parts.operations.get(task_id, caller.user))


@router.delete("/{task_id}")
async def cancel(parts: ServiceParts, caller: Asker, task_id: str) -> Task:
    """End a task of the caller's; one that has ended stays as it is."""
    return task_of(await parts.operations.cancel(task_id, caller.user))
