"""All catalogues of a system as one: who sees what, what is withheld, and what stays while a catalogue is silent."""

from __future__ import annotations

import asyncio
import json
import os
import pwd
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from facility.errors import ProfileError, Unreachable
from facility.profile import read_profile
from facility.providers.slurm.run import Completed
from facility.service.scheduler.budget import Budget
from facility.service.site_images import SiteImages
from facility.testing import FakeClock

ME = pwd.getpwuid(os.geteuid())
SITE = """
name = "Tests"
[service]
url = "http://127.0.0.1:8400"
[systems.tests]
title = "Tests"
[[systems.tests.image_catalogues]]
"""
PODMAN = 'driver = "podman_hpc"\n'


@dataclass
class FakePodman:
    """A runner in whose hands podman can be made to fail."""

    names: dict[str, dict[str, str]] = field(default_factory=dict)
    fails: bool = False

    async def run(self, argv: object, *, user: str | None, stdin: bytes = b"", timeout: float) -> Completed:
        """See `Runner.run`."""
        if self.fails:
            raise Unreachable("podman-hpc gave no answer within 60 s")
        images = [
            {"Names": [name], "Labels": labels, "Created": 1760000000, "ReadOnly": True}
            for name, labels in self.names.items()
        ]
        return Completed(0, json.dumps(images).encode(), b"")


@asynccontextmanager
async def site(extra: str, podman: FakePodman) -> AsyncIterator[tuple[SiteImages, FakeClock]]:
    """A site with one catalogue, already asked once."""
    clock = FakeClock()
    images = SiteImages(read_profile(SITE + extra).system, clock, podman)
    keeping = asyncio.create_task(images.keep(Budget(clock)))
    await clock.advance(0)
    try:
        yield images, clock
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


async def test_labels_say_whether_jupyter_is_inside_and_names_do_not() -> None:
    """An image called jupyter without the label is not offered as one."""
    podman = FakePodman({"lab:1": {"org.beamside.jupyter": "true"}, "jupyterlab:2": {}})
    async with site(PODMAN, podman) as (images, _):
        answer = await images.images(ME.pw_name)

    withheld = {held.image.title: (held.image.runs_jupyter, held.why_not) for held in answer.withheld}
    assert (True, "lab:1 is a container image, and podman-hpc is not set up here.") == withheld["lab:1"]
    assert withheld["jupyterlab:2"][0] is False
    assert "neither a label of it nor facility.toml" in withheld["jupyterlab:2"][1]


async def test_an_image_is_offered_where_its_runtime_is_set_up() -> None:
    """Those of another runtime stay withheld."""
    extra = '[systems.tests.containers."podman-hpc"]\n'
    async with site(PODMAN + extra, FakePodman({"lab:1": {"org.beamside.jupyter": "true"}})) as (images, _):
        answer = await images.images(ME.pw_name)

    assert ["none", "podman-hpc:lab:1"] == [image.name for image in answer.images]


@pytest.mark.parametrize(
    ("extra", "runs"),
    [
        ('jupyter_images = ["nersc/jupyter:*"]', {"nersc/jupyter:5": True, "other:1": False}),
        ('jupyter_label = "site.kind=lab"', {"nersc/jupyter:5": False, "other:1": True}),
        ('jupyter_label = "site.kind"', {"nersc/jupyter:5": False, "other:1": True}),
    ],
)
async def test_the_operator_says_what_counts(extra: str, runs: dict[str, bool]) -> None:
    """By patterns of names, or by another label, with or without a value."""
    async with site(PODMAN + extra, FakePodman({"nersc/jupyter:5": {}, "other:1": {"site.kind": "lab"}})) as (
        images,
        _,
    ):
        answer = await images.images(ME.pw_name)

    assert runs == {held.image.title: held.image.runs_jupyter for held in answer.withheld}


async def test_a_catalogue_that_falls_silent_keeps_its_last_answer_and_says_since_when() -> None:
    """The listed images stay, the age is told, and it heals by itself."""
    podman = FakePodman({"lab:1": {}})
    async with site(PODMAN + "keep_seconds = 60", podman) as (images, clock):
        first = clock.now()
        podman.fails = True
        await clock.advance(70)
        silent = await images.images(ME.pw_name)
        podman.fails = False
        await clock.advance(70)
        healed = await images.images(ME.pw_name)

    assert (first, ["lab:1"]) == (silent.as_of, [held.image.title for held in silent.withheld])
    assert "images of podman_hpc: podman-hpc gave no answer" in silent.problem
    assert "" == healed.problem


async def test_a_catalogue_that_never_answered_does_not_hold_up_the_others() -> None:
    """The host's own environment is offered all the same, with the reason beside it."""
    async with site(PODMAN, FakePodman(fails=True)) as (images, _):
        answer = await images.images(ME.pw_name)

    assert ["none"] == [image.name for image in answer.images]
    assert "not known yet" in answer.problem
    assert ["down"] == [part.subsystem.state for part in images.watched]


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ('driver = "docker"', "image_catalogues.0.driver"),
        ('driver = "shifter_gateway"\nurl = "http://x"', "needs system and url"),
        ('driver = "charliecloud"', "needs storage"),
        ('driver = "podman_hpc"\nurl = "http://x"', "has no url"),
    ],
)
def test_a_catalogue_that_cannot_work_stops_the_start(extra: str, words: str) -> None:
    """An unknown driver, a missing fact and a useless one are named."""
    with pytest.raises(ProfileError, match=words):
        read_profile(SITE + extra)
