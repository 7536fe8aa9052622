"""The IRI provider over facilities that tell less than ours, and what it can send them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from facility.errors import Busy, NotAllowed, NotSignedIn, SubmitRefused, Unreachable, Unreadable
from facility.exchange import Patience
from facility.models import JobRequest, JobState
from facility.providers import Ability, Batch
from facility.providers.iri import Iri

REQUEST = JobRequest("ncem", "realtime", "main", timedelta(hours=1), nodes=2, gpus_per_node=4, memory_mb=100)
BATCH = Batch(b"#!/bin/bash -l\n#SBATCH --time=1\nhostname\n", "bs-1", "/home/ana", "/home/ana/log", "nonce")


class Facility:
    """Answers what a test says, and remembers what it was asked."""

    def __init__(self, *answers: httpx.Response) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []

    def provider(self) -> Iri:
        """ana's provider of it."""

        async def token() -> str:
            return "t"

        transport = httpx.MockTransport(self.answer)
        return Iri("http://f/api/v2", "cpu", "ana", token, patience=Patience(tries=1), transport=transport)

    def answer(self, request: httpx.Request) -> httpx.Response:
        """The next answer."""
        self.asked.append(request)
        return self.answers.pop(0)


def job(state: str, **status: object) -> httpx.Response:
    """A job as a facility without metadata tells it."""
    return httpx.Response(200, json={"id": "7", "status": {"state": state, **status}})


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("new", JobState.PENDING),
        ("queued", JobState.PENDING),
        ("held", JobState.PENDING),
        ("active", JobState.RUNNING),
        ("completed", JobState.COMPLETED),
        ("failed", JobState.FAILED),
        ("canceled", JobState.CANCELLED),
        ("melted", JobState.UNKNOWN),
    ],
)
async def test_every_state_has_its_meaning_without_metadata(state: str, expected: JobState) -> None:
    """A word that PSI/J lacks is unknown, and kept."""
    found = await Facility(job(state)).provider().job("7")

    assert (expected, state) == (found.state, found.state_word)


async def test_what_is_not_told_stays_empty() -> None:
    """Of an ended job the time is its end."""
    found = await Facility(job("failed", time=60, exit_code=3, meta_data={"account": 7})).provider().job("7")

    assert ("ana", "", "3:0", None) == (found.user, found.account, found.exit_code, found.submitted)
    assert datetime.fromtimestamp(60, UTC) == found.ends


async def test_a_request_becomes_a_specification() -> None:
    """The script is an argument of its shell, and nothing is read from it."""
    facility = Facility(httpx.Response(200, json={"id": 12}))

    assert "12" == await facility.provider().submit(REQUEST, BATCH)
    sent = json.loads(facility.asked[0].content)
    assert ["-l", "-c", BATCH.script.decode(), "bs-1"] == sent["arguments"]
    assert {"node_count": 2, "memory": 100 * 2**20, "processes_per_node": 1, "gpu_cores_per_process": 4,
            "exclusive_node_use": False} == sent["resources"]  # fmt: skip
    assert (3600, {"qos": "realtime", "comment": "nonce"}) == (
        sent["attributes"]["duration"],
        sent["attributes"]["custom_attributes"],
    )


async def test_a_facility_without_keys_is_asked_once_without_one() -> None:
    """501 means that nothing was done."""
    facility = Facility(httpx.Response(501, json={"detail": "no store"}), httpx.Response(200, json={"id": "12"}))
    await facility.provider().submit(REQUEST, BATCH)

    assert [True, False] == ["Idempotency-Key" in request.headers for request in facility.asked]


@pytest.mark.parametrize("script", [b"#!/usr/bin/python3\nprint()\n", b"echo\n", b"#!/bin/sh\n" + b"x" * 200_000])
async def test_a_script_that_cannot_be_an_argument_is_refused(script: bytes) -> None:
    """Nothing is sent."""
    facility = Facility()
    with pytest.raises(SubmitRefused):
        await facility.provider().submit(REQUEST, Batch(script, "n", "/", "/dev/null"))

    assert [] == facility.asked


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, NotSignedIn),
        (403, NotAllowed),
        (422, SubmitRefused),
        (400, SubmitRefused),
        (503, Unreachable),
        (500, Unreachable),
    ],
)
async def test_problem_details_become_errors_of_ours(status: int, error: type[Exception]) -> None:
    """With the facility's own words; an answer that leaves it open is never a refusal."""
    problem = httpx.Response(status, json={"type": "about:blank", "title": "T", "detail": "its own words"})
    again = httpx.Response(status, json={"detail": "its own words"})
    with pytest.raises(error, match="its own words" if status != 401 else "token"):
        await Facility(problem, again).provider().submit(REQUEST, BATCH)


async def test_busy_and_nonsense_are_told_apart() -> None:
    """Busy says when to come again; an answer of another kind is unreadable."""
    with pytest.raises(Busy) as busy:
        await Facility(httpx.Response(503, json={}, headers={"Retry-After": "7"})).provider().jobs()
    with pytest.raises(Unreadable):
        await Facility(httpx.Response(200, json={"no": "list"})).provider().jobs()
    with pytest.raises(Unreadable):
        await Facility(httpx.Response(200, text="<html>")).provider().job("7")

    assert 7.0 == busy.value.retry_after


async def test_what_is_left_of_a_project_is_its_balance() -> None:
    """In node hours; of two limits the nearer one."""
    entries = [{"allocation": 10, "usage": 4, "unit": "node_hours"}, {"allocation": 1, "usage": 0, "unit": "bytes"}]
    facility = Facility(
        httpx.Response(200, json=[{"id": "p", "name": "ncem", "description": "NCEM"}]),
        httpx.Response(200, json=[{"id": "a", "entries": entries}]),
    )
    (found,) = await facility.provider().entitlements()

    assert ("ana", "ncem", 6.0, "NCEM") == (found.user, found.account, found.balance_hours, found.description)
    assert Ability.ENTITLEMENTS in facility.provider().can()
