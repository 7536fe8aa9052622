"""Scans on disk, read lazily by whole patterns."""

from dask_hpc.bragg.readers.opening import as_scan, open_scan
from dask_hpc.bragg.readers.scan import ArrayScan, Scan

__all__ = ["ArrayScan", "Scan", "as_scan", "open_scan"]
