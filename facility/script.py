"""From a JobRequest to sbatch: the user's choices become options in argv, the script holds the operator's text only."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from datetime import timedelta

from facility.errors import ProfileError
from facility.models import JobRequest

PLACE = re.compile(r"@([A-Z][A-Z0-9_]*)@")
"""A place in a template, e.g. @PYTHON@. The sign has no meaning in shell scripts."""


def sbatch_options(request: JobRequest) -> list[str]:
    """The options of sbatch(1) that say what was asked for. What is empty is left to Slurm's defaults."""
    wanted: list[tuple[str, object]] = [
        ("account", request.account),
        ("qos", request.qos),
        ("partition", request.partition),
        ("time", slurm_time(request.walltime)),
        ("nodes", request.nodes),
        ("reservation", request.reservation),
        ("constraint", request.constraint),
        ("cpus-per-task", request.cpus_per_task),
        ("mem", f"{request.memory_mb}M" if request.memory_mb else ""),
        ("gpus-per-node", request.gpus_per_node or ""),
        ("mail-type", "BEGIN" if request.mail_at_start else ""),
    ]
    return [f"--{option}={value}" for option, value in wanted if value not in ("", None)]


def slurm_time(span: timedelta) -> str:
    """A walltime as sbatch reads it: "days-hours:minutes:seconds"."""
    minutes, seconds = divmod(int(span.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"{days}-{hours:02}:{minutes:02}:{seconds:02}"


def render_script(template: str, facts: Mapping[str, str]) -> bytes:
    """The batch script: the operator's template with each @NAME@ replaced by that fact, quoted for the shell.

    Raises ProfileError for a place without a fact, a fact without a place, and a fact with control characters.
    """
    if not template.startswith("#!"):
        raise ProfileError("a batch script begins with #!, e.g. #!/bin/bash")
    places = set(PLACE.findall(template))
    if places != set(facts):
        raise ProfileError(f"the script's places and facts differ: {', '.join(sorted(places ^ set(facts)))}")
    for name, value in facts.items():
        if not value.isprintable():
            raise ProfileError(f"{name} holds a control character and cannot be put into a script")
    return PLACE.sub(lambda place: shlex.quote(facts[place[1]]), template).encode()
