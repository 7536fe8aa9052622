"""What a rank makes of SIGTERM; that it stays while its block leaves is tested on the real Slurm."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from distributed import Worker
from distributed.comm.core import CommClosedError

from dask_hpc.block.grace import TOLD, Grace


class Gone(Exception):
    """The process would have ended."""


def go() -> None:
    """End."""
    raise Gone


def graceful(said: list[dict[str, Any]], *, closed: bool = False) -> Grace:
    """A rank whose words to the scheduler are kept."""

    def send(word: dict[str, Any]) -> None:
        if closed:
            raise CommClosedError
        said.append(word)

    worker = SimpleNamespace(stream_handlers={}, batched_stream=SimpleNamespace(send=send))
    return Grace(cast(Worker, worker), go)


async def test_a_rank_asks_and_stays_when_it_may() -> None:
    """Its scheduler has a use for the time."""
    said: list[dict[str, Any]] = []
    rank = graceful(said)

    rank.told()
    rank.answer(stay=True)

    assert said == [{"op": TOLD}]


async def test_a_rank_goes_when_it_may_not_stay() -> None:
    """Or when it is told a second time."""
    rank = graceful([])
    rank.told()

    with pytest.raises(Gone):
        rank.answer(stay=False)
    with pytest.raises(Gone):
        rank.told()


async def test_a_rank_without_a_scheduler_goes_at_once() -> None:
    """Nobody has a use for the time."""
    with pytest.raises(Gone):
        graceful([], closed=True).told()
