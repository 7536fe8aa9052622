"""Which of the waiting gangs may begin: all its ranks or none, first come first served, and nobody starves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

World = tuple[int, int, int]
"""A block, its epoch, and the rank where that rank was replaced alone, else -1: what makes one MPI world."""


@dataclass(frozen=True)
class Ask:
    """The ranks that one gang wants, all in one block."""

    gang: str
    size: int
    ranks: tuple[int, ...] = ()  # these and no others, in this order; empty: any `size` of a block
    block: int | None = None  # only in this block; None: in any

    def taken_from(self, ranks: Iterable[int]) -> tuple[int, ...] | None:
        """The ranks that this gang would take of those; None where they are not enough."""
        there = sorted(ranks)
        if self.ranks:
            return self.ranks if set(self.ranks) <= set(there) else None
        return tuple(there[: self.size]) if len(there) >= self.size else None

    def suits(self, block: int, ranks: Iterable[int]) -> bool:
        """Whether a block of that name, with those ranks, could do it."""
        return self.block in (None, block) and self.taken_from(ranks) is not None


def ask_of(ranks: Sequence[int] | int | None, most: int) -> Ask:
    """What `ranks` of `run_mpi` asks for, where all that a block has are `most`."""
    if ranks is None or isinstance(ranks, int):
        return Ask("", most if ranks is None else ranks)
    return Ask("", len(ranks), tuple(ranks))


@dataclass(frozen=True)
class Grant:
    """A gang that may begin."""

    gang: str
    world: World
    ranks: tuple[int, ...]


@dataclass(frozen=True)
class Ranks:
    """The ranks of one block."""

    block: int
    alive: frozenset[int]
    free: frozenset[int]  # those that work and are in no gang


def grants(waiting: Sequence[Ask], blocks: Mapping[World, Ranks]) -> list[Grant]:
    """The gangs that may begin now, given the blocks by the ids of their worlds.

    A gang that must wait keeps what is free in the block where it has most of what it wants: a later gang may pass
    it only on ranks that it does not need.
    """
    left = {world: set(block.free) for world, block in blocks.items()}
    granted = []
    for ask in waiting:
        able = [world for world, block in blocks.items() if ask.suits(block.block, block.alive)]
        ready = [(len(left[world]), world, ranks) for world in able if (ranks := ask.taken_from(left[world]))]
        if ready:
            _, world, ranks = min(ready)  # the smallest that fits, so that larger gangs find room
            granted.append(Grant(ask.gang, world, ranks))
            left[world] -= set(ranks)
        elif able:
            world = max(able, key=lambda name: len(left[name]))
            left[world] -= set(ask.ranks or sorted(left[world])[: ask.size])
    return granted
