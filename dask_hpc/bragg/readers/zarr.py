"""Scans in Zarr, format 3: a folder that is a four-dimensional array, or a group with one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr

from dask_hpc.bragg.errors import ScanError, TruncatedScan
from dask_hpc.bragg.readers.scan import Patterns, four, native, real

METADATA = "zarr.json"
SYNTHETIC = "synthetic"
"""Attribute of an array that was generated."""


@dataclass(frozen=True)
class ZarrScan:
    """One array of a folder; a chunk that was never written holds the array's fill value, as Zarr defines."""

    path: Path
    array: str
    """Within the folder; empty where the folder is the array."""
    shape: tuple[int, int, int, int]
    dtype: np.dtype[np.generic]
    synthetic: bool = False

    def read(self, start: int, stop: int) -> Patterns:
        """See Scan."""
        columns = self.shape[1]
        first, last = start // columns, -(-stop // columns)
        whole_rows = last - first > 1
        before, after = (0, columns) if whole_rows else (start - first * columns, stop - first * columns)
        try:
            part = np.asarray(zarr.open_array(self.path, path=self.array, mode="r")[first:last, before:after])
        except (OSError, KeyError, ValueError, RuntimeError) as reason:
            raise TruncatedScan(
                f"patterns {start} to {stop} of {self.path} cannot be read: {reason}; a chunk is damaged, or its "
                "compression is not installed"
            ) from reason
        skipped = first * columns + before
        return native(part.reshape(-1, *self.shape[2:])[start - skipped : stop - skipped])

    @property
    def advice(self) -> str:
        """How to store the array for faster reading, in words; empty where it is stored well."""
        chunks = zarr.open_array(self.path, path=self.array, mode="r").chunks
        if tuple(chunks[-2:]) != self.shape[2:]:
            return f"chunks of {chunks} cut patterns: reading one pattern touches several; store whole patterns a chunk"
        return ""


def open_zarr(path: Path, dataset: str | None = None) -> ZarrScan:
    """The scan in a folder; `dataset` names it where there are several. Raises ScanError."""
    try:
        node = zarr.open(path, mode="r", zarr_format=3)
    except (OSError, ValueError, KeyError) as reason:
        raise ScanError(f"{path} cannot be opened as Zarr, format 3: {reason}") from reason
    if isinstance(node, zarr.Array):
        return _describe(node, "", path)
    arrays = {name: member for name, member in node.members(max_depth=None) if isinstance(member, zarr.Array)}
    scans = [name for name, array in arrays.items() if array.ndim == 4] if dataset is None else [dataset]
    if len(scans) != 1 or scans[0] not in arrays:
        raise ScanError(
            f"{path} must hold one four-dimensional array and holds {', '.join(sorted(arrays)) or 'none'}; name the "
            "right one with open_scan(path, dataset=...)"
        )
    return _describe(arrays[scans[0]], scans[0], path)


def _describe(array: zarr.Array[Any], name: str, path: Path) -> ZarrScan:
    what = f"{name or 'the array'} in {path}"
    synthetic = bool(array.attrs.get(SYNTHETIC, False))
    return ZarrScan(path, name, four(array.shape, what), real(array.dtype, what), synthetic)
