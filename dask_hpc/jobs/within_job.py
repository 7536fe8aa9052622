"""Being a step of a batch job: its name, and how it starts further steps beside itself. Standard library only.

A block's id is its job's, "123", or "123.4" where the block is a step of a job that holds more than the block.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

STARTED = "this block is step "
"""How the first line of a block begins that is a step; its starter reads it in the log."""

_STEP = re.compile(r"[0-9]+\.[0-9]+")
_OF_THE_OUTER_STEP = ("SLURM_", "PMI", "OMPI_COMM_", "HYDRA_")
_OVERLAP = "--overlap"


def job_of(block_id: str) -> str:
    """The batch job of a block."""
    return block_id.partition(".")[0]


def is_step(block_id: str) -> bool:
    """Whether the block is a step of a job that holds more."""
    return _STEP.fullmatch(block_id) is not None


def step_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without what tells a process that it is a rank of the step around it."""
    return {name: value for name, value in environment.items()
            if name == "SLURM_CONF" or not name.startswith(_OF_THE_OUTER_STEP)}  # fmt: skip


def launch_within(launch: Sequence[str], block_id: str) -> tuple[str, ...]:
    """The argv of `launch`, whose srun shares what the job around the block holds with all that runs there.

    A block that is a job of its own launches as it is: its steps find their job in the environment.
    """
    if not launch or not is_step(block_id):
        return tuple(launch)
    kept = [word for word in launch[1:] if word != _OVERLAP]
    return (launch[0], f"--jobid={job_of(block_id)}", _OVERLAP, "--input=none", *kept)
