"""`beamside jobs` against the facility at work: from a script on one's own disk to its log and its exit status."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from beamside.verbs.following import follow_log
from facility.models import JobState
from facility.testing import until
from tests.beamside.conftest import Desk

pytestmark = pytest.mark.slurm
SIZE = ("--account=ncem", "--qos=debug", "--walltime=5min")


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """It prints, waits, prints again, and ends with a status of its own."""
    path = tmp_path / "measure.sh"
    path.write_text('#!/bin/sh\necho "begin $1"\nsleep 2\necho end\nexit 7\n', encoding="utf-8")
    return path


async def test_a_script_is_submitted_and_its_log_followed_to_the_end(desk: Desk, script: Path) -> None:
    """The log is what standard output holds, the job's status the command's."""
    said = await desk.run("jobs", "submit", *SIZE, "-f", str(script), "scan 7")

    assert (7, "begin scan 7\nend\n") == (said.status, said.out)
    assert "is submitted" in said.err and "FAILED" in said.err


async def test_a_job_that_waits_says_why_while_it_is_followed(
    desk: Desk, script: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Once for each turn, on standard error: standard output is the log's."""
    words = ("jobs", "submit", *SIZE, "--reservation=ana-tomorrow", "--json", str(script))
    job_id = json.loads((await desk.run(*words)).out)["job_id"]
    said, log = list[str](), list[bytes]()

    def waits() -> int:
        said.append(capsys.readouterr().err)
        return "".join(said).count(f"Job {job_id} is PENDING. Waiting for its reservation")

    async with await desk.service.client(desk.site.ana) as client:
        following = asyncio.create_task(follow_log(client, job_id, await client.log_path(job_id), log.append))
        await until(lambda: bool(waits()), 30)
        await client.cancel(job_id)
        job = await asyncio.wait_for(following, 60)

    assert (JobState.CANCELLED, 1, []) == (job.state, waits(), log)


async def test_a_job_is_shown_held_released_and_ended(desk: Desk, script: Path) -> None:
    """With JSON for programs; the same word is the same job."""
    words = ("jobs", "submit", *SIZE, "--reservation=ana-tomorrow", "--once=tonight", "--json", str(script))
    job_id, again = [json.loads((await desk.run(*words)).out)["job_id"] for _ in range(2)]
    held, shown = await desk.run("jobs", "hold", job_id), await desk.run("jobs", "show", job_id)
    released, ended = await desk.run("jobs", "release", job_id), await desk.run("jobs", "cancel", job_id)

    assert (job_id, [0, 0, 0, 0]) == (again, [said.status for said in (held, shown, released, ended)])
    assert "measure.sh" in shown.out and "ana-tomorrow" in shown.out


async def test_a_start_is_told_before_anything_is_submitted(desk: Desk) -> None:
    """In a sentence, or as the record; where there is none the status is 1 and the sentence says why."""
    said = await desk.run("jobs", "estimate", *SIZE)
    record = json.loads((await desk.run("jobs", "estimate", *SIZE, "--reservation=ana-tomorrow", "--json")).out)
    refused = await desk.run("jobs", "estimate", *SIZE, "--account=nosuch")
    too_long = await desk.run("jobs", "estimate", "--account=ncem", "--qos=debug", "--walltime=2h")

    assert (0, 1, 1) == (said.status, refused.status, too_long.status)
    assert "It would start " in said.out and " on nid" in said.out
    assert record["starts"] > record["as_of"] and not record["why_not"]
    assert "No start can be told: the scheduler refused the job: Invalid account" in refused.out
    assert "No start can be told: such a job would wait for ever: QOS debug allows 0-00:30:00" in too_long.out


async def test_what_is_refused_is_told_in_one_line(desk: Desk, script: Path) -> None:
    """In the scheduler's words; status 1. A script that is not here is status 2, an unknown job 1."""
    refused = await desk.run("jobs", "submit", "--account=nosuch", str(script))
    missing, unknown = await desk.run("jobs", "submit", "nothere.sh"), await desk.run("jobs", "log", "4000000")

    assert (1, 2, 1) == (refused.status, missing.status, unknown.status)
    assert "Invalid account" in refused.err
    assert all(said.err.count("\n") == 1 and not said.out for said in (refused, missing, unknown))
