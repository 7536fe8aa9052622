"""Ranks of a packed environment, which has another path on each node: how their Python is called there."""

from __future__ import annotations

from pathlib import Path

RANKS_PYTHON = ("/bin/sh", str(Path(__file__).with_name("in_environment.sh")), "-P")

VARIABLE = "BEAMSIDE_ENVIRONMENT"
"""Tells that script where the nodes have the environment, each under its own name."""
