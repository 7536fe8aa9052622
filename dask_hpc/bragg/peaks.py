"""The disks of a scan: a ragged table, as flat arrays and offsets."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dask_hpc.bragg.errors import BadOption, ScanError
from dask_hpc.bragg.options import BraggOptions

Floats = NDArray[np.floating]
Provenance = Mapping[str, object]


class Disks(NamedTuple):
    """Disks of one pattern, brightest first; each field is (n,)."""

    qx: Floats
    """Detector row, pixels; pixel centres lie on integers."""
    qy: Floats
    """Detector column, pixels."""
    intensity: Floats
    """Height of the correlation, arbitrary units."""


@dataclass(frozen=True)
class Peaks:
    """Bragg disks of every pattern of a scan: those of pattern i stand from offsets[i] to offsets[i + 1]."""

    scan_shape: tuple[int, int]
    """Scan positions: rows, columns."""
    pattern_shape: tuple[int, int]
    """Detector pixels: rows (qx), columns (qy)."""
    offsets: NDArray[np.int64]
    """(rows * columns + 1,), patterns in scan order, columns running fastest."""
    qx: Floats
    qy: Floats
    intensity: Floats
    provenance: Provenance = field(default_factory=dict)
    """How they were made: input, options, versions, tier."""

    def __post_init__(self) -> None:
        """Refuse arrays that do not belong together. Raises ScanError."""
        patterns = self.scan_shape[0] * self.scan_shape[1]
        disks = {len(self.qx), len(self.qy), len(self.intensity), int(self.offsets[-1])}
        if len(self.offsets) != patterns + 1 or len(disks) != 1:
            raise ScanError(
                f"peaks of {len(self.offsets) - 1} patterns with {sorted(disks)} disks do not make a scan of "
                f"{self.scan_shape[0]} x {self.scan_shape[1]}; the file or the tiles are incomplete"
            )

    def __len__(self) -> int:
        """Number of disks in the whole scan."""
        return len(self.qx)

    def __getitem__(self, position: tuple[int, int]) -> Disks:
        """Disks at one scan position (row, column)."""
        rows, columns = self.scan_shape
        row, column = position
        if not (-rows <= row < rows and -columns <= column < columns):
            raise IndexError(f"position {position} lies outside the scan of {rows} x {columns}")
        pattern = (row % rows) * columns + column % columns
        part = slice(self.offsets[pattern], self.offsets[pattern + 1])
        return Disks(self.qx[part], self.qy[part], self.intensity[part])

    @property
    def synthetic(self) -> bool:
        """Whether the scan was generated, not measured; pictures say so."""
        return bool(self.provenance.get("synthetic", False))

    @property
    def options(self) -> BraggOptions:
        """The options that these disks were found with. Raises BadOption where that is not known."""
        options = self.provenance.get("options")
        if not isinstance(options, dict):
            raise BadOption("these peaks do not say with which options they were found; find_bragg_disks notes them")
        if options.get("filter_function"):
            raise BadOption(
                "these disks were found through a filter function, of which only the text is kept, in "
                "provenance['options']; define it again and name the options yourself"
            )
        return BraggOptions.from_keywords(**options)

    def counts(self) -> NDArray[np.int64]:
        """Number of disks at each scan position: (rows, columns)."""
        return np.diff(self.offsets).reshape(self.scan_shape)

    def pattern_of_disk(self) -> NDArray[np.int64]:
        """Flat scan position of each disk: (disks,)."""
        return np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))

    def save(self, path: str | Path) -> None:
        """Write everything to one compressed .npz file."""
        with Path(path).open("wb") as file:
            np.savez_compressed(
                file,
                scan_shape=self.scan_shape,
                pattern_shape=self.pattern_shape,
                offsets=self.offsets,
                qx=self.qx,
                qy=self.qy,
                intensity=self.intensity,
                provenance=json.dumps(dict(self.provenance)),
            )

    @classmethod
    def load(cls, path: str | Path) -> Peaks:
        """Peaks written by `save`. Raises ScanError."""
        try:
            with np.load(path, allow_pickle=False) as stored:
                return cls(
                    scan_shape=_pair(stored["scan_shape"]),
                    pattern_shape=_pair(stored["pattern_shape"]),
                    offsets=stored["offsets"],
                    qx=stored["qx"],
                    qy=stored["qy"],
                    intensity=stored["intensity"],
                    provenance=json.loads(str(stored["provenance"])),
                )
        except FileNotFoundError:
            raise
        except (KeyError, ValueError, OSError, EOFError) as reason:
            raise ScanError(f"{path} holds no peaks; it must be a file that Peaks.save wrote ({reason})") from reason


def join(counts: Sequence[NDArray[np.int64]], tables: Sequence[Floats]) -> tuple[NDArray[np.int64], Floats]:
    """Offsets and one table from the counts and tables of consecutive tiles."""
    offsets = np.concatenate([[0], np.cumsum(np.concatenate(counts))]).astype(np.int64)
    return offsets, np.concatenate(tables)


def _pair(values: NDArray[np.int64]) -> tuple[int, int]:
    first, second = values
    return int(first), int(second)
