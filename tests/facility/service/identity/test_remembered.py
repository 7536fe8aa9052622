"""How long an answer of identity is believed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from facility.service.caller import Caller
from facility.service.identity.remembered import FRESH, MOST, Fresh, Remembered
from facility.testing import FakeClock


async def test_a_caller_is_remembered_for_half_a_minute() -> None:
    """Then the token is examined anew, so that a revocation works everywhere within a minute."""
    clock = FakeClock()
    remembered = Remembered(clock)
    caller = remembered.put(Caller("ana", frozenset(), "c", clock.now() + timedelta(hours=1), "token"))

    await clock.advance(FRESH - 1)
    assert (caller, None) == (remembered.get("token"), remembered.get("another"))
    await clock.advance(1)
    assert remembered.get("token") is None


async def test_no_caller_outlives_the_token() -> None:
    """A token that ends within the half minute is not believed longer."""
    clock = FakeClock()
    remembered = Remembered(clock)
    remembered.put(Caller("ana", frozenset(), "c", clock.now() + timedelta(seconds=5), "token"))

    await clock.advance(5)

    assert remembered.get("token") is None


def test_forgetting_forgets_everybody() -> None:
    """After a revocation nobody is known."""
    clock = FakeClock()
    remembered = Remembered(clock)
    caller = Caller("ana", frozenset(), "c", clock.now() + timedelta(hours=1), "token")
    for one in (caller, replace(caller, token="another")):
        remembered.put(one)

    remembered.clear()

    assert [None, None] == [remembered.get("token"), remembered.get("another")]


def test_the_oldest_answers_make_room() -> None:
    """A flood of tokens fills no memory, and an answer that was found out anew is a young one."""
    fresh = Fresh[int, str]()
    for number in range(MOST):
        fresh.put(number, "found")
    fresh.put(0, "anew")

    fresh.put(MOST, "one more")

    assert ("anew", None, "one more") == (fresh.get(0), fresh.get(1), fresh.get(MOST))
