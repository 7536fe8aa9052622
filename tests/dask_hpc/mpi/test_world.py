"""The names of MPI's shared memory; the world itself is tested on the real Slurm."""

from __future__ import annotations

from dask_hpc.mpi.world import shared_names

MAPS = """\
7f0000000000-7f0000205000 rw-s 00000000 00:18 12 /dev/shm/mpich_shm_f3605f25_1
7f0000300000-7f0000505000 rw-s 00000000 00:18 13 /dev/shm/mpich_shar_tmpue93fr (deleted)
7f0000600000-7f0000805000 rw-s 00000000 00:18 14 /dev/shm/mpich_shm_a620f805_0 (deleted)
7f0000900000-7f0000a05000 r--p 00000000 00:18 15 /usr/lib/libc.so.6
7f0000b00000-7f0000c05000 rw-p 00000000 00:00 0
"""


def test_only_memory_that_still_has_a_name_is_found() -> None:
    """What was unlinked already, and what is not MPICH's, is left alone."""
    assert shared_names(MAPS.splitlines()) == {"/dev/shm/mpich_shm_f3605f25_1"}
