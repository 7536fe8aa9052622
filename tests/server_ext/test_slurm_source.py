"""Slurm's own commands as the source: seldom, and only while somebody looks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from facility.profile import System
from facility.providers.slurm import Completed, Slurm
from server_ext.board import Delta, JobBoard
from server_ext.slurm_source import SlurmSource


class Commands:
    """A runner that counts, and answers like a Slurm that holds no jobs, or that is down."""

    def __init__(self) -> None:
        self.ran: list[Sequence[str]] = []
        self.is_down = False
        self.takes = 0.0
        self.clock = Clock()

    async def run(self, argv: Sequence[str], *, user: str | None, stdin: bytes = b"", timeout: float) -> Completed:
        self.ran.append(argv)
        self.clock.now += self.takes
        await asyncio.sleep(0)
        return Completed(1, b"", b"Unable to contact slurm controller") if self.is_down else Completed(0, b"", b"")


class Clock:
    """Moves when a test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def source_of(commands: Commands, tell: Callable[[Delta], None] = lambda delta: None) -> tuple[SlurmSource, JobBoard]:
    """A source for ana with a period of 10 s."""
    board = JobBoard(tell)
    slurm = Slurm(System.model_validate({"title": "Slurm"}), commands)
    return SlurmSource(slurm, "ana", board, period=10.0, clock=commands.clock), board


async def test_looks_within_the_period_ask_slurm_once() -> None:
    """However many tabs open at once, one squeue answers them all."""
    commands = Commands()
    source, board = source_of(commands)

    await asyncio.gather(*(source.look() for _ in range(5)))

    assert (len(commands.ran), board.knowledge.known) == (1, True)


async def test_slurm_is_asked_again_after_the_period() -> None:
    """The next look after ten seconds is a new question."""
    commands = Commands()
    source, _ = source_of(commands)
    await source.look()

    commands.clock.now += 10.0
    await source.look()

    assert len(commands.ran) == 2


async def test_only_ones_own_jobs_are_asked_for() -> None:
    """The question names the user, so that the answer is small."""
    commands = Commands()
    await source_of(commands)[0].look()

    assert "--user=ana" in commands.ran[0]


async def test_a_slow_slurm_is_asked_less_often() -> None:
    """A query of three seconds is followed by thirty without one."""
    commands = Commands()
    commands.takes = 3.0
    source, _ = source_of(commands)
    await source.look()

    commands.clock.now += 29.0
    await source.look()

    assert len(commands.ran) == 1


async def test_nothing_is_asked_while_nobody_looks() -> None:
    """A closed panel costs the scheduler nothing; an open one is served at once."""
    commands = Commands()
    told = asyncio.Event()
    source, _ = source_of(commands, lambda delta: told.set())
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(source.run())
        await asyncio.sleep(0.02)
        before = len(commands.ran)
        with source.watched():
            await asyncio.wait_for(told.wait(), 60)
        running.cancel()

    assert (before, len(commands.ran), source.statistics()["watchers"]) == (0, 1, 0)


async def test_a_slurm_that_is_down_empties_no_list() -> None:
    """The failure is said in Slurm's words, and the jobs stay as they were."""
    commands = Commands()
    source, board = source_of(commands)
    await source.look()

    commands.is_down, commands.clock.now = True, 10.0
    await source.look()

    assert board.jobs == {}
    assert board.knowledge.problem and "Unable to contact" in board.knowledge.problem.what
