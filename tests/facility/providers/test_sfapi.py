"""The Superfacility provider against APIs that answer well, in other words, or badly."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

import httpx
import pytest

from facility.errors import (
    Busy,
    FacilityError,
    NotAllowed,
    NotOffered,
    NotSignedIn,
    Refused,
    SubmitRefused,
    Unreachable,
    Unreadable,
)
from facility.exchange import Patience
from facility.models import JobRequest
from facility.profile import System
from facility.providers import Ability, Batch
from facility.providers.sfapi import SfApi
from facility.providers.sfapi.api import Api
from facility.providers.sfapi.commands import CommandEndpoint
from facility.providers.sfapi.script import script_text

WISH = JobRequest("m1", "realtime", "main", timedelta(hours=2), nodes=2, reservation="beam")
BATCH = Batch(
    b"#!/bin/bash\n#SBATCH --time=1\n\necho hello\n", "bs-1", "/home/ana", "/home/ana/%j.log", "beamside bs-1"
)
ROW = {
    "jobid": "7", "user": "ana", "name": "bs-1", "state": "RUNNING", "account": "m1", "qos": "realtime",
    "submit_time": "2026-07-01T12:00:00", "start_time": "N/A", "nodes": "2", "reason": "None",
}  # fmt: skip


async def token() -> str:
    """A token like any other."""
    return "t"


class FakeApi:
    """Answers by path; `asked` keeps the requests."""

    def __init__(self, **answers: object) -> None:
        self.answers = {
            "status": {"name": "cluster", "status": "active"},
            "account": {"uid": 7, "name": "ana"},
        } | answers
        self.asked: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        head = request.url.path.removeprefix("/api/v1.2/").split("/")[0]
        found = self.answers[head]
        if isinstance(found, httpx.Response):
            return found
        return httpx.Response(200, json=found(request) if callable(found) else found)


def provider(api: Callable[[httpx.Request], httpx.Response], **options: object) -> SfApi:
    """A provider of it, without commands unless a test says so."""
    patience, transport = Patience(tries=1), httpx.MockTransport(api)
    return SfApi(
        "https://api.example.org/api/v1.2", "perlmutter", token, patience=patience, transport=transport, **options
    )


def submitting(result: object, status: str = "completed") -> FakeApi:
    """An API whose task ends so."""
    task = {"id": "t1", "status": status, "result": json.dumps(result) if result is not None else None}
    return FakeApi(compute={"task_id": "t1", "status": "OK", "error": None}, tasks=task)


async def test_the_name_that_the_status_tells_is_used() -> None:
    """An alias of the machine works, as it does for other clients."""
    api = submitting({"status": "ok", "jobid": "99", "error": None})

    assert "99" == await provider(api).submit(WISH, BATCH)
    posted = next(request for request in api.asked if request.method == "POST")
    assert "/api/v1.2/compute/jobs/cluster" == posted.url.path
    assert ["false"] == parse_qs(posted.content.decode())["isPath"]


async def test_a_machine_that_is_away_takes_no_job() -> None:
    """With what the facility says about it, before anything is sent."""
    api = FakeApi(status={"name": "cluster", "status": "unavailable", "notes": ["until noon"]})

    with pytest.raises(Unreachable, match="until noon"):
        await provider(api).submit(WISH, BATCH)
    assert all(request.method == "GET" for request in api.asked)


@pytest.mark.parametrize(
    ("result", "status", "kind", "words"),
    [
        ({"status": "error", "jobid": None, "error": "Invalid account"}, "completed", SubmitRefused, "account"),
        ({"status": "error", "error": "Invalid qos"}, "failed", SubmitRefused, "qos"),
        (None, "cancelled", SubmitRefused, "was cancelled"),
        ({"status": "error", "error": "Socket timed out on send"}, "completed", Unreachable, "nonce"),
        ({"status": "ok"}, "completed", Unreadable, "nonce"),
    ],
)  # fmt: skip
async def test_how_a_submission_ended_is_told(
    result: object, status: str, kind: type[FacilityError], words: str
) -> None:
    """Refused in the scheduler's words; where it is not certain, look by the nonce."""
    with pytest.raises(kind, match=words):
        await provider(submitting(result, status)).submit(WISH, BATCH)


async def test_a_submission_that_was_not_even_started_is_refused() -> None:
    """The API says so in an answer of status 200."""
    api = FakeApi(compute={"task_id": "", "status": "ERROR", "error": "no such queue"})

    with pytest.raises(SubmitRefused, match="no such queue"):
        await provider(api).submit(WISH, BATCH)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, NotSignedIn), (403, NotAllowed), (422, Refused), (429, Busy), (503, Busy), (500, Unreachable)],
)
async def test_each_status_is_an_error_with_the_apis_words(status: int, kind: type[FacilityError]) -> None:
    """FastAPI's `detail` as text or as a list."""
    for detail in ("not today", [{"msg": "not today"}]):
        api = FakeApi(account=httpx.Response(status, json={"detail": detail}))
        with pytest.raises(kind, match=r"not today|no newer one"):
            await provider(api).me()


@pytest.mark.parametrize("zone", [None, ZoneInfo("America/Los_Angeles")])
async def test_times_are_told_where_the_zone_is_known(zone: ZoneInfo | None) -> None:
    """Noon there is seven in the evening in UTC; without a zone the provider says that times are missing."""
    asked = provider(FakeApi(compute={"status": "OK", "output": [ROW], "error": None}), zone=zone)
    (job,) = await asked.jobs()

    assert ("7", 2, "m1", "") == (job.id, job.node_count, job.account, job.reason)
    assert (datetime(2026, 7, 1, 19, tzinfo=UTC) if zone else None) == job.submitted
    assert bool(zone) is not bool(asked.can().why_not(Ability.JOBS))


@pytest.mark.parametrize("found", [{"status": "ERROR", "output": [], "error": "slurmctld is down"}, {"status": "OK"}])
async def test_a_failed_question_is_no_empty_list(found: object) -> None:
    """Status 200 or not."""
    with pytest.raises((Unreachable, Unreadable)):
        await provider(FakeApi(compute=found)).jobs()


async def test_projects_tell_the_hours_that_are_left() -> None:
    """Of the user's share; without commands the QOS are missing, and the provider says so."""
    project = {"repo_name": "m1", "description": "beam", "hours_given": 100.0, "hours_used": 40.0}
    asked = provider(
        FakeApi(account=lambda request: [project] if "projects" in request.url.path else {"uid": 7, "name": "ana"})
    )
    (found,) = await asked.entitlements()

    assert ("m1", 60.0, "beam", ()) == (found.account, found.balance_hours, found.description, found.qos)
    assert "QOS" in asked.can().why_not(Ability.ENTITLEMENTS)


@pytest.mark.parametrize("ability", [Ability.QOS, Ability.PARTITIONS, Ability.RESERVATIONS, Ability.IMAGES])
async def test_without_commands_nothing_is_guessed(ability: Ability) -> None:
    """It is said instead."""
    with pytest.raises(NotOffered, match="Superfacility API"):
        await getattr(provider(FakeApi()), ability)()


class Shell:
    """A command endpoint as sites have it: a login shell that greets, in a task."""

    def __init__(self, greeting: str = "Welcome\n", cut: int | None = None) -> None:
        self.greeting = greeting
        self.cut = cut
        self.result = ""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            line = parse_qs(request.content.decode())["executable"][0]
            done = subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True, check=False)
            output = (self.greeting + done.stdout)[: self.cut]
            self.result = json.dumps({"status": "ok", "output": output, "error": done.stderr})
            return httpx.Response(200, json={"task_id": "t1", "status": "OK", "error": None})
        return httpx.Response(200, json={"id": "t1", "status": "completed", "result": self.result})


def endpoint(shell: Shell) -> CommandEndpoint:
    """A runner over it."""

    async def machine() -> str:
        return "cluster"

    return CommandEndpoint(Api("https://api.example.org", token, transport=httpx.MockTransport(shell)), machine)


async def test_a_greeting_is_no_part_of_the_answer() -> None:
    """Nor is anything else outside the marks; quotes and spaces arrive as they are."""
    done = await endpoint(Shell()).run(["printf", "%s|%s\n", "a b", "c'd\"$HOME"], user=None, timeout=5)

    assert (0, b"a b|c'd\"$HOME\n") == (done.returncode, done.stdout)


async def test_a_command_that_fails_tells_its_status_and_words() -> None:
    """As if it had run here."""
    done = await endpoint(Shell()).run(["ls", "/nonexistent"], user=None, timeout=5)

    assert 2 == done.returncode
    assert b"No such file" in done.stderr


async def test_an_answer_that_is_cut_is_no_answer() -> None:
    """The end mark is missing."""
    with pytest.raises(Unreadable, match="marks"):
        await endpoint(Shell(cut=40)).run(["echo", "x" * 100], user=None, timeout=5)


async def test_reservations_are_asked_with_slurms_own_command(tmp_path: Path) -> None:
    """And read by the same parser; a program in the place of scontrol answers."""
    scontrol = tmp_path / "scontrol"
    told = "ReservationName=beam StartTime=100 EndTime=200 Nodes=n1 NodeCnt=1 Users=ana State=ACTIVE"
    scontrol.write_text(
        f'#!/bin/sh\n[ "$*$SLURM_TIME_FORMAT" = "--all --oneliner show reservation%s" ] && echo {told}\n'
    )
    scontrol.chmod(0o755)
    system = System.model_validate({"title": "Test", "commands": {"scontrol": str(scontrol)}})
    shell = Shell()

    def api(request: httpx.Request) -> httpx.Response:
        status = httpx.Response(200, json={"name": "cluster", "status": "active"})
        return status if "/status/" in request.url.path else shell(request)

    (reservation,) = await provider(api, system=system).reservations()

    assert ("beam", ("ana",), 1) == (reservation.name, reservation.users, reservation.node_count)


def test_choices_stand_after_the_scripts_own_and_before_its_first_command() -> None:
    """sbatch takes the last of two, and none after a command."""
    lines = script_text(WISH, BATCH).splitlines()

    assert ["#!/bin/bash", "#SBATCH --time=1"] == lines[:2]
    assert lines.index('#SBATCH --time="0-02:00:00"') < lines.index("echo hello")
    assert '#SBATCH --comment="beamside bs-1"' in lines


@pytest.mark.parametrize("name", ["x\n#SBATCH --uid=0", 'x" --uid=0', "x\\", "x#y", "x\x00"])
def test_nothing_can_be_slipped_into_a_script(name: str) -> None:
    """A value that would end its line or its quotes is refused."""
    with pytest.raises(Refused, match="cannot be written"):
        script_text(WISH, Batch(BATCH.script, name, "/home/ana", "/dev/null"))
