"""What a cluster is made of: the arguments over a profile over dask.config, judged one by one. Pure."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from dask.utils import parse_bytes

from dask_hpc.request.walltime import read_walltime
from facility.errors import OptionError
from facility.profile import CONSTRAINT

SLURMS_OWN = "-"
"""As a QOS: none is named, so that Slurm gives the account's default one. No QOS can have this name."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@+-]{0,62}")
_FEATURES = re.compile(CONSTRAINT)


@dataclass(frozen=True)
class Layer:
    """One source of values, by the names of MPICluster's arguments; a value that is None is not given by it."""

    values: Mapping[str, object]
    source: str = ""  # in words, for an error about a value of it; empty: the arguments themselves


@dataclass(frozen=True)
class Shape:
    """What each block of a cluster is, and how many there are to begin with."""

    nodes: int
    ranks_per_node: int
    threads_per_rank: int
    memory_per_rank: int  # bytes
    gpus_per_rank: int
    blocks: int
    qos: str  # empty: the site's realtime QOS; "-": the account's default
    partition: str  # empty: the site's default
    account: str  # empty: the user's default
    reservation: str  # empty: none
    constraint: str  # empty: none
    image: str  # empty: none, the ranks are of the Python that makes the cluster
    packed_environment: str  # the archive of the Python of the ranks; empty: likewise
    mpi: bool  # whether the workers are ranks; else each node forks them from one process
    walltime: timedelta | None  # None: the system's default, cut to what fits

    @property
    def ranks(self) -> int:
        """How many ranks, hence Dask workers, each block has."""
        return self.nodes * self.ranks_per_node


def read_shape(layers: Iterable[Layer]) -> Shape:
    """The shape that these layers give, the first one that names a value winning.

    Raises OptionError naming the argument that cannot be, and where it comes from.
    """
    found: dict[str, Any] = {}
    for layer in layers:
        for field, value in layer.values.items():
            if value is not None and field not in found:
                found[field] = _judge(field, value, layer.source)
    return Shape(**found)


def _judge(field: str, value: Any, source: str) -> object:  # noqa: ANN401 - from users' yaml and keywords
    try:
        return _READERS[field](value)
    except OptionError as error:
        raise OptionError(field, _placed(error.reason, source)) from error
    except (ValueError, TypeError, KeyError, IndexError) as error:  # Dask's own reader of sizes raises all of them
        raise OptionError(field, _placed(f"{value!r} cannot be read", source)) from error


def _placed(reason: str, source: str) -> str:
    return f"{reason} (from {source})" if source else reason


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError(value)
    if int(value) < 1:
        raise OptionError("", f"{value} is too few; ask for 1 or more")
    return int(value)


def _count_or_none(value: object) -> int:
    return 0 if value in (0, "0") else _count(value)


def _size(value: object) -> int:
    if not isinstance(value, int | float | str):
        raise TypeError(value)
    found = int(parse_bytes(value))
    if found < 1:
        raise OptionError("", f"{value} is too little")
    return found


def _name(value: object) -> str:
    if not isinstance(value, str) or (value and not _NAME.fullmatch(value)):
        raise OptionError("", f"{value!r} is no name that Slurm knows")
    return value


def _qos(value: object) -> str:
    return SLURMS_OWN if value == SLURMS_OWN else _name(value)


def _features(value: object) -> str:
    if not isinstance(value, str) or (value and not _FEATURES.fullmatch(value)):
        raise OptionError("", f'{value!r} names no features of nodes; write e.g. "gpu" or "cpu&hbm"')
    return value


def _image(value: object) -> str:
    if not isinstance(value, str) or not value.isprintable():
        raise OptionError("", f"{value!r} is no name of an image")
    return value


def _path(value: object) -> str:
    if not isinstance(value, str | os.PathLike) or not (path := os.fspath(value)).isprintable():
        raise OptionError("", f"{value!r} is no path of a file")
    return path


def _yes_or_no(value: object) -> bool:
    if not isinstance(value, bool):
        raise OptionError("", f"{value!r} is neither True nor False")
    return value


def _walltime(value: object) -> timedelta | None:
    if not isinstance(value, timedelta | str):
        raise TypeError(value)
    return read_walltime(value) if value else None


_READERS = {
    "nodes": _count,
    "ranks_per_node": _count,
    "threads_per_rank": _count,
    "memory_per_rank": _size,
    "gpus_per_rank": _count_or_none,
    "blocks": _count,
    "qos": _qos,
    "partition": _name,
    "account": _name,
    "reservation": _name,
    "constraint": _features,
    "image": _image,
    "packed_environment": _path,
    "mpi": _yes_or_no,
    "walltime": _walltime,
}

ARGUMENTS = frozenset(_READERS)
"""The arguments of MPICluster that say what a cluster is made of."""
