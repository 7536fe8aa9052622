"""What a query string may hold: known parameters once each, strict times, pages."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Annotated, TypeVar

from fastapi import Query, Request
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, BeforeValidator, Field

T = TypeVar("T")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:?\d\d)?")


def _strict_time(value: object) -> object:
    if isinstance(value, str) and TIME.fullmatch(value):
        found = datetime.fromisoformat(value)
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    raise ValueError("must be a time as ISO 8601 writes it, e.g. 2026-02-21T12:00:00Z")


def _strict_bool(value: object) -> object:
    if value not in ("true", "false", True, False, None):
        raise ValueError("must be true or false")
    return value


Time = Annotated[datetime, BeforeValidator(_strict_time)]
Flag = Annotated[bool, BeforeValidator(_strict_bool)]
Word = Annotated[str, Field(min_length=1, max_length=256)]
Since = Annotated[Time | None, Query(description="only what changed at that time or later")]
Offset = Annotated[int, Query(ge=0, le=10_000_000)]
Limit = Annotated[int, Query(ge=0, le=1000)]


def page(found: Sequence[T], offset: int, limit: int) -> list[T]:
    """The part of a list that was asked for."""
    return list(found[offset : offset + limit])


async def known_parameters(request: Request) -> None:
    """Refuse a parameter that the route does not know, and one that is there twice where one is meant."""
    route: APIRoute = request.scope["route"]
    known = frozenset(_names(route.dependant))
    wrong = []
    for name, count in Counter(name for name, _ in request.query_params.multi_items()).items():
        if name not in known:
            listed = ", ".join(sorted(known)) or "none"
            wrong.append({"loc": ("query", name), "msg": f"there is no such parameter here; there are: {listed}"})
        elif count > 1 and name not in REPEATED:
            wrong.append({"loc": ("query", name), "msg": "may be given once"})
    if wrong:
        raise RequestValidationError(wrong)


REPEATED = frozenset({"capability"})
"""Parameters that may be given several times."""


def _names(dependant: Dependant) -> Iterator[str]:
    for field in dependant.query_params:
        kind = field.field_info.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from (part.alias or name for name, part in kind.model_fields.items())
        else:
            yield field.alias
    for below in dependant.dependencies:
        yield from _names(below)
