"""task: what became of commands on files."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel

from facility.errors import NotFound
from facility.service.as_user.tasks import FILE
from facility.service.caller import Caller
from facility.service.operations.service import Operation, OperationState
from facility.service.parts import Parts
from facility.service.web.access import ServiceParts, needs

router = APIRouter(prefix="/task", tags=["iri task"])
Filing = Annotated[Caller, Depends(needs("files", "files:write"))]


class TaskStatus(StrEnum):
    """How far a task is."""

    PENDING = "pending"
    ACTIVE = "active"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"


STATES = {
    OperationState.NEW: TaskStatus.PENDING,
    OperationState.RUNNING: TaskStatus.ACTIVE,
    OperationState.COMPLETED: TaskStatus.COMPLETED,
    OperationState.FAILED: TaskStatus.FAILED,
    OperationState.CANCELLED: TaskStatus.CANCELED,
}


class TaskCommand(BaseModel):
    """What was asked for."""

    router: str
    command: str
    args: dict[str, Any]


class Task(BaseModel):
    """A command and what became of it: `output` in the result, or `error` in words."""

    id: str
    status: TaskStatus
    result: dict[str, Any] | None = None
    command: TaskCommand | None = None


@router.get("", name="getTasks")
async def get_tasks(parts: ServiceParts, caller: Filing) -> list[Task]:
    """The caller's tasks of the last 30 days, the newest first, a thousand at most."""
    return [_task(operation) for operation in await parts.operations.list(caller.user, (FILE,))]


@router.get("/{task_id}", name="getTask")
async def get_task(parts: ServiceParts, caller: Filing, task_id: str) -> Task:
    """One of them."""
    return _task(await _own(parts, caller, task_id))


@router.delete("/{task_id}", name="deleteTask")
async def delete_task(parts: ServiceParts, caller: Filing, task_id: str) -> str:
    """End a task that has not ended."""
    await _own(parts, caller, task_id)
    ended = await parts.operations.cancel(task_id, caller.user)
    return f"task {task_id} is {STATES[ended.state]}"


async def _own(parts: Parts, caller: Caller, task_id: str) -> Operation:
    found = await parts.operations.get(task_id, caller.user)
    if found.kind != FILE:
        raise NotFound(f"{caller.user} has no task {task_id[:80]!r}")
    return found


def _task(operation: Operation) -> Task:
    command = TaskCommand(
        router="filesystem",
        command=operation.payload.get("command", ""),
        args=operation.payload.get("arguments", {}),
    )
    done = operation.state is OperationState.COMPLETED
    result = operation.result if done else ({"error": operation.error} if operation.error else None)
    return Task(id=operation.id, status=STATES[operation.state], result=result, command=command)
