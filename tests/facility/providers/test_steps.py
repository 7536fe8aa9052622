"""Steps of a job, and what the job holds, as Slurm tells it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from facility.errors import NotFound, Unreachable, Unreadable
from facility.profile import System
from facility.providers.slurm.run import Completed
from facility.providers.slurm.steps import Holding, SlurmSteps, read_holding

SYSTEM = System(title="Demo")


class Answers:
    """A Slurm that always says the same, and remembers what it was asked."""

    def __init__(self, status: int, said: bytes = b"", complained: bytes = b"") -> None:
        self._done = Completed(status, said, complained)
        self.asked: list[Sequence[str]] = []

    async def run(self, argv: Sequence[str], *, user: str | None, stdin: bytes = b"", timeout: float) -> Completed:
        """See `Runner.run`."""
        self.asked.append(argv)
        return self._done


def test_what_a_job_holds_is_read_from_its_tres() -> None:
    """In whatever unit its memory is told; without memory among them there is none to divide."""
    text = "cpu=8,mem=16000M,node=2,billing=8,gres/gpu=4,gres/gpu:a100=4"

    assert read_holding(text) == Holding(nodes=2, cpus=8, memory_mb=16000, gpus=4)
    assert read_holding("cpu=1,mem=1.50G,node=1") == Holding(1, 1, 1536, 0)
    assert read_holding("cpu=1,node=1").memory_mb is None


def test_another_text_is_not_taken_for_a_small_job() -> None:
    """It is an error."""
    with pytest.raises(Unreadable):
        read_holding("N/A")


async def test_a_step_is_there_where_slurm_shows_it() -> None:
    """An unknown job has no steps; a Slurm that does not answer proves nothing."""
    assert await SlurmSteps(SYSTEM, Answers(0, b"12.3\n")).is_there("12.3")
    assert not await SlurmSteps(SYSTEM, Answers(0)).is_there("12.3")
    assert not await SlurmSteps(SYSTEM, Answers(1, b"", b"Invalid job id specified")).is_there("12.3")
    with pytest.raises(Unreachable):
        await SlurmSteps(SYSTEM, Answers(1, b"", b"Unable to contact slurm controller")).is_there("12.3")


async def test_ending_a_step_can_never_end_its_job() -> None:
    """A job's own id is refused before anybody is asked; a step that has ended is no error."""
    slurm = Answers(1, b"", b"scancel: error: Kill job error on 12.3: Job/step already completing or completed")

    await SlurmSteps(SYSTEM, slurm).end("12.3", user="ana")
    with pytest.raises(NotFound):
        await SlurmSteps(SYSTEM, slurm).end("12", user="ana")

    assert slurm.asked == [["scancel", "--signal=TERM", "12.3"]]
