"""Node: the private one of the prefix where there is one, else the machine's own."""

from __future__ import annotations

import shutil
from pathlib import Path

from beamside.demo.errors import DemoError
from beamside.demo.layout import Layout


def find_node(layout: Layout) -> Path:
    """The node that runs the proxy and the provider. Raises DemoError where there is none."""
    found = shutil.which("node", path=str(layout.prefix / "node" / "bin")) or shutil.which("node")
    if found is None:
        words = f"there is no node in {layout.prefix / 'node'} nor in PATH"
        raise DemoError(f"{words}; run `make demo`, which installs one")
    return Path(found)


def find_module(layout: Layout, name: str) -> Path:
    """The folder of an installed npm package. Raises DemoError where it is missing."""
    folder = layout.npm / "node_modules" / name
    if not folder.is_dir():
        raise DemoError(f"npm's {name} is not installed in {layout.npm}; run `make demo`, which installs it")
    return folder
