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


def blocks_for(wished: Mapping[str, int | str | None], size: BlockSize) -> int:
    """How many blocks are wished for by exactly one of `n` workers, `blocks`, `nodes`, `cores` and `memory`.

    Raises OptionError where it is none of them or several, or less than none.
    """
    said = {name: value for name, value in wished.items() if value is not None}
    if len(said) != 1:
        raise OptionError("n", f"say one of {', '.join(wished)}" + (f", not {', '.join(said)}" if said else ""))
    ((name, value),) = said.items()
    each = {"n": size.ranks, "blocks": 1, "nodes": size.nodes, "cores": size.cores, "memory": size.memory}
    try:
        amount = parse_bytes(value) if name == "memory" else int(value)
    except ValueError as error:
        raise OptionError(name, f"{value!r} cannot be read") from error
    if amount < 0:
        raise OptionError(name, "there cannot be fewer than none")
    return math.ceil(amount / each[name])
