"""The reference page of all routes, made from the OpenAPI description: what each takes, wants and answers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from fastapi import APIRouter, FastAPI

from facility.service.web.matrix import EXTENSION, publish

Told = Mapping[str, Any]
"""A part of an OpenAPI description."""

REFERENCE = "#/components/schemas/"
UNSAID = frozenset({"", "none", "[]", "{}"})
"""Defaults that say nothing."""

BOUNDS = (
    ("minimum", "from {}"),
    ("exclusiveMinimum", "more than {}"),
    ("maximum", "to {}"),
    ("minLength", "{} characters or more"),
    ("maxLength", "{} characters at most"),
    ("maxItems", "{} at most"),
)


def describe(routers: Iterable[APIRouter]) -> dict[str, Any]:
    """The OpenAPI description of routers, without a service behind them."""
    app, chosen = FastAPI(title="beamside facility service"), tuple(routers)
    for router in chosen:
        app.include_router(router)
    publish(app, chosen)
    return app.openapi()


def page(described: Told) -> str:
    """The page in Markdown, one heading a group of routes."""
    schemas = described["components"].get("schemas", {})
    groups: dict[str, list[str]] = {}
    for path, verbs in sorted(described["paths"].items()):
        for verb, operation in sorted(verbs.items()):
            told = "\n".join(_operation(f"{verb.upper()} {path}", operation, schemas))
            groups.setdefault(_group(path), []).append(told)
    return PAGE + "\n".join(f"## {group}\n\n{chr(10).join(told)}" for group, told in groups.items())


PAGE = """\
# Every route

What each route of the facility service takes and answers, made from its OpenAPI description by \
`scripts/reference.py`; a running service serves the description itself at `/openapi.json`. What the routes are for is \
told in [the facility service](facility.md), [the Superfacility API](superfacility.md) and [IRI](iri.md), what \
scopes open in [scopes](scopes.md), and how errors look in [Errors](facility.md#errors). Fields in bold must be given.

"""


def _group(path: str) -> str:
    """The heading of a path: its first word, or the API and version that it belongs to."""
    words = path.strip("/").split("/")
    if words[0] == "api":
        return f"Superfacility API, /{'/'.join(words[:2])}"
    return f"IRI Facility API, /{'/'.join(words[:3])}" if words[0] == "iri" else f"/{words[0]}"


def _operation(name: str, operation: Told, schemas: Told) -> Iterator[str]:
    yield f"### `{name}`"
    yield ""
    words = str(operation.get("description", "")).partition("\n\n")[0].replace("\n", " ").strip()
    yield f"{words} Wants: {operation.get(EXTENSION, 'nothing')}. Answers: {_answers(operation, schemas)}."
    yield ""
    rows = [*_parameters(operation, schemas), *_body(operation, schemas)]
    if rows:
        yield from ("| in | field | is | meaning |", "|---|---|---|---|", *rows, "")


def _parameters(operation: Told, schemas: Told) -> Iterator[str]:
    for found in operation.get("parameters", []):
        if found["name"].lower() != "authorization":
            yield _row(found["in"], found["name"], found["schema"], schemas, must=found.get("required", False))


def _body(operation: Told, schemas: Told) -> Iterator[str]:
    for kind, content in operation.get("requestBody", {}).get("content", {}).items():
        where = {"application/json": "JSON", "application/x-www-form-urlencoded": "form"}.get(kind, kind)
        schema = _resolved(content.get("schema", {}), schemas)
        for name, field in schema.get("properties", {}).items():
            yield _row(where, name, field, schemas, must=name in schema.get("required", ()))
        if not schema.get("properties"):
            yield _row(where, "", schema, schemas, must=operation["requestBody"].get("required", False))


def _row(where: str, name: str, schema: Told, schemas: Told, *, must: bool) -> str:
    default = _word(schema.get("default"))
    parts = (schema, *schema.get("anyOf", []))  # what may be null has its bounds inside
    bounds = [words.format(_word(part[key])) for part in parts for key, words in BOUNDS if key in part]
    given = [] if must or default.lower() in UNSAID else [f"else {default}"]
    meaning = ", ".join([str(schema.get("description", "")), *bounds, *given]).strip(", ")
    shown = f"`{name}`" if name else "the whole"
    return f"| {where} | {f'**{shown}**' if must else shown} | {_kind(schema, schemas)} | {_cell(meaning)} |"


def _kind(schema: Told, schemas: Told) -> str:
    """The type in words."""
    if "$ref" in schema:
        found = _resolved(schema, schemas)
        return _kind(found, schemas) if "enum" in found else _title(schema["$ref"])
    if "enum" in schema or "const" in schema:
        return " or ".join(f"`{_word(value)}`" for value in schema.get("enum", [schema.get("const")]))
    if choices := schema.get("anyOf") or schema.get("allOf"):
        return " or ".join(dict.fromkeys(_kind(choice, schemas) for choice in choices))
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}), schemas)}"
    return str(schema.get("format") or schema.get("type") or "anything")


def _answers(operation: Told, schemas: Told) -> str:
    """The statuses of success, with the record that comes."""
    told = []
    for status, answer in sorted(operation.get("responses", {}).items()):
        if status.startswith(("2", "3")):
            contents: list[Told] = list(answer.get("content", {}).values())
            schema = contents[0].get("schema") if contents else None
            told.append(f"{status} ({_kind(schema, schemas)})" if schema else status)
    return ", ".join(told)


def _resolved(schema: Told, schemas: Told) -> Told:
    found: Told = schemas[schema["$ref"].removeprefix(REFERENCE)] if "$ref" in schema else schema
    return found


def _title(reference: str) -> str:
    """A record's own name; where two modules have one of that name, the description puts the module before it."""
    name = reference.removeprefix(REFERENCE).rpartition("__")[2]
    return name.removesuffix("-Output").removesuffix("-Input")


def _word(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).lower() if isinstance(value, bool) else str("" if value is None else value)


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|")
