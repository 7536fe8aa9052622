"""A cluster's own folder beside its record: credentials, the spec its job reads, and the job's log.

The folder is made by `reserve`, and making it is what claims the name: mkdir(2) lets one maker win.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from dask_hpc.errors import NameTaken
from facility.cluster_tls import AUTHORITY, CERTIFICATE, KEY
from facility.clusters import check_name, directory

LOG = "job.log"
RECIPE = "recipe.json"
_SPEC = "spec.json"
_LISTS = ("launch", "launch_one", "launch_nodes", "python", "import_once")
_SHOWN = 4000  # bytes of a log's end that are shown
_BLOCK_LOG = re.compile(r"block-(\d+)\.log")


@dataclass(frozen=True)
class Spec:
    """What the batch job must know; no secret is in it."""

    name: str
    nodes: int
    ranks_per_node: int
    threads_per_rank: int
    memory_per_rank: int  # bytes
    network_interface: str
    launch: tuple[str, ...]  # argv that starts the ranks, up to the Python of the ranks
    python: tuple[str, ...]  # argv of that Python, up to its module; in an image, by the container's runtime
    launch_one: tuple[str, ...]  # the same for one lost rank; "{node}" stands for its node
    blocks: int  # how many the cluster begins with
    mpi_launch: str  # for the message to a person whose MPI does not speak it
    idle_timeout: float  # seconds
    no_client_timeout: float  # seconds
    close_timeout: float  # seconds
    drain_timeout: float  # seconds
    silence_timeout: float  # seconds
    gpus_per_rank: int = 0
    place: str = "job"  # of the scheduler; see `dask_hpc.deploy.placing`
    image: str = ""  # the container image that the ranks are in; empty: none
    variables: Mapping[str, str] = field(default_factory=dict)  # of the ranks in it, where they differ from the job's
    environment: str = ""  # the archive of the packed environment that the ranks are of; empty: none
    sbcast: str = ""  # the command that brings it
    launch_nodes: tuple[str, ...] = ()  # argv that starts one process on each node, beside the ranks
    job_nodes: int = 0  # of the job that the first block is a step of; 0: it is none
    mpi: bool = True  # whether the workers are ranks; else each node forks them from one process
    import_once: tuple[str, ...] = ()  # what that process imports besides

    @property
    def ranks(self) -> int:
        """How many ranks a block has: the size of its MPI world."""
        return self.nodes * self.ranks_per_node

    @property
    def inside(self) -> str:
        """What the ranks are of, in words, where their Python is not that of their maker; else empty."""
        if self.image:
            return f"image {self.image}"
        return f"environment {self.environment}" if self.environment else ""

    @property
    def mends_alone(self) -> bool:
        """Whether a lost rank can be replaced while the others of its step go on."""
        return bool(self.launch_one) or not self.mpi

    @property
    def begins_with_ranks(self) -> bool:
        """Whether the first block has ranks beside the scheduler."""
        return self.place == "job"

    @property
    def hosts(self) -> int:
        """On how many machines the processes of a cluster of one block are."""
        return self.nodes if self.begins_with_ranks else self.nodes + 1


def folder_of(name: str) -> Path:
    """Where the cluster `name` keeps its files."""
    return directory() / check_name(name)


def reserve(name: str) -> Path:
    """Claim the name by making its folder, 0700.

    Raises NameTaken where the folder is there already.
    """
    path = folder_of(name)
    try:
        path.mkdir(mode=0o700)
    except FileExistsError as error:
        raise NameTaken(
            f"a cluster named {name!r} exists: MPICluster.from_name({name!r}) joins it; or choose another name"
        ) from error
    path.chmod(0o700)  # whatever the umask was
    return path


def release(name: str) -> None:
    """Remove the folder with all that is in it; one that is not there is no error."""
    shutil.rmtree(folder_of(name), ignore_errors=True)  # a network filesystem may keep a file that is still open


def remove_credentials(name: str) -> None:
    """Delete the cluster's certificates and key; those already gone are no error."""
    for file in (KEY, CERTIFICATE, AUTHORITY):
        (folder_of(name) / file).unlink(missing_ok=True)


def write_spec(spec: Spec) -> None:
    """Leave the spec where the job finds it."""
    write_file(spec.name, _SPEC, json.dumps(asdict(spec)).encode())


def write_file(name: str, file: str, content: bytes) -> None:
    """Put a private file into the cluster's folder, so that a reader sees the old one or the new one."""
    handle, temporary = tempfile.mkstemp(dir=folder_of(name), prefix=f".{file}.")  # mkstemp makes it 0600
    with os.fdopen(handle, "wb") as target:
        target.write(content)
    Path(temporary).replace(folder_of(name) / file)


def log_of(name: str, block: int) -> Path:
    """Where the job of a block writes what it prints."""
    return folder_of(name) / (f"block-{block}.log" if block else LOG)


def read_spec(name: str) -> Spec:
    """The spec that `write_spec` left."""
    found = json.loads((folder_of(name) / _SPEC).read_text(encoding="utf-8"))
    return Spec(**{**found, **{key: tuple(found[key]) for key in _LISTS}})


def last_log_lines(name: str, lines: int = 15) -> list[str]:
    """The end of the job's log; empty where there is none yet."""
    return _end_of(folder_of(name) / LOG)[-lines:]


def block_logs(name: str) -> list[tuple[int, list[str]]]:
    """The number of each block whose job has printed something, and the end of that."""
    numbered = [(0, folder_of(name) / LOG)]
    for path in folder_of(name).glob("block-*.log"):
        if found := _BLOCK_LOG.fullmatch(path.name):
            numbered.append((int(found[1]), path))
    return [(number, lines) for number, path in sorted(numbered) if (lines := _end_of(path))]


def _end_of(log: Path) -> list[str]:
    try:
        with log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - _SHOWN))
            return file.read().decode(errors="replace").splitlines()
    except OSError:
        return []  # no log is no reason to hide the error that asks for it
