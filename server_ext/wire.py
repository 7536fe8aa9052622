"""Our records as JSON: field names are those of facility.models, times ISO 8601 in UTC."""

from __future__ import annotations

from typing import Any, cast

from facility.models import Job
from facility.reasons import why
from facility.wire import encode
from server_ext.ahead import Ahead
from server_ext.board import Delta, Knowledge
from server_ext.room import Room

EVENT = "urn:beamside:job-delta:v1"
"""The event schema's id; the file is events/job-delta.v1.yaml."""

Json = dict[str, Any]  # what json.dumps takes


def job_json(job: Job) -> Json:
    """Every field of the job, and the answers that only the facility's vocabulary can give."""
    found = cast(Json, encode(job))
    return found | {"is_final": job.state.is_final, "is_waiting": job.state.is_waiting, "why": why(job)}


def knowledge_json(knowledge: Knowledge) -> Json:
    """Known or not, since when, and why not."""
    problem = knowledge.problem
    return {
        "known": knowledge.known,
        "since": encode(knowledge.since),
        "problem": None if problem is None else problem.as_json(),
    }


def ahead_json(found: Ahead) -> Json:
    """What lies ahead of the session."""
    told = ("id", "resource", "starts", "ends", "description", "state")
    return {
        "ends": encode(found.ends),
        "by": found.by,
        "is_reservation_gone": found.is_reservation_gone,
        "outages": [{name: encode(getattr(one, name)) for name in told} for one in found.outages],
    }


def snapshot_json(room: Room) -> Json:
    """Everything a tab needs to begin with."""
    board, jobs = room.board, room.board.jobs
    return {
        "epoch": board.epoch,
        "version": board.version,
        "source": room.source.name,
        "server_time": encode(board.time),
        "session_job_id": room.session_job_id,
        "ahead": ahead_json(room.ahead),
        "knowledge": knowledge_json(board.knowledge),
        "jobs": None if jobs is None else [job_json(job) for job in jobs.values()],
    }


def delta_json(room: Room, delta: Delta) -> Json:
    """The data of one event."""
    board = room.board
    return {
        "epoch": board.epoch,
        "after": delta.after,
        "version": delta.version,
        "ahead": ahead_json(room.ahead),
        "knowledge": knowledge_json(board.knowledge),
        "changes": [
            {"job_id": job_id, "job": None if job is None else job_json(job)} for job_id, job in delta.changes.items()
        ],
    }
