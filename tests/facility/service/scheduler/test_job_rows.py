"""Rows of jobs for those who may see them, asked for once for many."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from facility.errors import Busy, NotAllowed
from facility.providers.slurm.views import Row
from facility.service.caller import Caller
from facility.service.clock import SystemClock
from facility.service.scheduler.job_rows import JobRows, Wanted
from facility.service.scheduler.ledger import Ledger
from facility.service.scopes import PERSONAL

ROWS = [{"jobid": f"{number}", "user": user, "account": account} for number, user, account in (
    (1, "ana", "ncem"), (2, "ben", "als"), (3, "ben", "ncem"),
)]  # fmt: skip


class SlurmCounted:
    """Slurm's answers, and the questions that it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

    async def queue_rows(self, *, job_ids: Sequence[str] = (), user: str = "", **_: str) -> list[Row]:
        """Given."""
        self.asked.append(tuple(job_ids))
        await asyncio.sleep(0)
        return [row for row in ROWS if (not job_ids or row["jobid"] in job_ids) and user in {"", row["user"]}]


async def sees(caller: Caller, account: str) -> bool:
    """Kim is an operator, ana coordinates ncem."""
    return caller.user == "kim" or (caller.user, account) == ("ana", "ncem")


def caller(user: str) -> Caller:
    """Somebody, signed in."""
    return Caller(user, PERSONAL, "tests", datetime.now(UTC) + timedelta(minutes=5))


@pytest.fixture
def slurm() -> SlurmCounted:
    """The scheduler."""
    return SlurmCounted()


@pytest.fixture
def rows(slurm: SlurmCounted) -> JobRows:
    """Everybody's rows."""
    return JobRows(slurm, Ledger(), sees, SystemClock())  # type: ignore[arg-type]  # what is asked of it is there


async def test_those_who_ask_at_the_same_time_are_answered_by_one_question(rows: JobRows, slurm: SlurmCounted) -> None:
    """The first is asked for at once, all others together after it; each gets its own."""
    found = await asyncio.gather(*(
        rows.queue(caller(user), Wanted((job,)), fresh=True) for user, job in (("ana", "1"), ("ben", "2"), ("ben", "3"))
    ))  # fmt: skip

    assert [["1"], ["2"], ["3"]] == [[row["jobid"] for row in one] for one in found]
    assert len(slurm.asked) <= 2


@pytest.mark.parametrize(("user", "jobs"), [("ana", ["1", "3"]), ("ben", ["2", "3"]), ("kim", ["1", "2", "3"])])
async def test_one_sees_ones_own_an_accounts_coordinator_the_account_an_operator_all(
    rows: JobRows, user: str, jobs: list[str]
) -> None:
    """Whatever ids are asked for."""
    found = await rows.queue(caller(user), Wanted(("1", "2", "3")), fresh=True)

    assert jobs == [row["jobid"] for row in found]


async def test_anothers_jobs_by_name_are_refused_and_too_many_questions_wait(rows: JobRows) -> None:
    """With words; twenty listings may come at once."""
    with pytest.raises(NotAllowed, match="may not see the jobs of ben"):
        await rows.queue(caller("ana"), Wanted(user="ben"), fresh=True)
    with pytest.raises(Busy):
        for _ in range(40):
            await rows.queue(caller("ana"), Wanted(), fresh=True)
