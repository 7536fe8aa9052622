"""How many blocks have so many workers, nodes or cores, or so much memory. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from dask.utils import parse_bytes

from facility.errors import OptionError


@dataclass(frozen=True)
class BlockSize:
    """What one block has."""

    nodes: int
    ranks: int
    cores: int  # of all its ranks
    memory: int  # of all its ranks, bytes


def workers_between(asked: Mapping[str, float | str | None], size: BlockSize) -> tuple[float | None, float | None]:
    """The least and the most workers that `asked` bounds say: the strictest of each, None where there is none.

    Bounds are `minimum` and `maximum`, in workers, and either followed by `_jobs`, which are blocks, `_cores` or
    `_memory`. Raises OptionError for what cannot be read.
    """
    each = {"": size.ranks, "jobs": 1, "cores": size.cores, "memory": size.memory}
    found: dict[str, list[float]] = {"minimum": [], "maximum": []}
    for name, value in asked.items():
        bound, _, unit = name.partition("_")
        if value is not None:
            workers = _amount(name, value, in_bytes=unit == "memory") * size.ranks / each[unit]
            rounded = math.ceil if bound == "minimum" else math.floor
            found[bound].append(workers if math.isinf(workers) else rounded(workers))
    return max(found["minimum"], default=None), min(found["maximum"], default=None)


def blocks_for(wished: Mapping[str, int | str | None], size: BlockSize) -> int:
    """How many blocks are wished for by exactly one of `n` workers, `blocks`, `nodes`, `cores` and `memory`.

    Raises OptionError where it is none of them or several, or less than none.
    """
    said = {name: value for name, value in wished.items() if value is not None}
    if len(said) != 1:
        raise OptionError("n", f"say one of {', '.join(wished)}" + (f", not {', '.join(said)}" if said else ""))
    ((name, value),) = said.items()
    each = {"n": size.ranks, "blocks": 1, "nodes": size.nodes, "cores": size.cores, "memory": size.memory}
    amount = _amount(name, value, in_bytes=name == "memory")
    if amount < 0:
        raise OptionError(name, "there cannot be fewer than none")
    return math.ceil(amount / each[name])


def _amount(name: str, value: float | str, *, in_bytes: bool) -> float:
    try:
        return parse_bytes(value) if in_bytes else float(value)
    except ValueError as error:
        raise OptionError(name, f"{value!r} cannot be read") from error
