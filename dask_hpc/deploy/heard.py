"""What a cluster's scheduler has told one handle: the table of blocks, and the lines of its log."""

from __future__ import annotations

from typing import Any

from dask_hpc.scheduling.watcher import BLOCKS
from facility.clusters import BlockRecord

_COMING = ("submitting", "pending", "starting")


class Heard:
    """The scheduler's last word; before the first one there is none, and a handle's record speaks instead."""

    def __init__(self) -> None:
        self._table: dict[str, Any] = {}
        self._last = 0  # the number of the last line

    def __bool__(self) -> bool:
        """Whether the scheduler has spoken."""
        return bool(self._table)

    def before(self, facts: dict[str, Any]) -> list[str]:
        """The lines that were told before this handle came; they are not news."""
        self._last = max((number for number, _ in facts["lines"]), default=self._last)
        return [line for _, line in facts["lines"]]

    def news(self, facts: dict[str, Any]) -> list[str]:
        """Keep the table where it is newer than ours; the lines that were not told yet."""
        fresh = [(number, line) for number, line in facts["lines"] if number > self._last]
        self._last = max((number for number, _ in fresh), default=self._last)
        if facts["version"] >= self._table.get("version", 0):
            self._table = facts
        return [line for _, line in fresh]

    @property
    def blocks(self) -> tuple[BlockRecord, ...]:
        """The batch jobs, with their states in words."""
        return tuple(BlockRecord(**block) for block in self._table[BLOCKS])

    @property
    def plan(self) -> set[str]:
        """The names of all workers that are wished for."""
        return set(self._table["plan"])

    @property
    def requested(self) -> set[str]:
        """The names of all workers whose job Slurm has taken."""
        return set(self._table["requested"])

    @property
    def wished(self) -> int:
        """How many blocks there shall be."""
        return int(self._table["wished"])

    @property
    def refused(self) -> str:
        """Why the last wish was not fulfilled, in the words of who refused it; empty where it was."""
        return str(self._table.get("refused", ""))

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The least and the most workers while the cluster adapts; None while it does not."""
        found = self._table.get("adaptive")
        return None if found is None else (found[0], found[1])


def waits_for(refused: str, blocks: tuple[BlockRecord, ...]) -> str:
    """What is missing, in words; empty where nothing is."""
    coming = (block for block in blocks if block.state in _COMING)
    words = (f"block {one.number} is {one.state}" + (f": {one.words}" if one.words else "") for one in coming)
    return "; ".join([*([refused] if refused else []), *words])
