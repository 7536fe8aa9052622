"""Scans in HDF5: py4DSTEM's EMD files, Merlin files, and any file with one four-dimensional dataset."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from dask_hpc.bragg.errors import ScanError, TruncatedScan
from dask_hpc.bragg.readers.scan import Patterns, four, native, real

with suppress(ImportError):  # filters such as bitshuffle-LZ4; without it such a file says what it lacks
    import hdf5plugin  # noqa: F401  # imported for its registration of filters

MERLIN = "fpd_expt/fpd_data/data"
SYNTHETIC = "synthetic"
"""Attribute of a dataset that was generated; a file of this project's generator carries it."""


@dataclass(frozen=True)
class Hdf5Scan:
    """One dataset of an HDF5 file; the file is open only while it is read."""

    path: Path
    dataset: str
    shape: tuple[int, int, int, int]
    dtype: np.dtype[np.generic]
    synthetic: bool = False
    colours: bool = False
    """Whether the dataset has a colour axis of length 1 in the middle, as Merlin's files do."""

    def read(self, start: int, stop: int) -> Patterns:
        """See Scan."""
        _, columns, *detector = self.shape
        patterns = np.empty((stop - start, *detector), self.dtype)
        try:
            with h5py.File(self.path, "r") as file:
                data = file[self.dataset]
                done = 0
                while start + done < stop:
                    row, column = divmod(start + done, columns)
                    count = min(columns - column, stop - start - done)
                    part = data[row, column : column + count]
                    patterns[done : done + count] = part[:, 0] if self.colours else part
                    done += count
        except (OSError, KeyError) as reason:
            raise TruncatedScan(
                f"patterns {start} to {stop} of {self.path} cannot be read: {reason}; "
                "the file is damaged, or lacks a compression filter (install hdf5plugin)"
            ) from reason
        return native(patterns)

    @property
    def advice(self) -> str:
        """How to store the file for faster reading, in words; empty where it is stored well."""
        with h5py.File(self.path, "r") as file:
            chunks, compression = file[self.dataset].chunks, file[self.dataset].compression
        if chunks is not None and tuple(chunks[-2:]) != self.shape[2:]:
            return f"chunks of {chunks} cut patterns: reading one pattern touches several; store whole patterns a chunk"
        if compression == "gzip":
            return "gzip is slower than disk finding; bitshuffle-LZ4 reads about five times faster"
        return ""


def open_hdf5(path: Path, dataset: str | None = None) -> Hdf5Scan:
    """The scan in an HDF5 file; `dataset` names it where the file holds several. Raises ScanError, TruncatedScan."""
    try:
        with h5py.File(path, "r") as file:
            name = dataset or _the_one_scan(file, path)
            if not isinstance(file.get(name), h5py.Dataset):
                raise ScanError(f"{path} holds no dataset {name}; it holds {', '.join(_datasets(file)) or 'none'}")
            return _describe(file[name], name, path)
    except OSError as reason:
        kind = TruncatedScan if "truncated" in str(reason) else ScanError
        raise kind(f"{path} cannot be opened as HDF5: {reason}") from reason


def _describe(data: h5py.Dataset, name: str, path: Path) -> Hdf5Scan:
    """The record of one dataset."""
    what = f"{name} in {path}"
    colours = data.ndim == 5
    if colours and data.shape[2] != 1:
        raise ScanError(f"{what} has {data.shape[2]} colours; split it and open one of them")
    shape = four(data.shape[:2] + data.shape[3:] if colours else data.shape, what)
    synthetic = bool(data.attrs.get(SYNTHETIC, False))
    return Hdf5Scan(path, name, shape, real(data.dtype, what), synthetic, colours)


def _the_one_scan(file: h5py.File, path: Path) -> str:
    """The dataset that is the scan: Merlin's, or the only four-dimensional one."""
    if MERLIN in file:
        return MERLIN
    scans = [name for name, dimensions in _datasets(file).items() if dimensions == 4]
    if len(scans) != 1:
        held = ", ".join(scans or _datasets(file)) or "no dataset"
        raise ScanError(
            f"{path} must hold one four-dimensional dataset and has {len(scans)} (found: {held}); "
            "name the right one with open_scan(path, dataset=...)"
        )
    return scans[0]


def _datasets(file: h5py.File) -> dict[str, int]:
    """Name and number of dimensions of every dataset."""
    found: dict[str, int] = {}

    def look(name: str, item: h5py.Dataset | h5py.Group) -> None:
        if isinstance(item, h5py.Dataset):
            found[name] = item.ndim

    file.visititems(look)
    return found
