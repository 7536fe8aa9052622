"""Each rank's own GPUs: a share of those that Slurm gave to the node's part of the job.

Slurm's own binding (`--gpu-bind`) knows the ranks of one step only, so a rank that replaces a lost one would get the
first GPU again; and where it hides the others' devices, NCCL finds no way between the GPUs of a node. So the step sees
all of them, and each rank takes its own.
"""

from __future__ import annotations

from collections.abc import Mapping

LISTS = ("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "ZE_AFFINITY_MASK", "GPU_DEVICE_ORDINAL")
"""What Slurm sets (gres.conf(5), sbatch(1)), and the vendors' libraries read."""


class NoGpus(Exception):
    """The node has fewer GPUs for the ranks than were asked for; the text says how many."""


def own_gpus(environment: Mapping[str, str], per_rank: int, place: int) -> dict[str, str]:
    """The variables of the rank that is number `place` on its node, from 0; nothing where ranks have no GPU.

    Raises NoGpus where Slurm gave too few.
    """
    if not per_rank:
        return {}
    found = {name: environment[name].split(",") for name in LISTS if environment.get(name)}
    most = max(map(len, found.values()), default=0)
    if most < (place + 1) * per_rank:
        raise NoGpus(
            f"rank {place} of this node takes {per_rank} GPUs, and the job has {most} here "
            f"({', '.join(found) or 'none of ' + ', '.join(LISTS)})"
        )
    return {name: ",".join(gpus[place * per_rank : (place + 1) * per_rank]) for name, gpus in found.items()}
