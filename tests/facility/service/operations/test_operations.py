"""Durable operations: stored before they are done, done once at a time, taken up again after any end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import timedelta

import pytest
from sqlalchemy import text

from facility.errors import Busy, KeyReused, NotFound, SubmitRefused, Unreachable
from facility.service.clock import SystemClock
from facility.service.database import Database
from facility.service.operations.service import (
    LEASE,
    Backoff,
    Operation,
    Operations,
    OperationState,
    Progress,
    patiently,
    soon,
)
from facility.testing import until


class MovedClock(SystemClock):
    """The machine's time, and what a test adds to it."""

    ahead = timedelta(0)

    def now(self):
        """The time of day, moved."""
        return super().now() + self.ahead


@pytest.fixture
def database(database_address: str) -> Iterator[Database]:
    """An empty database of the service."""
    database = Database(database_address, "service")
    yield database
    database.close()


@pytest.fixture
def operations(database: Database) -> Operations:
    """Operations that nobody carries out yet."""
    return Operations(database, SystemClock())


@contextlib.asynccontextmanager
async def at_work(operations: Operations) -> AsyncIterator[None]:
    """Let the operations be carried out."""
    work = asyncio.create_task(operations.run())
    try:
        yield
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


def at_once(attempts: int) -> float | None:
    """Try again without a pause, five times in all."""
    return 0.0 if attempts < 5 else None


def answering(*answers: object) -> Callable[[Operation, Progress], Awaitable[dict]]:
    """A handler that gives, or raises, one answer after the other."""
    left = list(answers)

    async def handler(operation: Operation, progress: Progress) -> dict:
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return handler


async def test_an_operation_is_carried_out_and_keeps_its_result(operations: Operations) -> None:
    """The handler gets the payload; what it returns can be asked for afterwards."""

    async def double(operation: Operation, progress: Progress) -> dict:
        return {"twice": 2 * operation.payload["n"]}

    operations.handle("double", double)
    async with at_work(operations):
        added = await operations.add("double", "ana", {"n": 21}, delegation="secret")
        ended = await operations.wait(added.id, 10)

    assert (OperationState.NEW, OperationState.COMPLETED) == (added.state, ended.state)
    assert ({"twice": 42}, 1, "") == (ended.result, ended.attempts, ended.delegation)
    assert "secret" not in repr(added)


async def test_the_same_key_and_payload_give_the_stored_operation(operations: Operations) -> None:
    """However many ask at once, one is stored; another payload is refused, and another owner or kind is another key."""
    asked = await asyncio.gather(*(operations.add("copy", "ana", {"from": "a"}, key="k") for _ in range(8)))
    with pytest.raises(KeyReused, match="'k' was used for another copy"):
        await operations.add("copy", "ana", {"from": "b"}, key="k")
    others = [
        await operations.add("copy", "ben", {"from": "b"}, key="k"),
        await operations.add("x", "ana", {}, key="k"),
    ]

    assert (1, 7) == (len({operation.id for operation in asked}), sum(operation.is_replay for operation in asked))
    assert [False, False] == [operation.is_replay for operation in others]


async def test_an_operation_is_its_owners(operations: Operations) -> None:
    """Somebody else's reads as none; each sees the own ones, the newest first, and the service all of them."""
    first = await operations.add("copy", "ana", {})
    second = await operations.add("move", "ana", {})
    of_ben = await operations.add("copy", "ben", {})
    for verb in (operations.get, operations.cancel):
        with pytest.raises(NotFound):
            await verb(first.id, "ben")

    assert [second.id, first.id] == [operation.id for operation in await operations.list("ana")]
    assert [first.id] == [operation.id for operation in await operations.list("ana", ["copy"])]
    assert {first.id, second.id, of_ben.id} == {operation.id for operation in await operations.list("")}


async def test_what_may_help_later_is_tried_again_and_a_no_is_final(operations: Operations) -> None:
    """Unreachable and Busy come again with their words meanwhile; a refusal keeps the scheduler's own words."""
    operations.handle("a", answering(Unreachable("down"), Busy("wait", 0.01), {"ok": 1}), backoff=at_once)
    operations.handle("b", answering(SubmitRefused("Invalid qos specification")), backoff=at_once)
    operations.handle("c", answering(*[Unreachable("still down")] * 5), backoff=at_once)
    async with at_work(operations):
        added = [await operations.add(kind, "ana", {}) for kind in "abc"]
        a, b, c = [await operations.wait(operation.id, 10) for operation in added]

    assert ("completed", 3, "") == (a.state, a.attempts, a.error)
    assert ("failed", 1, "Invalid qos specification") == (b.state, b.attempts, b.error)
    assert ("failed", 5, "still down") == (c.state, c.attempts, c.error)


async def test_a_mistake_of_the_handler_fails_its_operation_alone(
    operations: Operations, caplog: pytest.LogCaptureFixture
) -> None:
    """The owner gets a reference, which stands in the log beside the traceback; the next operation runs."""
    operations.handle("a", answering(ZeroDivisionError("ours"), {}))
    async with at_work(operations):
        wrong = await operations.wait((await operations.add("a", "ana", {})).id, 10)
        right = await operations.wait((await operations.add("a", "ana", {})).id, 10)
    reference = wrong.error.split("reference ")[1].split(")")[0]

    assert ("failed", "completed") == (wrong.state, right.state)
    assert reference in caplog.text
    assert "ours" not in wrong.error


async def test_progress_is_seen_while_it_runs_and_by_the_next_attempt(operations: Operations) -> None:
    """What was reached before a failure is where the next attempt begins."""
    seen: list[dict] = []

    async def copy(operation: Operation, progress: Progress) -> dict:
        seen.append(operation.result)
        if operation.attempts == 1:
            await progress({"bytes": 10})
            seen.append((await operations.get(operation.id, "ana")).result)
            raise Unreachable("cut")
        return {"bytes": 20}

    operations.handle("copy", copy, backoff=at_once)
    async with at_work(operations):
        ended = await operations.wait((await operations.add("copy", "ana", {})).id, 10)

    assert [{}, {"bytes": 10}, {"bytes": 10}] == seen
    assert {"bytes": 20} == ended.result


async def test_a_running_operation_can_be_cancelled(operations: Operations) -> None:
    """Its handler is ended; a later outcome of it is not stored. One that has ended stays as it is."""
    begun, ended = asyncio.Event(), asyncio.Event()

    async def wait_for_ever(operation: Operation, progress: Progress) -> dict:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return {}

    operations.handle("a", wait_for_ever)
    async with at_work(operations):
        added = await operations.add("a", "ana", {})
        await begun.wait()
        cancelled = await operations.cancel(added.id, "ana")
        await asyncio.wait_for(ended.wait(), 10)
        again = await operations.cancel(added.id, "ana")

    assert ["cancelled", "cancelled"] == [cancelled.state, again.state]


async def test_no_more_run_at_once_than_were_asked_for(operations: Operations) -> None:
    """The others wait for their turn, and all are done."""
    running, most = 0, 0

    async def count(operation: Operation, progress: Progress) -> dict:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await until(lambda: most >= 3, 60)  # the first ones wait for each other
        running -= 1
        return {}

    operations.handle("a", count, at_once=3)
    async with at_work(operations):
        added = [await operations.add("a", "ana", {"n": n}) for n in range(10)]
        ended = [await operations.wait(operation.id, 10) for operation in added]

    assert (3, {"completed"}) == (most, {str(operation.state) for operation in ended})


async def test_two_processes_never_do_the_same_operation(database: Database) -> None:
    """Each of fifty is done once, though both look for work all the time."""
    done: list[str] = []

    async def note(operation: Operation, progress: Progress) -> dict:
        done.append(operation.id)
        return {}

    one, other = Operations(database, SystemClock()), Operations(database, SystemClock())
    for each in (one, other):
        each.handle("a", note)
    async with at_work(one), at_work(other):
        added = [await one.add("a", "ana", {"n": n}) for n in range(50)]
        for operation in added:
            await other.wait(operation.id, 20)

    assert sorted(operation.id for operation in added) == sorted(done)


async def test_an_orderly_end_gives_back_what_was_begun(database: Database) -> None:
    """The next start goes on at once, without waiting for a lease."""
    begun = asyncio.Event()

    async def first(operation: Operation, progress: Progress) -> dict:
        begun.set()
        await asyncio.Event().wait()
        return {}

    one = Operations(database, SystemClock())
    one.handle("a", first)
    async with at_work(one):
        added = await one.add("a", "ana", {})
        await begun.wait()
    left = await one.get(added.id, "ana")
    two = Operations(database, SystemClock())
    two.handle("a", answering({"by": "the second"}))
    async with at_work(two):
        ended = await two.wait(added.id, 10)

    assert ("new", "completed", {"by": "the second"}) == (left.state, ended.state, ended.result)


async def test_a_process_leaves_alone_what_belongs_to_others(database: Database) -> None:
    """One that serves identity only never begins a job's submission; whoever serves jobs does."""
    identity = Operations(database, SystemClock(), {"identity"})
    jobs = Operations(database, SystemClock(), {"jobs", "health"})
    for each in (identity, jobs):
        each.handle("submit", answering({"by": "jobs" if each is jobs else "identity"}), of=("jobs", "iri"))
    async with at_work(identity):
        added = await identity.add("submit", "ana", {})
        await until(lambda: identity.watched.subsystem.state == "up")
        left = await identity.get(added.id, "ana")
        async with at_work(jobs):
            ended = await identity.wait(added.id, 30)

    assert ("new", 0) == (left.state, left.attempts)
    assert ("completed", {"by": "jobs"}) == (ended.state, ended.result)


KILLED = """
import asyncio, sys
from facility.service.clock import SystemClock
from facility.service.database import Database
from facility.service.operations.service import Operations

async def main():
    operations = Operations(Database(sys.argv[1], "service"), SystemClock())
    async def begin(operation, progress):
        await progress({"half": True})
        print(operation.id, flush=True)
        await asyncio.Event().wait()
    operations.handle("a", begin)
    await operations.add("a", "ana", {})
    await operations.run()

asyncio.run(main())
"""


def begin_and_be_killed(address: str) -> str:
    """The id of an operation whose process was killed in the middle of it."""
    with subprocess.Popen([sys.executable, "-c", KILLED, address], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        operation_id = process.stdout.readline().strip()
        os.kill(process.pid, signal.SIGKILL)
    return operation_id


async def test_after_kill_9_another_process_goes_on(database: Database, database_address: str) -> None:
    """Where the killed one was, once the lease has run out and not before (the clock is moved, not waited for)."""
    operation_id = await asyncio.to_thread(begin_and_be_killed, database_address)
    clock = MovedClock()
    operations = Operations(database, clock)

    async def go_on(operation: Operation, progress: Progress) -> dict:
        return {"was": operation.result}

    operations.handle("a", go_on)
    async with at_work(operations):
        held = await operations.wait(operation_id, 1.0)
        clock.ahead = timedelta(seconds=LEASE + 1)
        ended = await operations.wait(operation_id, 10)

    assert ("running", 1) == (held.state, held.attempts)
    assert ("completed", 2, {"was": {"half": True}}) == (ended.state, ended.attempts, ended.result)


async def test_a_delayed_operation_waits_for_its_time(database: Database) -> None:
    """Not before; and soon after."""
    clock = MovedClock()
    operations = Operations(database, clock)
    operations.handle("a", answering({}))
    async with at_work(operations):
        added = await operations.add("a", "ana", {}, delay=3600)
        before = await operations.wait(added.id, 0.7)
        clock.ahead = timedelta(hours=1, seconds=1)
        after = await operations.wait(added.id, 10)

    assert ["new", "completed"] == [before.state, after.state]


async def test_a_damaged_record_fails_and_leaves_the_others_alone(operations: Operations, database: Database) -> None:
    """Somebody's editor, or a bad disk: one operation is lost, and says so."""
    wrong, right = await operations.add("a", "ana", {"n": 1}), await operations.add("a", "ana", {"n": 2})
    with database.writing() as connection:
        connection.execute(text("UPDATE operations SET payload = '{\"n\": 1' WHERE id = :id"), {"id": wrong.id})
    operations.handle("a", answering({}))
    async with at_work(operations):
        ended = [await operations.wait(operation.id, 10) for operation in (wrong, right)]

    assert ["failed", "completed"] == [operation.state for operation in ended]
    assert "cannot be read" in ended[0].error


def test_a_payload_that_is_no_json_or_too_long_is_a_mistake_at_once(operations: Operations) -> None:
    """Nothing is stored that could not be read back."""
    for payload in ({"x": object()}, {"x": float("nan")}, {"x": "a" * 1_000_001}):
        with pytest.raises((TypeError, ValueError)):
            asyncio.run(operations.add("a", "ana", payload))

    assert () == asyncio.run(operations.list(""))


@pytest.mark.parametrize(("backoff", "longest"), [(patiently, 300), (soon, 20)])
def test_patience_grows_and_ends_after_a_day(backoff: Backoff, longest: float) -> None:
    """Seconds at first; in the end five minutes, or twenty seconds where somebody waits for a scheduler's return."""
    pauses = [pause for attempts in range(1, 6000) if (pause := backoff(attempts)) is not None]

    assert pauses[0] <= 2
    assert max(pauses) <= longest
    assert 0.7 * 86400 <= sum(pauses) <= 1.1 * 86400
