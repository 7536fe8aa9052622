"""/metrics: figures of routes and parts, and no names of people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

if TYPE_CHECKING:
    from ..conftest import Served


async def figures(served: Served) -> dict[tuple[str, ...], float]:
    """Every sample by its name and the values of its labels."""
    text = (await served.http.get("/metrics")).text
    families = text_string_to_metric_families(text)
    return {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}


async def test_requests_are_counted_by_route_and_status(served: Served) -> None:
    """What somebody puts into a path is no label."""
    await served.get("/jobs/7")
    await served.get("/jobs/8")
    await served.http.get("/nowhere/secret-name")
    found = await figures(served)

    assert 1 == found["beamside_requests_total", "GET", "/jobs/{job_id}", "200"]
    assert 1 == found["beamside_requests_total", "GET", "/jobs/{job_id}", "404"]
    assert 1 == found["beamside_requests_total", "GET", "other", "404"]
    assert not any("secret-name" in part for key in found for part in key)


async def test_parts_jobs_and_work_are_told(served: Served) -> None:
    """Up or down, jobs by state, operations by kind and state; whose they are is not."""
    await served.parts.operations.add("copy", served.person, {})
    found = await figures(served)

    assert (1.0, 2.0) == (found["beamside_part_up", "scheduler"], found["beamside_jobs", "RUNNING"])
    assert 1 == found["beamside_operations", "copy", "new"]
    assert not any(served.person == part for key in found for part in key)


async def test_a_mistake_counts_as_500(served: Served) -> None:
    """Though the answer is made outside."""
    served.parts.ledger.job = lambda job_id: 1 / 0  # type: ignore[method-assign]  # the mistake
    await served.get("/jobs/7")

    assert 1 == (await figures(served))["beamside_requests_total", "GET", "/jobs/{job_id}", "500"]
