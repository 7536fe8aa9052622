"""Every error as the same JSON: {"error": {"what", "to", "next"}}; never a bare 500.

A view that speaks another API's language gives its errors that API's shape (`Shape`).
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from facility.errors import (
    Busy,
    FacilityError,
    HomeRefused,
    KeyReused,
    NotAllowed,
    NotFound,
    NotSignedIn,
    OptionError,
    ProfileError,
    Refused,
    StoreFailed,
    StoreFull,
    SubmitRefused,
    Unreachable,
    Unreadable,
)
from facility.service.caller import ScopeMissing

log = logging.getLogger(__name__)

STORE_BACK = 5
"""Seconds after which it is worth asking again where the database does not answer: a restart of PostgreSQL."""

# The first that fits counts, so the special ones stand before the general.
ANSWERS: tuple[tuple[type[FacilityError], int, str], ...] = (
    (NotSignedIn, 401, "Sign in, or get a new token at /identity/token."),
    (NotAllowed, 403, "Ask an operator if you should be allowed to."),
    (NotFound, 404, "Check the name or number; a job that ended long ago is in accounting only."),
    (KeyReused, 422, "Send the same request again, or choose a new key."),
    (HomeRefused, 422, "Make room in the home directory, and submit again."),
    (SubmitRefused, 422, "Change what the scheduler names, and submit again."),
    (OptionError, 422, "Choose one of the values that are offered."),
    (Refused, 400, "Change the request; docs/reference/facility.md describes it."),
    (Busy, 429, "Ask again after the time that Retry-After names."),
    (StoreFull, 507, "Tell the operators; reading and running work go on."),
    (StoreFailed, 503, "Ask again after the time that Retry-After names; running jobs are not touched."),
    (Unreachable, 502, "Try again in a moment; running jobs are not touched."),
    (Unreadable, 502, "Tell the operators; running jobs are not touched."),
    (ProfileError, 500, "Tell the operators."),
)


@dataclass(frozen=True)
class Refusal:
    """An error on its way to whoever asked."""

    status: int
    what: str
    step: str  # what to do next
    headers: Mapping[str, str] = field(default_factory=dict)
    wrong: tuple[tuple[str, str], ...] = ()  # what of the request does not fit its schema, and why


Shape = Callable[[Request, Refusal], JSONResponse]
"""Writes an error as one API has it."""


def explain_errors(app: FastAPI, shapes: Mapping[str, Shape] | None = None) -> None:
    """Let `app` answer every error in one shape, or in that of `shapes` below a path: {"/prefix/": shape}."""

    def answer(request: Request, refusal: Refusal) -> JSONResponse:
        return shape_of(shapes or {}, request.url.path)(request, refusal)

    @app.exception_handler(FacilityError)
    async def known(request: Request, error: FacilityError) -> JSONResponse:
        status, step = next(((status, step) for kind, status, step in ANSWERS if isinstance(error, kind)), (500, ""))
        headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
        if isinstance(error, ScopeMissing):
            wanted = " ".join(error.wanted)
            headers["WWW-Authenticate"] = f'Bearer error="insufficient_scope", scope="{wanted}"'
        if isinstance(error, Busy):
            headers["Retry-After"] = str(max(1, round(error.retry_after)))
        elif status == 503:
            headers["Retry-After"] = str(STORE_BACK)
        return answer(request, Refusal(status, str(error), step, headers))

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        wrong = tuple((".".join(map(str, e["loc"][1:])) or str(e["loc"][0]), str(e["msg"])) for e in error.errors())
        what = "; ".join(f"{name}: {reason}" for name, reason in wrong)[:1000]
        step = "Change the request; docs/reference/facility.md describes it."
        return answer(request, Refusal(422, what, step, wrong=wrong[:20]))

    @app.exception_handler(HTTPException)
    async def plain(request: Request, error: HTTPException) -> JSONResponse:
        step = "The routes are described in docs/reference/facility.md and at /docs."
        return answer(request, Refusal(error.status_code, str(error.detail), step, dict(error.headers or {})))

    @app.exception_handler(Exception)
    async def ours(request: Request, error: Exception) -> JSONResponse:
        reference = secrets.token_hex(4)
        log.error("mistake %s at %s %s", reference, request.method, request.url.path, exc_info=error)
        what = f"the facility service made a mistake (reference {reference})"
        return answer(request, Refusal(500, what, "Tell the operators the reference; running jobs are not touched."))


def shape_of(shapes: Mapping[str, Shape], path: str) -> Shape:
    """How errors of this path are told."""
    return next((shape for prefix, shape in shapes.items() if path.startswith(prefix)), our_shape)


def our_shape(request: Request, refusal: Refusal) -> JSONResponse:
    """An error as our own routes tell it."""
    told = {"what": refusal.what, "to": f"{request.method} {request.url.path}", "next": refusal.step}
    return JSONResponse({"error": told}, refusal.status, refusal.headers)
