"""A run that a real Dask cluster holds: its disks are those of one process, bit by bit, whatever was lost meanwhile."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from distributed import Client, LocalCluster

from beamside.demo.processes import wait_until
from dask_hpc.bragg import BraggRun, Peaks, find_bragg_disks, start_bragg_disks, write_demo_scan
from dask_hpc.bragg.demo_scan import demo_kernel, demo_options
from dask_hpc.bragg.errors import BadOption, JournalError, RunCancelled, RunLost, RunMissing, ScanError
from dask_hpc.bragg.synthetic import Sample

SAMPLE = Sample(scan=(5, 6), detector=(64, 64))
OPTIONS = {**demo_options(SAMPLE), "tier": "numpy"}
KERNEL = demo_kernel(SAMPLE)


@contextmanager
def cluster_of(workers: int) -> Iterator[Client]:
    """A client of worker processes with a thread each."""
    with (
        LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """Two worker processes."""
    with cluster_of(2) as client:
        yield client


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    """A generated scan on disk."""
    return write_demo_scan(tmp_path_factory.mktemp("scan") / "demo.h5", SAMPLE)


@pytest.fixture(scope="module")
def serial(path) -> Peaks:
    """What one process finds."""
    return find_bragg_disks(path, KERNEL, **OPTIONS)


def slowly(flag: Path):
    """A filter that holds each pattern back until the flag is there; it changes nothing."""
    return hold_back_after(0, flag)


def hold_back_after(patterns: int, flag: Path):
    """A filter that lets so many patterns of a process through, and the others when the flag is there."""
    name, seen = str(flag), []

    def hold_back(pattern):
        import time  # noqa: PLC0415  # it travels to workers by value
        from pathlib import Path  # noqa: PLC0415

        seen.append(1)
        while len(seen) > patterns and not Path(name).exists():
            time.sleep(0.01)
        return pattern

    return hold_back


def full_disk_after(patterns: int, flag: Path):
    """A filter that lets no file of its process grow after so many patterns, unless the flag is there."""
    name, seen = str(flag), []

    def fill(pattern):
        import resource  # noqa: PLC0415  # it travels to workers by value
        from pathlib import Path  # noqa: PLC0415

        seen.append(1)
        room = 100 if len(seen) > patterns and not Path(name).exists() else resource.RLIM_INFINITY
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
        return pattern

    return fill


def assert_same(here: Peaks, there: Peaks) -> None:
    """Bit by bit."""
    for name in ("offsets", "qx", "qy", "intensity"):
        np.testing.assert_array_equal(getattr(here, name), getattr(there, name))


@pytest.mark.parametrize("precision", ["double", "single"])
@pytest.mark.parametrize("tier", ["numpy", "numba"])
def test_a_run_finds_what_one_process_finds(client, path, tmp_path, tier, precision) -> None:
    """Bit-identical and with the same provenance, though its tiles are visited in another order and go over a disk."""
    how = {**demo_options(SAMPLE), "tier": tier, "precision": precision}

    run = start_bragg_disks(path, KERNEL, client=client, journal=tmp_path, **how)
    there = run.result(60)

    here = find_bragg_disks(path, KERNEL, **how)
    assert_same(here, there)
    assert here.provenance == there.provenance
    assert here.qx.dtype == there.qx.dtype
    assert ("finished", 30, 30) == (run.progress.state, run.progress.patterns, run.progress.fresh)


def test_a_run_begins_at_once_and_shows_what_it_has(client, path, serial, tmp_path) -> None:
    """The call comes back while no pattern is done; partial results grow, each as it will stay."""
    flag = tmp_path / "go"
    run = start_bragg_disks(path, KERNEL, client=client, journal=tmp_path, filter_function=slowly(flag), **OPTIONS)

    assert ("running", 0) == (run.progress.state, run.progress.patterns)
    assert run.progress.left is None
    assert "0 of 30 patterns" in repr(run)
    assert not run.partial().found.any()
    with pytest.raises(TimeoutError, match=r"has not ended within 0.1 s; it goes on"):
        run.result(0.1)
    flag.touch()
    told = []
    assert_same(serial, run.result(60, tell=told.append))
    assert told[-1].patterns == 30
    assert told[-1].rate > 0
    assert run.partial().found.all()
    assert_same(serial, run.partial().peaks)


def test_another_kernel_joins_by_name(client, path, serial, tmp_path) -> None:
    """Two kernels wait for one run; the second knows its name and the cluster's address only."""
    flag = tmp_path / "go"
    run = start_bragg_disks(
        path, KERNEL, client=client, name="tonight", journal=tmp_path, filter_function=slowly(flag), **OPTIONS
    )
    program = f"""
import json
from pathlib import Path
from distributed import Client
from dask_hpc.bragg import BraggRun
with Client({client.scheduler.address!r}) as client:
    run = BraggRun.from_name("tonight", client)
    before = run.progress.state
    Path({str(flag)!r}).touch()
    peaks = run.result(60)
    print(json.dumps([before, run.progress.fresh, peaks.qx.tolist()]))
"""
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, timeout=100)

    before, fresh, qx = json.loads(done.stdout)
    assert ("running", 30) == (before, fresh)
    np.testing.assert_array_equal(serial.qx, qx)
    assert_same(serial, run.result(60))


def test_the_kernel_that_began_a_run_may_end(client, path, serial, tmp_path) -> None:
    """kill -9: the cluster finds all disks for nobody, and whoever asks later has them."""
    program = f"""
import os, signal
from distributed import Client
from dask_hpc.bragg import start_bragg_disks
from dask_hpc.bragg.demo_scan import demo_kernel, demo_options
from dask_hpc.bragg.synthetic import Sample
sample = Sample(scan=(5, 6), detector=(64, 64))
client = Client({client.scheduler.address!r})
options = demo_options(sample) | {{"tier": "numpy"}}
start_bragg_disks({str(path)!r}, demo_kernel(sample), client=client, name="left", journal={str(tmp_path)!r}, **options)
os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", program], timeout=100, check=False)

    run = BraggRun.from_name("left", client)

    assert_same(serial, run.result(60))
    assert (run.progress.fresh, run.progress.patterns) == (30, 30)


def test_the_same_call_joins_the_run_that_is_there(client, path, tmp_path) -> None:
    """A cell that is run again finds nothing anew; other options make another run, and cannot take its name."""
    first = start_bragg_disks(path, KERNEL, client=client, journal=tmp_path, **OPTIONS)
    first.result(60)
    files = sorted(first.folder.glob("*.journal"))

    again = start_bragg_disks(path, KERNEL, client=client, journal=tmp_path, **OPTIONS)
    other = start_bragg_disks(path, KERNEL, client=client, journal=tmp_path, **{**OPTIONS, "sigma": 1})

    again.result(60)
    assert first.folder == again.folder
    assert files == sorted(first.folder.glob("*.journal"))
    assert other.folder != first.folder
    with pytest.raises(BadOption, match=f"a run named '{first.name}' is there already"):
        start_bragg_disks(path, KERNEL, client=client, journal=tmp_path, name=first.name, **{**OPTIONS, "sigma": 1})


async def test_a_run_can_be_awaited(client, path, serial, tmp_path) -> None:
    """In a notebook's cell, while the kernel's event loop goes on."""
    flag = tmp_path / "go"
    run = start_bragg_disks(path, KERNEL, client=client, journal=tmp_path, filter_function=slowly(flag), **OPTIONS)

    async def let_go() -> None:
        flag.touch()

    peaks, _ = await asyncio.gather(run, let_go())

    assert_same(serial, peaks)


def test_a_cancelled_run_keeps_what_it_has_and_can_go_on(client, path, serial, tmp_path) -> None:
    """Whoever waits is told; joining it does not wake it up, calling it again does."""
    flag = tmp_path / "go"
    how = {**OPTIONS, "filter_function": slowly(flag), "client": client, "journal": tmp_path, "name": "stopped"}
    run = start_bragg_disks(path, KERNEL, **how)

    run.cancel()

    with pytest.raises(RunCancelled, match="start_bragg_disks with the same options goes on"):
        run.result(60)
    assert "cancelled" == BraggRun.from_name("stopped", client).progress.state
    flag.touch()
    assert_same(serial, start_bragg_disks(path, KERNEL, **how).result(60))


def test_a_removed_run_is_gone(client, path, tmp_path) -> None:
    """Its folder and its name are free again."""
    run = start_bragg_disks(path, KERNEL, client=client, name="gone", journal=tmp_path, **OPTIONS)
    run.result(60)

    run.remove()

    assert not run.folder.exists()
    with pytest.raises(RunLost, match="does not hold run gone"):
        run.result(60)
    with pytest.raises(RunMissing, match="there is no run 'gone'"):
        BraggRun.from_name("gone", client, journal=tmp_path)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_worker_costs_no_disk(workers, path, serial, tmp_path) -> None:
    """kill -9 with tiles in its hands, and some in the journal: those in the journal are not found again."""
    with cluster_of(workers) as client:
        flag = tmp_path / "go"
        run = start_bragg_disks(path, KERNEL, client=client, journal=tmp_path, filter_function=slowly(flag), **OPTIONS)
        victims = list(client.run(os.getpid).values())
        os.kill(victims[0], signal.SIGKILL)
        flag.touch()

        assert_same(serial, run.result(60))
        assert 30 == run.progress.fresh


def test_another_cluster_goes_on_with_what_is_missing(path, serial, tmp_path) -> None:
    """A cluster goes with its scheduler in mid-run; the next finds the tiles that the journal lacks, and no other."""
    flag = tmp_path / "go"
    with cluster_of(1) as client:
        run = start_bragg_disks(
            path,
            KERNEL,
            client=client,
            name="lost",
            journal=tmp_path,
            filter_function=hold_back_after(20, flag),
            **OPTIONS,
        )
        wait_until(lambda: run.progress.patterns >= 16, seconds=60, otherwise=lambda: repr(run))
        before = run.partial()
    with pytest.raises(RunLost, match=r"BraggRun.from_name"):
        run.result(60)
    after = run.partial()
    flag.touch()

    with cluster_of(2) as client:
        run = BraggRun.from_name("lost", client, journal=tmp_path)
        assert_same(serial, run.result(60))

        assert 16 == before.found.sum() == after.found.sum()
        assert 14 == run.progress.fresh


def test_a_full_disk_ends_a_run_in_words_and_loses_nothing(path, serial, tmp_path) -> None:
    """What is written stays; with room again the run goes on with the rest."""
    with cluster_of(1) as client:
        flag = tmp_path / "room"
        # Python leaves SIGXFSZ ignored, so that a file that may not grow is an error like any other
        run = start_bragg_disks(
            path, KERNEL, client=client, name="full", journal=tmp_path, filter_function=full_disk_after(20, flag),
            **OPTIONS,
        )  # fmt: skip
        with pytest.raises(JournalError, match=f"takes no more: {os.strerror(errno.EFBIG)}; what it holds is kept"):
            run.result(60)
        assert 16 == run.partial().found.sum()
        flag.touch()
        run = BraggRun.from_name("full", client)

        assert_same(serial, run.result(60))
        assert 14 == run.progress.fresh


def test_a_damaged_journal_costs_the_damaged_tiles_only(client, path, serial, tmp_path) -> None:
    """A torn last record in the file of a worker that goes on writing: its tile is found again, and no other."""
    run = start_bragg_disks(path, KERNEL, client=client, journal=tmp_path, **OPTIONS)
    run.result(60)
    client.run_on_scheduler(_forget, str(run.folder))
    journal = max(run.folder.glob("*.journal"), key=lambda file: file.stat().st_size)
    journal.write_bytes(journal.read_bytes()[:-5])
    kept = run.partial().found.sum()

    run = BraggRun.from_name(run.name, client, journal=tmp_path)

    assert_same(serial, run.result(60))
    assert 0 < run.progress.fresh == 30 - kept < 30


async def _forget(folder: str, dask_scheduler) -> None:
    from dask_hpc.bragg.runs.keeper import forget  # noqa: PLC0415  # it travels to the scheduler by value

    await forget(folder, dask_scheduler)


def test_a_scan_that_has_changed_is_not_gone_on_with(client, path, tmp_path) -> None:
    """Half of one file's disks and half of another's would be a wrong result."""
    scan = tmp_path / "scan.h5"
    scan.write_bytes(path.read_bytes())
    run = start_bragg_disks(scan, KERNEL, client=client, journal=tmp_path, **OPTIONS)
    run.result(60)
    client.run_on_scheduler(_forget, str(run.folder))
    os.utime(scan, (time.time(), time.time() + 5))

    with pytest.raises(ScanError, match="has changed since this run began"):
        BraggRun.from_name(run.name, client, journal=tmp_path)


def test_an_unreadable_tile_ends_the_run_with_its_reason(client, path, tmp_path) -> None:
    """The reader's own error reaches every kernel that waits."""
    broken = tmp_path / "broken.h5"
    broken.write_bytes(path.read_bytes())
    from dask_hpc.bragg import open_scan  # noqa: PLC0415

    scan = open_scan(broken)
    broken.write_bytes(path.read_bytes()[:5000])

    run = start_bragg_disks(scan, KERNEL, client=client, journal=tmp_path, **OPTIONS)

    with pytest.raises(ScanError, match=r"broken.h5"):
        run.result(60)
    assert "failed" == run.progress.state


def test_a_restarted_client_does_not_end_a_run(path, serial, tmp_path) -> None:
    """`client.restart()` takes every worker and every task away; the run goes on."""
    with cluster_of(2) as client:
        flag = tmp_path / "go"
        run = start_bragg_disks(path, KERNEL, client=client, journal=tmp_path, filter_function=slowly(flag), **OPTIONS)
        client.restart()
        flag.touch()

        assert_same(serial, run.result(60))


@pytest.mark.parametrize("name", ["", "../elsewhere", "a/b", "-x", "é"])
def test_a_name_is_a_plain_word(client, path, tmp_path, name) -> None:
    """It becomes a folder, and no other one."""
    with pytest.raises(BadOption, match="is no name of a run"):
        start_bragg_disks(path, KERNEL, client=client, journal=tmp_path, name=name, **OPTIONS)
    assert not list(tmp_path.iterdir())


def test_a_place_that_takes_nothing_begins_nothing(client, path, tmp_path) -> None:
    """The message names the keyword that names another."""
    (tmp_path / "file").touch()

    with pytest.raises(JournalError, match=r"nothing was begun: .* journal="):
        start_bragg_disks(path, KERNEL, client=client, journal=tmp_path / "file", **OPTIONS)


def test_a_run_waits_for_workers_that_are_still_to_come(path, serial, tmp_path) -> None:
    """As in a cluster whose jobs wait in the queue: it says so, and begins when one is there."""
    with cluster_of(0) as client:
        run = start_bragg_disks(path, KERNEL, client=client, journal=tmp_path, **OPTIONS)
        assert "it waits for workers" in repr(run)
        client.cluster.scale(1)

        assert_same(serial, run.result(60))
