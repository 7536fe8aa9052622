"""A benchmark's command line and its end: whatever ends it, what it brought up is taken down."""

from __future__ import annotations

import argparse
import signal
import sys
from types import FrameType


def arguments(doc: str | None, **numbers: tuple[float, str]) -> argparse.Namespace:
    """Read the command line: for each name its number's default and its meaning. SIGTERM ends in order from then on."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, (usual, meaning) in numbers.items():
        words = f"{meaning} (default {usual:g})"
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(usual), default=usual, help=words)
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, _end)
    return asked


def _end(number: int, _frame: FrameType | None) -> None:
    """As Ctrl-C does: by an exception, so that every `with` closes."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # taking down is not cut short
    sys.exit(128 + number)
