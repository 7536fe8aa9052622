"""A section of dask-jobqueue's configuration as a profile: existing yaml goes on working.

What the section asks of sbatch becomes a header, by dask-jobqueue's own builder where that is installed, and of the
header only what is on a list is taken, as a value of ours. Lines for the batch script are never taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import dask.config
from dask.utils import parse_bytes
from distributed.deploy.utils import nprocesses_nthreads

from dask_hpc.request.directives import Directive, read_directives
from dask_hpc.request.job_request import AGENT_MB, MIB
from dask_hpc.request.shape import SLURMS_OWN
from facility.errors import OptionError
from facility.profile import JOBQUEUE

_SHIPPED: dict[str, Any] = {
    "name": "dask-worker", "cores": None, "memory": None, "processes": None, "interface": None, "death-timeout": 60,
    "local-directory": None, "shared-temp-directory": None, "worker-command": "distributed.cli.dask_worker",
    "worker-extra-args": [], "shebang": "#!/usr/bin/env bash", "python": None, "queue": None, "account": None,
    "walltime": None, "job-cpu": None, "job-mem": None, "job-extra-directives": [], "job-directives-skip": [],
    "job-script-prologue": [], "log-directory": None, "scheduler-options": {},
}  # fmt: skip
"""Every key that the builder looks for, so that a section need not name them all."""

_RENAMED = {
    "project": "account", "job-extra": "job-extra-directives", "header-skip": "job-directives-skip",
    "env-extra": "job-script-prologue", "extra": "worker-extra-args",
}  # fmt: skip
"""Keys of older yaml, by what they are called now."""

_NOT_TAKEN = {
    "job-script-prologue": "lines of a script; name variables in dask_hpc.environment, modules are the operators' own",
    "worker-extra-args": "options of another worker",
    "interface": "network_interface of facility.toml says where Dask listens",
    "local-directory": "what is spilled lies in the job's own scratch directory",
}
"""Keys that mean something and cannot be taken, with why not."""


@dataclass(frozen=True)
class Section:
    """What a section gives, by the names of MPICluster's arguments, and in words what of it does not count here."""

    values: Mapping[str, object]
    left_out: tuple[str, ...] = field(default=())


def read_section(profile: str) -> Section:
    """The section of dask.config that the profile "jobqueue.NAME" means.

    Raises OptionError where there is none, and for a directive that cannot be taken.
    """
    sections = dask.config.get(JOBQUEUE.rstrip("."), {})
    found = sections.get(profile.removeprefix(JOBQUEUE))
    if not isinstance(found, Mapping):
        there = ", ".join(f"{JOBQUEUE}{name}" for name in sections) or "no section of dask-jobqueue"
        raise OptionError("profile", f"dask.config has no {profile}; it has {there}")
    said = {key: value for key, value in _dashed(found).items() if value not in (None, "", [], {})}
    renamed = {_RENAMED[key]: value for key, value in said.items() if key in _RENAMED}
    own = renamed | {key: value for key, value in said.items() if key not in _RENAMED}  # the new name wins, as there
    try:
        return _translated(own)
    except OptionError as error:
        raise OptionError("profile", f"{profile}: {error.reason}") from error
    except (ValueError, TypeError, ZeroDivisionError) as error:
        raise OptionError("profile", f"{profile} cannot be read: {error}") from error


def _dashed(section: Mapping[str, Any]) -> dict[str, Any]:
    return {key.replace("_", "-"): value for key, value in section.items()}


def _translated(own: Mapping[str, Any]) -> Section:
    asked = read_directives(_header(own))
    left_out = [*asked.left_out, *(f"{key}: {why}" for key, why in _NOT_TAKEN.items() if key in own)]
    cores = int(own["cores"]) if "cores" in own else asked.cpus
    values: dict[str, object] = {"qos": SLURMS_OWN, **asked.values}
    if "processes" in own:
        values["ranks_per_node"] = int(own["processes"])
    elif asked.gpus:
        values.setdefault("ranks_per_node", asked.gpus)  # one rank a GPU, where nobody says otherwise
    elif "cores" in own:
        values.setdefault("ranks_per_node", nprocesses_nthreads(cores)[0])
    ranks = int(str(values.get("ranks_per_node", 1)))
    if cores:
        values["threads_per_rank"] = max(cores // ranks, 1)
    if asked.memory:
        values["memory_per_rank"] = _share(asked.memory, ranks)
    if asked.gpus % ranks:
        raise OptionError("profile", f"{asked.gpus} GPUs a node cannot be shared by {ranks} ranks")
    if asked.gpus:
        values["gpus_per_rank"] = asked.gpus // ranks
    return Section(values, tuple(left_out))


def _share(memory: int, ranks: int) -> int:
    """What each rank gets of a node's memory, in bytes: of all but the agent's part, where that leaves half."""
    agent = AGENT_MB * MIB
    return (memory - agent if memory > 2 * agent else memory) // ranks


def _header(own: Mapping[str, Any]) -> list[Directive]:
    """The options of sbatch that the section stands for."""
    whole = {**_SHIPPED, **own}
    lines = _built(whole) if find_spec("dask_jobqueue") else _own_lines(whole)
    return [Directive.read(str(line)) for line in (*lines, *whole["job-extra-directives"])]


def _built(section: dict[str, Any]) -> list[str]:
    """The header as dask-jobqueue builds it, without that which only its own jobs need."""
    from dask_jobqueue.slurm import SLURMJob  # noqa: PLC0415 - of use to those who have it

    counted = {"cores": section["cores"] or 1, "memory": section["memory"] or "1 GiB"}  # it wants both
    # what it would make or change itself: a folder for logs, and the list of arguments that it extends
    quiet: dict[str, Any] = {
        "log-directory": None,
        "interface": None,
        "worker-extra-args": [],
        "job-script-prologue": [],
    }
    quiet["job-extra-directives"] = []  # so that it is plain which lines are its own
    old = dict.fromkeys(_RENAMED)  # which it looks for, and warns of
    with dask.config.set({"jobqueue.slurm": {**section, **counted, **quiet, **old}}):
        header = str(SLURMJob(scheduler="tcp://none", name="none", config_name="slurm").job_header)
    lines = [line.removeprefix("#SBATCH ") for line in header.splitlines() if line.startswith("#SBATCH ")]
    return [line for line in lines if not _is_builders_own(line, section)]


def _is_builders_own(line: str, section: Mapping[str, Any]) -> bool:
    """Whether the line says what the section does not: that of a job of one task, or of a figure that was made up."""
    if line.startswith("--cpus-per-task="):
        return not (section["cores"] or section["job-cpu"])
    if line.startswith("--mem="):
        return not (section["memory"] or section["job-mem"])
    return line in ("-n 1", "-N 1") or line.startswith("-J ")


def _own_lines(section: Mapping[str, Any]) -> list[str]:
    """The same without dask-jobqueue."""
    asked = {
        "-p ": section["queue"],
        "-A ": section["account"],
        "--cpus-per-task=": section["job-cpu"] or section["cores"],
        "--mem=": section["job-mem"] or _ceil(section["memory"]),
        "-t ": section["walltime"],
    }
    lines = [f"{option}{value}" for option, value in asked.items() if value is not None]
    return [line for line in lines if not any(skip in f"#SBATCH {line}" for skip in section["job-directives-skip"])]


def _ceil(memory: int | str | None) -> str | None:
    """A size as sbatch reads it, in whole GiB or MiB; None for none."""
    if memory is None:
        return None
    size, letter = (2**30, "G") if parse_bytes(memory) >= 2**30 else (MIB, "M")
    return f"{-(-int(parse_bytes(memory)) // size)}{letter}"
