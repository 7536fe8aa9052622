"""Commands in a person's own shell, as durable operations that are begun once and never again."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from facility.as_user import Acting
from facility.errors import Refused
from facility.service.caller import Caller, Mandate
from facility.service.operations.delegated import Delegated
from facility.service.operations.service import Operation, Operations, Progress

log = logging.getLogger(__name__)

COMMAND = "command"
LONGEST_TEXT = 64 * 1024
KEPT = 200_000
"""Characters of what a command prints that are kept, of each stream; what is longer belongs into a file."""

LONGEST = 3600.0
"""Seconds after which a command is ended."""


class Commands:
    """Runs them, always as the person of a mandate."""

    def __init__(self, operations: Operations, acting_for: Callable[[Mandate], Acting], delegated: Delegated) -> None:
        self._acting_for = acting_for
        self._delegated = delegated
        operations.handle(COMMAND, delegated.ending(self._run), of=("sfapi",))

    async def run(self, caller: Caller, text: str) -> Operation:
        """Store a command; its result will hold `output`, `error` and `exit_code`. Raises Refused for none."""
        if not text.strip() or len(text) > LONGEST_TEXT or "\0" in text:
            raise Refused(f"a command is a text of {LONGEST_TEXT} characters at most")
        return await self._delegated.add(caller, COMMAND, {"executable": text}, frozenset({"command"}), LONGEST + 600)

    async def _run(self, operation: Operation, progress: Progress) -> dict[str, Any]:
        if operation.result.get("asked"):
            raise Refused("the service was restarted while the command ran; it is not known whether it came to its end")
        await progress({"asked": True})  # a command may do anything, so it is never begun twice
        mandate = Mandate(operation.owner, delegation=operation.delegation)
        done = await self._acting_for(mandate).command(operation.payload["executable"], timeout=LONGEST)
        output, error = (text.decode("utf-8", "backslashreplace") for text in (done.stdout, done.stderr))
        log.info("a command of %s ended with status %s (operation %s)", operation.owner, done.returncode, operation.id)
        failed = error.strip() or f"the command ended with status {done.returncode}"
        return {
            "asked": True,
            "status": "error" if done.returncode else "ok",
            "output": output[:KEPT],
            "error": failed[:KEPT] if done.returncode else "",
            "exit_code": done.returncode,
            "is_cut": max(len(output), len(error)) > KEPT,
        }
