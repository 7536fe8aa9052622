"""A Dask connection that outlives its TCP connections: what was not heard when one broke is said again on the next.

Every message has a number. Each side keeps what it said until the other has said that it heard it, and after a break
says the rest again, in order; a number that was heard already is dropped. So nothing is lost, doubled or reordered,
and Dask above sees one connection that was silent for a while.

On the wire a message is `[number, heard, message]`, `heard` being the last number of the other side. Number 0 only
says `heard`, and number -1 that the session is over.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from distributed.comm.core import Comm, CommClosedError

HEARD, OVER = 0, -1
_HEARD_SECONDS = 0.2  # after a message, unless an answer says before that it was heard

_last_words: set[asyncio.Task[None]] = set()  # the loop itself keeps only weak references


@dataclass(frozen=True)
class Said:
    """A message that the other side has not heard yet, as far as is known."""

    number: int
    message: Any
    how: dict[str, Any]  # how Dask wants it serialized


class Session(Comm):
    """One side of a connection; at each time it has one TCP connection, its line, or waits for the next.

    `patience` is how many seconds it waits; then the session is over, and Dask hears of a closed connection.
    """

    def __init__(self, name: str, line: Comm, patience: float, ended: Callable[[], None] = lambda: None) -> None:
        super().__init__(deserialize=line.deserialize)
        self.session = name
        self.allow_offload = line.allow_offload
        self._local_addr, self._peer_addr = line.local_address, line.peer_address  # Dask's `connect` wants these two
        self._patience, self._ended = patience, ended
        self._line: Comm | None = line
        self._has_line, self._is_broken = asyncio.Event(), asyncio.Event()  # both are set at the end
        self._has_line.set()
        self._giving_up: asyncio.TimerHandle | None = None
        self._why_over = ""
        self._speaking = asyncio.Lock()
        self._unheard: deque[Said] = deque()
        self._said = self.heard = self._told = 0
        self._telling: asyncio.TimerHandle | None = None

    # -- what Dask calls ---------------------------------------------------------------------------------------------

    async def read(self, deserializers: Any = None) -> Any:  # noqa: ANN401 - any message
        """The next message, from whichever line brings it. Raises CommClosedError where the session is over."""
        while True:
            line = await self._some_line()
            try:
                number, heard, *message = await line.read(deserializers)
            except OSError:
                self.lose(line)
                continue
            except asyncio.CancelledError:
                self.lose(line)  # Dask has closed it: nobody knows how much of a message was taken from it
                raise
            except Exception:
                self._hear(self.heard + 1)  # it came, and cannot be read
                raise
            self._forget(heard)
            if number == OVER:
                self.end("the other side closed it")
            elif number == self.heard + 1:
                self._hear(number)
                return message[0]
            elif number > self.heard + 1:
                self.end(f"message {self.heard + 1} never came")

    async def write(self, msg: Any, serializers: Any = None, on_error: str = "message") -> int:  # noqa: ANN401 - see `read`
        """Say something, now or on the next line; how many bytes were sent now is the answer."""
        async with self._speaking:
            if self.closed():
                raise self._closed_error()
            said = Said(self._said + 1, msg, {"serializers": serializers, "on_error": on_error})
            sent = await self._send(said)  # what cannot be serialized was never said
            self._said = said.number
            self._unheard.append(said)
            return sent

    async def close(self) -> None:
        """End the session, on both sides."""
        async with self._speaking:
            line, self._line = self._line, None
            self.end("this side closed it")
        if line is not None:
            await _part(line, self.heard)

    def abort(self) -> None:
        """End the session at once; the other side hears of it by itself."""
        line, self._line = self._line, None
        self.end("this side closed it")
        if line is None:
            return
        try:
            farewell = asyncio.get_running_loop().create_task(_part(line, self.heard))
        except RuntimeError:  # an interpreter that ends has no loop any more
            line.abort()
        else:
            _keep(farewell)

    def closed(self) -> bool:
        """Whether the session is over; one that waits for a line is not."""
        return bool(self._why_over)

    @property
    def local_address(self) -> str:
        """This side's address on the first line."""
        return self._local_addr

    @property
    def peer_address(self) -> str:
        """The other side's address on the first line."""
        return self._peer_addr

    # -- lines -------------------------------------------------------------------------------------------------------

    def lose(self, line: Comm) -> None:
        """This line is broken; where it is the one in use, the session waits for another."""
        line.abort()
        if line is not self._line:
            return
        self._line = None
        self._has_line.clear()
        self._is_broken.set()
        words = f"no connection came for {self._patience:g} s"
        self._giving_up = asyncio.get_running_loop().call_later(self._patience, self.end, words)

    async def take(self, line: Comm, heard: int) -> None:
        """Go on over this line, whose other side has heard the messages up to `heard`."""
        async with self._speaking:
            if self.closed():
                await _part(line, self.heard)
                return
            if self._line is not None:
                self.lose(self._line)
            if self._giving_up is not None:
                self._giving_up.cancel()
            self._forget(heard)
            self._line = line
            self._is_broken.clear()
            self._has_line.set()
            for said in tuple(self._unheard):
                await self._send(said)

    async def broken(self, line: Comm) -> None:
        """Wait until this line is not in use any more."""
        while self._line is line and not self.closed():
            await self._is_broken.wait()

    def end(self, why: str) -> None:
        """The session is over: whoever reads or writes hears a closed connection."""
        if self.closed():
            return
        self._why_over = why
        for timer in (self._giving_up, self._telling):
            if timer is not None:
                timer.cancel()
        line, self._line = self._line, None
        if line is not None:
            line.abort()
        self._unheard.clear()
        self._has_line.set()
        self._is_broken.set()
        self._ended()

    async def _some_line(self) -> Comm:
        while True:
            await self._has_line.wait()
            if self.closed():
                raise self._closed_error()
            if self._line is not None:
                return self._line

    def _closed_error(self) -> CommClosedError:
        return CommClosedError(f"the connection to {self._peer_addr} is over: {self._why_over}")

    # -- numbers -----------------------------------------------------------------------------------------------------

    async def _send(self, said: Said) -> int:
        line = self._line
        if line is None:
            return 0
        self._told = self.heard
        try:
            return int(await line.write([said.number, self.heard, said.message], **said.how))
        except OSError:
            self.lose(line)
            return 0

    def _forget(self, heard: int) -> None:
        while self._unheard and self._unheard[0].number <= heard:
            self._unheard.popleft()

    def _hear(self, number: int) -> None:
        self.heard = number
        if self._telling is None:
            self._telling = asyncio.get_running_loop().call_later(_HEARD_SECONDS, self._tell_later)

    def _tell_later(self) -> None:
        self._telling = None
        if self._line is not None and self._told < self.heard:
            self._told = self.heard
            _keep(asyncio.get_running_loop().create_task(self._tell(self._line)))

    async def _tell(self, line: Comm) -> None:
        try:
            await line.write([HEARD, self.heard])
        except OSError:
            self.lose(line)


async def _part(line: Comm, heard: int) -> None:
    """Say that the session is over, and close the line."""
    with suppress(OSError):
        await line.write([OVER, heard])
    await line.close()


def _keep(task: asyncio.Task[None]) -> None:
    _last_words.add(task)
    task.add_done_callback(_last_words.discard)
