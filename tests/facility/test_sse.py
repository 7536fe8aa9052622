"""Server-sent events."""

from __future__ import annotations

from collections.abc import AsyncIterator

from facility.sse import HEARTBEAT, Event, read_events, render


async def lines(text: bytes) -> AsyncIterator[str]:
    """A stream, line by line."""
    for line in text.decode().split("\n"):
        yield line


async def read(text: bytes) -> list[Event]:
    """All events of a stream."""
    return [event async for event in read_events(lines(text))]


async def test_what_is_written_is_read() -> None:
    """Name, data and id come back."""
    assert [Event("change", '{"a":"\\u202e"}', "7")] == await read(render("change", {"a": "\u202e"}, 7))


async def test_heartbeats_are_not_events() -> None:
    """A comment keeps the connection alive and says nothing."""
    assert ["a", "b"] == [event.name for event in await read(render("a", 1) + HEARTBEAT + render("b", 2))]


async def test_an_event_that_is_cut_is_not_given_out() -> None:
    """Half an event is no event."""
    assert ["a"] == [event.name for event in await read(render("a", 1) + render("b", 2)[:-2])]


async def test_an_event_without_an_id_keeps_the_last() -> None:
    """So that a client that reconnects says where it stopped."""
    assert ["3", "3"] == [event.id for event in await read(render("a", 1, 3) + render("b", 2))]
