"""Where a person's own files of ours lie: below the home directory, 0700, found alike by hub, helper and job.

Standard library only: the job side reads it.
"""

from __future__ import annotations

import re
from pathlib import Path

STATE = Path(".local", "state", "beamside")
"""Below the home directory."""

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
"""A claim's or log's name; it becomes a file name, so nothing else is allowed."""


def claim_path(home: str | Path, name: str) -> Path:
    """The file that holds the secret with which a job claims its environment."""
    return Path(home) / STATE / "claims" / name


def log_path(home: str | Path, name: str) -> Path:
    """The file that a job of ours prints to (the --output of sbatch)."""
    return Path(home) / STATE / "logs" / name
