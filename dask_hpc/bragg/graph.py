"""Disk finding over a Dask cluster: tiles go out as (scan record, start, stop), ragged results come back."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from distributed import CancelledError, Future, KilledWorker, as_completed

from dask_hpc.bragg.allocator import keep_freed_memory
from dask_hpc.bragg.errors import BadOption, ScanError, WorkerLost
from dask_hpc.bragg.progress import Reporter
from dask_hpc.bragg.readers.scan import Scan
from dask_hpc.bragg.tiles import Done, Recipe, Tile, cut, find_in_tile

if TYPE_CHECKING:
    from distributed import Client

RETRIES = 2
WAIT_FOR_WORKERS = 300.0  # seconds; a cluster just asked for may still be in the queue
IN_FLIGHT = 4  # tiles a thread that are out at once: the rest waits here, not in the scheduler's memory


def find_on_cluster(client: Client, scan: Scan, recipe: Recipe, report: Reporter) -> tuple[list[Tile], list[Done]]:
    """Every tile in scan order, and its disks; waits for the last one.

    Leaving early (an error, Ctrl-C) cancels the tiles that are out. Raises ScanError, WorkerLost.
    """
    _check(client, scan)
    threads = sum(client.nthreads().values())
    if not threads:
        client.wait_for_workers(1, timeout=WAIT_FOR_WORKERS)
        threads = sum(client.nthreads().values())
    tiles = cut(scan.shape[0] * scan.shape[1], threads)
    done: dict[Tile, Done] = {}
    for tile, result in _results(client, scan, recipe, tiles, IN_FLIGHT * threads):
        done[tile] = result
        report.add(tile.stop - tile.start, len(result.found.peaks))
    return tiles, [done[tile] for tile in tiles]


def find_on_worker(scan: Scan, recipe: Recipe, digest: str, tile: Tile) -> Done:
    """What a task does: see find_in_tile."""
    keep_freed_memory()
    return find_in_tile(scan, recipe, digest, tile)


def _check(client: Client, scan: Scan) -> None:
    """Refuse what cannot travel. Raises ScanError, BadOption."""
    if client.asynchronous:
        raise BadOption("find_bragg_disks waits, so it needs a synchronous client: Client(cluster)")
    if scan.path is None:
        raise ScanError(
            "these patterns are in this kernel's memory and workers read files: save them (HDF5, whole patterns "
            "a chunk) where the workers see them and pass the path, or leave out client="
        )


def _results(
    client: Client, scan: Scan, recipe: Recipe, tiles: list[Tile], in_flight: int
) -> Iterator[tuple[Tile, Done]]:
    """Tiles and their results in the order in which they end, at most `in_flight` out at once."""
    digest = recipe.digest
    waiting = iter(tiles)
    out: dict[Future[Done], Tile] = {}
    left = dict.fromkeys(tiles, RETRIES)

    def send_recipe() -> Future[Recipe]:
        there: Future[Recipe] = client.scatter(recipe, broadcast=True, hash=False)
        return there

    def submit(tile: Tile) -> Future[Done]:
        future = client.submit(find_on_worker, scan, there, digest, tile, retries=RETRIES, pure=False)
        out[future] = tile
        return future

    there = send_recipe()
    ended = as_completed([submit(tile) for tile in islice(waiting, in_flight)])
    try:
        for future in ended:
            tile = out.pop(future)
            try:
                result = future.result()
            except CancelledError as reason:
                # the recipe was on one worker only, and went with it: nothing else can make it again
                left[tile] = _one_less(left[tile], tile, scan, reason)
                if there.cancelled() or there.status == "lost":
                    client.wait_for_workers(1, timeout=WAIT_FOR_WORKERS)
                    there = send_recipe()
                ended.add(submit(tile))
                continue
            except KilledWorker as reason:
                _one_less(0, tile, scan, reason)
            following = next(waiting, None)
            if following is not None:
                ended.add(submit(following))
            yield tile, result
    finally:
        client.cancel(list(out))


def _one_less(left: int, tile: Tile, scan: Scan, reason: BaseException) -> int:
    """Tries left after one more was lost. Raises WorkerLost after the last."""
    if not left:
        raise WorkerLost(
            f"patterns {tile.start} to {tile.stop} of {scan.path} were lost with their worker several times; "
            "the workers may lack memory: see the cluster's log, or use fewer threads a worker"
        ) from reason
    return left - 1
