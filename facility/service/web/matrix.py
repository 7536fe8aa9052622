"""The matrix of scopes: what each route wants, read from the routes themselves, so that it cannot be out of date."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, RouteContext, iter_route_contexts

from facility.service.scopes import OPERATORS, SCOPES
from facility.service.web.access import GATES, proved, public

PUBLIC = "public"
PROOF = "its own proof"
ANY = "any token"
EXTENSION = "x-beamside-scope"
SCHEME = "bearer"
WHOLE = re.compile(r":path\}")  # how a path says that a parameter may hold slashes, which OpenAPI has no word for


@dataclass(frozen=True)
class Row:
    """What one route wants: one scope of each of `gates`; without a gate, `openly` says why that is right."""

    verb: str
    path: str
    gates: tuple[tuple[str, ...], ...]
    openly: str = ""

    @property
    def wants(self) -> str:
        """In words."""
        return " and ".join(" or ".join(gate) or ANY for gate in self.gates) or self.openly


def matrix(routers: Iterable[APIRouter]) -> list[Row]:
    """A row for each route. Raises ValueError naming one that neither wants a scope nor says that it is open."""
    found = (route for router in routers for route in _routes(router))
    return [_row(route, verb) for route in found for verb in sorted(route.methods or ())]


def publish(app: FastAPI, routers: Iterable[APIRouter]) -> None:
    """Tell in the application's OpenAPI description what each operation wants."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        told = made()
        told.setdefault("components", {})["securitySchemes"] = {SCHEME: {"type": "http", "scheme": "bearer"}}
        for row in matrix(routers):
            operation = told["paths"].get(WHOLE.sub("}", row.path), {}).get(row.verb.lower(), {})
            operation[EXTENSION] = row.wants
            if row.gates:
                operation["security"] = [{SCHEME: []}]
        return told

    app.openapi = openapi  # type: ignore[method-assign]  # the way that FastAPI's documentation names for extensions


def page(routers: Iterable[APIRouter]) -> str:
    """The reference page of scopes, in Markdown."""
    rows = sorted(matrix(routers), key=lambda row: (row.path, row.verb))
    scopes = "\n".join(f"| `{scope}` | {words} |" for scope, words in SCOPES.items())
    routes = "\n".join(f"| `{row.verb} {row.path}` | {_code(row.wants)} |" for row in rows)
    return PAGE.format(
        scopes=scopes, operators=" and ".join(f"`{scope}`" for scope in sorted(OPERATORS)), routes=routes
    )


PAGE = """\
# Scopes

What a token may be used for. A token holds what its client may have and what was asked for, never more than \
`service.scopes` of facility.toml allows. {operators} are of use only to those whom accounting calls operators or \
administrators, whatever a token says. This page is made from the routes by `scripts/scopes.py`.

| scope | opens |
|---|---|
{scopes}

## What each route wants

"any token": whoever is signed in. "its own proof": the request itself carries an assertion, a token or a delegation.

| route | wants |
|---|---|
{routes}
"""


def _routes(router: APIRouter) -> Iterator[RouteContext]:
    """Its routes, those of routers inside it too."""
    return (context for context in iter_route_contexts(router.routes) if isinstance(context.route, APIRoute))


def _row(route: RouteContext, verb: str) -> Row:
    path = route.path or ""
    calls = list(_calls(route.dependant))
    gates = tuple(dict.fromkeys(GATES[call] for call in calls if call in GATES))
    openly = PUBLIC if public in calls else PROOF if proved in calls else ""
    if not gates and not openly:
        raise ValueError(f"{verb} {path} names no scope: add needs(…), or say that it is public")
    return Row(verb, path, gates, "" if gates else openly)


def _calls(dependant: Dependant) -> Iterator[object]:
    for found in dependant.dependencies:
        yield found.call
        yield from _calls(found)


def _code(wants: str) -> str:
    return " ".join(f"`{word}`" if word in SCOPES else word for word in wants.split())
