"""On a real Dask cluster the disks are those of one process, bit by bit."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import h5py
import numpy as np
import pytest
from distributed import Client, LocalCluster

from dask_hpc.bragg import Peaks, Progress, find_bragg_disks, open_scan, synthetic_kernel, write_demo_scan
from dask_hpc.bragg.allocator import keep_freed_memory
from dask_hpc.bragg.demo_scan import demo_kernel, demo_options
from dask_hpc.bragg.errors import ScanError
from dask_hpc.bragg.synthetic import Sample
from dask_hpc.bragg.tiles import MOST, Tile, cut

SAMPLE = Sample(scan=(5, 6), detector=(64, 64))


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """Two worker processes."""
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A generated scan on disk."""
    return write_demo_scan(tmp_path_factory.mktemp("scan") / "demo.h5", SAMPLE)


@pytest.mark.parametrize("precision", ["double", "single"])
@pytest.mark.parametrize("tier", ["numpy", "numba"])
def test_a_cluster_finds_what_one_process_finds(client, path, tier, precision) -> None:
    """Bit-identical, whatever the order in which tiles end."""
    how = {**demo_options(SAMPLE), "tier": tier, "precision": precision}
    here = find_bragg_disks(path, demo_kernel(SAMPLE), **how)

    there = find_bragg_disks(path, demo_kernel(SAMPLE), client=client, **how)

    for name in ("offsets", "qx", "qy", "intensity"):
        np.testing.assert_array_equal(getattr(here, name), getattr(there, name))
    assert here.provenance == there.provenance
    assert there.synthetic


@pytest.mark.parametrize("precision", ["double", "single"])
@pytest.mark.parametrize("tier", ["numpy", "numba"])
def test_threads_and_processes_find_what_one_thread_finds(path, tmp_path, tier, precision) -> None:
    """Bit-identical: four threads at once, and a process whose libraries may use four threads."""
    how = {**demo_options(SAMPLE), "tier": tier, "precision": precision, "upsample_factor": 100}
    here = find_bragg_disks(path, demo_kernel(SAMPLE), **how)
    code = (
        "import json, sys; import numpy as np; from dask_hpc.bragg import find_bragg_disks;"
        "path, kernel, how, target = sys.argv[1:];"
        "find_bragg_disks(path, np.load(kernel), **json.loads(how)).save(target)"
    )
    np.save(tmp_path / "kernel.npy", demo_kernel(SAMPLE))
    argv = [str(path), str(tmp_path / "kernel.npy"), json.dumps(how), str(tmp_path / "there.npz")]
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"), "4")

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: find_bragg_disks(path, demo_kernel(SAMPLE), **how), range(4)))
    subprocess.run([sys.executable, "-c", code, *argv], check=True, env={**os.environ, **threads})

    for there in [*found, Peaks.load(tmp_path / "there.npz")]:
        for name in ("offsets", "qx", "qy", "intensity"):
            np.testing.assert_array_equal(getattr(here, name), getattr(there, name))


def test_a_filter_and_origins_reach_the_workers(client, path) -> None:
    """A function of the notebook travels by value; each pattern keeps its own origin."""
    origin = np.random.default_rng(1).normal(31.5, 2, (2, *SAMPLE.scan))
    how = {"filter_function": lambda pattern: pattern / 2, "radial_bksb": True, "origin": origin}

    there = find_bragg_disks(path, demo_kernel(SAMPLE), client=client, **how, **demo_options(SAMPLE))

    here = find_bragg_disks(path, demo_kernel(SAMPLE), **how, **demo_options(SAMPLE))
    np.testing.assert_array_equal(here.qx, there.qx)
    assert here.provenance == there.provenance


def test_workers_keep_what_they_free(client, path) -> None:
    """Every worker that found disks has told its C library so, where that is glibc."""
    find_bragg_disks(path, demo_kernel(SAMPLE), client=client, **demo_options(SAMPLE))

    told = client.run(lambda: keep_freed_memory.cache_info().currsize)

    assert {1} == set(told.values())
    assert keep_freed_memory() == (platform.libc_ver()[0] == "glibc")


def test_every_worker_gets_work_and_makes_its_plan_once(client, path) -> None:
    """The plan lives in an imported module: a second run with the same recipe makes none."""
    options = demo_options(SAMPLE) | {"maxNumPeaks": 33}
    find_bragg_disks(path, demo_kernel(SAMPLE), client=client, **options)

    def plans_of_this_process() -> list[int]:
        """Which plans a worker holds, by identity; sent by value, for workers do not import tests."""
        from dask_hpc.bragg import tiles  # noqa: PLC0415  # runs on the worker

        return [id(plan) for plan in tiles._plans.values()]

    before = client.run(plans_of_this_process)

    find_bragg_disks(path, demo_kernel(SAMPLE), client=client, **options)

    assert all(before.values())
    assert before == client.run(plans_of_this_process)


def test_an_unreadable_tile_ends_the_run_with_its_reason(client, path, tmp_path) -> None:
    """The reader's own error reaches the caller, naming the file."""
    broken = tmp_path / "broken.h5"
    broken.write_bytes(path.read_bytes())
    with h5py.File(broken, "r") as file:
        where = file["synthetic_root/synthetic/data"].id.get_chunk_info(0)
    raw = bytearray(broken.read_bytes())
    scan = open_scan(broken)  # before it is cut
    broken.write_bytes(raw[: where.byte_offset + 10])

    with pytest.raises(ScanError, match=r"broken.h5"):
        find_bragg_disks(scan, demo_kernel(SAMPLE), client=client, **demo_options(SAMPLE))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_worker_costs_no_disk(workers, path) -> None:
    """kill -9 in mid-run: its tiles are done again, even where the only worker took the recipe with it."""
    here = find_bragg_disks(path, demo_kernel(SAMPLE), **demo_options(SAMPLE))
    with (
        LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster) as client,
    ):
        victims = list(client.run(os.getpid).values())[:1]

        def kill(_: Progress) -> None:
            if victims:
                os.kill(victims.pop(), signal.SIGKILL)

        there = find_bragg_disks(path, demo_kernel(SAMPLE), client=client, verbose=kill, **demo_options(SAMPLE))

    np.testing.assert_array_equal(here.offsets, there.offsets)
    np.testing.assert_array_equal(here.qx, there.qx)


@pytest.mark.real_data
def test_a_real_blockfile_is_found_on_a_cluster_as_here(client, real_data: Path) -> None:
    """The measured scan, with a pattern for each task."""
    scan = open_scan(real_data / "sped-2x3x144.blo")
    options = {"sigma": 1, "edgeBoundary": 5, "minRelativeIntensity": 0.01, "minPeakSpacing": 6}
    kernel = synthetic_kernel(2.5, scan.shape[2:])

    there = find_bragg_disks(scan, kernel, client=client, **options)

    assert 420 == len(there)
    np.testing.assert_array_equal(find_bragg_disks(scan, kernel, **options).qx, there.qx)


def test_patterns_in_memory_are_not_sent_to_workers(client) -> None:
    """The refusal says what to do instead."""
    with pytest.raises(ScanError, match=r"save them .* where the workers see them"):
        find_bragg_disks(np.zeros((2, 2, 64, 64)), demo_kernel(SAMPLE), client=client)


@pytest.mark.parametrize(("patterns", "workers"), [(1, 8), (6, 4), (576, 8), (100_000, 2)])
def test_tiles_cover_a_scan_once_and_keep_all_workers_busy(patterns, workers) -> None:
    """Whole patterns, no gap, no overlap, never more than MOST."""
    tiles = cut(patterns, workers)

    assert Tile(0, min(patterns, tiles[0].stop)) == tiles[0]
    assert all(a.stop == b.start for a, b in pairwise(tiles))
    assert patterns == tiles[-1].stop
    assert all(0 < tile.stop - tile.start <= MOST for tile in tiles)
    assert len(tiles) >= min(patterns, workers)
