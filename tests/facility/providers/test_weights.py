"""What a partition's billing weights mean, in the words of Slurm."""

from __future__ import annotations

from facility.models import Billing
from facility.providers.slurm.weights import billing, rows

PARTITIONS = b"""\
PartitionName=main AllowGroups=ALL Default=YES MaxTime=2-00:00:00 Nodes=nid00[1-8] OverSubscribe=NO State=UP \
TotalCPUs=128 DefMemPerNode=UNLIMITED MaxMemPerNode=UNLIMITED TRES=cpu=128,mem=250G,node=8,billing=128 \
TRESBillingWeights=CPU=1.0,Mem=0.25G,GRES/gpu=2.0,GRES/gpu:a100=8
PartitionName=plain AllowGroups=ALL Nodes=nid001 OverSubscribe=NO State=UP DefMemPerNode=UNLIMITED
PartitionName=whole Nodes=nid001 OverSubscribe=EXCLUSIVE State=UP DefMemPerCPU=1000 TRESBillingWeights=Mem=1,Node=3
"""
CONFIG = b"""\
Configuration data as of 2026-11-23T06:00:00
DefMemPerCPU            = 2000
PriorityFlags           = CALCULATE_RUNNING,MAX_TRES
Slurmctld(primary) at sidecar is UP
"""


def test_only_partitions_that_set_weights_are_told() -> None:
    """The others charge by what the site's limits count."""
    assert {"main", "whole"} == set(rows(PARTITIONS))


def test_weights_carry_their_units_and_the_configuration_stands_behind() -> None:
    """Memory is weighed by the GB, of several kinds of GPU the dearest counts, and the flag says what is added."""
    found = billing(rows(PARTITIONS)["main"], CONFIG)

    weights = (("cpu", 1.0), ("mem", 0.25), ("gres/gpu", 8.0))
    assert found == Billing(weights, ("cpu", "mem", "node", "gres/gpu"), memory_mb_per_cpu=2000)


def test_a_partitions_own_words_come_first() -> None:
    """Its default memory, whole nodes, and a weight of memory without a letter, which is one of a MB."""
    found = billing(rows(PARTITIONS)["whole"], b"")

    assert found == Billing((("mem", 1024.0), ("node", 3.0)), takes_whole_nodes=True, memory_mb_per_cpu=1000)
