"""What a job is handed: its batch script, sbatch's warning, and the environment of the server in it. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from batchspawner.batchspawner import format_template

from facility.image_facts import ImageFact
from facility.images.start import in_container
from facility.profile import System
from spawners.untyped import Untyped

PREPARED = frozenset({"PATH", "PYTHONPATH", "VIRTUAL_ENV", "CONDA_ROOT", "CONDA_DEFAULT_ENV"})
"""Variables that the hub has for itself, and an environment's own lines have set for the job."""

ACTIVITY_EVERY = 3600
"""Seconds from one of a server's reports of activity to the next, unless `Spawner.environment` says otherwise.

Each is a write to the hub's database, and the proxy tells of use through a browser every five minutes anyway.
"""

SIGNAL_EARLY = 60
"""Seconds by which Slurm may send a job's warning too early (sbatch(1), --signal)."""


@dataclass(frozen=True)
class JobSide:
    """How a job runs its own side of the hub: the argument list before the verb, and what it is told."""

    program: Sequence[str]
    nonce: str
    hub: str  # the address of the hub's API
    port_range: str = ""

    @property
    def serve(self) -> str:
        """The shell words that start the server."""
        ports = [self.port_range] if self.port_range else []
        return shlex.join([*self.program, "serve", self.nonce, self.hub, *ports])

    @property
    def ended(self) -> str:
        """The shell words that tell the hub that the script is over."""
        return shlex.join([*self.program, "ended", self.nonce, self.hub])


def batch_script(template: str, fields: Mapping[str, Untyped], side: JobSide, chosen: ImageFact) -> bytes:
    """The operator's template with the operator's fields, the job's side and the lines of what was chosen."""
    facts = {**fields, "cmd": side.serve, "ended": side.ended}
    if chosen.activate:
        named = f"export BEAMSIDE_ENVIRONMENT={shlex.quote(chosen.name)}"
        facts["prologue"] = "\n".join([facts["prologue"], named, *chosen.activate])
    return str(format_template(template, **facts)).encode()


def end_warning(seconds: int, walltime: timedelta, template: str) -> list[str]:
    """The option of sbatch that warns the batch script; a script that does not trap USR1 would die of it."""
    is_long = walltime.total_seconds() >= 2 * (seconds + SIGNAL_EARLY)
    wanted = seconds > 0 and is_long and "USR1" in template
    return [f"--signal=B:USR1@{seconds}"] if wanted else []


def server_command(
    chosen: ImageFact, system: System, hubs_own: Sequence[str], home: str, told: Collection[str]
) -> list[str]:
    """How the server of an environment is called, without its arguments; in a container, by the container's runtime.

    hubs_own : `FacilitySpawner.cmd`.   home, told : see `in_container`, and its ProfileError.
    """
    own = chosen.command or hubs_own
    return in_container(chosen, system, home, told) if chosen.is_container else [*own]


def environment_given(
    facts: Mapping[str, str], hubs: Mapping[str, object], chosen: ImageFact | None, set_by_operator: Collection[str]
) -> dict[str, str]:
    """The facts and the hub's own variables, without those that the lines of what was chosen have prepared better."""
    given = {"JUPYTERHUB_ACTIVITY_INTERVAL": ACTIVITY_EVERY, **facts, **hubs}
    if chosen is not None and (chosen.activate or chosen.is_container):
        given = {name: value for name, value in given.items() if name not in PREPARED or name in set_by_operator}
    return {key: str(value) for key, value in given.items() if value is not None}
