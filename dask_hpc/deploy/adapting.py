"""What `adapt` gives back: a hold on the adapting that goes on in the cluster's scheduler."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Generator
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

import dask.config
from dask.utils import parse_timedelta
from distributed.utils import NoOpAwaitable

from facility.errors import OptionError


@dataclass(frozen=True)
class Bounds:
    """How a cluster adapts, in Dask's own words."""

    minimum: int  # workers
    maximum: int | float  # workers; math.inf: no limit
    interval: float  # seconds between two looks at the load
    wait_count: int  # looks in a row at which a block was dispensable before it leaves
    target_duration: float  # seconds that the work at hand should take

    def order(self) -> dict[str, object]:
        """The same as the scheduler takes it."""
        return asdict(self) | {"maximum": None if math.isinf(self.maximum) else int(self.maximum)}


def read_bounds(ranks: int, **asked: Any) -> Bounds:  # noqa: ANN401 - Dask's own, see its Adaptive
    """The bounds that were asked for, where None is `distributed.adaptive` of dask.config.

    Raises OptionError where no whole block of so many ranks fits between them.
    """
    known = dask.config.get("distributed.adaptive")
    found = {name: known[name.replace("_", "-")] if value is None else value for name, value in asked.items()}
    least, most = found["minimum"], found["maximum"]
    if least < 0 or most < max(least, ranks):
        raise OptionError("maximum", f"{most:g} workers are too few: a block has {ranks}, and {least} is the least")
    return Bounds(
        minimum=int(least),
        maximum=most,
        interval=parse_timedelta(found["interval"], "seconds"),
        wait_count=int(found["wait_count"]),
        target_duration=parse_timedelta(found["target_duration"]),
    )


class Adapts(Protocol):
    """The cluster, as far as its adapting goes."""

    @property
    def adapts_between(self) -> tuple[float, float] | None:
        """The bounds between which it adapts now; None where it does not."""
        ...

    @property
    def is_waiting(self) -> bool:
        """Whether its scheduler has not spoken yet."""
        ...

    def stop_adapting(self) -> Awaitable[None] | None:
        """Keep the number of blocks that there is."""
        ...


class Adapting:
    """The part of `distributed.deploy.Adaptive` that asks and stops; the part that decides is in the scheduler.

    So it goes on when this kernel is dead, and another kernel, or `scale`, may end it. Awaiting it waits until the
    scheduler has taken it.

    Attributes
    ----------
    cluster : whose.
    minimum, maximum, interval, wait_count, target_duration : as they were asked for.
    """

    def __init__(self, cluster: Adapts, bounds: Bounds, sent: Awaitable[None] | None) -> None:
        self.cluster = cluster
        self.minimum, self.maximum = bounds.minimum, bounds.maximum
        self.interval, self.wait_count = bounds.interval, bounds.wait_count
        self.target_duration = bounds.target_duration
        self._sent: Awaitable[None] = NoOpAwaitable() if sent is None else sent
        self._is_stopped = False

    @property
    def state(self) -> Literal["starting", "running", "stopped"]:
        """Whether the cluster adapts between these bounds now; "starting" until there is a scheduler to do it."""
        if self._is_stopped:
            return "stopped"
        found = self.cluster.adapts_between
        if found is None:
            return "starting" if self.cluster.is_waiting else "stopped"
        return "running" if found == (self.minimum, self.maximum) else "stopped"

    def stop(self) -> Awaitable[None] | None:
        """Leave the number of blocks as it is from now on."""
        self._is_stopped = True
        return self.cluster.stop_adapting()

    def __await__(self) -> Generator[Any, None, Adapting]:
        """Wait until the scheduler has taken it."""
        yield from self._sent.__await__()
        return self

    def __repr__(self) -> str:
        return f"Adapting({self.state}, {self.minimum} to {self.maximum:g} workers)"
