"""Questions of many about their jobs: few commands, an answer for each, and nobody who waits for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from facility.errors import FacilityError, Unreachable, Unreadable
from facility.models import Job, JobState
from facility.providers.slurm.squeue import Listing
from spawners.start.outlook import Outlook
from spawners.start.together import Answer, Together, ask, settle


def job(job_id: str, state: JobState = JobState.RUNNING) -> Job:
    """A job of ana's."""
    return Job(job_id, "ana", "jupyter-x-y", state, state.value)


@dataclass
class Asked:
    """Answers what a test says, and counts the questions."""

    jobs: dict[str, Job] = field(default_factory=dict)
    ended: dict[str, Job] = field(default_factory=dict)
    problem: FacilityError | None = None  # of accounting
    questions: list[str] = field(default_factory=list)

    async def job(self, job_id: str) -> Job | None:
        """One job; None where neither controller nor accounting know it."""
        self.questions.append(f"job {job_id}")
        return self.jobs.get(job_id) or self.ended.get(job_id)

    async def held(self, job_ids: Sequence[str]) -> Listing:
        """Those that the controller holds."""
        self.questions.append("held")
        return Listing(tuple(self.jobs[one] for one in job_ids if one in self.jobs), 0)

    async def records(self, job_ids: Sequence[str]) -> dict[str, Job]:
        """Those that accounting has a record of."""
        self.questions.append("records")
        if self.problem:
            raise self.problem
        return {one: self.ended[one] for one in job_ids if one in self.ended}


async def test_one_alone_is_asked_about_as_ever() -> None:
    """A single question is the targeted one, with its positive word."""
    slurm = Asked(jobs={"1": job("1")})

    assert {"1": job("1")} == await ask(slurm, ["1"], singly=5)
    assert {"2": None} == await ask(slurm, ["2"], singly=5)
    assert ["job 1", "job 2"] == slurm.questions


async def test_many_cost_two_questions() -> None:
    """What runs is told by one question to the controller, what ended by one to accounting."""
    numbers = [str(number) for number in range(100)]
    slurm = Asked(
        jobs={one: job(one) for one in numbers[:50]},
        ended={one: job(one, JobState.COMPLETED) for one in numbers[50:]},
    )

    assert slurm.jobs | slurm.ended == await ask(slurm, numbers, singly=5)
    assert ["held", "records"] == slurm.questions


async def test_of_those_that_nobody_knows_few_are_asked_about_at_a_time() -> None:
    """The positive word that there is no such job is had for a few; the others stay unknown until their turn."""
    slurm = Asked(problem=Unreachable("no accounting"))
    left, found = {str(number) for number in range(10)}, 0

    while left:
        answers = await settle(slurm, sorted(left), singly=2)
        known = {one for one, answer in answers.items() if answer is None}
        assert len(known) == min(2, len(left))
        assert all(isinstance(answers[one], Unreadable) for one in left - known)
        left, found = left - known, found + 1
    assert 5 == found


async def test_those_who_ask_meanwhile_share_the_next_question() -> None:
    """However many ask while an answer is on its way: one question more, and each gets the answer about its job."""
    rounds: list[list[str]] = []
    asked, answers = asyncio.Event(), asyncio.Event()

    async def put(job_ids: Sequence[str]) -> Mapping[str, Answer]:
        rounds.append(sorted(job_ids))
        asked.set()
        await answers.wait()
        return {one: job(one) for one in job_ids}

    together = Together(put, pause=0)
    first = asyncio.create_task(together.job("1"))
    await asked.wait()
    others = [asyncio.create_task(together.job(one)) for one in ("2", "3", "2")]
    await asyncio.sleep(0)
    others[0].cancel()  # a person who gives up takes the answer from nobody
    answers.set()

    assert [job("1"), job("3"), job("2")] == await asyncio.gather(first, *others[1:])
    assert [["1"], ["2", "3"]] == rounds


async def test_a_scheduler_without_an_answer_is_said_to_each(caplog: pytest.LogCaptureFixture) -> None:
    """The error reaches everybody who asked; so does a mistake, which is logged too."""

    async def fail(_: Sequence[str]) -> Mapping[str, Answer]:
        raise Unreachable("Socket timed out")

    async def mistake(_: Sequence[str]) -> Mapping[str, Answer]:
        raise KeyError("x")

    silent = Together(fail, pause=0)
    told = await asyncio.gather(silent.job("1"), silent.job("2"), return_exceptions=True)
    assert ["Socket timed out"] * 2 == [str(error) for error in told]
    with pytest.raises(Unreachable, match="mistake"):
        await Together(mistake, pause=0).job("1")
    assert "for a mistake" in caplog.text


async def test_jobs_that_claim_in_one_moment_are_confirmed_together() -> None:
    """The first at once, all others that came meanwhile by one question, which is put after the last of them."""
    slurm = Asked(jobs={str(number): job(str(number)) for number in range(300)})
    claims = Outlook(None, slurm).claims  # type: ignore[arg-type]  # the feed is not asked
    first = asyncio.create_task(claims.job("0"))
    await first

    assert list(slurm.jobs.values()) == await asyncio.gather(*(claims.job(one) for one in slurm.jobs))
    assert ["job 0", "held"] == slurm.questions
