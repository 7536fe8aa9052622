"""docs/reference/facility.md tells of every route, key, error, event and verb, and of none that is not there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import NoneType, UnionType
from typing import get_args, get_origin

import pytest
from pydantic import BaseModel

from facility.profile import Profile
from facility.service.app import ROUTERS
from facility.service.as_user import helper as as_user_helper
from facility.service.as_user.worker.run import VERBS
from facility.service.scheduler import broadcast
from facility.service.web.refusals import ANSWERS

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
PAGE = (REFERENCE / "facility.md").read_text(encoding="utf-8")
PAGES_OF_VIEWS = {"/api/": "superfacility.md"}
"""Path below which another API is answered -> the page that tells of it."""


def first_column(heading: str) -> list[str]:
    """The code words that begin the rows of the tables below a heading."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| `([^`]+)`", section, re.MULTILINE)


def all_routes() -> set[str]:
    """Every route with its verb, as the pages write it."""
    found = {(verb, route.path) for router in ROUTERS for route in router.routes for verb in route.methods}
    return {f"{verb} {path.replace(':path}', '}')}" for verb, path in found}


def keys(model: type[BaseModel], before: str = "") -> Iterator[str]:
    """Every key of facility.toml; NAME stands for a name of the site's own choice."""
    for name, field in model.model_fields.items():
        kinds = [kind for kind in get_args(field.annotation) if isinstance(kind, type)]
        optional = next((kind for kind in kinds if kind is not NoneType), None)
        kind = optional if get_origin(field.annotation) is UnionType else field.annotation
        inner = [found for found in (kind, *get_args(kind)) if isinstance(found, type) and issubclass(found, BaseModel)]
        named = ".NAME" if get_origin(kind) is dict else ""
        if inner:
            yield from keys(inner[0], f"{before}{name}{named}.")
        else:
            yield f"{before}{name}"


def test_every_route_is_told_of() -> None:
    """With its verb. IRI's have a page of their own (tests/facility/service/iri/test_published.py)."""
    elsewhere = ("/iri/", *PAGES_OF_VIEWS)
    routes = {route for route in all_routes() if not route.partition(" ")[2].startswith(elsewhere)}

    assert sorted(routes) == sorted(first_column("Routes"))


@pytest.mark.parametrize(("prefix", "page"), PAGES_OF_VIEWS.items())
def test_every_route_of_another_api_is_told_of_on_its_own_page(prefix: str, page: str) -> None:
    """With its verb."""
    rows = re.findall(r"^\| `([A-Z]+ /[^`]+)`", (REFERENCE / page).read_text(encoding="utf-8"), re.MULTILINE)

    assert sorted(route for route in all_routes() if route.partition(" ")[2].startswith(prefix)) == sorted(rows)


def test_every_key_is_told_of() -> None:
    """And no other."""
    assert sorted(keys(Profile)) == sorted(first_column("facility.toml"))


def test_every_error_is_told_of_with_its_status() -> None:
    """A client can rely on the number."""
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \|", PAGE, re.MULTILINE)

    assert {(kind.__name__, str(status)) for kind, status, _ in ANSWERS} == set(rows)


def test_every_event_is_told_of() -> None:
    """Those that the source of the broadcast renders."""
    source = Path(broadcast.__file__).read_text(encoding="utf-8")

    assert set(re.findall(r'render\("(\w+)"', source)) == set(first_column("Events"))


def test_the_helpers_verbs_and_configuration_are_told_of() -> None:
    """An administrator copies the example."""
    section = PAGE.split("\n## The root helper\n")[1].split("\n## ")[0]
    source = Path(as_user_helper.__file__).read_text(encoding="utf-8")
    keys = re.findall(r'"(\w+)": (?:str|int|list|dict|bool)\b', source.split("wanted = ")[1].split("raise")[0])
    example = json.loads(section.split("```json\n")[1].split("```")[0])

    assert set(keys) == set(example)
    rows = re.findall(r"^\| (`[a-z`, -]+) \|", section.split("| verb")[1], re.MULTILINE)
    assert {*VERBS, as_user_helper.CLOSED_ACCOUNTS} == {
        verb for row in rows for verb in re.findall(r"`([a-z-]+)`", row)
    }
