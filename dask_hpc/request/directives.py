"""Options of sbatch as values of ours: those on a list are taken, those that name a job left out, others refused."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from facility.errors import OptionError

_LONG = {
    "p": "partition", "A": "account", "q": "qos", "t": "time", "C": "constraint", "N": "nodes", "n": "ntasks",
    "c": "cpus-per-task", "J": "job-name", "o": "output", "e": "error",
}  # fmt: skip
"""sbatch(1): options of one letter."""

_NAMES_ONLY = frozenset({"job-name", "output", "error"})
"""What a cluster of ours has by itself: a name, and a log."""

_UNITS = {"": 2**20, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_MEMORY = re.compile(r"(\d+)([KMGT]?)B?", re.IGNORECASE)
_MINUTES = re.compile(r"\d+")
_MINUTES_SECONDS = re.compile(r"(\d+):(\d\d)")
_DAYS_HOURS = re.compile(r"(\d+)-(\d+)")
_GPUS = re.compile(r"(?:gres/)?(?:gpu:)?(?:[A-Za-z0-9_]+:)?(\d+)")


@dataclass(frozen=True)
class Directive:
    """One option of sbatch."""

    option: str  # its long name
    value: str

    @classmethod
    def read(cls, line: str) -> Directive:
        """From "-p regular", "-pregular", "--partition regular" or "--partition=regular", with "#SBATCH" before or not.

        Raises OptionError where it is none of these.
        """
        try:
            words = shlex.split(line.strip().removeprefix("#SBATCH"), comments=True)
        except ValueError as error:
            raise OptionError("profile", f"{line!r} is no option of sbatch") from error
        match words:
            case [word] if word.startswith("--"):
                option, _, value = word[2:].partition("=")
            case [word, value] if word.startswith("--") and "=" not in word:
                option = word[2:]
            case [word, *rest] if re.match(r"-[A-Za-z]", word) and len(rest) + bool(word[2:]) <= 1:
                option, value = _LONG.get(word[1], word[1]), (word[2:] or "".join(rest)).removeprefix("=")
            case _:
                raise OptionError("profile", f"{line!r} is no option of sbatch")
        return cls(option, value)


@dataclass(frozen=True)
class Asked:
    """What directives ask for."""

    values: dict[str, object]  # by the names of MPICluster's arguments
    left_out: tuple[str, ...]  # in words
    cpus: int = 0  # of a node, all ranks together; 0: not said
    memory: int = 0  # of a node, bytes; 0: not said
    gpus: int = 0  # of a node; 0: none


def read_directives(directives: Iterable[Directive]) -> Asked:
    """What the directives ask for, a later one winning, as with sbatch.

    Raises OptionError naming the first that cannot be taken.
    """
    found: dict[str, object] = {}
    left_out = []
    for one in directives:
        if one.option in _NAMES_ONLY:
            left_out.append(f"--{one.option}: a cluster has its own")
        elif reader := _READERS.get(one.option):
            found.update(reader(one.value))
        else:
            allowed = ", ".join(f"--{option}" for option in sorted(_READERS))
            raise OptionError("profile", f"--{one.option} cannot be taken from it; these can: {allowed}")
    of_node = {key: int(str(found.pop(key, 0))) for key in ("cpus", "memory", "gpus")}
    return Asked(found, tuple(dict.fromkeys(left_out)), **of_node)


def _named(argument: str) -> Callable[[str], dict[str, object]]:
    return lambda value: {argument: value}


def _counted(argument: str) -> Callable[[str], dict[str, object]]:
    def read(value: str) -> dict[str, object]:
        if not value.isascii() or not value.isdigit():
            raise OptionError("profile", f"{value!r} is no number")
        return {argument: int(value)}

    return read


def _one_task(value: str) -> dict[str, object]:
    if value != "1":
        raise OptionError("profile", f"--ntasks={value} says nothing of nodes; write --nodes and --ntasks-per-node")
    return {}


def _walltime(value: str) -> dict[str, object]:
    """sbatch(1), --time: "minutes", "minutes:seconds" and "days-hours" mean something else than on our form."""
    if _MINUTES.fullmatch(value):
        return {"walltime": f"{value} minutes"}
    if short := _MINUTES_SECONDS.fullmatch(value):
        return {"walltime": f"0:{int(short[1]):02}:{short[2]}" if int(short[1]) < 60 else f"{short[1]} minutes"}
    if days := _DAYS_HOURS.fullmatch(value):
        return {"walltime": f"{days[1]}-{days[2]}:00"}
    return {"walltime": value}


def _memory(value: str) -> dict[str, object]:
    found = _MEMORY.fullmatch(value)
    if found is None:
        raise OptionError("profile", f"--mem={value} is no size")
    return {"memory": int(found[1]) * _UNITS[found[2].upper()]}


def _gpus(value: str) -> dict[str, object]:
    """sbatch(1), --gres and --gpus-per-node; the kind of GPU is the partition's or the constraint's to say."""
    found = _GPUS.fullmatch(value)
    if found is None:
        raise OptionError("profile", f"{value!r} is no number of GPUs")
    return {"gpus": int(found[1])}


_READERS: dict[str, Callable[[str], dict[str, object]]] = {
    "partition": _named("partition"),
    "account": _named("account"),
    "qos": _named("qos"),
    "reservation": _named("reservation"),
    "constraint": _named("constraint"),
    "time": _walltime,
    "nodes": _counted("nodes"),
    "ntasks": _one_task,
    "ntasks-per-node": _counted("ranks_per_node"),
    "cpus-per-task": _counted("cpus"),
    "mem": _memory,
    "gres": _gpus,
    "gpus-per-node": _gpus,
}
