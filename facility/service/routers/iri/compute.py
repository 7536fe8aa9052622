"""compute: jobs from a PSI/J specification, in the caller's name."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Header, Path, Query, Response
from pydantic import ValidationError

from facility.errors import FacilityError, NotFound, OptionError, Refused
from facility.models import Job as SlurmJob
from facility.providers.slurm.text import JOB_ID
from facility.service.caller import Caller
from facility.service.jobs.submission import SUBMIT
from facility.service.operations.service import OperationState
from facility.service.parts import Parts
from facility.service.routers.iri.board import check_resource
from facility.service.routers.iri.idempotency import key_of, outcome
from facility.service.routers.iri.job_models import Job, JobAttributes, JobSpec
from facility.service.routers.iri.job_script import Queues, script_of
from facility.service.routers.iri.job_update import fields_of
from facility.service.routers.iri.job_view import job_of, spec_from, state_of, submitted
from facility.service.routers.iri.query import Flag, Limit, Offset, page
from facility.service.routers.iri.version import TheApi
from facility.service.web.access import ServiceParts, needs

router = APIRouter(prefix="/compute", tags=["iri compute"])
Reading = Annotated[Caller, Depends(needs("jobs"))]
Submitting = Annotated[Caller, Depends(needs("jobs:submit"))]
Key = Annotated[str, Header(alias="Idempotency-Key", max_length=200)]
ForProject = Annotated[str, Header(alias="X-IRI-Facility-Project", pattern=r"^[!-~]{0,64}$")]

JobId = Annotated[str, Path(max_length=64)]

LOOK_BACK = timedelta(days=7)
"""How far back ended jobs are told of."""

SPEC = "iri"
"""Where an operation keeps the specification that it was asked for."""

FILTERS: dict[str, Callable[[SlurmJob], str]] = {
    "id": lambda job: job.id,
    "state": lambda job: str(state_of(job)),
    "name": lambda job: job.name,
    "account": lambda job: job.account,
    "queue_name": lambda job: job.partition,
    "qos": lambda job: job.qos,
    "reservation_id": lambda job: job.reservation,
}
"""What getJobs filters by: a value, or a list of which one must fit."""


async def at_resource(parts: ServiceParts, api: TheApi, resource_id: str) -> Parts:
    """The parts of the service, where the resource is the one that it stands before."""
    check_resource(api, parts, resource_id)
    return parts


Here = Annotated[Parts, Depends(at_resource)]


@router.post("/job/{resource_id}", name="launchJob")
async def launch_job(
    here: Here, caller: Submitting, response: Response, spec: JobSpec, key: Key = "", project: ForProject = ""
) -> Job:
    """Submit a job and answer with its id. The same Idempotency-Key again: the same job."""
    charged = _charged(spec, project)
    script = script_of(charged, here.profile.system, await _queues(here))
    kept = {SPEC: charged.model_dump(mode="json", exclude_unset=True)}
    stored = await here.submission.submit(caller, script, key=key_of("submit", key), more=kept)
    job = submitted(await outcome(here, stored, response))
    if not stored.is_replay:
        with suppress(FacilityError):  # so that a list asked for now has it; else it comes with the next look
            await here.poller.look(job.id)
    return job


@router.put("/job/{resource_id}/{job_id}", name="updateJob")
async def update_job(
    here: Here,
    caller: Submitting,
    response: Response,
    job_id: JobId,
    spec: JobSpec,
    key: Key = "",
    project: ForProject = "",
) -> Job:
    """Change a job of the caller's: its name, and what of attributes and resources the scheduler lets change."""
    found = await _own(here, caller, job_id)
    fields = fields_of(_charged(spec, project), await _queues(here))
    stored = await here.job_changes.add(caller, found.id, fields, key=key_of(f"update:{found.id}", key))
    await outcome(here, stored, response)
    return job_of(await _looked_again(here, found))


@router.get("/status/{resource_id}/{job_id}", name="getJob")
async def get_job(
    here: Here,
    caller: Reading,
    job_id: JobId,
    historical: Annotated[Flag, Query()] = True,
    include_spec: Annotated[Flag, Query()] = False,
) -> Job:
    """One job of the caller's; with `historical` also one that left the queue."""
    found = await _own(here, caller, job_id)
    if not historical and here.ledger.job(found.id) is None:
        raise NotFound(f"the scheduler holds no job {found.id} any more; ask with historical=true")
    return job_of(found, _spec(found, await _specs(here, caller)) if include_spec else None)


@router.post("/status/{resource_id}", name="getJobs")
async def get_jobs(
    here: Here,
    caller: Reading,
    filters: Annotated[dict[str, Any] | None, Body()] = None,
    offset: Offset = 0,
    limit: Limit = 100,
    historical: Annotated[Flag, Query()] = False,
    include_spec: Annotated[Flag, Query()] = False,
) -> list[Job]:
    """The caller's jobs that fit, the newest first; with `historical` also those of the last seven days."""
    ended = await here.slurm.history(caller.user, here.clock.now() - LOOK_BACK) if historical else []
    snapshot = here.ledger.snapshot(caller.user)
    jobs = {job.id: job for job in (*ended, *(snapshot.jobs if snapshot else ()))}
    fitting = [job for job in jobs.values() if _fits(job, filters or {})]
    newest = sorted(
        fitting, key=lambda job: (job.submitted.timestamp() if job.submitted else 0.0, job.id), reverse=True
    )
    shown = page(newest, offset, limit)
    if not include_spec:
        return [job_of(job) for job in shown]
    specs = await _specs(here, caller)
    return [job_of(job, _spec(job, specs)) for job in shown]


@router.delete("/cancel/{resource_id}/{job_id}", name="cancelJob", status_code=204)
async def cancel_job(here: Here, caller: Submitting, job_id: JobId) -> Response:
    """End a job of the caller's; one that has ended is no error."""
    found = await _own(here, caller, job_id)
    if not found.state.is_final:
        await here.slurm_for(caller.mandate).cancel(found.id, user=caller.user)
        await _looked_again(here, found)
    return Response(status_code=204)


def _charged(spec: JobSpec, project: str) -> JobSpec:
    """The specification with its account in one place. Raises Refused where there are two."""
    attributes = spec.attributes or JobAttributes()
    if not project:
        return spec
    if attributes.account:
        raise Refused("name the project once: in attributes.account, or in the header X-IRI-Facility-Project")
    named = JobAttributes.model_validate({**attributes.model_dump(exclude_unset=True), "account": project})
    return spec.model_copy(update={"attributes": named})


async def _queues(parts: Parts) -> Queues:
    partitions, qos = await parts.facts.partitions.known(), await parts.facts.qos.known()
    return Queues(frozenset(one.name for one in partitions.value), frozenset(one.name for one in qos.value))


async def _own(parts: Parts, caller: Caller, job_id: str) -> SlurmJob:
    """A job of the caller's. Somebody else's and none at all read the same. Raises NotFound."""
    if JOB_ID.fullmatch(job_id):
        found = parts.ledger.job(job_id) or await parts.poller.look(job_id)
        if found.user == caller.user:
            return found
    raise NotFound(f"the scheduler knows no job {job_id}")


async def _looked_again(parts: Parts, changed: SlurmJob) -> SlurmJob:
    """The job as its change left it; where it cannot be looked at now, as it was, and it is looked at soon."""
    try:
        return await parts.poller.look(changed.id)
    except FacilityError:
        parts.poller.hint(changed.id)
        return changed


async def _specs(parts: Parts, caller: Caller) -> dict[str, JobSpec]:
    """What the caller's jobs were asked for with, those of them that came through IRI; by the number of the job."""
    found = {}
    for operation in await parts.operations.list(caller.user, (SUBMIT,), (OperationState.COMPLETED,)):
        kept = operation.payload.get("asked_for", {}).get(SPEC)
        if kept is not None:
            with suppress(ValidationError):  # another version of this service may have allowed what this one does not
                found[str(operation.result["jobid"])] = JobSpec.model_validate(kept)
    return found


def _spec(job: SlurmJob, specs: dict[str, JobSpec]) -> JobSpec:
    """What a job was asked for with, or what the scheduler still knows of that; array tasks share theirs."""
    return specs.get(job.id.partition("_")[0]) or spec_from(job)


def _fits(job: SlurmJob, filters: dict[str, Any]) -> bool:
    for name, wanted in filters.items():
        if name not in FILTERS:
            raise OptionError(f"filters.{name}"[:80], f"there are: {', '.join(FILTERS)}")
        allowed = wanted if isinstance(wanted, list) else [wanted]
        if FILTERS[name](job) not in [str(value) for value in allowed]:
            return False
    return True
