"""A submission as slurmrestd takes it: the person's choices become typed fields, the script is sent as it is."""

from __future__ import annotations

from facility.models import JobRequest
from facility.providers.provider import Batch

ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
"""slurmrestd refuses a job without an environment; login scripts add what the site wants."""

STRUCTURED = 40
"""From v0.0.40 on numbers that may be unset are structures, and the environment is a list."""


def submission(request: JobRequest, batch: Batch, revision: int) -> dict[str, object]:
    """The body of POST /slurm/v0.0.{revision}/job/submit."""
    wanted: dict[str, object] = {
        "name": batch.name,
        "comment": batch.comment,
        "current_working_directory": batch.directory,
        "standard_output": batch.output,
        "account": request.account,
        "qos": request.qos,
        "partition": request.partition,
        "reservation": request.reservation,
        "constraints": request.constraint,
        "cpus_per_task": request.cpus_per_task,
        "nodes": str(request.nodes),
        "time_limit": _number(max(int(request.walltime.total_seconds()) // 60, 1), revision),
        "memory_per_node": _number(request.memory_mb, revision) if request.memory_mb else None,
        **_gpus(request.gpus_per_node, revision),
        "mail_type": _begin(revision) if request.mail_at_start else None,
        "environment": _environment(revision),
    }
    job = {name: value for name, value in wanted.items() if value not in ("", None)}
    return {"job": job, "script": batch.script.decode("utf-8")}


def _number(figure: int | None, revision: int) -> object:
    return figure if revision < STRUCTURED else {"set": True, "infinite": False, "number": figure}


def _gpus(count: int, revision: int) -> dict[str, object]:
    if not count:
        return {}
    return {"gres": f"gpu:{count}"} if revision < STRUCTURED else {"tres_per_node": f"gres/gpu:{count}"}


def _begin(revision: int) -> object:
    return "BEGIN" if revision < STRUCTURED else ["BEGIN"]


def _environment(revision: int) -> object:
    return ENVIRONMENT if revision < STRUCTURED else [f"{name}={value}" for name, value in ENVIRONMENT.items()]
