"""`shifterimg images`: one line an image: system, type, status, start of the id, local time of the pull, tag.

The command shows what whoever runs it may use; the service runs it as itself, so these are the images for everybody.
Source: NERSC/shifter, src/shifterimg.c.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from facility.errors import Unreachable, Unreadable
from facility.image_facts import IMAGE_NAME
from facility.images.found import Found
from facility.providers.slurm.run import Runner

COMMAND = ("shifterimg",)
SECONDS = 30.0
LINE = re.compile(r"(\S+) +(\S+) +(\S+) +([0-9a-f]{1,10}) +(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d) (\S+) *")
READY = "READY"


class ShifterImg:
    """See `Driver`."""

    def __init__(self, runner: Runner, command: Sequence[str] = COMMAND) -> None:
        self._runner = runner
        self._argv = (*command, "images")

    async def found(self) -> tuple[Found, ...]:
        """See `Driver.found`."""
        done = await self._runner.run(self._argv, user=None, timeout=SECONDS)
        if done.returncode != 0:
            words = done.stderr.decode(errors="backslashreplace").strip() or "it says nothing"
            raise Unreachable(f"{self._argv[0]} got no answer of an image gateway: {words}")
        return read_lines(done.stdout)


def read_lines(stdout: bytes) -> tuple[Found, ...]:
    """The images that are ready. Raises Unreadable, with the line, rather than leave one out."""
    found = []
    for line in stdout.decode(errors="backslashreplace").splitlines():
        if not line.strip():
            continue
        row = LINE.fullmatch(line)
        if not row:
            raise Unreadable("shifterimg printed a line that is no image", line)
        _, kind, status, _, pulled, tag = row.groups()
        when = datetime.fromisoformat(pulled).astimezone(UTC)
        if status == READY and IMAGE_NAME.fullmatch(f"{kind}:{tag}"):
            found.append(Found("shifter", f"{kind}:{tag}", pulled=when))
    return tuple(found)
