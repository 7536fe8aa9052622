"""The records of the Superfacility API v1.2, as its clients read them; names and spelling are the API's."""

from __future__ import annotations

from datetime import date as date_
from datetime import datetime
from typing import Literal

from pydantic import BaseModel

Said = Literal["OK", "ERROR"]
State = Literal["active", "unavailable", "degraded", "other"]
OutageState = Literal["Active", "Cancelled", "Completed", "Extended", "Planned"]


class Change(BaseModel):
    """One line of the changelog."""

    date: date_
    change: str


class Setting(BaseModel):
    """One public setting of the API."""

    key: str
    value: str


class Status(BaseModel):
    """How a resource is."""

    name: str
    full_name: str
    description: str
    system_type: str
    notes: list[str]
    status: State
    updated_at: datetime


class Note(BaseModel):
    """What the operators say about a resource."""

    name: str
    notes: str
    active: bool
    timestamp: datetime


class Outage(BaseModel):
    """When a resource is, was or will be away."""

    name: str
    start_at: datetime | None
    end_at: datetime | None
    description: str
    notes: str
    status: OutageState
    swo: str  # whether everything is away: "system wide outage"
    update_at: datetime | None


class UserInfo(BaseModel):
    """A person, as the account's GECOS field tells."""

    uid: int
    name: str
    firstname: str | None = None
    lastname: str | None = None
    middlename: str | None = None
    workphone: str | None = None
    otherPhones: str | None = None
    email: str | None = None


class Role(BaseModel):
    """What a person is in a project, which is Slurm's account."""

    id: int
    description: str
    repo_name: str
    iris_role: str


class Project(Role):
    """A project with its hours. What a site does not limit is not given: null."""

    hours_given: float | None = None
    hours_used: float | None = None
    project_hours_given: float | None = None
    project_hours_used: float | None = None
    cpu_hours_given: float | None = None
    cpu_hours_used: float | None = None
    cpu_project_hours_given: float | None = None
    cpu_project_hours_used: float | None = None
    gpu_hours_given: float | None = None
    gpu_hours_used: float | None = None
    gpu_project_hours_given: float | None = None
    gpu_project_hours_used: float | None = None


class ApiClientKey(BaseModel):
    """A key that a person's programs sign with."""

    name: str
    clientId: str
    expiresAt: str
    comments: str | None = None


class Member(BaseModel):
    """Somebody in a group."""

    uid: int
    name: str


class Group(BaseModel):
    """A Unix group of the site, or a group that a project made here."""

    gid: int
    name: str
    users: list[Member]


class Groups(BaseModel):
    """A list of groups."""

    groups: list[Group]


class Jobs(BaseModel):
    """Rows of squeue or sacct."""

    status: Said
    output: list[dict[str, str]]
    error: str | None = None


class Started(BaseModel):
    """Work that was taken on, and the task that tells how it goes; or why it was not."""

    task_id: str
    status: Said
    error: str | None = None


class Task(BaseModel):
    """An operation. `result` is text that holds JSON, once it has ended."""

    id: str
    status: Literal["new", "completed", "cancelled", "failed"]
    result: str | None


class Tasks(BaseModel):
    """A list of tasks."""

    tasks: list[Task]


class Entry(BaseModel):
    """One line of a directory."""

    perms: str
    hardlinks: int
    user: str
    group: str
    size: float
    date: str
    name: str


class Directory(BaseModel):
    """What lies in a directory, or the one file that was asked for."""

    status: Said
    entries: list[Entry]
    error: str | None = None


class Download(BaseModel):
    """A file: as text, or in base64."""

    status: Said
    file: str | None = None
    is_binary: bool = False
    error: str | None = None


class Uploaded(BaseModel):
    """Where a file was put."""

    status: Said
    output: str | None = None
    error: str | None = None


class Transfer(BaseModel):
    """A transfer that began, or why it did not."""

    transfer_id: str
    status: Said
    reason: str | None


class TransferState(BaseModel):
    """How a transfer goes."""

    status: Said
    reason: str | None
    globus_status: Literal["ACTIVE", "SUCCEEDED", "FAILED", "CANCELED"] | None = None
    bytes_transferred: int | None = None
    completion_time: datetime | None = None
    effective_bytes_per_second: int | None = None
