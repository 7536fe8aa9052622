"""jobs: submitting and holding one's own."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from facility.errors import NotFound, Refused
from facility.profile import Name
from facility.script import slurm_time
from facility.service.caller import Caller
from facility.service.jobs.submission import MOST_ARGUMENTS, Script
from facility.service.routers.jobs import JobId
from facility.service.routers.operations import LONGEST_WAIT, told
from facility.service.web.access import ServiceParts, needs
from facility.wire import encode

router = APIRouter(prefix="/jobs", tags=["jobs"])

Submitter = Annotated[Caller, Depends(needs("jobs:submit"))]
Key = Annotated[str, Header(alias="Idempotency-Key", max_length=255)]
Plain = Annotated[str, Field(max_length=4096, pattern=r"^[^\x00-\x1f\x7f]*$")]
"""One line of text: control characters have no place in an option."""


class NewJob(BaseModel):
    """A job to submit. What is left out is as the script's own #SBATCH lines, or Slurm's defaults, have it."""

    model_config = ConfigDict(extra="forbid")

    script: str = Field("", description='the text, beginning with "#!"; else name its `path`')
    path: Plain = Field("", description="of a script of one's own, absolute or below ~/")
    arguments: list[str] = Field([], max_length=MOST_ARGUMENTS, description="the script's $1, $2 …")
    account: Name | None = None
    qos: Name | None = None
    partition: Name | None = None
    reservation: Name | None = None
    walltime: float | None = Field(None, gt=0, le=366 * 86400, description="seconds")
    nodes: int | None = Field(None, ge=1, le=10**6)
    constraint: Plain = ""
    cpus_per_task: int | None = Field(None, ge=1, le=10**6)
    memory_mb: int | None = Field(None, ge=1, le=10**9, description="per node")
    gpus_per_node: int | None = Field(None, ge=1, le=10**4)
    name: Plain = ""
    comment: Plain = ""
    directory: Plain = Field("", description="where it runs; absolute")
    output: Plain = Field("", description="where it prints, as --output of sbatch(1) has it")

    def options(self) -> tuple[str, ...]:
        """The options of sbatch(1); each value is a part of one word."""
        wanted: dict[str, object] = {
            "account": self.account,
            "qos": self.qos,
            "partition": self.partition,
            "reservation": self.reservation,
            "time": slurm_time(timedelta(seconds=self.walltime)) if self.walltime else None,
            "nodes": self.nodes,
            "constraint": self.constraint,
            "cpus-per-task": self.cpus_per_task,
            "mem": f"{self.memory_mb}M" if self.memory_mb else None,
            "gpus-per-node": self.gpus_per_node,
            "job-name": self.name,
            "comment": self.comment,
            "chdir": self.directory,
            "output": self.output,
        }
        return tuple(f"--{option}={value}" for option, value in wanted.items() if value not in ("", None))


@router.post("", status_code=202)
async def submit(
    parts: ServiceParts,
    caller: Submitter,
    new: NewJob,
    idempotency_key: Key = "",
    wait: Annotated[float, Query(ge=0, le=LONGEST_WAIT)] = 0.0,
) -> JSONResponse:
    """Submit as oneself: a `Work` whose result will hold the `jobid`; the same Idempotency-Key is the same job.

    With `wait` the answer comes when it has ended, or after so many seconds.
    """
    if bool(new.script) == bool(new.path):
        raise Refused("give either the text of a script or the path of one")
    script = Script(new.path, new.script, tuple(new.arguments), new.options())
    stored = await parts.submission.submit(caller, script, key=idempotency_key)
    found = await parts.operations.wait(stored.id, wait, caller.user)
    return JSONResponse(encode(told(found)), 202, headers={"Location": f"/operations/{stored.id}"})


@router.get("/{job_id}/log")
async def log_path(
    parts: ServiceParts, caller: Annotated[Caller, Depends(needs("jobs"))], job_id: JobId
) -> JSONResponse:
    """Where one's own job prints to, as long as the scheduler remembers it; read it through /files."""
    user, path = await parts.poller.own.log_path(job_id)
    if user != caller.user:
        raise NotFound(f"the scheduler does not remember a job {job_id} of yours, so where it prints is not known")
    return JSONResponse({"job_id": job_id, "path": path})


@router.post("/{job_id}/hold")
async def hold(parts: ServiceParts, caller: Submitter, job_id: JobId) -> JSONResponse:
    """Let a waiting job of one's own wait until it is released."""
    await parts.submission.hold(caller.mandate, job_id)
    return JSONResponse({"job_id": job_id})


@router.post("/{job_id}/release")
async def release(parts: ServiceParts, caller: Submitter, job_id: JobId) -> JSONResponse:
    """Undo a hold."""
    await parts.submission.release(caller.mandate, job_id)
    return JSONResponse({"job_id": job_id})
