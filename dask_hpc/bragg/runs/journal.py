"""The journal of a run: what was found, written down tile by tile, so that no loss of a process costs more than a tile.

Each worker process appends to a file of its own, so that no two ever write to one. A record is a head (MARK, CRC-32 and
length of what follows) and a body: patterns start to stop, tier, refinement, then `counts` as int32 and `peaks` as they
were found, all little-endian. A record that is cut short or damaged is passed over, and its tile found again.
"""

from __future__ import annotations

import os
import secrets
import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import cast

import numpy as np

from dask_hpc.bragg.errors import JournalError
from dask_hpc.bragg.kernels import Found, Tier
from dask_hpc.bragg.options import Subpixel
from dask_hpc.bragg.tiles import Done, Made, Tile

MARK = b"BRG1"
HEAD = struct.Struct("<4sIQ")  # MARK, CRC-32 of the body, length of the body
BODY = struct.Struct("<QQQB12s12s")  # start, stop, disks, bytes of a number, tier, refinement
SUFFIX = ".journal"


class Writer:
    """One process's file of a run's journal.

    It is opened for each record and closed after it, which makes a network filesystem show the record elsewhere.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = self._new()
        self._lock = Lock()  # a worker's threads append to one file

    def append(self, tile: Tile, done: Done) -> str:
        """Write the disks of a tile down; the name of the file is the answer. Raises JournalError."""
        record = _record(tile, done)
        with self._lock:
            try:
                with self._path.open("ab", buffering=0) as file:
                    _write_whole(file.fileno(), record)
            except OSError as reason:
                self._path = self._new()  # nothing follows a torn record
                raise JournalError(
                    f"the journal {self._folder} takes no more: {reason.strerror}; what it holds is kept: make room "
                    f"there, then go on with BraggRun.from_name({self._folder.name!r}, client)"
                ) from reason
            return self._path.name

    def _new(self) -> Path:
        return self._folder / f"{secrets.token_hex(8)}{SUFFIX}"


def records(folder: Path, besides: Iterable[str] = ()) -> Iterator[tuple[Tile, Done]]:
    """Every tile that is written down whole, and its disks; one that was found twice comes twice.

    `besides` names files that are known to be there, for a network filesystem may list a folder as it was a minute ago.
    Raises JournalError where a file cannot be read.
    """
    try:
        names = {path.name for path in folder.glob(f"*{SUFFIX}")} | set(besides)
        for name in sorted(names):
            with suppress(FileNotFoundError):  # somebody has removed it; its tiles are found again
                yield from _whole((folder / name).read_bytes())
    except OSError as reason:
        raise JournalError(f"the journal {folder} cannot be read: {reason}") from reason


def _write_whole(file: int, record: bytes) -> None:
    """A disk that fills up takes a part first, and refuses the next."""
    left = memoryview(record)
    while left:
        left = left[os.write(file, left) :]


def _record(tile: Tile, done: Done) -> bytes:
    counts, peaks = done.found.counts, done.found.peaks
    size = peaks.dtype.itemsize
    fields = BODY.pack(tile.start, tile.stop, len(peaks), size, done.made.tier.encode(), done.made.refinement.encode())
    body = fields + counts.astype("<i4").tobytes() + np.ascontiguousarray(peaks, dtype=f"<f{size}").tobytes()
    return HEAD.pack(MARK, zlib.crc32(body), len(body)) + body


def _whole(data: bytes) -> Iterator[tuple[Tile, Done]]:
    """The records that are whole; after one that is not, the next that begins with MARK."""
    at = 0
    while 0 <= at <= len(data) - HEAD.size:
        mark, crc, length = HEAD.unpack_from(data, at)
        body = memoryview(data)[at + HEAD.size : at + HEAD.size + length]
        if mark == MARK and len(body) == length and zlib.crc32(body) == crc:
            yield _loaded(body)
            at += HEAD.size + length
        else:
            at = data.find(MARK, at + 1)


def _loaded(body: memoryview) -> tuple[Tile, Done]:
    start, stop, disks, size, tier, refinement = BODY.unpack_from(body)
    counts = np.frombuffer(body, "<i4", stop - start, BODY.size)
    peaks = np.frombuffer(body, f"<f{size}", 3 * disks, BODY.size + counts.nbytes).reshape(disks, 3)
    # each name was one of these when it was written, and the checksum says that it still is
    made = Made(cast("Tier", _text(tier)), cast("Subpixel", _text(refinement)))
    return Tile(start, stop), Done(Found(counts.astype(np.int64), peaks), made)


def _text(padded: bytes) -> str:
    return padded.rstrip(b"\0").decode()
