"""The journal gives back what was written whole, bit by bit, and nothing else, whatever happened to its files."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dask_hpc.bragg.errors import JournalError, RunMissing
from dask_hpc.bragg.kernels import Found
from dask_hpc.bragg.runs import journal
from dask_hpc.bragg.runs.folder import coarse_to_fine, read_plan
from dask_hpc.bragg.runs.journal import Writer, records
from dask_hpc.bragg.tiles import Done, Made, Tile, cut

TILES = cut(100, 3)


def found(tile: Tile, dtype: str = "f8") -> Done:
    """Made-up disks of a tile, some patterns without any."""
    chance = np.random.default_rng(tile.start)
    counts = chance.integers(0, 4, tile.stop - tile.start)
    return Done(Found(counts, chance.normal(30, 9, (counts.sum(), 3)).astype(dtype)), Made("numba", "multicorr"))


def assert_same(here: Done, there: Done) -> None:
    """Bit by bit, types too."""
    assert here.made == there.made
    for a, b in zip(here.found, there.found, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_what_is_written_is_read(tmp_path, dtype) -> None:
    """By several threads of one process, and by two processes' files."""
    writers = [Writer(tmp_path), Writer(tmp_path)]
    with ThreadPoolExecutor(4) as pool:
        names = set(pool.map(lambda tile: writers[tile.start % 2].append(tile, found(tile, dtype)), TILES))

    read = dict(records(tmp_path))

    assert set(TILES) == set(read)
    assert {path.name for path in tmp_path.iterdir()} == names
    for tile in TILES:
        assert_same(found(tile, dtype), read[tile])


@given(cut_at=st.integers(0, 3000), flipped=st.integers(0, 3000))
def test_damage_costs_the_damaged_records_only(tmp_path_factory, cut_at, flipped) -> None:
    """Any cut and any flipped bit: at most one tile is missing besides those cut off, and no wrong one is read."""
    folder = tmp_path_factory.mktemp("journal")
    writer = Writer(folder)
    ends = []
    for tile in TILES:
        path = folder / writer.append(tile, found(tile))
        ends.append(path.stat().st_size)
    data = bytearray(path.read_bytes())
    data[flipped % len(data)] ^= 1
    path.write_bytes(data[: max(len(data) - cut_at, 0)])
    writer.append(Tile(100, 103), found(Tile(100, 103)))

    read = dict(records(folder))

    uncut = sum(end <= len(data) - cut_at for end in ends)
    assert Tile(100, 103) in read
    assert len(read) - 1 >= uncut - 1
    for tile, done in read.items():
        assert_same(found(tile), done)


def test_a_write_that_fails_in_the_middle_spoils_no_other(tmp_path, monkeypatch) -> None:
    """A disk takes half of a record, then nothing, then there is room again."""
    writer = Writer(tmp_path)
    writer.append(TILES[0], found(TILES[0]))
    write = journal.os.write

    def fill_up(file: int, data: memoryview) -> int:
        if len(data) < 100:
            raise OSError(28, "No space left on device")
        return write(file, data[: len(data) // 2])

    monkeypatch.setattr(journal.os, "write", fill_up)
    with pytest.raises(JournalError, match=r"takes no more: No space left on device; what it holds is kept: make room"):
        writer.append(TILES[1], found(TILES[1]))
    monkeypatch.undo()
    writer.append(TILES[2], found(TILES[2]))

    assert {TILES[0], TILES[2]} == set(dict(records(tmp_path)))


def test_a_file_that_was_only_named_is_no_error(tmp_path) -> None:
    """Somebody has removed it: its tiles are found again."""
    assert [] == list(records(tmp_path, ["gone.journal"]))


@pytest.mark.parametrize("tiles", [1, 2, 3, 64, 100])
def test_tiles_are_visited_coarse_to_fine(tiles) -> None:
    """Each once; after any number of them the largest gap is at most four times that of an even grid."""
    every = [Tile(number, number + 1) for number in range(tiles)]

    order = [tile.start for tile in coarse_to_fine(every)]

    assert sorted(order) == list(range(tiles))
    for done in range(1, tiles):
        visited = sorted(order[:done])
        assert max(np.diff([*visited, tiles])) <= 4 * tiles / done


def test_a_folder_that_is_no_run_is_named(tmp_path) -> None:
    """Nothing there, and something that cannot be read."""
    with pytest.raises(RunMissing, match="there is no run 'night'"):
        read_plan(tmp_path / "night")
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(JournalError, match="remove the folder and begin again"):
        read_plan(tmp_path)
