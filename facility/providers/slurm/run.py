"""Running a command: argv in, bytes out, always with a time limit, and nothing left behind when it passes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from facility.errors import NotAllowed, Unreachable


@dataclass(frozen=True)
class Completed:
    """A command that ended. `returncode` is negative when a signal ended it."""

    returncode: int
    stdout: bytes
    stderr: bytes


class Runner(Protocol):
    """The one seam through which commands run."""

    async def run(self, argv: Sequence[str], *, user: str | None, stdin: bytes = b"", timeout: float) -> Completed:
        """Run `argv` as `user` (None: as whoever we are) and wait for its end.

        Raises Unreachable when it does not start or does not end within `timeout` seconds. Cancelling ends the command.
        """
        ...


class DirectRunner:
    """Runs commands as the current user, in an environment of their own."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)

    async def run(self, argv: Sequence[str], *, user: str | None, stdin: bytes = b"", timeout: float) -> Completed:
        """See `Runner.run`; `user` may only name the current user."""
        if user is not None and user != current_user():
            raise NotAllowed(f"this runs as {current_user()} and cannot act for {user}; set as_user in facility.toml")
        try:
            process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=self._environment,
                start_new_session=True,  # so that the whole group can be ended
            )
        except OSError as error:
            words = f"{argv[0]} did not start: {error.strerror}; name it under commands in facility.toml"
            raise Unreachable(words) from error
        try:
            async with asyncio.timeout(timeout):
                stdout, stderr = await process.communicate(stdin)
        except TimeoutError as error:
            raise Unreachable(f"{argv[0]} gave no answer within {timeout:g} s and was ended") from error
        finally:
            await _end(process)
        return Completed(process.returncode or 0, stdout, stderr)


def current_user() -> str:
    """The local account that this process runs as."""
    return pwd.getpwuid(os.geteuid()).pw_name


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kill the group of a command that is still there; a child that became root is left to its own time limit."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
