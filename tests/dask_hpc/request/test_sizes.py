"""How many blocks are wished for."""

from __future__ import annotations

import pytest

from dask_hpc.request.sizes import BlockSize, blocks_for
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
