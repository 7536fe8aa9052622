"""The browser of the tour: the machine's own Chromium, headless, driven by the demonstration's own Node."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from playwright.sync_api import Browser, expect, sync_playwright

from beamside.demo.errors import DemoError
from beamside.demo.layout import Layout
from beamside.demo.node import find_node
from beamside.demo.packages import Packages

FLAGS = (
    "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
DRIVER = "PLAYWRIGHT_NODEJS_PATH"
"""Names the Node that runs Playwright's driver. The one that it brings needs libatomic, which many machines lack."""

PATIENCE = 30_000
"""Milliseconds that a page may take to show what is expected of it; Playwright's 5 s are too few on a busy machine."""


@contextmanager
def open_browser(layout: Layout) -> Iterator[Browser]:
    """Debian's Chromium, headless. Raises DemoError where there is none, or no Node that can drive it."""
    places = f"{Packages.of(layout.prefix).path}:{os.environ.get('PATH', '')}"
    program = shutil.which("chromium", path=places) or shutil.which("chromium-browser", path=places)
    if program is None:
        raise DemoError("the tour needs a browser and found no chromium; on Debian 12 `make demo` installs it")
    node = os.environ[DRIVER] = str(find_node(layout))
    # root cannot use Chromium's own sandbox; it opens nothing but this demonstration's pages
    flags = [*FLAGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with ExitStack() as closed_at_last:
        try:
            playwright = closed_at_last.enter_context(sync_playwright())
        except Exception as error:  # Playwright raises it bare where its driver ends at once
            words = f"{node} does not run Playwright, which leads the browser ({error}); put Node 22 or newer in PATH"
            raise DemoError(words) from error
        browser = playwright.chromium.launch(executable_path=program, args=flags, env=_environment(layout))
        closed_at_last.callback(browser.close)
        expect.set_options(timeout=PATIENCE)
        yield browser


def _environment(layout: Layout) -> dict[str, str | float | bool]:
    """The caller's, but the browser leaves what it keeps below the prefix and not in the caller's home."""
    own = layout.prefix / "cache" / "browser"
    return {**os.environ, "XDG_CONFIG_HOME": str(own / "config"), "XDG_CACHE_HOME": str(own / "cache")}
