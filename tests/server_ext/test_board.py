"""The board: one numbered state, from a snapshot and from what is lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from facility.models import Job, JobState
from server_ext.board import MOST_CHANGES, NOT_YET, Delta, JobBoard, Knowledge
from server_ext.problems import Problem

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
CUT = Problem("the stream was cut", "your jobs", "Nothing.", 503)


def job(id_: str, state: JobState = JobState.RUNNING) -> Job:
    """One of ana's jobs."""
    return Job(id_, "ana", f"job {id_}", state, str(state))


def board_and_deltas() -> tuple[JobBoard, list[Delta]]:
    """A board, and the list that grows with what it tells."""
    told: list[Delta] = []
    return JobBoard(told.append, now=lambda: NOON), told


def test_a_board_that_was_never_shown_anything_knows_nothing() -> None:
    """Before the first look there is no list, and the reason is said."""
    board, _ = board_and_deltas()

    assert (board.jobs, board.knowledge.problem) == (None, NOT_YET)


def test_a_look_tells_only_the_differences() -> None:
    """A delta names new, changed and vanished jobs, and the versions that it joins."""
    board, told = board_and_deltas()
    board.show([job("1"), job("2"), job("3")], NOON)

    board.show([job("1"), job("2", JobState.COMPLETED), job("4")], NOON)

    assert Delta(1, 2, {"2": job("2", JobState.COMPLETED), "4": job("4"), "3": None}) == told[-1]


def test_a_look_that_shows_nothing_new_tells_nothing() -> None:
    """The same jobs again are no event."""
    board, told = board_and_deltas()

    board.show([job("1")], NOON)
    board.show([job("1")], NOON + timedelta(seconds=4))

    assert [Delta(0, 1, {"1": job("1")})] == told


def test_a_queue_without_jobs_is_known_to_be_empty() -> None:
    """No jobs, once a look succeeded, is an answer."""
    board, told = board_and_deltas()

    board.show([], NOON)

    assert (board.jobs, board.knowledge.known, len(told)) == ({}, True, 1)


def test_a_loss_keeps_the_jobs_and_says_when_they_were_true() -> None:
    """What was known stays; since is the last successful look."""
    board, told = board_and_deltas()
    board.show([job("1")], NOON)
    board.show([job("1")], NOON + timedelta(seconds=4))

    board.lose(CUT)

    assert Knowledge(NOON + timedelta(seconds=4), CUT) == board.knowledge
    assert (["1"], Delta(1, 2)) == (list(board.jobs or ()), told[-1])


def test_a_second_problem_keeps_the_time_of_the_first_loss() -> None:
    """The jobs were last true when the first problem began, whatever followed."""
    board, _ = board_and_deltas()
    board.show([job("1")], NOON)

    board.lose(CUT)
    board.lose(Problem("the hub is down", "your jobs", "Nothing.", 503))

    assert board.knowledge.since == NOON


def test_the_same_problem_is_told_once() -> None:
    """A loss that goes on is no new event."""
    board, told = board_and_deltas()

    board.lose(CUT)
    board.lose(CUT)

    assert len(told) == 1


def test_recovery_is_told_also_without_a_change_of_jobs() -> None:
    """A tab takes its banner away although no job changed."""
    board, told = board_and_deltas()
    board.show([job("1")], NOON)
    board.lose(CUT)

    board.show([job("1")], NOON + timedelta(seconds=60))

    assert (Delta(2, 3), Knowledge(NOON + timedelta(seconds=60))) == (told[-1], board.knowledge)


def test_very_many_changes_are_told_as_a_gap() -> None:
    """An array that floods the queue makes every tab take one snapshot."""
    board, told = board_and_deltas()

    board.show([job(f"7_{task}") for task in range(MOST_CHANGES + 1)], NOON)

    assert Delta(1, 1) == told[-1]


def test_a_beat_tells_the_version_without_changing_it() -> None:
    """A tab that missed an event sees a version that is not its own."""
    board, told = board_and_deltas()
    board.show([job("1")], NOON)

    board.beat()

    assert (Delta(1, 1), 1) == (told[-1], board.version)
