"""What kernels of these tests begin with: a hold on a cluster, and waiting until it is as it should be."""

from __future__ import annotations

TOOLS = """
import os, signal, time
def until(true, seconds=150):
    ends = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < ends, (cluster.blocks, cluster.plan, cluster.observed, log())
        time.sleep(0.05)
def log():
    return cluster.get_logs(scheduler=False, workers=False)["Cluster"]
def states():
    return [block.state for block in cluster.blocks]
def is_whole(blocks):
    return states() == ["running"] * blocks and cluster.observed == cluster.plan
"""
"""For a `cluster` that the kernel has by some name of its own."""


def joined(name: str) -> str:
    """The tools, and `cluster` and `client` of the cluster of that name."""
    return f'{TOOLS}cluster = MPICluster.from_name("{name}")\nclient = cluster.get_client()\n'
