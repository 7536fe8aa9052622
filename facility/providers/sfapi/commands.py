"""Slurm's commands through the API's own command endpoint: they run as the user, and need no code of ours there."""

from __future__ import annotations

import re
import secrets
import shlex
from collections.abc import Awaitable, Callable, Sequence

from facility.errors import Refused, Unreachable, Unreadable
from facility.providers.sfapi.api import Api
from facility.providers.slurm.run import Completed

Machine = Callable[[], Awaitable[str]]


class CommandEndpoint:
    """A `facility.providers.slurm.run.Runner` whose commands are run by POST utilities/command/{machine}.

    What a login shell prints around the answer does not matter: the answer stands between two random words made for
    this call, and its end tells the command's status. An answer without them is Unreadable, never an empty one.
    """

    def __init__(self, api: Api, machine: Machine) -> None:
        self._api = api
        self._machine = machine

    async def run(self, argv: Sequence[str], *, user: str | None, stdin: bytes = b"", timeout: float) -> Completed:
        """See `Runner.run`; whatever `user` says, the command runs as the owner of the token."""
        if stdin:
            raise Refused("the Superfacility API's commands have no standard input")
        mark = f"m{secrets.token_hex(8)}"
        line = f"echo {mark}b; LC_ALL=C.UTF-8 SLURM_TIME_FORMAT=%s {shlex.join(argv)}; echo {mark}e$?"
        form = {"executable": f"/bin/sh -c {shlex.quote(line)}"}
        started = await self._api.post(f"/utilities/command/{await self._machine()}", form)
        result = await self._api.result(started, timeout)
        output, said = str(result.get("output") or ""), str(result.get("error") or "")
        found = re.search(rf"{mark}b\n(.*?){mark}e(\d+)", output, re.DOTALL)
        if found:
            return Completed(int(found[2]), found[1].encode("utf-8", "surrogatepass"), said.encode())
        if str(result.get("status", "")).lower() == "error":
            raise Unreachable(f"the Superfacility API could not run {argv[0]}: {said or 'no reason given'}")
        raise Unreadable(f"the answer of {argv[0]} came without its marks", output)
