"""Ranks inside a container image: the argv of their Python, and what of the job's environment they have there.

Scheduler, agents and whoever made the cluster stay outside, with the Python that made it: they call Slurm's commands.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from facility.errors import OptionError
from facility.image_facts import ImageFact
from facility.images.chosen import environment_chosen
from facility.images.start import Around, container_entry, path_inside
from facility.models import NO_IMAGE
from facility.profile import System

PLACES = (
    "TMPDIR", "XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "DASK_CONFIG", "NUMBA_CACHE_DIR",
    "BEAMSIDE_PROFILE",
)  # fmt: skip
"""Variables that name one path, which may be another inside."""

OF_THE_STEP = (
    "PMI*", "UCX_*", "MPICH_*", "MPIR_*", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS",
    "CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "ZE_AFFINITY_MASK", "GPU_DEVICE_ORDINAL",
)  # fmt: skip
"""What srun and the agent tell a rank, for a runtime that lets in only what it is told by name."""

EACH_IN_A_NAMESPACE = frozenset({"charliecloud", "podman-hpc"})
"""Runtimes that give each rank a user namespace of its own."""

WITHOUT_CMA = {"MPIR_CVAR_CH4_CMA_ENABLE": "0"}
"""What keeps MPICH from reading the memory of another rank (process_vm_readv(2)), which the kernel refuses between user
namespaces. Open MPI looks for itself (its pull request 6997)."""


def ranks_python(image: str, system: System, environment: Mapping[str, str], folder: str) -> tuple[str, ...]:
    """How the Python of the ranks is called, which work in `folder`: that of the image, else the one that runs this.

    environment : what the job has of its maker's.
    Raises OptionError for what is no container, or cannot hold ranks; ProfileError where its runtime is not set up.
    """
    if image == NO_IMAGE:
        return (sys.executable, "-P")
    chosen = _container(image, system)
    if chosen.driver == "podman-hpc" and system.mpi_launch == "pmi2":
        # podman-run(1), --preserve-fds: no other descriptors are passed on, and pmi2 is one
        raise OptionError("image", f"{image}: podman-hpc passes no pmi2 to ranks; set mpi_launch in facility.toml")
    told = (*sorted(environment), *OF_THE_STEP)
    around = Around(_home(environment), folder, told, beside=True)
    return (*container_entry(chosen, system, around), "python3", "-P")


def ranks_variables(image: str, system: System, environment: Mapping[str, str]) -> dict[str, str]:
    """What the ranks have otherwise than the job: paths as they are inside, and how MPI gets on there."""
    if image == NO_IMAGE:
        return {}
    runtime, home = _container(image, system).driver, _home(environment)
    inside = {name: path_inside(runtime, environment[name], home) for name in PLACES if name in environment}
    moved = {name: path for name, path in inside.items() if path != environment[name]}
    return moved if runtime not in EACH_IN_A_NAMESPACE else {**WITHOUT_CMA, **moved}


def _home(environment: Mapping[str, str]) -> str:
    return environment.get("HOME") or str(Path.home())


def _container(image: str, system: System) -> ImageFact:
    chosen = environment_chosen(system, image)
    if not chosen.is_container:
        raise OptionError("image", f"{image} is no container image of {system.title}")
    return chosen
