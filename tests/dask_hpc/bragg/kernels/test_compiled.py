"""Machine code that numba keeps on disk is that of the sources as they are now."""

from __future__ import annotations

import hashlib
from pathlib import Path

from dask_hpc.bragg.kernels import compiled


def test_kept_machine_code_is_tied_to_every_file_it_is_built_of() -> None:
    """numba compares only the file of the function that is called; the digest it holds stands for the others."""
    files = sorted(Path(compiled.__file__).parent.glob("*.py"))
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()

    held = [cell.cell_contents for cell in compiled.find_batch.py_func.__closure__]

    assert [digest] == held
    assert {"batch.py", "blur.py", "inner.py", "maxima.py", "power.py", "subpixel.py"} < {file.name for file in files}
