"""Records as JSON and back: fields by their names, times as ISO 8601 in UTC, spans as seconds."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from facility.errors import Unreadable

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T")

PLAIN = (str, int, float, dict)
"""What is JSON already. Most of a record is, so it is looked for first."""


def encode(value: object) -> object:
    """A record, or a container of records, as what json.dumps takes."""
    if value is None or isinstance(value, PLAIN):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {name: encode(getattr(value, name)) for name in _names(type(value))}
    if isinstance(value, tuple | list | frozenset):
        return [encode(item) for item in value]
    if isinstance(value, timedelta):
        return value.total_seconds()
    return value.isoformat() if isinstance(value, datetime) else value


def decode(kind: type[T], found: object) -> T:
    """The record that JSON tells of; keys that this version does not know are ignored.

    Raises Unreadable naming the first field that is wrong.
    """
    try:
        return cast(T, _adapter(kind).validate_python(found))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the whole"
        raise Unreadable(f"the answer is no {kind.__name__}: {place}: {first['msg']}", str(found)[:500]) from error


@lru_cache
def _names(kind: type[DataclassInstance]) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(kind))


def _adapter(kind: type) -> TypeAdapter[Any]:
    """Making an adapter costs a millisecond, so each is made once."""
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


_ADAPTERS: dict[type, TypeAdapter[Any]] = {}
