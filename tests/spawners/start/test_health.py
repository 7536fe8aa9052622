"""A dead server is told from a slow one, a silent node and a server that is still starting."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import pytest

from facility.testing import free_port
from spawners.start import health
from spawners.start import reach as node_at
from spawners.start.health import Health
from spawners.start.reach import Reach, reach


async def test_what_a_connection_finds() -> None:
    """Something listens, nothing listens, or the name has no address."""
    listener = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    async with listener:
        assert Reach.LISTENS is await reach("127.0.0.1", port)
    await listener.wait_closed()

    assert Reach.REFUSED is await reach("127.0.0.1", free_port())
    assert Reach.NAMELESS is await reach("no-such-node.invalid", 80)


async def test_a_node_that_moved_is_found_before_its_server_counts_as_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A remembered address that refuses proves nothing: the name is looked up anew first."""
    places = {"nid001": "127.0.0.1"}
    looked_up: list[str] = []

    async def look_up(host: str) -> list[tuple[int, str]]:
        looked_up.append(places[host])
        return [(socket.AF_INET, places[host])]

    monkeypatch.setattr(node_at, "_look_up", look_up)
    monkeypatch.setattr(node_at, "_addresses", {})
    async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.2", 0) as listener:
        port = listener.sockets[0].getsockname()[1]
        assert Reach.REFUSED is await reach("nid001", port)
        places["nid001"] = "127.0.0.2"

        assert Reach.LISTENS is await reach("nid001", port)
        assert Reach.LISTENS is await reach("nid001", port)
    assert ["127.0.0.1", "127.0.0.2"] == looked_up


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[tuple[float, Reach]]], list[bool]]:
    """Judgements over a list of moments, each with what a connection finds then."""

    def over(moments: list[tuple[float, Reach]]) -> list[bool]:
        now = [0.0]
        found = [Reach.LISTENS]

        async def look(*_: object) -> Reach:
            return found[0]

        monkeypatch.setattr(health.time, "monotonic", lambda: now[0])
        monkeypatch.setattr(health, "reach", look)
        judged = Health("nid001", 40000, 120.0)

        async def all_of_them() -> list[bool]:
            told = []
            for now[0], found[0] in moments:
                told.append(await judged.is_dead())
            return told

        return asyncio.run(all_of_them())

    return over


def test_a_server_is_dead_when_its_node_says_so_long_enough(judge: Callable[..., list[bool]]) -> None:
    """Refused again and again for twenty seconds after it had listened; one look is never enough."""
    moments = [(0.0, Reach.LISTENS), *((10.0 * i, Reach.REFUSED) for i in range(1, 4))]

    assert [False, False, False, True] == judge(moments)


def test_a_silent_node_or_a_server_that_came_back_proves_nothing(judge: Callable[..., list[bool]]) -> None:
    """Only refusals in a row count."""
    silent = [(0.0, Reach.LISTENS), *((10.0 * i, Reach.SILENT) for i in range(1, 20))]
    flaky = [(10.0 * i, Reach.LISTENS if i % 3 == 0 else Reach.REFUSED) for i in range(20)]

    assert not any(judge(silent))
    assert not any(judge(flaky))


def test_a_server_that_was_never_seen_has_the_time_of_a_start(judge: Callable[..., list[bool]]) -> None:
    """A hub that restarted in the middle of a start does not take a slow one for dead."""
    told = judge([(10.0 * i, Reach.REFUSED) for i in range(14)])

    assert (12, True) == (told.index(True), told[-1])
