"""Reading what Slurm's commands print, whatever names people gave their jobs.

Job names may hold newlines, escape sequences, any separator and bytes that are no UTF-8. So every call chooses its own
random marks for where a row starts, where a field ends and where the row ends; a row without them is dropped and
counted.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from facility.models import JobState

NOTHING = frozenset({"", "(null)", "N/A", "n/a", "None", "None assigned", "Unknown", "Invalid", "NONE"})
"""What Slurm's commands print where they have nothing to say."""

JOB_ID = re.compile(r"[1-9][0-9]{0,9}(?:[_+][0-9]{1,9})?")
"""A job, an array task ("1234_7") or a component of a heterogeneous job ("1234+1")."""

WAITING_TASKS = re.compile(r"(?P<array>[1-9][0-9]{0,9})_\[(?P<tasks>[0-9,:-]+)(?:%[0-9]+)?\]")
"""The tasks of an array that still wait, in one row: "77_[1-5,8-20:2%4]" (squeue(1), %i)."""

TASKS = re.compile(r"(?P<low>[0-9]{1,7})(?:-(?P<high>[0-9]{1,7}))?(?::(?P<step>[1-9][0-9]{0,6}))?")
MOST_TASKS = 4_000_001  # slurm.conf(5): MaxArraySize is 4,000,001 at most

LENGTHS = (8, 4, 8)
"""Random bytes of each mark. Who forges a row must guess start and end; the separator is printed many times a row."""


@dataclass(frozen=True)
class Marks:
    """The random words of one call. They begin with a letter: in `squeue -O` a digit would be read as a width."""

    start: str
    separator: str
    end: str

    @classmethod
    def fresh(cls) -> Marks:
        """Marks that nobody can have put into a name beforehand."""
        return cls(*(f"{letter}{secrets.token_hex(length)}" for letter, length in zip("sfe", LENGTHS, strict=True)))


@dataclass(frozen=True)
class Rows:
    """The rows of one answer; `malformed` counts the pieces that were not a row."""

    rows: tuple[tuple[str, ...], ...]
    malformed: int


def decode(raw: bytes) -> str:
    r"""Bytes as text that can be sent anywhere: a byte that is no UTF-8 is shown as ``\xff``."""
    return raw.decode("utf-8", "backslashreplace")


def read_rows(stdout: bytes, marks: Marks, width: int) -> Rows:
    """Cut an answer into rows of `width` fields. The field before the start mark must be digits and is not returned."""
    *pieces, rest = decode(stdout).split(marks.end)
    rows, malformed = [], int(rest.strip() != "")
    for piece in pieces:
        head, found, tail = piece.removeprefix("\n").partition(marks.start)
        fields = tail.split(marks.separator)
        if found and head.isdecimal() and head.isascii() and len(fields) == width and marks.start not in tail:
            rows.append(tuple(fields))
        else:
            malformed += 1
    return Rows(tuple(rows), malformed)


def task_ids(text: str) -> list[str] | None:
    """The tasks that `WAITING_TASKS` stand for, one id each; None where the text is nothing of that kind."""
    found = WAITING_TASKS.fullmatch(text)
    if found is None:
        return None
    ids: list[str] = []
    for part in found["tasks"].split(","):
        span = TASKS.fullmatch(part)
        if span is None:
            return None
        tasks = range(int(span["low"]), int(span["high"] or span["low"]) + 1, int(span["step"] or 1))
        if len(ids) + len(tasks) > MOST_TASKS:
            return None
        ids.extend([f"{found['array']}_{task}" for task in tasks])
    return ids


def word(text: str) -> str:
    """A word of Slurm's, or "" where it says that there is none."""
    return "" if text.strip() in NOTHING else text.strip()


def names(text: str) -> tuple[str, ...]:
    """A comma separated list of names, empty where there is none."""
    return tuple(name for name in word(text).split(",") if name)


def whole(text: str) -> int | None:
    """A whole number, or None where Slurm tells none ("16+" is 16)."""
    digits = text.strip().removesuffix("+")
    return int(digits) if digits.isdecimal() and digits.isascii() else None


def moment(text: str) -> datetime | None:
    """A time as SLURM_TIME_FORMAT=%s prints it, in UTC; None where Slurm tells none."""
    seconds = whole(text)
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


DURATION = re.compile(r"(?:(?P<days>\d+)-)?(?:(?P<hours>\d+):)?(?P<minutes>\d+):(?P<seconds>\d+)")


def duration(text: str) -> timedelta | None:
    """A span as Slurm prints it ("2-00:00:00", "04:00:00", "30:00"); None for UNLIMITED and for none."""
    found = DURATION.fullmatch(text.strip())
    return timedelta(**{unit: int(figure or 0) for unit, figure in found.groupdict().items()}) if found else None


def tres(text: str, resource: str) -> int | None:
    """The figure of one resource in a TRES list such as "cpu=32,node=4"; None where it is not limited."""
    for entry in word(text).split(","):
        name, _, figure = entry.partition("=")
        if name == resource:
            return whole(figure)
    return None


def job_state(text: str) -> tuple[JobState, str]:
    """A state and Slurm's own word for it; "CANCELLED by 1001" is CANCELLED, a word we do not know is UNKNOWN."""
    first = text.split(maxsplit=1)[0] if text.strip() else ""
    try:
        return JobState(first), text.strip()
    except ValueError:
        return JobState.UNKNOWN, text.strip()
