"""What the configuration of the demonstration's Slurm says of its nodes."""

from __future__ import annotations

from pathlib import Path

import pytest

from beamside.demo.packages import Packages
from beamside.demo.slurm.conf import NODES, Ports, Scale, Site, Users, slurm_conf


def lines_of(first_port: int, scale: Scale) -> list[str]:
    """slurm.conf of a Slurm whose ports begin there."""
    ports = Ports.of(list(range(first_port, first_port + Ports.needed())))
    users = Users(*["somebody"] * 5)
    site = Site(Path("/somewhere"), ports, users, "here", own_host_names=True, packages=Packages.of(None), scale=scale)
    return slurm_conf(site).splitlines()


@pytest.mark.parametrize("scale", [Scale(), Scale(cpus=129, memory_mb=258_000, sampled_every=0)])
def test_every_node_claims_what_the_scale_says(scale: Scale) -> None:
    """However little the machine has; and jobs are looked at as often as it says."""
    lines = lines_of(20_000, scale)
    nodes = [line for line in lines if line.startswith("NodeName=")]
    assert len(nodes) == len(NODES)
    assert all(f" CPUs={scale.cpus} RealMemory={scale.memory_mb} " in line for line in nodes)
    assert f"JobAcctGatherFrequency=task={scale.sampled_every}" in lines


def test_two_slurms_of_one_machine_have_no_job_id_in_common() -> None:
    """MPICH calls the memory that ranks share by the job's id, whichever Slurm it is of."""
    lines = [line for port in (20_000, 20_000 + Ports.needed()) for line in lines_of(port, Scale())]
    first, second = (int(line.partition("=")[2]) for line in lines if line.startswith("FirstJobId="))

    assert 500 < second - first
