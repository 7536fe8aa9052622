"""Rows of compute/jobs as jobs. Every value is text, with the names of `squeue --format=%all` or of sacct.

Times come as the machine's own local time without a zone, so they are told only where the zone is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo

from facility.errors import Unreadable
from facility.models import Job, JobState
from facility.providers.slurm.text import JOB_ID, job_state, whole, word

Row = Mapping[str, object]


def queue_job(row: Row, zone: tzinfo | None) -> Job:
    """A job as squeue tells of it. Raises Unreadable for a row without an id."""
    state, state_word = _state(row)
    return Job(
        id=_id(row),
        user=_text(row, "user"),
        name=_text(row, "name"),
        state=state,
        state_word=state_word,
        reason=_text(row, "reason"),
        account=_text(row, "account"),
        qos=_text(row, "qos"),
        partition=_text(row, "partition"),
        reservation=_text(row, "reservation"),
        comment=_text(row, "comment"),
        node_count=whole(_text(row, "nodes")) or 0,
        node_list=_text(row, "nodelist"),
        batch_host=_text(row, "exec_host"),
        priority=whole(_text(row, "priority")) or 0,
        submitted=moment(row.get("submit_time"), zone),
        starts=moment(row.get("start_time"), zone),
        ends=None if state.is_waiting else moment(row.get("end_time"), zone),
    )


def recorded_job(row: Row, zone: tzinfo | None) -> Job:
    """A job as sacct tells of it. Raises Unreadable for a row without an id."""
    state, state_word = _state(row)
    return Job(
        id=_id(row),
        user=_text(row, "user"),
        name=_text(row, "jobname"),
        state=state,
        state_word=state_word,
        reason=_text(row, "reason"),
        account=_text(row, "account"),
        qos=_text(row, "qos"),
        partition=_text(row, "partition"),
        reservation=_text(row, "reservation"),
        comment=_text(row, "comment"),
        node_count=whole(_text(row, "nnodes")) or 0,
        node_list=_text(row, "nodelist"),
        priority=whole(_text(row, "priority")) or 0,
        exit_code=_text(row, "exitcode") if state.is_final else "",
        submitted=moment(row.get("submit"), zone),
        starts=moment(row.get("start"), zone),
        ends=moment(row.get("end"), zone) if state.is_final else None,
    )


def moment(value: object, zone: tzinfo | None) -> datetime | None:
    """A time of a row; None where there is none, or where the zone of the machine is not known."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None  # "N/A", "Unknown"
    if found is None or (found.tzinfo is None and zone is None):
        return None
    return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)


def _id(row: Row) -> str:
    array, task = _text(row, "array_job_id"), _text(row, "array_task_id")
    found = f"{array}_{task}" if array.isdecimal() and task.isdecimal() else _text(row, "jobid")
    if not JOB_ID.fullmatch(found):
        raise Unreadable("the Superfacility API told of a job without an id", str(dict(row)))
    return found


def _state(row: Row) -> tuple[JobState, str]:
    """Our own services tell the scheduler's word beside the one that every client knows."""
    return job_state(_text(row, "slurm_state") or _text(row, "state"))


def _text(row: Row, name: str) -> str:
    value = row.get(name)
    return word(value) if isinstance(value, str) else ""
