"""A job of the scheduler's as IRI tells it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from facility.models import Job as SlurmJob
from facility.models import JobState as SlurmState
from facility.reasons import why
from facility.service.operations.service import Operation
from facility.service.routers.iri.job_models import Job, JobAttributes, JobSpec, JobState, JobStatus, ResourceSpec

HELD = frozenset({"JobHeldUser", "JobHeldAdmin", "ReservationDeleted"})
CANCELED = frozenset({SlurmState.CANCELLED, SlurmState.REVOKED, SlurmState.PREEMPTED})
HOLDING = frozenset({SlurmState.REQUEUE_HOLD, SlurmState.RESV_DEL_HOLD, SlurmState.SPECIAL_EXIT})


def state_of(job: SlurmJob) -> JobState:
    """The scheduler's state in PSI/J's words; one that is not known here counts as active, for it has not ended."""
    if job.state in HOLDING or (job.state is SlurmState.PENDING and job.reason in HELD):
        return JobState.HELD
    if job.state.is_waiting:
        return JobState.QUEUED
    if job.state is SlurmState.COMPLETED:
        return JobState.COMPLETED
    if job.state in CANCELED:
        return JobState.CANCELED
    return JobState.FAILED if job.state.is_final else JobState.ACTIVE


def status_of(job: SlurmJob) -> JobStatus:
    """State, since when, why, and the scheduler's own words."""
    state = state_of(job)
    since = {JobState.QUEUED: job.submitted, JobState.HELD: job.submitted, JobState.ACTIVE: job.starts}
    return JobStatus(
        state=state,
        time=_seconds(since.get(state, job.ends)),
        message=why(job) or None,
        exit_code=_exit_code(job.exit_code),
        meta_data=_words(job),
    )


def job_of(job: SlurmJob, spec: JobSpec | None = None) -> Job:
    """The job, with what is known of its specification where that is asked for."""
    return Job(id=job.id, status=status_of(job), job_spec=spec)


def submitted(operation: Operation) -> Job:
    """A job as it was the moment it was submitted: the same words however often they are asked for."""
    status = JobStatus(state=JobState.QUEUED, time=_seconds(operation.created), message="It was submitted.")
    return Job(id=operation.result["jobid"], status=status)


def spec_from(job: SlurmJob) -> JobSpec:
    """What the scheduler still knows of a job's specification."""
    attributes = JobAttributes(
        queue_name=job.partition or None,
        account=job.account or None,
        reservation_id=job.reservation or None,
        custom_attributes={"qos": job.qos} if job.qos else {},
    )
    resources = ResourceSpec(node_count=job.node_count or None, exclusive_node_use=False)
    return JobSpec.model_construct(name=job.name, attributes=attributes, resources=resources)


def _words(job: SlurmJob) -> dict[str, Any]:
    told = {
        "user": job.user,
        "name": job.name,
        "account": job.account,
        "qos": job.qos,
        "queue_name": job.partition,
        "reservation_id": job.reservation,
        "comment": job.comment,
        "node_count": job.node_count,
        "node_list": job.node_list,
        "scheduler_state": job.state_word,
        "scheduler_reason": job.reason,
        "submitted": _seconds(job.submitted),
        "starts": _seconds(job.starts),
        "ends": _seconds(job.ends),
    }
    return {name: value for name, value in told.items() if value not in ("", None)}


def _seconds(moment: datetime | None) -> float | None:
    return moment.timestamp() if moment else None


def _exit_code(text: str) -> int | None:
    """Of "status:signal": the status, or 128 and the signal, as a shell has it."""
    status, _, signal = text.partition(":")
    if not status.isdecimal():
        return None
    return 128 + int(signal) if signal.isdecimal() and int(signal) else int(status)
