"""One act of the worker under way: input goes in as it comes, output comes out as it goes; leaving early ends it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal

from facility.errors import FacilityError, NotAllowed, NotFound, Refused, Unreachable, Unreadable
from facility.service.as_user.helper import REFUSED
from facility.service.as_user.worker.frames import END, ERR, HEAD, IN, LARGEST, OUT

Channel = Literal["out", "err"]

ASK = b"r"  # the one frame that the helper reads
CHANNELS: Mapping[bytes, Channel] = {OUT: "out", ERR: "err"}
KINDS: Mapping[str, type[FacilityError]] = {
    "not-found": NotFound,
    "not-allowed": NotAllowed,
    "refused": Refused,
    "late": Unreachable,
}
TIDYING = 10.0
"""Seconds in which a worker whose caller went away takes back what was half done."""

MOST_WORDS = 64 * 1024  # bytes that are kept of what helper and worker say outside of frames


class Conversation:
    """A worker that acts. Made by `conversation`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        if process.stdin is None or process.stdout is None:
            raise ValueError("a conversation needs both pipes")
        self._process, self._in, self._out = process, process.stdin, process.stdout
        self._words = bytearray()
        self.returncode = 0
        """How the command that the worker ran ended; known after the last piece."""
        self.truncated = False
        """Whether the command printed more than is handed on."""

    async def ask(self, request: bytes) -> None:
        """Tell the helper what is wanted."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._in.write(HEAD.pack(ASK, len(request)) + request)
            await self._in.drain()

    async def send(self, chunks: AsyncIterable[bytes]) -> None:
        """Send the input, and say that it is whole. A worker that ended meanwhile says why in `pieces`."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            async for chunk in chunks:
                for start in range(0, len(chunk), LARGEST):
                    piece = chunk[start : start + LARGEST]
                    self._in.write(HEAD.pack(IN, len(piece)) + piece)
                    await self._in.drain()
            self._in.write(HEAD.pack(END, 0))
            await self._in.drain()

    async def pieces(self) -> AsyncIterator[tuple[Channel, bytes]]:
        """What the worker prints. Raises what it says went wrong, and Unreachable where its last word is missing."""
        while True:
            try:
                kind, length = HEAD.unpack(await self._out.readexactly(HEAD.size))
                data = await self._out.readexactly(length)
            except asyncio.IncompleteReadError as error:
                raise await self._broken() from error
            if kind == END:
                self._end(json.loads(data))
                return
            if kind not in CHANNELS:
                raise Unreadable("the worker said something that is no frame", repr(data[:200]))
            yield CHANNELS[kind], data

    async def listen(self) -> None:
        """Keep what is said on the error stream, which only matters where the frames break off."""
        if self._process.stderr:
            while piece := await self._process.stderr.read(4096):
                self._words += piece[: MOST_WORDS - len(self._words)]

    async def close(self) -> None:
        """Let go of the worker: it ends by itself as soon as its input does."""
        self._in.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TIDYING):
                while await self._out.read(LARGEST):
                    pass
                await self._process.wait()
                return
        with contextlib.suppress(PermissionError):  # one that became somebody else is not ours
            with contextlib.suppress(ProcessLookupError):  # it has just ended
                os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()

    def _end(self, told: dict[str, Any]) -> None:
        if "refused" in told:
            raise KINDS.get(told["refused"], Unreadable)(told["words"])
        self.returncode, self.truncated = told["returncode"], told.get("truncated", False)

    async def _broken(self) -> FacilityError:
        """What to say where the frames broke off: the helper's refusal, or that the worker ended early."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TIDYING):
                await self._process.wait()
        words = self._words.decode(errors="backslashreplace").strip().rpartition("\n")[2]  # of a traceback the error
        if self._process.returncode == REFUSED:
            return NotAllowed(f"the root helper refused this: {words}")
        return Unreachable(f"the worker ended before it was done: {words or self._process.returncode}")


@asynccontextmanager
async def conversation(
    argv: Sequence[str], request: bytes = b"", *, environment: Mapping[str, str], keep: tuple[int, ...] = ()
) -> AsyncIterator[Conversation]:
    """Start helper or worker, give it its `request`, and end it with the block. Raises Unreachable.

    `keep` are descriptors that it inherits.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=dict(environment),
            start_new_session=True,
            pass_fds=keep,
            limit=4 * LARGEST,
        )
    except OSError as error:
        raise Unreachable(f"{argv[0]} did not start: {error.strerror}; see as_user in facility.toml") from error
    going = Conversation(process)
    listening = asyncio.create_task(going.listen())
    try:
        if request:
            await going.ask(request)
        yield going
    finally:
        await _to_its_end(asyncio.create_task(going.close()))
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def _to_its_end(task: asyncio.Task[None]) -> None:
    """Wait for a task however often whoever waits is cancelled meanwhile, so that nothing is left behind."""
    cancelled = False
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            cancelled = True
    task.result()
    if cancelled:
        raise asyncio.CancelledError
