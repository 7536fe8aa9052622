"""How many blocks are wished for."""

from __future__ import annotations

import math

import pytest

from dask_hpc.request.sizes import BlockSize, blocks_for, workers_between
from facility.errors import OptionError

SIZE = BlockSize(nodes=2, ranks=8, cores=32, memory=16 * 2**30)


@pytest.mark.parametrize(
    ("wish", "blocks"),
    [
        ({"n": 9}, 2),
        ({"n": 0}, 0),
        ({"blocks": 3}, 3),
        ({"nodes": 3}, 2),
        ({"cores": 64}, 2),
        ({"memory": "17 GiB"}, 2),
        ({"memory": 2**30}, 1),
    ],
)
def test_a_wish_is_rounded_up_to_whole_blocks(wish: dict[str, int | str | None], blocks: int) -> None:
    """By workers, blocks, nodes, cores or memory."""
    assert blocks_for({"n": None, **wish}, SIZE) == blocks


@pytest.mark.parametrize("wish", [{"n": None}, {"n": 4, "blocks": 1}, {"n": -1}, {"memory": "much"}, {"cores": "many"}])
def test_a_wish_that_says_nothing_certain_is_refused(wish: dict[str, int | str | None]) -> None:
    """None of them, two of them, less than none, or no number."""
    with pytest.raises(OptionError):
        blocks_for(wish, SIZE)


@pytest.mark.parametrize(
    ("asked", "workers"),
    [
        ({"minimum": 3, "maximum": 20}, (3, 20)),
        ({"minimum_jobs": 1, "maximum_jobs": 3}, (8, 24)),
        ({"minimum_cores": 33, "maximum_cores": 63}, (9, 15)),
        ({"minimum_memory": "16 GiB", "maximum_memory": "33 GiB"}, (8, 16)),
        ({"minimum": 9, "minimum_jobs": 1, "maximum": 12, "maximum_jobs": 4}, (9, 12)),
        ({"maximum": math.inf, "maximum_jobs": 2}, (None, 16)),
        ({"maximum": math.inf}, (None, math.inf)),
    ],
)
def test_bounds_in_any_unit_are_bounds_in_workers(
    asked: dict[str, float | str | None], workers: tuple[float | None, float | None]
) -> None:
    """At least so much, at most so much, and the strictest counts where several are said."""
    assert workers_between({"minimum": None, "maximum_cores": None, **asked}, SIZE) == workers


def test_a_bound_that_is_no_amount_is_refused_by_its_name() -> None:
    """As it was written."""
    with pytest.raises(OptionError, match="maximum_memory: 'much' cannot be read"):
        workers_between({"maximum_memory": "much"}, SIZE)
