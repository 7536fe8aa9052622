"""One connection over many TCP connections: real ones, which are broken at will."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from distributed.comm.core import Comm, CommClosedError, connect, listen
from distributed.protocol import to_serialize

from dask_hpc.sessions.session import HEARD, OVER, Session
from facility.testing import until

SECONDS = 60.0
Lines = Callable[[], Awaitable[tuple[Comm, Comm]]]


@asynccontextmanager
async def plain_lines() -> AsyncIterator[Lines]:
    """Opens pairs of ends of TCP connections."""
    others: asyncio.Queue[Comm] = asyncio.Queue()

    async def answer(comm: Comm) -> None:
        others.put_nowait(comm)

    listener = await listen("tcp://127.0.0.1:0", answer)

    async def line() -> tuple[Comm, Comm]:
        return await connect(listener.contact_address), await others.get()

    yield line
    listener.stop()


class Pair:
    """Two ends of a session, whose line can be replaced."""

    def __init__(self, lines: Lines, here: Session, there: Session) -> None:
        self.here, self.there, self._lines = here, there, lines

    async def mend(self) -> None:
        """A new line, as both sides take one: each says what it has heard."""
        here, there = await self._lines()
        heard = self.here.heard
        await here.write({"heard": heard})
        await self.there.take(there, (await there.read())["heard"])
        await self.here.take(here, self.there.heard)

    def cut(self) -> None:
        """Break the line as a network does, in the middle of whatever is said."""
        for side in (self.here, self.there):
            if side._line is not None:
                side._line.abort()


@asynccontextmanager
async def session(patience: float = SECONDS) -> AsyncIterator[Pair]:
    """A session, ended at the end."""
    async with plain_lines() as lines:
        here, there = await lines()
        pair = Pair(lines, Session("one", here, patience), Session("one", there, patience))
        yield pair
        for side in (pair.here, pair.there):
            await side.close()


async def numbers(side: Session, count: int) -> list[Any]:
    """What the next messages are."""
    async with asyncio.timeout(SECONDS):
        return [await side.read() for _ in range(count)]


async def test_what_was_said_on_a_broken_line_comes_on_the_next() -> None:
    """Nothing is lost, doubled or reordered, however often the line breaks and whoever speaks."""
    async with session() as pair:
        reading = [asyncio.ensure_future(numbers(side, 200)) for side in (pair.here, pair.there)]
        for number in range(200):
            for side in (pair.here, pair.there):
                await side.write(number)
            if number % 20 == 7:
                pair.cut()
                await pair.mend()

        assert await asyncio.gather(*reading) == [list(range(200))] * 2


async def test_what_is_said_while_there_is_no_line_waits_for_one() -> None:
    """A kernel can go on submitting during a cut."""
    async with session() as pair:
        await pair.here.write("before")
        assert await pair.there.read() == "before"
        waiting = asyncio.ensure_future(numbers(pair.there, 3))
        pair.cut()
        for word in ("one", "two", "three"):
            await pair.here.write(word)
        await pair.mend()

        assert await waiting == ["one", "two", "three"]


async def test_what_was_heard_is_not_kept() -> None:
    """The other side says what it heard, also where it has nothing to answer."""
    async with session() as pair:
        await pair.here.write(b"large")
        assert await pair.there.read() == b"large"
        listening = asyncio.ensure_future(pair.here.read())
        await until(lambda: not pair.here._unheard)
        await pair.there.write("done")

        assert await listening == "done"


async def test_a_goodbye_is_heard_at_once() -> None:
    """Whoever closes is not waited for."""
    async with session() as pair:
        await pair.here.close()

        with pytest.raises(CommClosedError, match="the other side closed it"):
            await pair.there.read()


async def test_an_aborted_session_says_goodbye_too() -> None:
    """Dask aborts where it is in a hurry; the other side learns of it all the same."""
    async with session() as pair:
        pair.here.abort()

        with pytest.raises(CommClosedError, match="the other side closed it"):
            await pair.there.read()


async def test_patience_ends() -> None:
    """Without a new line in time both sides hear a closed connection, whoever waits for what."""
    async with session(patience=0.1) as pair:
        reading = asyncio.ensure_future(pair.there.read())
        pair.cut()

        with pytest.raises(CommClosedError, match=r"no connection came for 0\.1 s"):
            await reading
        assert pair.there.closed()


async def test_what_cannot_be_serialized_was_never_said() -> None:
    """The error is the speaker's, and the next message has its number."""
    async with session() as pair:
        with pytest.raises(TypeError):
            await pair.here.write({"lock": to_serialize(threading.Lock())}, on_error="raise")
        await pair.here.write("next")

        assert await pair.there.read() == "next"


async def test_a_message_that_never_came_ends_the_session() -> None:
    """A gap is an error of ours, and is not passed over in silence."""
    async with plain_lines() as lines:
        line, other = await lines()
        listening = Session("one", line, SECONDS)
        await other.write([HEARD, 0])
        await other.write([2, 0, "second"])

        with pytest.raises(CommClosedError, match="message 1 never came"):
            await listening.read()
        other.abort()


async def test_what_comes_twice_is_heard_once() -> None:
    """After a break a side repeats what it does not know to be heard."""
    async with plain_lines() as lines:
        line, other = await lines()
        listening = Session("one", line, SECONDS)
        for number, word in ((1, "first"), (1, "first"), (2, "second"), (OVER, "")):
            await other.write([number, 0, word])

        assert await numbers(listening, 2) == ["first", "second"]
        await listening.close()
        other.abort()
