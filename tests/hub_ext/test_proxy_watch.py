"""What the hub makes of its proxy's routes: told again when the proxy is new, left alone otherwise."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import ClientConnectionError

from hub_ext import proxy_watch
from hub_ext.proxy_watch import keep_routes

OURS = "/hub/"
PATIENCE = 60
"""Seconds, far more than a few looks take."""


class Proxy:
    """A proxy that answers in turn what it is told to, and the last of it for ever."""

    def __init__(self, *answers: dict[str, Any] | Exception) -> None:
        self.answers = list(answers)
        self.told: list[dict[str, Any]] = []
        self.looks = asyncio.Semaphore(0)

    async def get_all_routes(self) -> dict[str, Any]:
        """The routes that it has."""
        await asyncio.sleep(0)
        self.looks.release()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def check_routes(self, users: object, services: object, routes: dict[str, Any]) -> None:
        """JupyterHub's own repair."""
        assert ("users", "services") == (users, services)
        self.told.append(routes)


@pytest.fixture(autouse=True)
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Looks follow each other at once."""
    monkeypatch.setattr(proxy_watch, "LOOK_EVERY", 0.0)
    yield


async def look_at(proxy: Proxy, times: int) -> None:
    """Keep its routes until it was looked at so often."""
    app = SimpleNamespace(proxy=proxy, hub=SimpleNamespace(routespec=OURS), users="users", _service_map="services")
    watch = asyncio.ensure_future(keep_routes(app))
    async with asyncio.timeout(PATIENCE):
        for _ in range(times):
            await proxy.looks.acquire()
    watch.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watch


async def test_a_proxy_that_knows_the_hub_is_left_alone() -> None:
    """However often it is looked at, nothing is told twice."""
    proxy = Proxy({OURS: {}, "/user/ana/": {}})

    await look_at(proxy, 5)

    assert [] == proxy.told


async def test_a_new_proxy_is_told_all_routes_once() -> None:
    """The hub's own route is missing: everything is made again, and then it is there."""
    proxy = Proxy({}, {OURS: {}})

    await look_at(proxy, 5)

    assert [{}] == proxy.told


@pytest.mark.parametrize("error", [ClientConnectionError("refused"), OSError("reset"), TimeoutError("late")])
async def test_a_proxy_that_is_away_is_waited_for(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    """No answer ends nothing and is said; the first answer after it is judged as ever."""
    proxy = Proxy(error, error, {}, {OURS: {}})

    await look_at(proxy, 6)

    assert [{}] == proxy.told
    assert str(error) in caplog.text


async def test_a_mistake_in_the_repair_is_named_and_the_looks_go_on(caplog: pytest.LogCaptureFixture) -> None:
    """What nobody foresaw stands in the log with its place, and ends nothing."""
    proxy = Proxy({})
    proxy.check_routes = None  # type: ignore[assignment, method-assign]  # the mistake

    await look_at(proxy, 3)

    assert "for a mistake" in caplog.text
    assert "TypeError" in caplog.text
