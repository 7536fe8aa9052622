"""A person's choices as #SBATCH lines, for an API that takes a script and nothing else.

They stand after the script's own #SBATCH lines, because the last one counts, and before its first command, after which
sbatch(1) reads no more of them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from facility.errors import Refused
from facility.models import JobRequest
from facility.providers.provider import Batch
from facility.script import sbatch_options

HARMLESS = re.compile(r"[A-Za-z0-9 _.,:;=@%+/~()\[\]{}&|*!^-]*")
"""What may stand between double quotes in a #SBATCH line; line breaks, quotes, backslashes and "#" may not."""


def script_text(request: JobRequest, batch: Batch) -> str:
    """The script with what was asked for. Raises Refused for a value that cannot be written into such a line."""
    text = batch.script.decode("utf-8")
    own = [f"--job-name={batch.name}", f"--chdir={batch.directory}", f"--output={batch.output}"]
    own += [f"--comment={batch.comment}"] if batch.comment else []
    lines = text.splitlines(keepends=True)
    if not lines or not lines[0].startswith("#!"):
        raise Refused("a batch script begins with #!, e.g. #!/bin/bash")
    if not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    at = _first_command(lines)
    return "".join([*lines[:at], *map(_directive, [*sbatch_options(request), *own]), *lines[at:]])


def _first_command(lines: Sequence[str]) -> int:
    return next((at for at, line in enumerate(lines) if line.strip() and not line.startswith("#")), len(lines))


def _directive(option: str) -> str:
    name, _, value = option.partition("=")
    if not HARMLESS.fullmatch(value):
        raise Refused(f"{name} is {value!r}, which cannot be written into a batch script; use letters, digits and -_.")
    return f'#SBATCH {name}="{value}"\n'
