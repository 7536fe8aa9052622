"""How errors are described in the OpenAPI: every route may answer them, so they are written once."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel


class Said(BaseModel):
    """What happened, to which request, and what to do next."""

    what: str
    to: str
    next: str


class ErrorAnswer(BaseModel):
    """An error of our own routes."""

    error: Said


class OAuthError(BaseModel):
    """An error of the token endpoint and its kin (RFC 6749, section 5.2)."""

    error: str
    error_description: str


Described = dict[int | str, dict[str, Any]]

MEANINGS = {
    400: "The request cannot be carried out as it is.",
    401: "There is no token, or one that has ended.",
    403: "Who asks is known, and may not do this.",
    404: "There is no such thing, or none that the caller may see.",
    409: "It is as it is already, or just being done.",
    413: "The body is too long.",
    422: "The request does not fit its schema, or the scheduler refused it in its own words.",
    429: "Ask again after the time that Retry-After names.",
    500: "The service made a mistake; a reference to its log is told.",
    502: "Something that the service stands on gave no usable answer.",
    503: "Ask again after the time that Retry-After names.",
    507: "There is no room to store what was sent.",
}
"""Status -> what it means (docs/reference/facility.md, Errors)."""


def errors(model: type[BaseModel]) -> Described:
    """The errors of routes whose shape is `model`, for `responses` of a router.

    The schema is written out: by `model` FastAPI would describe errors in the media type of what the route answers.
    """
    content = {"application/json": {"schema": _inlined(model)}}
    return {status: {"description": words, "content": content} for status, words in MEANINGS.items()}


def _inlined(model: type[BaseModel]) -> dict[str, Any]:
    """The model's JSON schema without references."""
    schema = model.model_json_schema()
    parts = schema.pop("$defs", {})
    for name, found in schema.get("properties", {}).items():
        if "$ref" in found:
            schema["properties"][name] = parts[found["$ref"].rpartition("/")[2]]
    return schema


OURS = errors(ErrorAnswer)
OAUTH = errors(OAuthError)
EVERYBODY: Described = {status: {"description": words} for status, words in MEANINGS.items()}
"""The statuses alone, for routes of another API's shape."""
