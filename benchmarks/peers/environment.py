"""A peer's environment: a virtual environment in the user's cache, made once; or one distribution beside our own."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# Every contender gets the same: freed memory stays with the process, and one thread for linear algebra.
FAIR = {
    "MALLOC_TRIM_THRESHOLD_": "1000000000",
    "MALLOC_MMAP_THRESHOLD_": "1000000000",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}


@dataclass(frozen=True)
class Peer:
    """A program to compare with, and what pip installs for it."""

    name: str
    requirements: tuple[str, ...]

    @property
    def folder(self) -> Path:
        """Where its environment lies; the requirements are part of the name, so a change makes a new one."""
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        tag = "-".join("".join(c if c.isalnum() or c == "." else "_" for c in text) for text in self.requirements)
        return cache / "beamside" / "peers" / f"{self.name}-{tag}"

    def python(self) -> Path:
        """Its interpreter; the environment is made where it is missing, which needs a package index."""
        done = self.folder / "complete"
        if not done.exists():
            sys.stderr.write(f"making an environment for {self.name} in {self.folder}\n")
            venv.create(self.folder, with_pip=True, clear=True)
            pip = [str(self.folder / "bin" / "python"), "-m", "pip", "install", "--quiet", *self.requirements]
            installed = subprocess.run(pip, capture_output=True, text=True, check=False)
            if installed.returncode:
                said = installed.stderr[-4000:]
                raise SystemExit(f"pip could not install {self.name}; is a package index within reach?\n{said}")
            done.touch()
        return self.folder / "bin" / "python"

    def run(self, *argv: str | Path, environment: dict[str, str] | None = None) -> None:
        """Run one of its scripts; what it prints is shown only where it fails."""
        command = [str(self.python()), "-W", "ignore", *map(str, argv)]
        result = subprocess.run(
            command, env={**os.environ, **FAIR, **(environment or {})}, capture_output=True, text=True, check=False
        )
        if result.returncode:
            sys.stderr.write(result.stdout[-2000:] + result.stderr[-4000:])
            raise SystemExit(f"{self.name} failed with status {result.returncode}: {' '.join(command)}")


PY4DSTEM = Peer("py4dstem", ("py4DSTEM==0.14.18", "numpy<2"))
DASK_MPI = "dask-mpi==2026.3.0"


@contextmanager
def beside(requirement: str) -> Iterator[Path]:
    """A folder that holds this distribution and nothing that it needs, for all to read, to be put on Python's path."""
    with tempfile.TemporaryDirectory(prefix="beamside-peer-") as name:
        Path(name).chmod(0o755)
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", name, requirement]
        installed = subprocess.run(pip, capture_output=True, text=True, check=False)
        if installed.returncode:
            said = installed.stderr[-4000:]
            raise SystemExit(f"pip could not install {requirement}; is a package index within reach?\n{said}")
        yield Path(name)
