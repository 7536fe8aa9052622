"""A JobRequest and its script as a PSI/J specification: IRI takes no scripts, so the script is a shell's argument."""

from __future__ import annotations

from pathlib import PurePosixPath

from facility.errors import SubmitRefused
from facility.models import JobRequest
from facility.providers.provider import Batch

SHELLS = frozenset({"sh", "bash", "dash", "zsh", "ksh"})
LONGEST = 128 * 1024 - 1
"""Bytes of one argument of a program (execve(2), MAX_ARG_STRLEN)."""


def specification(request: JobRequest, batch: Batch) -> dict[str, object]:
    """What to send. Raises SubmitRefused for a script of no shell, and for one that is too long."""
    shell = _shell(batch.script)
    if request.mail_at_start:
        raise SubmitRefused("an IRI API sends no e-mail when a job begins; ask without it")
    custom = {"qos": request.qos, "comment": batch.comment, "constraint": request.constraint}
    attributes = {
        "duration": int(request.walltime.total_seconds()),
        "queue_name": request.partition,
        "account": request.account,
        "reservation_id": request.reservation,
        "custom_attributes": {name: value for name, value in custom.items() if value},
    }
    resources = {
        "node_count": request.nodes,
        "cpu_cores_per_process": request.cpus_per_task,
        "memory": request.memory_mb * 2**20 if request.memory_mb else None,
        "processes_per_node": 1 if request.gpus_per_node else None,
        "gpu_cores_per_process": request.gpus_per_node or None,
    }
    return {
        "name": batch.name,
        "executable": shell[0],
        "arguments": [*shell[1:], "-c", batch.script.decode("utf-8"), batch.name],
        "directory": batch.directory,
        "stdout_path": batch.output,
        "attributes": {name: value for name, value in attributes.items() if value},
        "resources": {name: value for name, value in resources.items() if value} | {"exclusive_node_use": False},
    }


def _shell(script: bytes) -> list[str]:
    """The words after "#!". `#SBATCH` lines below are comments here: what was asked for stands in the specification."""
    first = script.split(b"\n", 1)[0]
    words = first[2:].decode("utf-8", "replace").split() if first.startswith(b"#!") else []
    if words and PurePosixPath(words[0]).name == "env":
        words = words[1:]
    if not words or PurePosixPath(words[0]).name not in SHELLS:
        raise SubmitRefused("an IRI API takes programs and no scripts; only a script of a shell can be given to one")
    if len(script) > LONGEST:
        raise SubmitRefused(f"an IRI API takes a script of {LONGEST} bytes at most; put the rest into a file there")
    return words
