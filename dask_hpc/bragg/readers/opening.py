"""One door to every format."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dask_hpc.bragg.errors import ScanError
from dask_hpc.bragg.readers.scan import ArrayScan, Scan, four, real

HDF5 = frozenset({".h5", ".hdf5", ".hdf", ".emd", ".hspy", ".nxs"})


def open_scan(path: str | Path, *, dataset: str | None = None) -> Scan:
    """A scan on disk, without reading its patterns: HDF5 (EMD, Merlin, plain), Zarr, or a NanoMegas blockfile.

    dataset : which dataset of an HDF5 file or a Zarr folder, where it holds several four-dimensional ones.
    Raises ScanError (missing, wrong or truncated file) and ReaderMissing; each names the file and the remedy.
    """
    file = Path(path).expanduser().resolve()
    if (file / "zarr.json").is_file():
        from dask_hpc.bragg.readers.zarr import open_zarr  # noqa: PLC0415  # zarr is loaded for its folders only

        return open_zarr(file, dataset)
    if file.is_dir():
        raise ScanError(f"{file} is a folder without zarr.json, so no scan; name the file, or convert Zarr to format 3")
    if not file.is_file():
        raise ScanError(f"there is no scan at {file}; check the path as the workers see it")
    if file.suffix.lower() == ".blo":
        from dask_hpc.bragg.readers.blockfile import open_blockfile  # noqa: PLC0415  # loads an optional package

        return open_blockfile(file)
    if file.suffix.lower() in HDF5:
        from dask_hpc.bragg.readers.hdf5 import open_hdf5  # noqa: PLC0415  # h5py is loaded for its files only

        return open_hdf5(file, dataset)
    known = ", ".join(sorted(HDF5 | {".blo"}))
    raise ScanError(f"{file.name} is of no format known here ({known}); convert it to HDF5 with whole patterns a chunk")


def as_scan(given: object) -> Scan:
    """What a call named as its scan: a Scan, a path, an array, or an object whose `.data` is an array or dataset."""
    if isinstance(given, str | Path):
        return open_scan(given)
    if hasattr(given, "read") and hasattr(given, "shape"):
        return given  # type: ignore[return-value]  # the protocol's own marks
    inner = getattr(given, "data", None)
    data = given if inner is None or isinstance(inner, memoryview) else inner
    try:
        patterns = np.asarray(data)
    except (TypeError, ValueError) as reason:
        raise ScanError(f"{type(given).__name__} is no scan; give a path, a 4D array or open_scan(path)") from reason
    four(patterns.shape, "the array")
    real(patterns.dtype, "the array")
    return ArrayScan(patterns)
