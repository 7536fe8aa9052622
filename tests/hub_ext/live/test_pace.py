"""How often one person may ask."""

from __future__ import annotations

import pytest
from tornado.web import HTTPError

from hub_ext.live.pace import Pace


def test_a_burst_passes_and_what_follows_too_soon_is_told_when() -> None:
    """The answer names the seconds; another person is not held up."""
    pace = Pace(burst=3, every=60.0)
    for _ in range(3):
        pace.take("ana")
    pace.take("ben")

    with pytest.raises(HTTPError) as refusal:
        pace.take("ana")
    assert (429, "60") == (refusal.value.status_code, refusal.value.headers["Retry-After"])


def test_who_waits_may_ask_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Questions that were refused do not lengthen the wait, on a machine that has been up for a minute or for years."""
    for up in (60.0, 1e9):
        now = [up]
        monkeypatch.setattr("time.monotonic", lambda now=now: now[0])
        pace = Pace(burst=1, every=0.1)
        for _ in range(100):
            pace.take("ana")
            with pytest.raises(HTTPError):
                pace.take("ana")
            now[0] += 0.1 + 1e-6
