"""When a request would start: the service's estimates, the last ones kept for a page that must not wait."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from facility.errors import FacilityError
from facility.models import Estimate, JobRequest

log = logging.getLogger(__name__)

BUDGET = 5.0
"""Seconds that an estimate may take; nothing waits for it but a line on a page."""

KEPT = timedelta(minutes=10)
"""After this an estimate says nothing any more."""

REMEMBERED = 5_000
"""Estimates that are kept, the latest asked for."""


class Estimator(Protocol):
    """Whoever tells when a request would start; the client of the facility service does."""

    async def estimate(self, request: JobRequest, user: str = "") -> Estimate: ...


class EstimateSource:
    """Asks for estimates and keeps the last of each request."""

    def __init__(self, estimator: Estimator) -> None:
        self._estimator = estimator
        self._last: OrderedDict[tuple[str, JobRequest], Estimate] = OrderedDict()

    def held(self, user: str, request: JobRequest) -> Estimate | None:
        """What was told of this request last, with its age; None where nothing was, or too long ago."""
        known = self._last.get((user, request))
        return known if known is not None and datetime.now(UTC) - known.as_of < KEPT else None

    async def ask(self, user: str, request: JobRequest) -> Estimate | None:
        """What is told now, else the last answer with its problem; None where nothing is known. Never raises for a
        facility that fails."""
        try:
            async with asyncio.timeout(BUDGET):
                found = await self._estimator.estimate(request, user)
        except (TimeoutError, FacilityError) as error:
            log.info("no estimate for %s: %s", user, error)
            known = self.held(user, request)
            return known and replace(known, problem=str(error) or f"no answer within {BUDGET:g} s")
        self._last[user, request] = found
        self._last.move_to_end((user, request))
        if len(self._last) > REMEMBERED:
            self._last.popitem(last=False)
        return found
