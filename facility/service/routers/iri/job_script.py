"""From a JobSpec to sbatch: options in argv, and a fixed script that holds the rest as encoded data."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from facility.errors import OptionError
from facility.profile import System
from facility.script import render_script, slurm_time
from facility.service.jobs.submission import Script
from facility.service.routers.iri.job_models import JobAttributes, JobSpec, ResourceSpec

TEMPLATE = Path(__file__).with_name("launch.sh").read_text(encoding="utf-8")
CUSTOM = frozenset({
    "array", "begin", "comment", "constraint", "deadline", "dependency", "exclude", "gres", "hint", "licenses",
    "mail-type", "mail-user", "nice", "nodelist", "qos", "signal", "switches", "tmp",
})  # fmt: skip
"""What custom_attributes may hold: options of sbatch(1) by their long names."""

MPI_LAUNCHERS = ("mpirun", "mpiexec")
LARGEST_ASKED = 300_000  # bytes of what is encoded; submission has a limit of its own


class Queues:
    """What a queue's name may be here."""

    def __init__(self, partitions: frozenset[str], qos: frozenset[str]) -> None:
        self._partitions, self._qos = partitions, qos

    def option(self, name: str) -> str:
        """The name of the option that chooses the queue. Raises OptionError for one that does not exist."""
        if name in self._partitions:
            return "partition"
        if name in self._qos:
            return "qos"
        there = ", ".join(sorted(self._partitions | self._qos))
        raise OptionError("attributes.queue_name", f"there is no partition or QOS {name!r}; there are: {there}")


def script_of(spec: JobSpec, system: System, queues: Queues) -> Script:
    """The script that runs what was asked for, and its options. Raises OptionError naming the field."""
    if spec.executable is None:
        raise OptionError("executable", "name what to run")
    if spec.container is not None:
        raise OptionError(
            "container", "this facility starts no containers through IRI; run the container's own command"
        )
    settings = [f"{name}={value}" for name, value in sorted(spec.environment.items())]
    command = [*_launcher(spec, system), spec.executable, *spec.arguments]
    words = [str(len(settings)), *settings, spec.pre_launch or "", spec.post_launch or "", spec.stdin_path or ""]
    asked = b"".join(word.encode("utf-8", "surrogatepass") + b"\0" for word in [*words, *command])
    if len(asked) > LARGEST_ASKED:
        raise OptionError("arguments", f"what is asked for is longer than {LARGEST_ASKED} bytes; put it into a file")
    text = render_script(TEMPLATE, {"ASKED": base64.b64encode(asked).decode()}).decode()
    return Script(
        text=text, options=tuple(f"--{name}={value}" if value else f"--{name}" for name, value in options(spec, queues))
    )


def options(spec: JobSpec, queues: Queues) -> Iterator[tuple[str, str]]:
    """The options of sbatch(1) by name; an empty value is an option without one."""
    yield "job-name", spec.name or _name_of(spec.executable or "")
    for option, path in (("chdir", spec.directory), ("output", spec.stdout_path), ("error", spec.stderr_path)):
        if path:
            yield option, path
    yield from _needed(spec.resources)
    yield from _scheduled(spec.attributes, queues)


def _name_of(executable: str) -> str:
    """What a job is called that has no name of its own."""
    return "".join(letter for letter in executable.rpartition("/")[2][:64] if letter.isprintable()) or "iri"


def _needed(wanted: ResourceSpec | None) -> Iterator[tuple[str, str]]:
    if wanted is None:
        return
    counts = {
        "nodes": wanted.node_count,
        "ntasks": wanted.process_count,
        "ntasks-per-node": wanted.processes_per_node,
        "cpus-per-task": wanted.cpu_cores_per_process,
        "gpus-per-task": wanted.gpu_cores_per_process,
    }
    yield from ((option, str(count)) for option, count in counts.items() if count)
    if wanted.memory:
        yield "mem", f"{-(-wanted.memory // 1024)}K"
    if wanted.exclusive_node_use:
        yield "exclusive", ""


def _scheduled(wanted: JobAttributes | None, queues: Queues) -> Iterator[tuple[str, str]]:
    if wanted is None:
        return
    if wanted.duration:
        yield "time", slurm_time(timedelta(seconds=wanted.duration))
    if wanted.queue_name:
        yield queues.option(wanted.queue_name), wanted.queue_name
    if wanted.account:
        yield "account", wanted.account
    if wanted.reservation_id:
        yield "reservation", wanted.reservation_id
    for name, value in sorted(wanted.custom_attributes.items()):
        if name not in CUSTOM:
            raise OptionError(f"attributes.custom_attributes.{name}"[:120], f"there are: {', '.join(sorted(CUSTOM))}")
        yield name, value


def _launcher(spec: JobSpec, system: System) -> list[str]:
    """What stands before the command: nothing for one process, or what starts all of them."""
    if spec.launcher in (None, "single"):
        return []
    if spec.launcher == "srun":
        return [system.commands.srun, f"--mpi={system.mpi_launch}", "--"]
    if spec.launcher in MPI_LAUNCHERS:
        count = spec.resources.process_count if spec.resources else None
        return [spec.launcher, *(("-n", str(count)) if count else ())]
    raise OptionError("launcher", f"there are: single, srun, {', '.join(MPI_LAUNCHERS)}")
