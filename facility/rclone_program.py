"""Where rclone is: what facility.toml says, beside Python where the extra `facility` brought it, or in PATH."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path


def find_rclone(name: str) -> str:
    """The path of a bare name where it can be found; anything else as it is."""
    if "/" in name:
        return name
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.exists() else shutil.which(name) or name
