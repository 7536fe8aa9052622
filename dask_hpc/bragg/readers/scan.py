"""A scan as the finder sees it: whole patterns, read when they are needed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dask_hpc.bragg.errors import ScanError

Patterns = NDArray[np.generic]


class Scan(Protocol):
    """A four-dimensional scan. It is small and can be pickled: what travels to a worker is this, never patterns."""

    @property
    def path(self) -> Path | None:
        """The file, absolute; None for patterns that live in this process only."""

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Scan rows, scan columns, detector rows (qx), detector columns (qy)."""

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Type of a pixel, in native byte order."""

    @property
    def synthetic(self) -> bool:
        """Whether the patterns were generated, not measured."""

    def read(self, start: int, stop: int) -> Patterns:
        """Patterns start to stop in scan order (columns fastest): (n, qx, qy), C-contiguous. Raises ScanError."""


@dataclass(frozen=True, eq=False)
class ArrayScan:
    """Patterns that are in memory already."""

    patterns: Patterns
    path: Path | None = None
    synthetic: bool = False

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """See Scan."""
        return four(self.patterns.shape, "the array")

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """See Scan."""
        return self.patterns.dtype.newbyteorder("=")

    def read(self, start: int, stop: int) -> Patterns:
        """See Scan."""
        shape = self.shape
        return native(self.patterns.reshape(-1, *shape[2:])[start:stop])


def four(shape: tuple[int, ...], what: str) -> tuple[int, int, int, int]:
    """The shape of a scan. Raises ScanError for any other number of dimensions and for empty scans."""
    if len(shape) != 4 or 0 in shape:
        raise ScanError(f"{what} has shape {shape}; a scan has four: scan rows, columns, detector rows, columns")
    a, b, c, d = shape
    return a, b, c, d


def real(dtype: np.dtype[np.generic], what: str) -> np.dtype[np.generic]:
    """The pixel type in native byte order. Raises ScanError unless it is a real number."""
    if dtype.kind not in "uif":
        raise ScanError(f"{what} holds {dtype}; pixels must be integers or floating point numbers")
    return dtype.newbyteorder("=")


def native(patterns: Patterns) -> Patterns:
    """The patterns in native byte order, contiguous."""
    return np.ascontiguousarray(patterns, dtype=patterns.dtype.newbyteorder("="))
