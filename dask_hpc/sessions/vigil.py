"""One look-out a cluster while any of its lines is broken: is it only the network, or is the cluster over?"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from dask_hpc.config import read_knobs
from dask_hpc.errors import ClusterEnded
from dask_hpc.jobs.blocks import blocks_of
from dask_hpc.jobs.follow import wait_over
from facility.clusters import ClusterRecord
from facility.errors import FacilityError
from facility.profile import load_profile

log = logging.getLogger(__name__)

_QUIET_SECONDS = 2.0  # a break that is shorter is nothing that people need to know
_AGAIN_SECONDS = 10.0  # after a record that could not be read; its file system may be cut off too


class Vigil:
    """Waits for the end of a cluster, on behalf of all who lost their line to its scheduler in this loop."""

    def __init__(self, record: ClusterRecord) -> None:
        self.over = asyncio.ensure_future(_wait_over(record))
        self.watchers = 0
        self._name, self._since, self._is_told = record.name, time.monotonic(), False

    def failed(self) -> None:
        """A call was not answered; said once, where it goes on for long enough."""
        if not self._is_told and time.monotonic() - self._since > _QUIET_SECONDS:
            self._is_told = True
            log.warning("cluster %r: the network to the scheduler is cut; what was begun goes on there", self._name)

    def answered(self) -> None:
        """A call was answered."""
        if self._is_told:
            self._is_told = False
            log.warning("cluster %r: connected again after %.0f s", self._name, time.monotonic() - self._since)


_vigils: dict[tuple[int, str], Vigil] = {}


async def _wait_over(record: ClusterRecord) -> ClusterEnded:
    while True:
        try:
            return await wait_over(record, None, blocks_of(load_profile().system, read_knobs()))
        except (FacilityError, OSError) as error:
            log.info("whether cluster %r is over is not known: %s", record.name, error)
            await asyncio.sleep(_AGAIN_SECONDS)


@asynccontextmanager
async def vigil(record: ClusterRecord) -> AsyncIterator[Vigil]:
    """Keep the look-out; the record is looked at, and Slurm seldom asked, once for all who keep it."""
    key = id(asyncio.get_running_loop()), record.scheduler_id
    if key not in _vigils:
        _vigils[key] = Vigil(record)
    shared = _vigils[key]
    shared.watchers += 1
    try:
        yield shared
    finally:
        shared.watchers -= 1
        if not shared.watchers:
            del _vigils[key]
            shared.over.cancel()
