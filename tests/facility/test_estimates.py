"""Estimates: asked for when somebody wants one, and held for a page that does not wait."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from facility import estimates
from facility.errors import Busy
from facility.estimates import EstimateSource
from facility.models import Estimate, JobRequest

REQUEST = JobRequest("ncem", "regular", "main", timedelta(hours=1))


class Service:
    """A service that answers, or has too much to do."""

    busy = False

    async def estimate(self, request: JobRequest, user: str = "") -> Estimate:
        """A start in ten minutes."""
        if self.busy:
            raise Busy("too many questions", 30.0)
        return Estimate(datetime.now(UTC), datetime.now(UTC) + timedelta(minutes=10))


async def test_an_estimate_is_held_for_the_person_and_the_request_alone() -> None:
    """What Slurm told ana of one request says nothing of another, and nothing to ben."""
    source = EstimateSource(Service())
    told = await source.ask("ana", REQUEST)

    assert told == source.held("ana", REQUEST)
    assert source.held("ben", REQUEST) is None
    assert source.held("ana", JobRequest("ncem", "regular", "main", timedelta(hours=2))) is None


async def test_the_last_estimate_stands_in_and_says_why() -> None:
    """With the time at which it was made; where there is none, none is made up."""
    service = Service()
    source = EstimateSource(service)
    told = await source.ask("ana", REQUEST)
    service.busy = True
    again = await source.ask("ana", REQUEST)

    assert told is not None and again is not None
    assert (told.as_of, told.starts, "too many questions") == (again.as_of, again.starts, again.problem)
    assert await source.ask("ben", REQUEST) is None


async def test_an_old_estimate_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Queues change."""
    source = EstimateSource(Service())
    await source.ask("ana", REQUEST)
    monkeypatch.setattr(estimates, "KEPT", timedelta(0))

    assert source.held("ana", REQUEST) is None


async def test_only_so_many_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that was asked for longest ago goes first."""
    monkeypatch.setattr(estimates, "REMEMBERED", 2)
    source = EstimateSource(Service())
    for user in ("ana", "ben", "ana", "kim"):
        await source.ask(user, REQUEST)

    assert [True, False, True] == [source.held(user, REQUEST) is not None for user in ("ana", "ben", "kim")]
