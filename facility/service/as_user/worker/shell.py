"""A person's own shell, as a login would start it. Off unless the site switches it on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .children import run
from .frames import refuse
from .run import Context

LARGEST_TEXT = 64 * 2**10
LARGEST_OUTPUT = 4 * 2**20
SHELLS = Path("/etc/shells")


def command(context: Context) -> dict[str, Any]:
    """Run one text in the person's login shell (the dash before its name is what makes it one, login(1))."""
    if not context.shell:
        refuse("this site runs no commands for people")
    if len(context.arguments) != 1 or not 0 < len(context.arguments[0]) <= LARGEST_TEXT or "\0" in context.arguments[0]:
        refuse(f"command takes one text of {LARGEST_TEXT} characters at most")
    shell = context.person.pw_shell or "/bin/sh"
    if shell not in SHELLS.read_text(encoding="utf-8").splitlines():
        refuse(f"the shell of {context.person.pw_name} is {shell}, which is not one to log in with")
    context.no_input()
    argv = [f"-{Path(shell).name}", "-c", context.arguments[0]]
    return run(context, argv, program=shell, largest=LARGEST_OUTPUT)
