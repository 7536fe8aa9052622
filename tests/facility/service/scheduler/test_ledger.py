"""What one look at the queue means, and what it does not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from facility.models import Job, JobState
from facility.providers.slurm.squeue import Listing
from facility.service.scheduler.ledger import KEPT_CHANGES, Ledger

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MakeJob = Callable[..., Job]


def look(ledger: Ledger, *jobs: Job, malformed: int = 0) -> list[str]:
    """One answer about the queue; the ids of the jobs it changed."""
    return [noted.change.job_id for noted in ledger.take(Listing(jobs, malformed), NOW)]


@pytest.fixture
def ledger(make_job: MakeJob) -> Ledger:
    """Six running jobs."""
    ledger = Ledger()
    look(ledger, *(make_job(str(n)) for n in range(1, 7)))
    return ledger


def test_an_unchanged_queue_brings_no_change(ledger: Ledger, make_job: MakeJob) -> None:
    """Listeners hear of differences only."""
    version = ledger.version_of()

    assert [] == look(ledger, *(make_job(str(n)) for n in range(1, 7)))
    assert version == ledger.version_of()


def test_one_absence_changes_nothing(ledger: Ledger, make_job: MakeJob) -> None:
    """A job that one answer lacks stays as it was."""
    assert [] == look(ledger, *(make_job(str(n)) for n in range(1, 6)))
    assert ([], JobState.RUNNING) == (ledger.suspects(), ledger.job("6").state)


def test_two_absences_make_a_suspect(ledger: Ledger, make_job: MakeJob) -> None:
    """It is asked for by itself, and still there until that is answered."""
    for _ in range(2):
        look(ledger, *(make_job(str(n)) for n in range(1, 6)))

    assert (["6"], JobState.RUNNING) == (ledger.suspects(), ledger.job("6").state)


def test_absences_must_come_in_a_row(ledger: Ledger, make_job: MakeJob) -> None:
    """A job that was seen in between is no suspect."""
    five, six = [make_job(str(n)) for n in range(1, 6)], make_job("6")
    for answer in (five, [*five, six], five):
        look(ledger, *answer)

    assert [] == ledger.suspects()


@pytest.mark.parametrize("times", [1, 5])
def test_an_answer_with_a_malformed_row_proves_no_absence(ledger: Ledger, make_job: MakeJob, times: int) -> None:
    """The row that could not be read may have been the job's; what can be read still counts."""
    for _ in range(times):
        changed = look(ledger, make_job("1", state=JobState.COMPLETED), malformed=1)

    assert [] == ledger.suspects()
    assert JobState.COMPLETED == ledger.job("1").state
    assert times == ledger.malformed_rows
    assert changed == (["1"] if times == 1 else [])


def test_a_queue_that_shrinks_at_once_is_believed_the_second_time(ledger: Ledger, make_job: MakeJob) -> None:
    """Success with an empty answer must come again before it counts at all."""
    suspects = []
    for _ in range(3):
        look(ledger)
        suspects.append(len(ledger.suspects()))

    assert [0, 0, 6] == suspects


def test_an_ended_job_leaves_when_the_scheduler_forgets_it(ledger: Ledger, make_job: MakeJob) -> None:
    """Its terminal record was seen, so its absence needs no proof."""
    rest = [make_job(str(n)) for n in range(1, 6)]
    look(ledger, *rest, make_job("6", state=JobState.COMPLETED))

    assert ["6"] == look(ledger, *rest)
    assert ledger.job("6") is None


def test_a_terminal_record_settles_a_suspect(ledger: Ledger, make_job: MakeJob) -> None:
    """Listeners hear how it ended, then that it is gone."""
    changes = ledger.settle("6", make_job("6", state=JobState.TIMEOUT))

    assert [JobState.TIMEOUT, None] == [noted.change.job and noted.change.job.state for noted in changes]


def test_a_record_from_before_a_requeue_settles_nothing(ledger: Ledger, make_job: MakeJob) -> None:
    """It tells of an earlier submission of the same job."""
    old = make_job("6", state=JobState.PREEMPTED, submitted=NOW - timedelta(hours=1))

    assert [] == ledger.settle("6", old)
    assert ledger.job("6") is not None


def test_a_record_of_a_living_job_settles_nothing(ledger: Ledger, make_job: MakeJob) -> None:
    """Accounting lags behind; that is no end."""
    assert [] == ledger.settle("6", make_job("6"))


def test_missed_changes_can_be_had_again(ledger: Ledger, make_job: MakeJob) -> None:
    """A listener that comes back gets what came after its last event."""
    before = ledger.version_of()
    ledger.put(make_job("9"))

    assert ["9"] == [noted.change.job_id for noted in ledger.since(before)]
    assert [] == ledger.since(ledger.version_of())


def test_changes_that_are_too_old_or_of_another_process_cannot(make_job: MakeJob) -> None:
    """Such a listener needs the snapshot."""
    ledger = Ledger()
    start = ledger.version_of()
    for n in range(KEPT_CHANGES + 1):
        ledger.put(make_job("1", priority=n))

    assert (None, None, None) == (ledger.since(start), ledger.since(1), ledger.since(ledger.version_of() + 1))


def test_a_users_version_moves_with_that_users_jobs_only(ledger: Ledger, make_job: MakeJob) -> None:
    """So that the others' answers stay unchanged."""
    ana = ledger.version_of("ana")
    ledger.put(make_job("20", user="ben"))

    assert (ana, ledger.version_of()) == (ledger.version_of("ana"), ledger.version_of("ben"))
    assert ["20"] == [job.id for job in ledger.snapshot("ben").jobs]


def test_before_the_first_answer_there_is_no_snapshot() -> None:
    """Not known is not empty."""
    assert Ledger().snapshot() is None
