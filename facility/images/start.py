"""The command that starts a program in a container image, for each runtime. Pure.

The program's environment carries its secrets, so no value of it stands in an argument, where others could read it. The
network is the node's own in all of them: the port that a job holds is the port on which its server listens.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from facility.errors import ProfileError
from facility.image_facts import Container, ImageFact
from facility.profile import System

OF_THE_NODE = ("LD_*", "PYTHON*", "CONDA_*", "VIRTUAL_ENV")
"""Variables of the node's own programs, which would mislead those of an image."""

OF_THE_JOB = ("HOME", "USER", "LOGNAME", "LANG", "SLURM_*", "JUPYTER*", "JPY_*")
"""Variables that a job has beside those that its hub gives."""


@dataclass(frozen=True)
class Around:
    """What a program in an image shall find of its node."""

    home: str  # the person's home directory
    folder: str  # the working directory
    told: tuple[str, ...] = ()  # names of variables that it must find beside those of every job
    beside: bool = False  # whether it meets programs of other containers of its node, as MPI's ranks do


def in_container(chosen: ImageFact, system: System, home: str, told: Iterable[str]) -> list[str]:
    """How the notebook server of an image is called, without its own arguments; no shell reads them.

    home : the person's home directory, which is the server's working directory too.
    told : names of the variables that the hub gives, which the server must find.
    Raises ProfileError for an image whose runtime is not set up on this system.
    """
    facts = _facts(chosen, system)
    return [*container_entry(chosen, system, Around(home, home, tuple(told))), *(chosen.command or facts.server)]


def container_entry(chosen: ImageFact, system: System, around: Around) -> list[str]:
    """The argv by which a program runs inside an image; the program's own argv follows it.

    Raises ProfileError for an image whose runtime is not set up on this system.
    """
    facts = _facts(chosen, system)
    match chosen.driver:
        case "shifter":
            return _shifter(chosen.image, facts)
        case "podman-hpc":
            return _podman_hpc(chosen.image, facts, around)
        case _:
            return _charliecloud(chosen.image, facts, around, system.charliecloud_storage)


def path_inside(runtime: str, path: str, home: str) -> str:
    """Where a path of the node is seen inside: the same, but that Charliecloud puts the home directory elsewhere."""
    below = PurePosixPath(path)
    if runtime != "charliecloud" or not below.is_relative_to(home):
        return path
    return str(PurePosixPath("/home", PurePosixPath(home).name) / below.relative_to(home))


def _facts(chosen: ImageFact, system: System) -> Container:
    for runtime, facts in system.containers.items():
        if runtime == chosen.driver:
            return facts
    raise ProfileError(f"{chosen.image} cannot start: {chosen.driver} is not set up on {system.title}")


def _shifter(image: str, facts: Container) -> list[str]:
    """shifter(1): TYPE:TAG, as its gateway lists it. The site's own configuration mounts homes and file systems."""
    return [*(facts.program or ("shifter",)), f"--image={image}", *facts.options]


def _podman_hpc(image: str, facts: Container, around: Around) -> list[str]:
    """podman-run(1), which podman-hpc extends: only what is named of the environment gets in.

    Home and /tmp are what podman-hpc's own module for Jupyter mounts; keep-id, because Jupyter refuses to be root.
    """
    home, names = around.home, sorted({*OF_THE_JOB, *around.told} - {"PATH"})
    return [
        *(facts.program or ("podman-hpc",)), "run", "--rm", "--pull=never", "--network=host", "--userns=keep-id",
        f"--volume={home}:{home}", "--volume=/tmp:/tmp", f"--workdir={around.folder}",
        *(("--pid=host", "--ipc=host") if around.beside else ()),
        *(f"--env={name}" for name in names), *facts.options, image,
    ]  # fmt: skip


def _charliecloud(image: str, facts: Container, around: Around, storage: str) -> list[str]:
    """ch-run(1): the home directory is /home/USER inside; the image's own variables come last, so that they count.

    Processes, shared memory and the network are the node's.
    """
    hidden = (f"--unset-env={names}" for names in OF_THE_NODE)
    folder = path_inside("charliecloud", around.folder, around.home)
    return [
        *(facts.program or ("ch-run",)), f"--storage={storage}", "--home", f"--cd={folder}",
        *hidden, "--set-env", *facts.options, image, "--",
    ]  # fmt: skip
