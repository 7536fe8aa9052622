"""The scan of the tour: the synthetic one with its truth beside it, or a real file, put where its user works."""

from __future__ import annotations

import shutil
from pathlib import Path

from beamside.demo.errors import DemoError
from dask_hpc.bragg import open_scan, write_demo_scan
from dask_hpc.bragg.errors import BraggError


def place_scan(folder: Path, real: Path | None) -> Path:
    """Put the scan into `folder` as `scan.*`, in place of any that is there; returns its path.

    Raises DemoError for a real file that is no scan.
    """
    for old in folder.glob("scan.*"):
        old.unlink()
    if real is None:
        return write_demo_scan(folder / "scan.h5")
    try:
        open_scan(real)
    except (BraggError, OSError) as error:
        raise DemoError(f"{real} cannot be toured: {error}") from error
    return Path(shutil.copyfile(real, folder / f"scan{real.suffix}"))
