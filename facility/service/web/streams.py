"""Streams that last for minutes, for thousands of listeners at once.

A route that has answered its questions (who asks, what may they hear) hands its stream over to the outermost layer, so
that nothing of the request but the stream itself stays in memory while it lasts.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import cast

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

PLACE = "beamside.stream"
HEADERS = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-store")]

Begin = Callable[[], AsyncGenerator[bytes, None]]


class EventStream(Response):
    """An answer of server-sent events. `begin` is called once the stream is sent."""

    media_type = "text/event-stream"

    def __init__(self, begin: Begin) -> None:
        super().__init__()
        self._begin = begin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the stream over, or send it here where there is nobody to take it."""
        place = cast("list[Begin] | None", scope.get(PLACE))
        if place is None:
            await _send(self._begin, receive, send)
        else:
            place.append(self._begin)


class LongStreams:
    """The outermost layer: sends what a route has handed over, after everything inside has ended."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        place: list[Begin] = []
        before = frozenset(scope)
        scope[PLACE] = place
        await self._app(scope, receive, send)
        for name in scope.keys() - before:  # the server keeps its scope as long as the stream lasts
            del scope[name]
        if place:
            await _send(place.pop(), receive, send)


async def _send(begin: Begin, receive: Receive, send: Send) -> None:
    """Send a stream until it ends or its listener has gone; a listener that does not read holds up nobody else."""
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    stream = begin()
    sending = asyncio.current_task()
    gone = asyncio.ensure_future(_wait_gone(receive))
    gone.add_done_callback(lambda done: None if done.cancelled() or sending is None else sending.cancel())
    try:
        async for piece in stream:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
    except asyncio.CancelledError:
        if not gone.done():
            raise
        cast("asyncio.Task[None]", sending).uncancel()
    finally:
        gone.cancel()
        await stream.aclose()


async def _wait_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
