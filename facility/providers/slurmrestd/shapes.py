"""Values as slurmrestd's versions write them: plain up to v0.0.38, from v0.0.39 on {"set", "infinite", "number"}.

Versions differ in where they use which, so every value is read in either form.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TypeGuard

from facility.errors import Unreadable

Found = Mapping[str, object]
"""A JSON object of an answer."""


def is_object(value: object) -> TypeGuard[Found]:
    """Whether this is a JSON object."""
    return isinstance(value, Mapping)


def objects(answer: Found, *keys: str) -> list[Found]:
    """The list of objects under the first of `keys` that is there. Raises Unreadable: absence is no empty list."""
    for key in keys:
        found = answer.get(key)
        if isinstance(found, list) and all(is_object(item) for item in found):
            return found
    raise Unreadable(f"slurmrestd's answer lacks {' or '.join(keys)}", str(answer))


def inner(value: object, *path: str) -> object:
    """What lies at `path`, or None where a step of it is missing."""
    for key in path:
        value = value.get(key) if is_object(value) else None
    return value


def number(value: object) -> int | None:
    """A whole number; None where it is not set or has no limit."""
    if is_object(value):
        value = value.get("number") if value.get("set") and not value.get("infinite") else None
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def figure(value: object, otherwise: float) -> float:
    """A figure that need not be whole; `otherwise` where it is not set."""
    if is_object(value):
        value = value.get("number") if value.get("set") and not value.get("infinite") else None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else otherwise


def moment(value: object) -> datetime | None:
    """A time in epoch seconds; None where there is none."""
    seconds = number(value)
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def minutes(value: object) -> timedelta | None:
    """A span that is told in minutes; None for no limit."""
    figure = number(value)
    return None if figure is None else timedelta(minutes=figure)


def text(value: object) -> str:
    """A word; empty where there is none, and where another kind of value stands in its place."""
    return value if isinstance(value, str) and value not in {"None", "(null)"} else ""


def words(value: object) -> tuple[str, ...]:
    """Several words: a list of them, or one string with commas."""
    pieces = value if isinstance(value, list) else text(value).split(",")
    return tuple(piece for piece in pieces if isinstance(piece, str) and piece)


def nodes_of(tres: object) -> int | None:
    """The node count of a TRES list; None where nodes are not limited."""
    entries = tres if isinstance(tres, list) else []
    return next((number(entry["count"]) for entry in entries if is_object(entry) and entry.get("type") == "node"), None)
