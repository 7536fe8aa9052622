"""The container images in which the user of this process may start ranks: what catalogues tell this user now.

A catalogue is asked by its own command, as the user. Nothing is asked of an image's contents here: the ranks themselves
tell what is missing (see `dask_hpc.mpi.alike`).
"""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime

from facility.errors import FacilityError
from facility.image_facts import ImageCatalogue
from facility.images.drivers import driver_of
from facility.images.judge import image_of
from facility.models import Image
from facility.offer import Part
from facility.profile import System
from facility.providers.slurm.run import Runner


async def images_of(system: System, runner: Runner) -> Part[tuple[Image, ...]]:
    """Those of facility.toml and of every catalogue whose runtime the nodes have.

    Where a catalogue does not answer, what it has is not known, so that the part is not: its `problem` says why.
    """
    listed = tuple(fact.record() for fact in system.images if fact.driver in system.containers)
    asked = (_images(facts, system, runner) for facts in system.image_catalogues)
    try:
        found = await asyncio.gather(*asked)
    except FacilityError as error:
        return Part(listed, None, problem=str(error))
    return Part((*listed, *(image for images in found for image in images)), datetime.now(UTC))


async def _images(facts: ImageCatalogue, system: System, runner: Runner) -> list[Image]:
    uid, gid = os.geteuid(), os.getegid()
    return [
        image_of(found, facts)
        for found in await driver_of(facts, runner).found()
        if found.runtime in system.containers and found.is_for(uid, gid) and not found.why_not
    ]
