"""What Slurm's answers mean together: alive, gone, unknown."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from facility.errors import NotFound, Unreachable, Unreadable
from facility.models import Job, JobRequest, JobState
from facility.profile import System
from facility.providers.slurm import Completed, Slurm, slurm_environment
from facility.testing import FakeScheduler

MakeJob = Callable[..., Job]
REQUEST = JobRequest("ncem", "realtime", "main", timedelta(hours=1))


@pytest.fixture
def scheduler() -> FakeScheduler:
    """A scheduler without jobs."""
    return FakeScheduler()


@pytest.fixture
def slurm(scheduler: FakeScheduler) -> Slurm:
    """The provider over it."""
    return Slurm(System(title="Fake"), scheduler)


async def test_a_job_in_the_queue_is_told_from_there(slurm: Slurm, scheduler: FakeScheduler, make_job: MakeJob) -> None:
    """One question is enough."""
    scheduler.jobs["7"] = make_job()

    assert JobState.RUNNING == (await slurm.job("7")).state
    assert 0 == scheduler.calls_of("sacct")


async def test_a_job_that_left_the_queue_is_told_from_accounting(
    slurm: Slurm, scheduler: FakeScheduler, make_job: MakeJob
) -> None:
    """Its last record says how it ended."""
    scheduler.records["7"] = make_job(state=JobState.TIMEOUT)

    assert JobState.TIMEOUT == (await slurm.job("7")).state


async def test_an_id_that_the_controller_does_not_know_is_none(slurm: Slurm) -> None:
    """Gone: the controller says so, and accounting has no record."""
    assert await slurm.job("7") is None


async def test_several_jobs_are_asked_about_at_once(slurm: Slurm, scheduler: FakeScheduler, make_job: MakeJob) -> None:
    """One command for all; what the controller does not hold is left out, also where it is the only one."""
    for number in ("7", "8", "9"):
        scheduler.jobs[number] = make_job(number)

    held = await slurm.held(["7", "8", "404"])

    assert (["7", "8"], 0) == ([job.id for job in held.jobs], held.malformed)
    assert () == (await slurm.held(["404"])).jobs
    assert 2 == scheduler.calls_of("squeue")
    with pytest.raises(NotFound, match="no job id"):
        await slurm.held(["7", "-u root"])


async def test_more_jobs_than_a_command_can_name_are_found_among_all(
    slurm: Slurm, scheduler: FakeScheduler, make_job: MakeJob
) -> None:
    """An argument has an end; the question then names none of them."""
    scheduler.jobs["7"] = make_job()

    held = await slurm.held([str(number) for number in range(1, 30_000)])

    assert ["7"] == [job.id for job in held.jobs]
    assert not any(option.startswith("--jobs") for option in scheduler.calls[-1])


async def test_accounting_that_is_down_does_not_shake_a_certain_answer(slurm: Slurm, scheduler: FakeScheduler) -> None:
    """The controller's word is enough."""
    scheduler.faults["sacct"] = Unreachable("slurmdbd is down")

    assert await slurm.job("7") is None


async def test_silence_about_a_job_is_not_its_end(slurm: Slurm, scheduler: FakeScheduler) -> None:
    """Success without a row says neither that the job is there nor that it is not."""
    scheduler.faults["squeue"] = Completed(0, b"", b"")

    with pytest.raises(Unreadable, match="neither that it is there nor that it is not"):
        await slurm.job("7")


@pytest.mark.parametrize("words", [b"Socket timed out", b"Kerberos ticket expired", b""])
async def test_a_failing_squeue_is_unreachable(slurm: Slurm, scheduler: FakeScheduler, words: bytes) -> None:
    """Whatever the words, a failure is no answer about jobs."""
    scheduler.faults["squeue"] = Completed(1, b"", words)

    with pytest.raises(Unreachable):
        await slurm.job("7")


async def test_a_nonce_finds_jobs_by_name_and_comment_the_oldest_first(
    slurm: Slurm, scheduler: FakeScheduler, make_job: MakeJob
) -> None:
    """Where accounting keeps no comments, the name carries it; jobs that ended are found too."""
    old = make_job("5", name="bs-hub-abc", state=JobState.FAILED)
    scheduler.records["5"] = old
    scheduler.jobs |= {"9": make_job("9", comment="bs-hub-abc"), "8": make_job("8", name="other")}

    assert ["5", "9"] == [job.id for job in await slurm.find_by_nonce("ana", "abc")]


async def test_a_nonce_is_not_called_missing_while_accounting_is_down(slurm: Slurm, scheduler: FakeScheduler) -> None:
    """ "Not found" would mean a second job, so the failure is told."""
    scheduler.faults["sacct"] = Completed(1, b"", b"sacct: error: slurmdbd: Connection refused")

    with pytest.raises(Unreachable):
        await slurm.find_by_nonce("ana", "abc")


async def test_a_nonce_is_not_called_missing_where_rows_cannot_be_read(slurm: Slurm, scheduler: FakeScheduler) -> None:
    """The row that is cut may be the job's."""
    scheduler.faults["squeue"] = Completed(0, b"\xff cut", b"")

    with pytest.raises(Unreadable):
        await slurm.find_by_nonce("ana", "abc")


async def test_a_site_without_accounting_finds_nonces_in_the_queue(slurm: Slurm, scheduler: FakeScheduler) -> None:
    """No accounting at all is not a failure."""
    scheduler.faults["sacct"] = Completed(1, b"", b"Slurm accounting storage is disabled\n")

    assert [] == await slurm.find_by_nonce("ana", "abc")


async def test_choices_become_options_and_the_script_is_standard_input(slurm: Slurm, scheduler: FakeScheduler) -> None:
    """No choice of a person's stands in the script."""
    await slurm.submit(
        REQUEST, b"#!/bin/sh\n", user="ana", name="bs-1", comment="bs-1", directory="/home/ana", output="/dev/null"
    )

    assert {"--account=ncem", "--qos=realtime", "--time=0-01:00:00", "--job-name=bs-1"} <= set(scheduler.calls[0])


@pytest.mark.parametrize("job_id", ["", "7 8", "--help", "7;id", "٧"])
async def test_what_is_no_job_id_never_reaches_a_command(slurm: Slurm, scheduler: FakeScheduler, job_id: str) -> None:
    """Text from outside is judged before it becomes an argument."""
    with pytest.raises(NotFound):
        await slurm.cancel(job_id, user="ana")

    assert [] == scheduler.calls


def test_commands_see_nothing_of_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A token in the hub's environment never becomes part of a job's."""
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "secret")
    monkeypatch.setenv("SBATCH_ACCOUNT", "other")

    assert not {"JUPYTERHUB_API_TOKEN", "SBATCH_ACCOUNT"} & set(slurm_environment(System(title="Fake")))
