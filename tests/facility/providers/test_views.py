"""Rows of squeue and sacct by name, and what sshare tells of hours, on made-up and on real answers."""

from __future__ import annotations

import asyncio
import secrets
from datetime import timedelta

import pytest

from facility.as_user import acting
from facility.errors import NotFound, Unreadable
from facility.models import JobRequest
from facility.providers.slurm import Slurm, sshare, views
from facility.providers.slurm.text import Marks

from ..conftest import RealSite

SCRIPT = b"#!/bin/sh\nsleep 60\n"


def queue_row(marks: Marks, **different: str) -> bytes:
    """One row as squeue prints it."""
    words = dict.fromkeys(views.QUEUE, "-") | {"jobid": "7", "state": "RUNNING", "submit_time": "0"} | different
    return f"1000{marks.start}{marks.separator.join(words.values())}{marks.end}\n".encode()


async def recorded_row(slurm: Slurm, job: str, user: str) -> list[views.Row]:
    """What accounting has of a job, which it hears of a moment after the controller."""
    async with asyncio.timeout(30):
        while True:
            if records := await slurm.record_rows(job_ids=[job], user=user):
                return records
            await asyncio.sleep(0.2)


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("NODE_FAIL", "FAILED"),
        ("DEADLINE", "TIMEOUT"),
        ("RUNNING", "RUNNING"),
        ("CANCELLED by 1001", "CANCELLED by 1001"),
    ],
)
def test_a_state_that_programs_do_not_wait_for_is_told_as_one_that_they_do(marks: Marks, word: str, told: str) -> None:
    """Slurm's own word stands beside it."""
    [row] = views.parse_queue(queue_row(marks, state=word), marks)

    assert (told, word) == (row["state"], row["slurm_state"])


def test_a_new_state_is_left_out_rather_than_guessed(marks: Marks) -> None:
    """A program that knows a list of words is not given another."""
    [row] = views.parse_queue(queue_row(marks, state="DREAMING"), marks)

    assert ("DREAMING", False) == (row["slurm_state"], "state" in row)


def test_a_cut_answer_of_accounting_is_an_error(marks: Marks) -> None:
    """A record is never shown with another's words."""
    with pytest.raises(Unreadable, match="cut"):
        views.parse_records(b"7" + marks.separator.encode() + b"8", marks)


def test_hours_are_read_by_resource() -> None:
    """What is not limited is not given; a share of one partition is part of its user's."""
    account, person = sshare.parse(
        b"ncem||node=6000|cpu=60,node=30|\n ncem|ana||cpu=6,node=3|\n ncem|ana||cpu=6,node=3|gpu\n"
    )

    assert (sshare.Usage("ncem", "", {"node": 100.0}, {"cpu": 1.0, "node": 0.5})) == account
    assert ("ncem", "ana", {}) == (person.account, person.user, person.given)


@pytest.mark.slurm
async def test_rows_of_the_real_queue_and_of_accounting(real_site: RealSite) -> None:
    """All words are text, times are those people read, and each filter is the scheduler's own."""
    slurm = Slurm(real_site.profile.system, acting(real_site.profile))
    request = JobRequest(account="ncem", qos="realtime", partition="main", walltime=timedelta(minutes=2))
    name = f"rows-{secrets.token_hex(4)}"
    job = await slurm.submit(
        request, SCRIPT, user=real_site.ana, name=name, comment="a|b c", directory="/tmp", output="/dev/null"
    )
    [row] = await slurm.queue_rows(job_ids=[job], user=real_site.ana, partition="main", account="ncem")
    nobodys = await slurm.queue_rows(job_ids=[job], user="root")  # who has no job, also where there is one user only
    records = await recorded_row(slurm, job, real_site.ana)
    await slurm.cancel(job, user=real_site.ana)

    assert (job, name, "a|b c", real_site.ana, "ncem") == tuple(
        row[word] for word in ("jobid", "name", "comment", "user", "account")
    )
    assert "T" in row["submit_time"]
    assert [] == nobodys
    assert [(job, name, real_site.ana)] == [(r["jobid"], r["jobname"], r["user"]) for r in records]
    assert "--comment" in records[0]["submitline"]


@pytest.mark.slurm
async def test_what_the_real_slurm_does_not_know_is_no_row(real_site: RealSite) -> None:
    """And a name that could be an option is refused before anything is asked."""
    slurm = Slurm(real_site.profile.system, acting(real_site.profile))

    assert [] == await slurm.queue_rows(job_ids=["4000000"])
    assert [] == await slurm.record_rows(job_ids=["4000000"])
    with pytest.raises(NotFound, match="no user here"):
        await slurm.queue_rows(user="-x")
    assert {"ncem", "als"} <= {share.account for share in await slurm.usage()}
