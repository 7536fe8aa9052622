"""Errors as IRI tells them: problem details (RFC 9457), with the statuses that its description has."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from facility.service.web.refusals import Refusal

MEDIA_TYPE = "application/problem+json"
AS_DESCRIBED = {502: 503, 507: 503}
"""Our status -> the one of the published description that means it; the words say more."""


class InvalidParameter(BaseModel):
    """One part of a request that does not fit."""

    name: str
    reason: str


class Problem(BaseModel):
    """Problem details (RFC 9457, section 3.1). `next` is ours: what to do."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    instance: str
    next: str = ""
    invalid_params: list[InvalidParameter] = []


def problem(request: Request, refusal: Refusal) -> JSONResponse:
    """A refusal as problem details; what does not fit its schema is 400 here."""
    status = 400 if refusal.wrong else AS_DESCRIBED.get(refusal.status, refusal.status)
    headers = dict(refusal.headers)
    if status == 503:
        headers.setdefault("Retry-After", "5")
    told = Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=refusal.what,
        instance=str(request.url),
        next=refusal.step,
        invalid_params=[InvalidParameter(name=name, reason=reason) for name, reason in refusal.wrong],
    )
    return JSONResponse(told.model_dump(), status, headers, media_type=MEDIA_TYPE)


STATUSES = (400, 401, 403, 404, 409, 413, 422, 429, 500, 503)
RESPONSES: dict[int | str, dict[str, object]] = {
    status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"schema": Problem.model_json_schema()}}}
    for status in STATUSES
}
"""What every route may answer, for the OpenAPI description."""

RESPONSES[304] = {"description": "Nothing changed since `modified_since`."}
