"""What `adapt` gives back."""

from __future__ import annotations

import math
from dataclasses import dataclass

import dask
import pytest

from dask_hpc.deploy.adapting import Adapting, Bounds, read_bounds
from facility.errors import OptionError

NOTHING = dict.fromkeys(("minimum", "maximum", "interval", "wait_count", "target_duration"))


@dataclass
class Cluster:
    """A cluster that remembers whether it was told to stop."""

    adapts_between: tuple[float, float] | None = None
    is_waiting: bool = True

    def stop_adapting(self) -> None:
        """Adapt no more."""
        self.adapts_between = None


def adapting(cluster: Cluster) -> Adapting:
    """Between 0 and 8 workers."""
    return Adapting(cluster, Bounds(0, 8, 1.0, 3, 5.0), None)


def test_what_is_not_said_is_dasks_own() -> None:
    """`distributed.adaptive` of dask.config, as with every cluster of Dask's."""
    with dask.config.set({"distributed.adaptive.interval": "2s", "distributed.adaptive.maximum": 16}):
        found = read_bounds(4, **NOTHING)

    assert (found.minimum, found.maximum, found.interval, found.wait_count) == (0, 16, 2.0, 3)


def test_no_limit_is_told_to_the_scheduler_as_none() -> None:
    """Its messages know no infinity."""
    found = read_bounds(4, **(NOTHING | {"interval": "500ms"}))

    assert math.isinf(found.maximum)
    assert (found.order()["maximum"], found.order()["interval"]) == (None, 0.5)


@pytest.mark.parametrize("bounds", [{"maximum": 3}, {"minimum": 8, "maximum": 4}, {"minimum": -1}])
def test_bounds_without_a_whole_block_between_them_are_refused(bounds: dict[str, int]) -> None:
    """The message tells how many ranks a block has."""
    with pytest.raises(OptionError, match="a block has 4"):
        read_bounds(4, **(NOTHING | bounds))


def test_its_state_is_the_clusters() -> None:
    """Waiting for a scheduler, adapting, and ended by another kernel's wish."""
    cluster = Cluster()
    found = adapting(cluster)

    states = [found.state]
    cluster.is_waiting, cluster.adapts_between = False, (0, 8)
    states.append(found.state)
    cluster.adapts_between = (0, 16)
    states.append(found.state)

    assert states == ["starting", "running", "stopped"]


def test_stop_ends_it() -> None:
    """As Dask's own does."""
    cluster = Cluster((0, 8), is_waiting=False)
    found = adapting(cluster)

    found.stop()

    assert (found.state, cluster.adapts_between) == ("stopped", None)
    assert repr(found) == "Adapting(stopped, 0 to 8 workers)"


async def test_it_can_be_awaited() -> None:
    """In a loop that runs, until the scheduler has taken it."""
    found = adapting(Cluster())

    assert await found is found
