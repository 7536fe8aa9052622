"""One rank's entry into the MPI world: all ranks see one another, or a message says what to change."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_LOOK_SECONDS = 0.01
_MAPS = Path("/proc/self/maps")
_MPICH_MEMORY = "/dev/shm/mpich_shm_"  # noqa: S108 - MPICH's name, not a file of ours


class WrongMpi(Exception):
    """The ranks that were started do not see one another."""


@dataclass(frozen=True)
class World:
    """This rank's place among those of its step."""

    rank: int
    size: int


def has_mpi() -> bool:
    """Whether this Python has mpi4py; a laptop with one rank needs none."""
    return importlib.util.find_spec("mpi4py") is not None


def enter_world(expected: int, mpi_launch: str, inside: str = "") -> World:
    """Initialise MPI and prove, by one collective, that all ranks of the step are in COMM_WORLD.

    inside : the image or environment that this process is of, whose MPI then counts; empty where that is none.

    Raises WrongMpi, naming the cure, where MPI sees another world than the one that was started.
    """
    if expected == 1 and not has_mpi():
        return World(0, 1)
    import mpi4py  # noqa: PLC0415 - a laptop with one rank needs none

    # With it, the first pickled reduction on a communicator duplicates that while holding the GIL, which would stop
    # the worker's event loop until every rank has come.
    mpi4py.rc.fast_reduce = False
    from mpi4py import MPI  # noqa: PLC0415 - importing it initialises MPI, which is this function's work

    world = MPI.COMM_WORLD
    if world.size != expected:
        library = MPI.Get_library_version().splitlines()[0].strip("\0 ")
        elsewhere = f"build {inside} with an MPI that does" if inside else "select another MPI in mpi_prologue"
        raise WrongMpi(
            f"MPI sees a world of {world.size} rank, but {expected} ranks were started with --mpi={mpi_launch}: "
            f"this MPI ({library}) does not speak {mpi_launch}. Set mpi_launch of the system in facility.toml to what "
            f"it speaks (pmi2 for PyPI's mpich; `srun --mpi=list` names what Slurm offers), or {elsewhere}."
        )
    if MPI.Query_thread() != MPI.THREAD_MULTIPLE:
        raise WrongMpi("this MPI grants no MPI_THREAD_MULTIPLE, so tasks could not call it; select another MPI")
    world.Barrier()
    _forget_names()
    return World(world.rank, world.size)


def meet(world: World) -> None:
    """Wait until every rank of the step has come here, and leave the cores to others meanwhile."""
    if world.size == 1:
        return
    from mpi4py import MPI  # noqa: PLC0415 - as above

    request = MPI.COMM_WORLD.Ibarrier()
    while not request.Test():
        time.sleep(_LOOK_SECONDS)


def shared_names(maps: Iterable[str]) -> set[str]:
    """The files of MPICH's shared memory among the lines of proc(5)'s maps."""
    paths = (line.split(maxsplit=5)[5].strip() for line in maps if _MPICH_MEMORY in line)
    return {path for path in paths if not path.endswith("(deleted)")}


def _forget_names() -> None:
    """Remove the names of the memory that all ranks of the node have opened by now, and keep the memory.

    MPICH names it after job and step id and removes the name at MPI_Finalize only. A name that killed ranks left
    would stop another user's job with the same id: ids begin anew with a new Slurm, and two of them may share a host.
    """
    if _MAPS.exists():
        for name in shared_names(_MAPS.read_text(encoding="utf-8").splitlines()):
            Path(name).unlink(missing_ok=True)
