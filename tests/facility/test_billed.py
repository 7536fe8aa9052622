"""What the form says that a job is billed, held against what a real Slurm bills."""

from __future__ import annotations

import pwd
import re
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from facility.as_user import acting
from facility.models import JobRequest
from facility.providers.slurm import Slurm
from facility.testing import until
from spawners.form.cost import weighed

if TYPE_CHECKING:
    from beamside.demo.slurm.cluster import SlurmCluster

    from .conftest import RealSite

pytestmark = pytest.mark.slurm
REQUEST = JobRequest("ncem", "realtime", "main", timedelta(minutes=2))


async def billed(provider: Slurm, slurm: SlurmCluster, site: RealSite, request: JobRequest) -> float:
    """Slurm's billing TRES of such a job, which is gone afterwards."""
    home = pwd.getpwnam(site.ana).pw_dir
    about = {"user": site.ana, "name": "billed", "comment": "billed", "directory": home, "output": "/dev/null"}
    job = await provider.submit(request, b"#!/bin/sh\nsleep 60\n", **about)
    try:
        await until(lambda: "JobState=RUNNING" in shown(slurm, job), seconds=120)
        return float(re.findall(r"billing=(\d+)", shown(slurm, job))[-1])
    finally:
        await provider.cancel(job, user=site.ana)


def shown(slurm: SlurmCluster, job: str) -> str:
    """The job as scontrol shows it."""
    return slurm.run("scontrol", "show", "job", job)


async def test_slurm_bills_what_the_form_says(slurm: SlurmCluster, real_site: RealSite) -> None:
    """CPUs, memory and GPUs that were asked for, and those that Slurm gives where nothing was."""
    provider = Slurm(real_site.profile.system, acting(real_site.profile))
    slurm.run("scontrol", "update", "PartitionName=main", "TRESBillingWeights=CPU=2.0,Mem=0.5G,GRES/gpu=8.0")
    try:
        main = next(one for one in await provider.partitions() if one.name == "main")
        asked = [
            replace(REQUEST, cpus_per_task=3, memory_mb=4096),
            replace(REQUEST, gpus_per_node=1, memory_mb=2048),
            replace(REQUEST, nodes=2),
        ]
        told = [weighed(one, main, main.billing)[0] for one in asked if main.billing]

        assert told == pytest.approx([await billed(provider, slurm, real_site, one) for one in asked], abs=1)
    finally:
        slurm.run("scontrol", "update", "PartitionName=main", "TRESBillingWeights=")
