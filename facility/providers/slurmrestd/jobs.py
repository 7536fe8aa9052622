"""Jobs in slurmrestd's answers: those that slurmctld holds, and the records of slurmdbd."""

from __future__ import annotations

from facility.errors import Unreadable
from facility.models import Job, JobState
from facility.providers.slurm.text import job_state
from facility.providers.slurmrestd.shapes import Found, inner, is_object, moment, number, text, words

# Flags that squeue shows in the place of the state they come with (job_state is a list from v0.0.40 on).
SHOWN_FLAGS = frozenset({"COMPLETING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "STAGE_OUT",
                         "SIGNALING", "RESIZING", "SPECIAL_EXIT", "STOPPED", "RESV_DEL_HOLD", "REVOKED"})  # fmt: skip


def held_job(row: Found) -> Job:
    """A job of /slurm/…/jobs. Raises Unreadable where it has no id."""
    state, state_word = _state(row.get("job_state"))
    resources = row.get("job_resources")
    return Job(
        id=_job_id(row, number(row.get("array_job_id")), number(row.get("array_task_id"))),
        user=text(row.get("user_name")),
        name=text(row.get("name")),
        state=state,
        state_word=state_word,
        reason=text(row.get("state_reason")),
        account=text(row.get("account")),
        qos=text(row.get("qos")),
        partition=text(row.get("partition")),
        reservation=text(row.get("resv_name")),
        comment=text(row.get("comment")),
        node_count=number(row.get("node_count")) or 0,
        node_list=text(row.get("nodes")) or text(inner(resources, "nodes")),
        batch_host=text(row.get("batch_host")),
        priority=number(row.get("priority")) or 0,
        restarts=number(row.get("restart_cnt")) or 0,
        exit_code=_exit_code(row.get("exit_code")) if state.is_final else "",
        submitted=moment(row.get("submit_time")),
        starts=moment(row.get("start_time")),
        ends=None if state.is_waiting else moment(row.get("end_time")),
    )


def recorded_job(row: Found) -> Job:
    """A job of /slurmdb/…/jobs. v0.0.38 tells no reservation there: its `reservation.name` is a number without use."""
    state, state_word = _state(inner(row, "state", "current"))
    when = row.get("time")
    return Job(
        id=_job_id(row, number(inner(row, "array", "job_id")), number(inner(row, "array", "task_id"))),
        user=text(row.get("user")) or text(inner(row, "association", "user")),
        name=text(row.get("name")),
        state=state,
        state_word=state_word,
        reason=text(inner(row, "state", "reason")),
        account=text(row.get("account")),
        qos=text(row.get("qos")),
        partition=text(row.get("partition")),
        reservation=text(inner(row, "reservation", "name")),
        comment=text(inner(row, "comment", "job")),
        node_count=number(row.get("allocation_nodes")) or 0,
        node_list=text(row.get("nodes")).replace("None assigned", ""),
        priority=number(row.get("priority")) or 0,
        restarts=number(row.get("restart_cnt")) or 0,
        exit_code=_exit_code(row.get("exit_code")) if state.is_final else "",
        submitted=moment(inner(when, "submission")),
        starts=moment(inner(when, "start")),
        ends=moment(inner(when, "end")) if state.is_final else None,
    )


def _job_id(row: Found, array: int | None, task: int | None) -> str:
    """ "1234", or "1234_7" for a task of an array, as everywhere in beamside."""
    plain = number(row.get("job_id"))
    if not plain:
        raise Unreadable("slurmrestd told of a job without an id", str(row))
    return f"{array}_{task}" if array and task is not None else str(array or plain)


def _state(value: object) -> tuple[JobState, str]:
    """The state, and Slurm's words for it. Of a list the first is the state, the others are flags."""
    found = words(value)
    shown = next((flag for flag in found[1:] if flag in SHOWN_FLAGS), found[0] if found else "")
    return job_state(shown)[0], "+".join(found)


def _exit_code(value: object) -> str:
    """As "status:signal": from wait(2)'s status, or from the parts that newer versions and accounting tell."""
    if not is_object(value) or "number" in value:
        status = number(value)
        return "" if status is None else f"{status >> 8}:{status & 0x7F}"
    signal = value.get("signal")
    number_of_signal = number(inner(signal, "id")) or number(inner(signal, "signal_id")) or 0
    return f"{number(value.get('return_code')) or 0}:{number_of_signal}"
