"""The facility is asked in the background, never more often than was set, and what was known is kept."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from facility.errors import Unreachable
from facility.status import Board
from hub_ext.pages.institution import InstitutionWatch
from hub_ext.pages.news import News

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class Facility:
    """Answers, or not."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self.answers = True
        self.mistaken = False
        self.again = asyncio.Condition()

    async def wait_asked(self, times: int) -> None:
        """Wait until it was asked so often."""
        async with asyncio.timeout(30), self.again:
            await self.again.wait_for(lambda: len(self.asked) >= times)

    async def board(self) -> Board:
        """What the facility is asked for."""
        async with self.again:
            self.asked.append(asyncio.get_running_loop().time())
            self.again.notify_all()
        if self.mistaken:
            raise ZeroDivisionError
        if not self.answers:
            raise Unreachable("no answer")
        return Board(NOW, 1.0, (), (), ())


async def test_what_was_known_is_kept_with_since_when_nothing_new_came() -> None:
    """An old board with its age is better than none, and since-when is the first silence."""
    facility, clock = Facility(), [NOW]
    news = News(facility.board, 30, lambda: clock[0])
    await news.look()
    facility.answers = False
    for _ in range(2):
        clock[0] += timedelta(seconds=30)
        await news.look()
    silent = news.heard
    facility.answers = True
    await news.look()

    assert silent.board is not None
    assert (NOW + timedelta(seconds=30), timedelta(seconds=60), "no answer") == (
        silent.since, silent.age(clock[0]), silent.problem
    )  # fmt: skip
    assert (None, "") == (news.heard.since, news.heard.problem)


async def test_questions_keep_their_distance_also_after_a_mistake() -> None:
    """Never two in one interval, and nothing ends the asking."""
    facility = Facility()
    facility.mistaken = True
    task = asyncio.create_task(News(facility.board, 0.05).run())
    await facility.wait_asked(2)
    facility.mistaken = False
    await facility.wait_asked(5)
    task.cancel()

    gaps = [later - earlier for earlier, later in zip(facility.asked, facility.asked[1:], strict=False)]
    assert min(gaps) > 0.049


async def test_a_facility_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A question without end is given up and told as silence."""

    async def hangs() -> Board:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr("hub_ext.pages.news.PATIENCE", 0.01)
    news = News(hangs, 30)
    await news.look()

    assert "in time" in news.heard.problem


async def test_an_institution_is_away_when_it_gives_no_answer_or_an_error() -> None:
    """The first silence is the since; an answer ends it."""
    status = [200, 503, 503, 200]
    transport = httpx.MockTransport(lambda _: httpx.Response(status[0]))
    watch = InstitutionWatch(["https://login.example.org/"], 30, transport)
    seen = []
    while status:
        await watch.look()
        seen.append(watch.reached)
        status.pop(0)

    assert [None, None] == [seen[0].since, seen[3].since]
    assert seen[1].since == seen[2].since is not None
    assert "https://login.example.org/ answers 503" == seen[2].problem


async def test_with_several_institutions_one_that_answers_is_enough() -> None:
    """People can still sign in."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host == "a.example.org":
            raise httpx.ConnectError("refused")
        return httpx.Response(200)

    watch = InstitutionWatch(["https://a.example.org", "https://b.example.org"], 30, httpx.MockTransport(answer))
    await watch.look()

    assert watch.reached.since is None
