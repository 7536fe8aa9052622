"""Jobs as IRI tells them, in the words of PSI/J (its JobSpec, ResourceSpec and JobStatus).

What a specification holds that is not known here is refused by name, because nothing of it would be done.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")


def _plain(value: object) -> object:
    if isinstance(value, str) and "\0" in value:
        raise ValueError("must not hold a zero byte")
    return value


def _printable(value: object) -> object:
    if isinstance(value, str) and not value.isprintable():
        raise ValueError("must be one line without control characters")
    return value


def _variable(value: object) -> object:
    if not isinstance(value, str) or not VARIABLE.fullmatch(value):
        raise ValueError("must be the name of an environment variable: letters, digits and underscores")
    return value


def _no_metadata(value: object) -> object:
    if value:
        raise ValueError("no type-specific metadata is known here; leave it out")
    return None


Text = Annotated[str, StringConstraints(max_length=65_536), BeforeValidator(_plain)]
Line = Annotated[str, StringConstraints(min_length=1, max_length=4096), BeforeValidator(_printable)]
Name = Annotated[str, BeforeValidator(_variable)]
Count = Annotated[int, Field(ge=1, le=2**31)]
Metadata = Annotated[None, BeforeValidator(_no_metadata)]


class Asked(BaseModel):
    """A part of what somebody asks for."""

    model_config = ConfigDict(extra="forbid")


class VolumeMount(Asked):
    """A directory of the host inside the container."""

    attributes: Metadata = None
    source: Line
    target: Line
    read_only: bool = True


class Container(Asked):
    """The container to run in."""

    attributes: Metadata = None
    image: Line
    volume_mounts: list[VolumeMount] = []


class ResourceSpec(Asked):
    """What the job needs. `memory` is of each node, in bytes."""

    attributes: Metadata = None
    node_count: Count | None = None
    process_count: Count | None = None
    processes_per_node: Count | None = None
    cpu_cores_per_process: Count | None = None
    gpu_cores_per_process: Count | None = None
    exclusive_node_use: bool = True
    memory: Annotated[int, Field(ge=1, le=2**60)] | None = None


class JobAttributes(Asked):
    """How the job is scheduled. `duration` is in seconds; `queue_name` is a partition or a QOS."""

    attributes: Metadata = None
    duration: Annotated[int, Field(ge=1, le=366 * 86_400)] | None = None
    queue_name: Line | None = None
    account: Line | None = None
    reservation_id: Line | None = None
    custom_attributes: dict[str, Line] = {}


class JobSpec(Asked):
    """What to run, with what, and how."""

    attributes: JobAttributes | None = None
    executable: Annotated[Text, Field(min_length=1)] | None = None
    container: Container | None = None
    arguments: list[Text] = []
    directory: Line | None = None
    name: Line | None = None
    inherit_environment: bool = True
    environment: dict[Name, Text] = {}
    stdin_path: Annotated[Text, Field(min_length=1)] | None = None
    stdout_path: Line | None = None
    stderr_path: Line | None = None
    resources: ResourceSpec | None = None
    pre_launch: Annotated[Text, Field(min_length=1)] | None = None
    post_launch: Annotated[Text, Field(min_length=1)] | None = None
    launcher: Annotated[Text, Field(min_length=1)] | None = None


class JobState(StrEnum):
    """How far a job is, as PSI/J has it."""

    NEW = "new"
    QUEUED = "queued"
    HELD = "held"
    ACTIVE = "active"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELED = "canceled"


class JobStatus(BaseModel):
    """The state of a job, since when (seconds since 1970), why, and the scheduler's own words in `meta_data`."""

    state: JobState
    time: float | None = None
    message: str | None = None
    exit_code: int | None = None
    meta_data: dict[str, Any] | None = None


class Job(BaseModel):
    """A job."""

    id: str
    status: JobStatus | None = None
    job_spec: JobSpec | None = None
