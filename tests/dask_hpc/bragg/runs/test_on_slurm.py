"""A run on a cluster of MPI ranks in batch jobs: begun by one kernel, taken by another, finished by another cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.dask_hpc.kernels import joined

if TYPE_CHECKING:
    from tests.dask_hpc.conftest import Notebooks

pytestmark = pytest.mark.slurm

BRAGG = """
import pathlib
from dask_hpc.bragg import BraggRun, find_bragg_disks, start_bragg_disks, write_demo_scan
from dask_hpc.bragg.demo_scan import demo_kernel, demo_options
from dask_hpc.bragg.errors import RunLost
from dask_hpc.bragg.synthetic import Sample
sample = Sample(scan=(5, 6), detector=(64, 64))
kernel, options = demo_kernel(sample), demo_options(sample) | {"tier": "numpy"}
room = pathlib.Path(os.environ["XDG_STATE_HOME"]) / "scans"
scan, flag = room / "demo.h5", room / "go"
def hold_back_after(patterns):
    name, seen = str(flag), []
    def hold_back(pattern):
        import pathlib, time
        seen.append(1)
        while len(seen) > patterns and not pathlib.Path(name).exists():
            time.sleep(0.02)
        return pattern
    return hold_back
def same(peaks):
    here = find_bragg_disks(scan, kernel, **options)
    return all((getattr(here, name) == getattr(peaks, name)).all() for name in ("offsets", "qx", "qy", "intensity"))
"""


def test_a_run_outlives_its_kernel_a_rank_and_its_cluster(ana: Notebooks) -> None:
    """Each tile is found once, and the disks are those of one process, bit by bit."""
    size = ("--ranks-per-node", "2", "--qos", "regular")
    with ana.cluster("held", *size):
        state = ana.kernel(
            joined("held")
            + BRAGG
            + """
until(lambda: is_whole(1))
room.mkdir()
write_demo_scan(scan, sample)
run = start_bragg_disks(scan, kernel, client=client, name="tonight", filter_function=hold_back_after(6), **options)
until(lambda: run.progress.patterns >= 8)
answer = run.progress.state
"""
        )
        assert state == "running"
        before, words, during = ana.kernel(
            joined("held")
            + BRAGG
            + """
run = BraggRun.from_name("tonight", client)
before = run.progress.patterns
workers = client.scheduler_info(n_workers=-1)["workers"]
address = next(one for one, worker in workers.items() if worker["name"] == "0-1")
os.kill(client.run(os.getpid, workers=[address])[address], signal.SIGKILL)
until(lambda: "0-1" not in cluster.plan and is_whole(1))
during = run.progress.patterns
os.kill(client.run_on_scheduler(os.getpid), signal.SIGKILL)
try:
    run.result(90)
except RunLost as error:
    answer = [before, str(error), during]
"""
        )
        assert 8 <= before <= during < 30
        assert "BraggRun.from_name(name, client) goes on in another cluster" in words
    with ana.cluster("held-again", *size):
        fresh, total, alike = ana.kernel(
            joined("held-again")
            + BRAGG
            + """
kept = int(BraggRun.from_name("tonight", client).partial().found.sum())
flag.touch()
run = BraggRun.from_name("tonight", client)
peaks = run.result(120)
progress = run.progress
answer = [progress.fresh, progress.patterns - kept, same(peaks)]
run.remove()
scan.unlink(), flag.unlink()
"""
        )

    assert 0 < fresh == total
    assert alike
