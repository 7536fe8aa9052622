"""Jobs in all the words of squeue and sacct, for those who may see them; one question for many who ask at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from facility.errors import Busy, NotAllowed
from facility.providers.slurm import Slurm
from facility.providers.slurm.views import Row, row_of
from facility.service.caller import Caller
from facility.service.clock import Clock
from facility.service.scheduler.budget import Budget
from facility.service.scheduler.ledger import Ledger

QUEUE_RPCS = 2  # squeue asks for the jobs and for the partitions
MOST_IDS = 1000


@dataclass(frozen=True)
class Wanted:
    """Which jobs; what is empty does not narrow."""

    job_ids: tuple[str, ...] = ()
    user: str = ""
    partition: str = ""
    account: str = ""
    since: datetime | None = None  # of records only
    until: datetime | None = None  # of records only


class JobRows:
    """One system's jobs for its people: everybody's own, an account's for its coordinators, all for operators."""

    def __init__(
        self, slurm: Slurm, ledger: Ledger, sees: Callable[[Caller, str], Awaitable[bool]], clock: Clock
    ) -> None:
        """`sees` says whether a caller may see everybody's jobs, or those of the account that is named."""
        self._slurm = slurm
        self._ledger = ledger
        self._sees = sees
        # what people ask has an allowance of its own, beside the background's: 2 questions a second, 20 at once
        self._allowance = Budget(clock, rate=4.0, credit=40.0)
        self._queued = Together(lambda ids: slurm.queue_rows(job_ids=ids), self._allowance)
        self._recorded = Together(lambda ids: slurm.record_rows(job_ids=ids), self._allowance)

    async def queue(self, caller: Caller, wanted: Wanted, *, fresh: bool) -> list[Row]:
        """Jobs that the scheduler holds; without `fresh` as the last look at the queue saw them, in fewer words.

        Raises NotAllowed where another's jobs are asked for by name, Busy where too much is asked.
        """
        wanted, admits = await self._narrowed(caller, wanted)
        if not fresh and (seen := self._ledger.snapshot(wanted.user)):
            rows = [row_of(job) for job in seen.jobs]
        elif wanted.job_ids:
            rows = await self._queued.rows(wanted.job_ids)
        else:
            self._spend()
            rows = await self._slurm.queue_rows(user=wanted.user, partition=wanted.partition, account=wanted.account)
        return [row for row in rows if _fits(row, wanted) and await admits(row)]

    async def records(self, caller: Caller, wanted: Wanted) -> list[Row]:
        """Jobs as accounting has them; without ids and times those of today. Raises as `queue` does."""
        wanted, admits = await self._narrowed(caller, wanted)
        if wanted.job_ids and not (wanted.since or wanted.until):
            rows = await self._recorded.rows(wanted.job_ids)
        else:
            self._spend()
            rows = await self._slurm.record_rows(
                job_ids=wanted.job_ids,
                user=wanted.user,
                partition=wanted.partition,
                account=wanted.account,
                since=wanted.since,
                until=wanted.until,
            )
        return [row for row in rows if _fits(row, wanted) and await admits(row)]

    async def _narrowed(self, caller: Caller, wanted: Wanted) -> tuple[Wanted, Callable[[Row], Awaitable[bool]]]:
        """What is asked of the scheduler, and which of its rows the caller may see."""
        if len(wanted.job_ids) > MOST_IDS:
            raise NotAllowed(f"more than {MOST_IDS} jobs cannot be asked for at once; ask for some of them")
        sees_all = await self._sees(caller, "") or bool(wanted.account and await self._sees(caller, wanted.account))
        if wanted.user and wanted.user != caller.user and not sees_all:
            raise NotAllowed(f"{caller.user} may not see the jobs of {wanted.user}; only operators may")

        async def admits(row: Row) -> bool:
            return sees_all or row["user"] == caller.user or await self._sees(caller, row["account"])

        # ids are asked for by themselves, so that one question serves several people
        user = wanted.user or ("" if sees_all or wanted.job_ids else caller.user)
        return Wanted(wanted.job_ids, user, wanted.partition, wanted.account, wanted.since, wanted.until), admits

    def _spend(self) -> None:
        if wait := self._allowance.take(QUEUE_RPCS):
            raise Busy("many questions about jobs are being asked; ask again in a moment", wait)


class Together:
    """Questions about single jobs: those that come while one is under way are asked as one when it is answered."""

    def __init__(self, ask: Callable[[Sequence[str]], Awaitable[list[Row]]], allowance: Budget) -> None:
        self._ask = ask
        self._allowance = allowance
        self._ids: set[str] = set()
        self._running: asyncio.Task[list[Row]] | None = None
        self._next: asyncio.Task[list[Row]] | None = None

    async def rows(self, job_ids: Sequence[str]) -> list[Row]:
        """The rows of these jobs. Who gives up waiting does not take the answer from the others."""
        self._ids.update(job_ids)
        if self._next is None:
            self._next = asyncio.create_task(self._round(self._running))
        found = await asyncio.shield(self._next)
        wanted = set(job_ids)
        return [row for row in found if row["jobid"] in wanted or row["jobid"].partition("_")[0] in wanted]

    async def _round(self, before: asyncio.Task[list[Row]] | None) -> list[Row]:
        if before:
            await asyncio.wait({before})
        await self._allowance.spend(QUEUE_RPCS)
        ids, self._ids = tuple(sorted(self._ids)), set()
        self._running, self._next = self._next, None
        return await self._ask(ids)


def _fits(row: Row, wanted: Wanted) -> bool:
    chosen = {"user": wanted.user, "partition": wanted.partition, "account": wanted.account}
    ids = {row["jobid"], row["jobid"].partition("_")[0]}
    return (not wanted.job_ids or bool(ids & set(wanted.job_ids))) and all(
        not value or row.get(name) == value for name, value in chosen.items()
    )
