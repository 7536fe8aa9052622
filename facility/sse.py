"""Server-sent events as text (WHATWG HTML, section 9.2): written by the service, read by `JobFeed`."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Event:
    """One event; `id` is what a client sends back as Last-Event-ID."""

    name: str
    data: str
    id: str = ""


def render(name: str, data: object, id_: int | str | None = None) -> bytes:
    """An event as it goes over the wire; the data become one line of ASCII JSON."""
    head = f"id: {id_}\n" if id_ is not None else ""
    return f"{head}event: {name}\ndata: {json.dumps(data, separators=(',', ':'))}\n\n".encode()


HEARTBEAT = b": still here\n\n"
"""A comment that keeps the connection alive where nothing happens."""


async def read_events(lines: AsyncIterator[str]) -> AsyncIterator[Event]:
    """Events from the lines of a stream; an event that is cut at the end of the stream is not given out."""
    name, data, last_id = "message", list[str](), ""
    async for line in lines:
        field, _, value = line.rstrip("\n").partition(":")
        value = value.removeprefix(" ")
        if not line.strip():
            if data:
                yield Event(name, "\n".join(data), last_id)
            name, data = "message", []
        elif field == "event":
            name = value
        elif field == "data":
            data.append(value)
        elif field == "id":
            last_id = value
