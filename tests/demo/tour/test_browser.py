"""The browser comes up with what the demonstration brings, and says what is missing where it does not."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from beamside.demo.errors import DemoError
from beamside.demo.layout import Layout, default_prefix
from beamside.demo.node import find_node
from beamside.demo.tour.browser import open_browser


def node_that(prefix: Path, script: str) -> Path:
    """A prefix whose Node is this script."""
    node = prefix / "node" / "bin" / "node"
    node.parent.mkdir(parents=True)
    node.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    node.chmod(0o755)
    return node


@pytest.mark.browser
def test_the_demonstrations_own_node_drives_the_browser(tmp_path: Path) -> None:
    """The Node that Playwright brings needs a library that many machines lack; ours runs hub and proxy anyway."""
    node_that(tmp_path, f'exec "{find_node(Layout(default_prefix()))}" "$@"')

    with open_browser(Layout(tmp_path)) as browser:
        driver = next(child for child in psutil.Process().children() if "run-driver" in child.cmdline())
        assert browser.new_page().evaluate("1 + 1") == 2
        assert (tmp_path / "cache" / "browser" / "config").is_dir()  # and nothing in the caller's home
        assert Path(driver.exe()) == find_node(Layout(default_prefix())).resolve()


@pytest.mark.browser
def test_a_node_that_cannot_drive_it_is_named(tmp_path: Path) -> None:
    """No traceback of a library: which program, and what to do."""
    ours = node_that(tmp_path, "exit 127")

    with (
        pytest.raises(DemoError, match=f"{ours} does not run .* put Node 22 or newer in PATH"),
        open_browser(Layout(tmp_path)),
    ):
        pass
