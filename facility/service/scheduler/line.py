"""What goes between the process that polls and the others: frames on a Unix socket, each a kind and JSON."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from facility.errors import Unreadable
from facility.models import Job, JobChange
from facility.service.scheduler.ledger import Noted

T = TypeVar("T")

LONGEST_FRAME = 64 * 2**20
JOBS_A_FRAME = 1000


class Kind(IntEnum):
    """The kinds of frames, and what each holds."""

    BEGIN = 1  # Beginning: the whole queue follows in JOBS frames
    JOBS = 2  # tuple[Job, ...]
    END = 3  # nothing: the queue is whole
    CHANGES = 4  # tuple[JobChange with its user, ...]
    POLLED = 5  # datetime of the last complete look at the queue
    FACT = 6  # FactNews
    STATE = 7  # Subsystem of one question
    ALIVE = 8  # nothing: the line is open
    LOOK = 9  # Question, from a listener
    HINT = 10  # Question, from a listener
    ANSWER = 11  # Answer to a LOOK or a LEAVE
    LEAVE = 12  # Leave, from a listener


@dataclass(frozen=True)
class Beginning:
    """What the queue that follows is."""

    version: int
    taken: datetime | None


@dataclass(frozen=True)
class Change:
    """A change of a job, and whose job it is."""

    change: JobChange
    user: str


@dataclass(frozen=True)
class FactNews:
    """A new answer to one of the slow questions."""

    name: str
    value: Any
    as_of: datetime
    problem: str


@dataclass(frozen=True)
class Question:
    """Something about one job; `number` pairs a question with its answer."""

    number: int
    job_id: str


@dataclass(frozen=True)
class Leave:
    """A listener wants to ask the scheduler itself, so many RPCs."""

    number: int
    rpcs: float


@dataclass(frozen=True)
class Answer:
    """What the scheduler said about one job, or the error's kind and words; neither: leave is given."""

    number: int
    job: Job | None
    error: str = ""
    words: str = ""
    retry_after: float = 0.0


def frame(kind: Kind, value: object = None, type_: Any = None) -> bytes:  # noqa: ANN401 - whatever pydantic knows
    """One frame as it goes over the line: four bytes of length, one of kind, JSON."""
    body = b"" if value is None else adapter(type_ or type(value)).dump_json(value)
    return len(body).to_bytes(4, "big") + bytes([kind]) + body


def changes_frame(noted: list[Noted]) -> bytes:
    """Changes in their order."""
    return frame(Kind.CHANGES, tuple(Change(each.change, each.user) for each in noted), tuple[Change, ...])


async def read_frame(reader: asyncio.StreamReader) -> tuple[Kind, bytes]:
    """The next frame. Raises EOFError at the end of the line, Unreadable for anything that is no frame."""
    head = await reader.readexactly(5)
    length = int.from_bytes(head[:4], "big")
    try:
        kind = Kind(head[4])
    except ValueError as error:
        raise Unreadable("another version of the service polls; restart all of them", repr(head)) from error
    if length > LONGEST_FRAME:
        raise Unreadable(f"a frame of {length} bytes came from the process that polls", repr(head))
    return kind, await reader.readexactly(length)


def read_body(kind: Any, body: bytes) -> Any:  # noqa: ANN401 - whatever pydantic knows
    """What a frame holds. Raises Unreadable."""
    try:
        return adapter(kind).validate_json(body)
    except ValidationError as error:
        raise Unreadable("another version of the service polls; restart all of them", repr(body[:200])) from error


def adapter(kind: Any) -> TypeAdapter[Any]:  # noqa: ANN401 - likewise
    """Making an adapter costs milliseconds, so each is made once."""
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


_ADAPTERS: dict[Any, TypeAdapter[Any]] = {}
