"""Why a token's times do not fit, in words (fault F33)."""

from __future__ import annotations

import time

import jwt
import pytest

from facility.token_times import span, why_untimely

HOUR, DAY = 3600, 86400
SECRET = "of this test, and long enough for HS256"


def token(**claims: object) -> str:
    """A signed statement with these claims."""
    return jwt.encode(claims, SECRET, algorithm="HS256")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (40, "40 s"), (300, "5 min"), (3590, "1 h"), (HOUR, "1 h"), (7500, "2 h 5 min"), (2 * DAY, "2 d"),
     (1e400, "3650 d"), (-5, "0 s")],
)  # fmt: skip
def test_a_span_is_told_about_as_exactly_as_it_matters(seconds: float, words: str) -> None:
    """Seconds below a minute and a half, days above two."""
    assert words == span(seconds)


@pytest.mark.parametrize(("ahead", "words"), [(HOUR, "1 h"), (2 * DAY, "2 d")])
@pytest.mark.parametrize("claim", ["iat", "nbf"])
def test_a_token_from_the_future_names_the_clocks_and_by_how_much(claim: str, ahead: int, words: str) -> None:
    """Whoever made it has another time than this machine: nothing else explains it."""
    now = time.time()
    why = why_untimely(token(**{claim: now + ahead, "exp": now + ahead + 60}), "token")

    assert why.startswith(f"clock differs: the token is from {words} in the future by this service's clock")


@pytest.mark.parametrize(("is_new", "begins"), [(True, "clock differs: the assertion"), (False, "the assertion")])
def test_an_end_that_passed_may_be_the_clocks_fault(is_new: bool, begins: str) -> None:
    """What was made a moment ago cannot have ended; what may be old probably has."""
    why = why_untimely(token(iat=time.time() - 2 * HOUR, exp=time.time() - HOUR), "assertion", is_new=is_new)

    assert why.startswith(f"{begins} ended 1 h ago by this service's clock, which says 20")
    assert "clock differs" in why
