"""Where Slurm's, munge's and MariaDB's programs lie: in the system, or in a tree that an ordinary user unpacked."""

from __future__ import annotations

import os
import platform
import shutil
from dataclasses import dataclass
from pathlib import Path

from beamside.demo.errors import DemoError
from facility.profile import Commands

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

SCHEDULER = (
    "munged", "mariadbd", "mariadb-install-db", "slurmdbd", "slurmctld", "slurmd", "slurmrestd", *Commands.model_fields
)  # fmt: skip
"""The programs without which there is no Slurm to demonstrate."""

REMEDY = (
    "On Debian 12 run: bash scripts/bootstrap.sh (it needs no root). Elsewhere install Slurm with its accounting, "
    "munge and MariaDB by the system's own package manager"
)


@dataclass(frozen=True)
class Packages:
    """Debian packages, installed (`tree` is None) or unpacked below `tree` as scripts/unpack.sh leaves them."""

    tree: Path | None = None

    @classmethod
    def of(cls, prefix: Path | None) -> Packages:
        """The tree unpacked below `prefix` where it holds a scheduler, else the system's packages."""
        tree = prefix / "packages" if prefix else None
        return cls(tree if tree and (tree / "bin" / "slurmctld").exists() else None)

    @property
    def path(self) -> str:
        """PATH for users of these programs. The tree's `bin` holds wrappers that need no other variable."""
        return f"{self.tree}/bin:{SYSTEM_PATH}" if self.tree else SYSTEM_PATH

    @property
    def libraries(self) -> Path:
        """The folder of the machine's own libraries, in the tree or the system."""
        return (self.tree or Path("/")) / "usr" / "lib" / f"{platform.machine()}-linux-gnu"

    @property
    def daemon_environment(self) -> dict[str, str]:
        """What a daemon needs to find its libraries; never given to jobs or clients, whose jobs would inherit it."""
        language = {"LANG": "C.UTF-8", "PATH": self.path}
        if not self.tree:
            return language
        return {**language, "LD_LIBRARY_PATH": f"{self.libraries}:{self.libraries / 'slurm-wlm'}"}

    def missing(self) -> list[str]:
        """Which of the scheduler's programs are not to be found; empty where a Slurm can be started."""
        return [name for name in SCHEDULER if not shutil.which(name, path=self.path)]

    def command(self, name: str) -> str:
        """The path of a program; DemoError names the remedy where it is missing."""
        found = shutil.which(name, path=self.path)
        if not found:
            how = "bash scripts/bootstrap.sh" + (" (it needs no root)" if os.geteuid() else "")
            raise DemoError(f"the program {name} is missing; install what the demonstration needs: {how}")
        return found
