"""Each end has its name, says what happened in words, and what to do next."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from facility.models import Job, JobRequest, JobState
from spawners.intents import Intent
from spawners.start.endings import REMEDIES, Kind, name_end, name_stop

BEGAN = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)
INTENT = Intent("n", "ana", "", JobRequest("ncem", "realtime", "main", timedelta(hours=2)), BEGAN, job_id="7", port=4)
RAN = Job("7", "ana", "n", JobState.COMPLETED, "", node_list="nid001", batch_host="nid001", starts=BEGAN,
          ends=BEGAN + timedelta(hours=2))  # fmt: skip


def job(state: JobState, word: str = "", **changed: object) -> Job:
    """The final record of the job."""
    return replace(RAN, state=state, state_word=word or str(state), **changed)  # type: ignore[arg-type]  # fields of Job


@pytest.mark.parametrize(
    ("record", "kind", "words"),
    [
        (job(JobState.TIMEOUT), Kind.WALLTIME, "its walltime of 02:00:00 was used up."),
        (job(JobState.OUT_OF_MEMORY), Kind.OUT_OF_MEMORY, "it ran out of memory."),
        (job(JobState.NODE_FAIL), Kind.NODE_LOST, "a node it ran on (nid001) failed."),
        (job(JobState.PREEMPTED), Kind.PREEMPTED, "a job of higher priority took its nodes."),
        (job(JobState.CANCELLED, "CANCELLED by 0"), Kind.CANCELLED_BY_OPERATOR, "an operator (root) cancelled it."),
        (job(JobState.CANCELLED, "CANCELLED by 4000001"), Kind.CANCELLED_BY_OPERATOR, "cancelled it."),
        (job(JobState.CANCELLED, "CANCELLED by 4000000"), Kind.CANCELLED, "it was cancelled with scancel."),
        (job(JobState.CANCELLED), Kind.CANCELLED, "it was cancelled with scancel."),
        (job(JobState.COMPLETED), Kind.COMPLETED, "shut down from inside"),
        (job(JobState.FAILED), Kind.FAILED, "it ended with an error."),
        (job(JobState.LAUNCH_FAILED), Kind.FAILED, "it could not be started."),
        (None, Kind.FORGOTTEN, "Slurm no longer knows it."),
    ],
)
def test_an_end_is_named_by_what_slurm_says(record: Job | None, kind: Kind, words: str) -> None:
    """Every final state becomes a kind and a sentence."""
    ending = name_end(record, INTENT, me=4_000_000)

    assert kind is ending.kind
    assert ending.words.startswith("Your job 7 ended: ")
    assert words in ending.words


def test_a_reservation_that_ended_is_not_taken_for_walltime() -> None:
    """Slurm calls both TIMEOUT; a job of a reservation that ran for less than it was granted was cut short."""
    request = replace(INTENT.request, reservation="beam-042")
    inside = replace(INTENT, request=request)
    cut = job(JobState.TIMEOUT, reservation="beam-042", ends=BEGAN + timedelta(hours=1))

    assert Kind.RESERVATION_ENDED is name_end(cut, inside).kind
    assert "its reservation beam-042 ended." in name_end(cut, inside).words
    assert Kind.WALLTIME is name_end(job(JobState.TIMEOUT, reservation="beam-042"), inside).kind


def test_memory_that_slurm_names_in_the_log_only_is_named() -> None:
    """Where the record says cancelled or failed, slurmstepd's own line in the job's log tells the cause."""
    log = "loading\nslurmstepd: error: Detected 1 oom-kill event(s) in StepId=7.batch.\n"
    other = "slurmstepd-nid005: error: StepId=1.batch exceeded memory limit (222007296 > 100663296), being killed\n"

    assert Kind.OUT_OF_MEMORY is name_end(job(JobState.FAILED), INTENT, log).kind
    assert Kind.OUT_OF_MEMORY is name_end(job(JobState.FAILED), INTENT, other).kind
    assert Kind.FAILED is name_end(job(JobState.FAILED), INTENT, "my own oom-kill words\n").kind


def test_a_job_that_was_warned_of_its_end_ended_by_walltime() -> None:
    """The server that ended in order before its time was up did not just complete."""
    warned = replace(INTENT, hint=str(Kind.WALLTIME))

    assert Kind.WALLTIME is name_end(job(JobState.COMPLETED), warned).kind
    assert Kind.NODE_LOST is name_end(job(JobState.NODE_FAIL), warned).kind


def test_a_start_that_failed_shows_the_logs_last_lines() -> None:
    """The cause that the job wrote reaches the person; a job that never ran is told as such."""
    failed = name_end(job(JobState.FAILED), INTENT, "disk quota exceeded\n", served=False)
    never = name_end(job(JobState.CANCELLED, node_list="", batch_host=""), INTENT, served=False)

    assert failed.words == (
        "Your job 7 ended before its server answered: it ended with an error. It wrote last: disk quota exceeded"
    )
    assert "Your job 7 ended before it ran: it was cancelled with scancel." == never.words


def test_every_end_has_a_next_step() -> None:
    """No kind leaves the person without what to do."""
    assert set(Kind) == set(REMEDIES)
    assert "Start again" in name_stop(INTENT).remedy
    assert Kind.STOPPED is name_stop(INTENT).kind
