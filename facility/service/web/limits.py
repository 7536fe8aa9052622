"""How much a request may bring: everything this service reads is small."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from fastapi import Request
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from facility.service.web.refusals import Refusal, Shape, shape_of

LARGEST_BODY = 64 * 1024
"""Bytes of a request's body; a token request with two signed tokens is about 5,000."""

LARGEST_SCRIPT = 2 * 2**20
"""Bytes of what submits a job: a batch script stands in it."""

LARGER = {
    "/api/v1.2/compute/jobs/": 2 * 2**20,
    "/api/v1/jobs": 2 * 2**20,
    "/iri/api/v1/compute/job/": 2 * 2**20,
    "/iri/api/v2/compute/job/": 2 * 2**20,
    "/iri/api/v1/filesystem/upload/": 6 * 2**20,
    "/iri/api/v2/filesystem/upload/": 6 * 2**20,
    "/identity/closed": 2**20,
}
"""Paths below which it may be longer: a batch script, a small file, or the names of many accounts stand in it."""

STREAMED = ("/files/", "/api/v1.2/utilities/upload/", "/api/v1/file/")
"""Paths below which the body of a PUT is a file that goes to its owner's worker as it comes, up to a limit there."""


def largest_body(method: str, path: str) -> int | None:
    """Bytes of a body that comes for this path; None: the route reads it piece by piece and keeps nothing."""
    if method == "PUT" and path.startswith(STREAMED):
        return None
    if path == "/jobs":
        return LARGEST_SCRIPT
    return next((limit for prefix, limit in LARGER.items() if path.startswith(prefix)), LARGEST_BODY)


class BodyLimit:
    """Answers 413 as soon as a body is longer than `largest_body`, announced or not, and reads no more of it."""

    def __init__(self, app: ASGIApp, shapes: Mapping[str, Shape] | None = None) -> None:
        """`shapes`: as `explain_errors` has them."""
        self._app = app
        self._shapes = shapes or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        largest = largest_body(scope.get("method", ""), scope.get("path", ""))
        if largest is None:
            await self._app(scope, receive, send)
            return
        read, answered = 0, False

        async def limited() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > largest:
                raise _TooLargeError
            return message

        async def noted(message: Message) -> None:
            nonlocal answered
            if read <= largest or answered:
                answered = True
                await send(message)  # else the application's own word for a body that it could not read to its end

        with suppress(_TooLargeError):
            await self._app(scope, limited, noted)
        if read > largest and not answered:
            await _refusal(scope, largest, self._shapes)(scope, receive, send)


class _TooLargeError(Exception):
    """The body is longer than anything this service reads."""


def _refusal(scope: Scope, largest: int, shapes: Mapping[str, Shape]) -> JSONResponse:
    what = f"the request's body is longer than {largest} bytes"
    step = "Send less; docs/reference/facility.md describes what is read."
    return shape_of(shapes, scope["path"])(Request(scope), Refusal(413, what, step))
