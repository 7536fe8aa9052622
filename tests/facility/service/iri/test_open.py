"""What everybody may read: filters, pages, strict parameters, and problem details for everything else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from facility.models import Reservation

if TYPE_CHECKING:
    from ..conftest import Served

V2 = "/iri/api/v2"
NOW = datetime.now(UTC)
WORKS = Reservation(
    "works", NOW - timedelta(hours=1), NOW + timedelta(hours=1), "ACTIVE", "n[1-2]", 2, flags=("MAINT",)
)
LATER = replace(WORKS, name="later", starts=NOW + timedelta(days=1), ends=NOW + timedelta(days=2), state="INACTIVE")
WORKS_, LATER_ = "maintenance works on n[1-2]", "maintenance later on n[1-2]"
BEAM = replace(WORKS, name="beam", flags=())


@pytest.fixture
async def open_served(served: Served) -> Served:
    """A service whose scheduler has maintenance now and tomorrow, and a reservation that is nobody else's business."""
    served.slurm.found_reservations = (WORKS, LATER, BEAM)
    await served.parts.facts.reservations.refresh(_Free())
    return served


class _Free:
    """A budget that is never spent."""

    async def spend(self, _: float) -> None:
        """Nothing."""


async def names(served: Served, what: str, **query: str) -> list[str]:
    """The names that a question without a token finds."""
    reply = await served.http.get(f"{V2}/status/{what}", params=query)
    assert 200 == reply.status_code, reply.text
    return [found["name"] for found in reply.json()]


async def test_maintenance_is_an_incident_and_other_reservations_are_nobodys_business(open_served: Served) -> None:
    """Each with how far it is; what has begun has an event."""
    found = (await open_served.http.get(f"{V2}/status/incidents")).json()

    assert {WORKS_: "unresolved", LATER_: "pending"} == {one["name"]: one["resolution"] for one in found}
    assert [1, 0] == [len(one["event_uris"]) for one in found]


FOUND: tuple[tuple[str, dict[str, str], list[str]], ...] = (
    ("incidents", {"time": (NOW + timedelta(hours=30)).isoformat()}, [LATER_]),
    ("incidents", {"from": NOW.isoformat()}, [LATER_]),
    ("incidents", {"to": (NOW + timedelta(hours=2)).isoformat()}, [WORKS_]),
    ("incidents", {"resolution": "pending"}, [LATER_]),
    ("incidents", {"type": "unplanned"}, []),
    ("incidents", {"offset": "1"}, [LATER_]),
    ("incidents", {"limit": "1"}, [WORKS_]),
    ("incidents", {"description": "works on", "name": WORKS_}, [WORKS_]),
    ("incidents", {"resource_id": "another"}, []),
    ("events", {"status": "up", "name": "scheduler is up"}, ["scheduler is up"]),
    ("resources", {"resource_type": "urn:doe-iri:resource"}, ["test"]),
    ("resources", {"resource_type": "urn:doe-iri:resource:comp"}, []),
    ("resources", {"capability": "urn:doe-iri:allocation:compute:node-hours"}, ["test"]),
    ("resources", {"capability": "urn:doe-iri:allocation:storage:bytes"}, []),
    ("resources", {"current_status": "degraded", "group": "test"}, ["test"]),
    ("resources", {"modified_since": (NOW + timedelta(hours=1)).isoformat()}, []),
)


async def test_filters_find_what_they_name(open_served: Served) -> None:
    """All of them at once."""
    for what, query, found in FOUND:
        assert found == await names(open_served, what, **query), (what, query)


UNFIT = ("wishes=1", "limit=1001", "limit=1&limit=2", "offset=-1", "modified_since=yesterday", "modified_since=17")


async def test_a_parameter_that_does_not_fit_is_named_in_problem_details(served: Served) -> None:
    """RFC 9457, with 400."""
    for query in UNFIT:
        reply = await served.http.get(f"{V2}/status/resources?{query}")
        told = reply.json()

        assert (400, "application/problem+json") == (reply.status_code, reply.headers["Content-Type"])
        assert (400, "Bad Request") == (told["status"], told["title"])
        assert query.partition("=")[0] == told["invalid_params"][0]["name"]


ERRORS = (
    ("GET", "/nowhere", 404),
    ("PUT", "/facility", 405),
    ("GET", "/account/projects", 401),
    ("GET", "/task/x", 401),
)


async def test_every_error_is_problem_details(served: Served) -> None:
    """Those of routes that do not exist, too."""
    for method, path, status in ERRORS:
        reply = await served.http.request(method, f"{V2}{path}")

        assert (status, "application/problem+json") == (reply.status_code, reply.headers["Content-Type"])


async def test_ids_are_the_same_in_both_versions_and_words_are_not(served: Served) -> None:
    """A client that goes from one version to the other finds its objects again."""
    one, two = [(await served.http.get(f"/iri/api/v{v}/status/resources")).json()[0] for v in (1, 2)]

    assert one["id"] == two["id"]
    assert ("compute", "urn:doe-iri:resource:compute") == (one["resource_type"], two["resource_type"])


async def test_what_did_not_change_is_not_sent(served: Served) -> None:
    """304 for a single object."""
    facility = (await served.http.get(f"{V2}/facility")).json()
    later = (NOW + timedelta(days=1)).isoformat()
    where = [f"{V2}/facility", facility["site_uris"][0]]

    assert [304, 304] == [(await served.http.get(at, params={"modified_since": later})).status_code for at in where]
