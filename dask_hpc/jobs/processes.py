"""Processes of this user as jobs: ids that no later process can have, and whether the one of an id is there."""

from __future__ import annotations

import os
import re
import socket

import psutil

from facility.errors import SubmitRefused, Unreachable
from facility.models import Job, JobState

_ID = re.compile(r"local-(?P<process>\d+)-(?P<began>\d+)@(?P<host>.+)")


def is_process(job_id: str) -> bool:
    """Whether the id is that of a process, and of no job of a scheduler."""
    return _ID.fullmatch(job_id) is not None


def id_of(process: int) -> str:
    """The id of a process of this machine: its number, the time it began, and where; no later process has all three.

    Raises SubmitRefused where it has ended already.
    """
    try:
        return f"local-{process}-{int(psutil.Process(process).create_time() * 100)}@{socket.gethostname()}"
    except psutil.NoSuchProcess as error:
        raise SubmitRefused("the process ended as soon as it had begun; its log says why") from error


def process_of(job_id: str) -> psutil.Process | None:
    """The process of an id; None where it has ended. Raises Unreachable where only another machine can say."""
    found = _ID.fullmatch(job_id)
    if found is None:
        return None
    if found["host"] != socket.gethostname():
        raise Unreachable(f"process {found['process']} is on {found['host']}, and only there one can see it")
    try:
        process = psutil.Process(int(found["process"]))
        began = int(process.create_time() * 100)
        return process if process.status() != psutil.STATUS_ZOMBIE and began == int(found["began"]) else None
    except psutil.NoSuchProcess:
        return None


def as_job(job_id: str) -> Job | None:
    """The process of an id as a job that runs; None where it has ended. Raises Unreachable like `process_of`."""
    if process_of(job_id) is None:
        return None
    return Job(job_id, str(os.getuid()), "", JobState.RUNNING, JobState.RUNNING.value)


def end(job_id: str) -> None:
    """Ask the process to end, by SIGTERM; one that has ended is no error. Raises Unreachable like `process_of`."""
    process = process_of(job_id)
    if process is not None:
        process.terminate()
