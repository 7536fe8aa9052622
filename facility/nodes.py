"""Slurm's host list expressions ("nid[001-003,007],gpu01"), as `scontrol show hostnames` reads them (scontrol(1))."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import product

from facility.errors import Unreadable

MOST = 200_000
"""Nodes that one expression may name: more than any machine has, and few enough to hold."""

_PIECE = re.compile(r"((?:[^,\[\]]|\[[^\[\]]*\])+)(?:,|$)")
_PART = re.compile(r"\[([^\[\]]*)\]|([^\[\]]+)")
_RANGE = re.compile(r"(\d+)(?:-(\d+))?")


@lru_cache(maxsize=4096)
def expand(expression: str) -> frozenset[str]:
    """The names of the nodes. Raises Unreadable, with the expression, where it is none."""
    names: set[str] = set()
    at = 0
    while at < len(expression):
        piece = _PIECE.match(expression, at)
        if piece is None:
            raise Unreadable("this is no list of nodes", expression)
        at = piece.end()
        names.update(_names(piece[1]))
        if len(names) > MOST:
            raise Unreadable(f"a list of more than {MOST} nodes", expression)
    return frozenset(names)


def _names(piece: str) -> list[str]:
    """One entry; several ranges in it ("rack[0-1]node[0-3]") are all their combinations."""
    choices = [_numbers(ranges) if ranges else [plain] for ranges, plain in _PART.findall(piece)]
    count = 1
    for choice in choices:
        count *= len(choice)
    if not choices or count > MOST:
        raise Unreadable("this is no list of nodes", piece)
    return ["".join(parts) for parts in product(*choices)]


def _numbers(ranges: str) -> list[str]:
    """ "001-003,007" as its numbers, as wide as they were written."""
    found: list[str] = []
    for entry in ranges.split(","):
        limits = _RANGE.fullmatch(entry)
        if limits is None or len(entry) > 40:
            raise Unreadable("this is no range of nodes", ranges)
        first, last = int(limits[1]), int(limits[2] or limits[1])
        if not first <= last < first + MOST:
            raise Unreadable("this is no range of nodes", ranges)
        found.extend(str(number).zfill(len(limits[1])) for number in range(first, last + 1))
    return found
