"""The command that starts a program in a container image, for each runtime. Pure.

The program's environment carries its secrets, so no value of it stands in an argument, where others could read it. The
network is the node's own in all of them: the port that a job holds is the port on which its server listens.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

from facility.errors import ProfileError
from facility.image_facts import Container, ImageFact
from facility.profile import System

OF_THE_NODE = ("LD_*", "PYTHON*", "CONDA_*", "VIRTUAL_ENV")
"""Variables of the node's own programs, which would mislead those of an image."""

OF_THE_JOB = ("HOME", "USER", "LOGNAME", "LANG", "SLURM_*", "JUPYTER*", "JPY_*")
"""Variables that a job has beside those that its hub gives."""


def in_container(chosen: ImageFact, system: System, home: str, told: Iterable[str]) -> list[str]:
    """How the notebook server of an image is called, without its own arguments; no shell reads them.

    home : the person's home directory, which is the server's working directory too.
    told : names of the variables that the hub gives, which the server must find.
    Raises ProfileError for an image whose runtime is not set up on this system.
    """
    facts = next((facts for runtime, facts in system.containers.items() if runtime == chosen.driver), None)
    if facts is None:
        raise ProfileError(f"{chosen.image} cannot start: {chosen.driver} is not set up on {system.title}")
    match chosen.driver:
        case "shifter":
            entry = _shifter(chosen.image, facts)
        case "podman-hpc":
            entry = _podman_hpc(chosen.image, facts, home, told)
        case _:
            entry = _charliecloud(chosen.image, facts, home, system.charliecloud_storage)
    return [*entry, *(chosen.command or facts.server)]


def _shifter(image: str, facts: Container) -> list[str]:
    """shifter(1): TYPE:TAG, as its gateway lists it. The site's own configuration mounts homes and file systems."""
    return [*(facts.program or ("shifter",)), f"--image={image}", *facts.options]


def _podman_hpc(image: str, facts: Container, home: str, told: Iterable[str]) -> list[str]:
    """podman-run(1), which podman-hpc extends: only what is named of the environment gets in.

    Home and /tmp are what podman-hpc's own module for Jupyter mounts; keep-id, because Jupyter refuses to be root.
    """
    names = sorted({*OF_THE_JOB, *told} - {"PATH"})
    return [
        *(facts.program or ("podman-hpc",)), "run", "--rm", "--pull=never", "--network=host", "--userns=keep-id",
        f"--volume={home}:{home}", "--volume=/tmp:/tmp", f"--workdir={home}",
        *(f"--env={name}" for name in names), *facts.options, image,
    ]  # fmt: skip


def _charliecloud(image: str, facts: Container, home: str, storage: str) -> list[str]:
    """ch-run(1): the home directory is /home/USER inside; the image's own variables come last, so that they count."""
    hidden = (f"--unset-env={names}" for names in OF_THE_NODE)
    return [
        *(facts.program or ("ch-run",)), f"--storage={storage}", "--home", f"--cd=/home/{PurePosixPath(home).name}",
        *hidden, "--set-env", *facts.options, image, "--",
    ]  # fmt: skip
