"""Scans in NanoMegas blockfiles, read by rosettasciio, which is optional (the extra `readers`, GPL)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dask_hpc.bragg.errors import ReaderMissing, ScanError, TruncatedScan
from dask_hpc.bragg.readers.scan import Patterns, four, native, real

if TYPE_CHECKING:
    from dask.array import Array

BLOCK_HEADER = 6  # bytes before each pattern
IDENTITY = b"IMGBLO"
HEADER = struct.Struct("<6sH3I4H")  # identity, magic, two offsets, unknown, pattern size, rotation, columns, rows


@dataclass(frozen=True)
class BlockfileScan:
    """A .blo file; it is mapped, so that only the patterns asked for are read."""

    path: Path
    shape: tuple[int, int, int, int]
    dtype: np.dtype[np.generic]
    synthetic: bool = False

    def read(self, start: int, stop: int) -> Patterns:
        """See Scan."""
        lazy = _load(self.path)
        columns = self.shape[1]
        first, last = start // columns, -(-stop // columns)
        rows = np.asarray(lazy[first:last].compute(scheduler="synchronous"))
        flat = rows.reshape(-1, *self.shape[2:])
        return native(flat[start - first * columns : stop - first * columns])


def open_blockfile(path: Path) -> BlockfileScan:
    """The scan in a blockfile. Raises ReaderMissing, ScanError, TruncatedScan."""
    with path.open("rb") as file:
        head = file.read(HEADER.size)
    if len(head) < HEADER.size or not head.startswith(IDENTITY):
        raise ScanError(f"{path} is no NanoMegas blockfile: it does not start with {IDENTITY.decode()}")
    _, _, _, data_start, _, size, _, columns, rows = HEADER.unpack(head)
    needed = data_start + rows * columns * (BLOCK_HEADER + size * size)
    if path.stat().st_size < needed:
        raise TruncatedScan(
            f"{path} has {path.stat().st_size} bytes; its header promises {rows} x {columns} patterns of {size} x "
            f"{size} pixels, {needed} bytes: it is still being written, or was cut short"
        )
    lazy = _load(path)
    return BlockfileScan(path, four(lazy.shape, str(path)), real(lazy.dtype, str(path)))


def _load(path: Path) -> Array:
    """The lazy patterns."""
    try:
        from rsciio.blockfile import file_reader  # noqa: PLC0415  # optional package, loaded for these files only
    except ImportError as reason:
        raise ReaderMissing(
            f"{path} is a NanoMegas blockfile; its reader is missing here: pip install 'beamside[readers]'"
        ) from reason
    try:
        # one scan row a chunk, so that a tile of patterns loads little else
        (signal,) = file_reader(str(path), lazy=True, chunks=(1, -1, -1, -1))
    except (OSError, ValueError, IndexError, KeyError, TypeError) as reason:
        raise ScanError(f"{path} cannot be read as a blockfile: {reason}") from reason
    data: Array = signal["data"]
    return data
