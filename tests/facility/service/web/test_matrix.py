"""The published matrix of scopes: complete, true, and what the routes do."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fastapi import APIRouter

from facility.errors import NotAllowed
from facility.service.app import ROUTERS
from facility.service.caller import Caller
from facility.service.scopes import HUB, OPERATORS, SCOPES, write_scopes
from facility.service.web.access import GATES
from facility.service.web.matrix import ANY, PUBLIC, Row, matrix, page

if TYPE_CHECKING:
    from ..conftest import Served

PAGE = Path(__file__).parents[4] / "docs" / "reference" / "scopes.md"
ROWS = matrix(ROUTERS)
GUARDED = [row for row in ROWS if row.gates]


def test_the_page_tells_of_every_route() -> None:
    """Where this fails, a route is new or wants something else: run scripts/scopes.py and look at the difference."""
    assert page(ROUTERS) == PAGE.read_text(encoding="utf-8")


def test_a_route_without_a_scope_is_an_error() -> None:
    """Nobody forgets the gate: open is what says so."""
    router = APIRouter()
    router.get("/forgotten")(lambda: None)

    with pytest.raises(ValueError, match="GET /forgotten names no scope"):
        matrix([router])


async def sent(served: Served, row: Row, headers: dict[str, str]) -> int:
    """What a request to the route answers; where its path names a resource, one that is there is named."""
    paths = [re.sub(r"\{[^}]*\}", "1", row.path)]
    if "{resource_id}" in row.path:
        found = (await served.http.get("/iri/api/v2/status/resources")).json()
        paths = [re.sub(r"\{[^}]*\}", resource["id"], row.path) for resource in found]
    statuses = {(await served.http.request(row.verb, path, headers=headers)).status_code for path in paths}
    return max(statuses - {404}, default=404)


async def test_every_route_is_closed_without_a_token(served: Served) -> None:
    """Whatever the path, the query and the body are."""
    answers = {f"{row.verb} {row.path}": await sent(served, row, {}) for row in GUARDED}

    assert {} == {route: status for route, status in answers.items() if status != 401}


async def test_every_route_is_closed_to_all_other_scopes(served: Served) -> None:
    """A token with everything but what the route names gets 403, and nothing is done."""
    answers = {}
    for row in GUARDED:
        if wanted := {scope for gate in row.gates for scope in gate}:
            headers = served.headers(scope=write_scopes(frozenset(SCOPES) - {HUB} - wanted))
            answers[f"{row.verb} {row.path}"] = await sent(served, row, headers)

    assert {} == {route: status for route, status in answers.items() if status != 403}
    assert 0 == served.scheduler.calls_of("scancel")


async def test_every_gate_opens_to_each_scope_it_names_and_to_no_other(served: Served) -> None:
    """Each scope by itself, at each gate; operators' scopes open to operators only."""
    for gate, wanted in list(GATES.items()):
        for scope in SCOPES:
            opened = await is_open(served, gate, scope, "kim")

            assert opened == (scope in wanted or not wanted), (wanted, scope)
        for scope in OPERATORS & set(wanted):
            assert not await is_open(served, gate, scope, served.person)


async def is_open(served: Served, gate: object, scope: str, user: str) -> bool:
    """Whether a token of `user` with this one scope passes the gate."""
    caller = Caller(user, frozenset({scope}), "test", datetime.now(UTC) + timedelta(minutes=1), "t")
    try:
        return caller is await gate(served.parts, caller)  # type: ignore[operator]  # GATES knows gates as keys only
    except NotAllowed:
        return False


def test_only_what_must_be_is_open() -> None:
    """How the service is, what a Superfacility and an IRI API show everybody, and where tokens are made."""
    prefixes = {row.path.split("/")[1] for row in ROWS if row.wants == PUBLIC}

    assert prefixes <= {".well-known", "identity", "health", "metrics", "api", "iri"}


def test_any_token_is_enough_only_for_what_is_ones_own() -> None:
    """Who I am, what I started, what I may delegate."""
    found = {row.path for row in ROWS if row.wants == ANY}

    assert all(re.match(r"/(identity/(me|delegations)|operations|api/v1|events|iri/)", path) for path in found), found


async def test_the_openapi_tells_the_scope_of_each_operation(served: Served) -> None:
    """And that it wants a bearer token."""
    told = (await served.http.get("/openapi.json")).json()

    assert "jobs:submit" == told["paths"]["/jobs/{job_id}"]["delete"]["x-beamside-scope"]
    assert [{"bearer": []}] == told["paths"]["/jobs"]["get"]["security"]
    assert ("public", False) == (
        told["paths"]["/health"]["get"]["x-beamside-scope"], "security" in told["paths"]["/health"]["get"],
    )  # fmt: skip
