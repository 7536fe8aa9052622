"""Jobs in people's names: submitted once whatever is lost on the way, and ended as their owner; over the real Slurm."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from facility.as_user import acting
from facility.callbacks import Subscription, SubscriptionState
from facility.errors import KeyReused, OptionError, Refused
from facility.models import JobState
from facility.providers.slurm import Slurm
from facility.providers.slurm.directives import own_option
from facility.service.caller import Caller
from facility.service.clock import SystemClock
from facility.service.database import Database
from facility.service.jobs.submission import JobCallback, Script, Submission, nonce_of
from facility.service.operations.delegated import Delegated
from facility.service.operations.service import Operation, Operations, OperationState
from facility.service.scopes import PERSONAL
from facility.testing import CommandShim

from ...conftest import RealSite, install_helper

LOST = b"sbatch: error: Batch job submission failed: Socket timed out on send/recv operation\n"
AWAY = b"sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)\n"
HEAD = "#!/bin/sh\n#SBATCH --account=ncem --qos=regular --time=5 --output=/dev/null\n"


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("#SBATCH --comment=48:00:00", "48:00:00"),
        ('#SBATCH -n 2 --comment "two words"  # why', "two words"),
        ("echo\n#SBATCH --comment=late", None),
        ("#SBATCH --comment='open", None),
        ("# SBATCH --comment=no", None),
    ],
)
def test_a_scripts_own_options_are_read_as_sbatch_reads_them(line: str, value: str | None) -> None:
    """Only in front of the first command."""
    assert value == own_option(f"#!/bin/sh\n{line}\n".encode(), "comment")


def test_a_short_option_counts_like_its_long_name() -> None:
    """With its value beside it or after it."""
    assert ("a", "b") == tuple(own_option(f"#!/bin/sh\n#SBATCH {x}\n".encode(), "job-name") for x in ("-Ja", "-J b"))


class Delegations:
    """Identity's, counted."""

    def __init__(self) -> None:
        self.open: list[str] = []

    async def delegate(self, caller: Caller, verbs: frozenset[str], seconds: float) -> str:
        """One for each operation."""
        self.open.append(f"{caller.user} {len(self.open)} {sorted(verbs)}")
        return self.open[-1]

    async def end_delegation(self, delegation: str) -> None:
        """Forget it."""
        self.open.remove(delegation)


class Told:
    """Callbacks, written down."""

    def __init__(self) -> None:
        self.wanted: list[tuple[str, str, str, float]] = []

    async def check(self, owner: str, *, url: str = "", email: str = "") -> None:
        """Only one host can be told."""
        if not url.startswith("https://told.example/"):
            raise OptionError("url", "nobody can be told there")

    async def for_job(
        self, owner: str, job_id: str, *, url: str = "", email: str = "", timeout: float = 0.0
    ) -> Subscription:
        """Noted."""
        self.wanted.append((owner, job_id, url, timeout))
        now = datetime.now(UTC)
        return Subscription("c1", owner, url, (), {}, SubscriptionState.ACTIVE, job_id, now, now, 0, 0)


class MovedClock(SystemClock):
    """The machine's time, and what a test adds to it."""

    ahead = timedelta(0)

    def now(self) -> datetime:
        """The time of day, moved."""
        return super().now() + self.ahead


@dataclass
class Submitting:
    """A submission over an sbatch that can be made to fail."""

    submission: Submission
    operations: Operations
    slurm: Slurm
    sbatch: CommandShim
    user: str
    hints: list[str]
    identity: Delegations
    told: Told
    clock: MovedClock

    @property
    def caller(self) -> Caller:
        """The person, signed in."""
        return Caller(self.user, PERSONAL, "tests", datetime.now(UTC) + timedelta(minutes=5), "live")

    async def ended(self, script: Script, key: str = "") -> Operation:
        """Submit, and wait until that has ended."""
        asked = await self.submission.submit(self.caller, script, key=key)
        return await self.operations.wait(asked.id, 60)


@pytest.fixture
async def submitting(real_site: RealSite, tmp_path: Path) -> AsyncIterator[Submitting]:
    """A submission at work for ana."""
    folder = real_site.folder / secrets.token_hex(4)
    shim = CommandShim(folder, real_site.profile.system.commands.sbatch)
    commands = real_site.profile.system.commands.model_copy(update={"sbatch": str(shim.path)})
    system = real_site.profile.system.model_copy(update={"commands": commands})
    facts = real_site.profile.as_user
    if facts:
        environment = {"PATH": os.environ["PATH"], "SLURM_CONF": system.slurm_conf}
        helper = install_helper(folder / "libexec", facts.group, environment, commands.model_dump())
        facts = facts.model_copy(update={"helper": (str(helper),)})
    profile = real_site.profile.model_copy(update={"as_user": facts, "systems": {"tests": system}})
    slurm, clock, hints = Slurm(system, acting(profile)), MovedClock(), []
    database = Database(f"sqlite:///{tmp_path / 'service.sqlite3'}", "service")
    operations = Operations(database, clock)

    identity = Delegations()
    delegated, told = Delegated(operations, identity), Told()
    submission = Submission(
        operations, lambda mandate: slurm, lambda mandate: None, delegated, told, hints.append, clock
    )
    work = asyncio.create_task(operations.run())
    yield Submitting(submission, operations, slurm, shim, real_site.ana, hints, identity, told, clock)
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    database.close()


@pytest.mark.slurm
async def test_a_script_becomes_one_job_of_its_owner(submitting: Submitting) -> None:
    """The operation's result names the job, which is looked at soon; the same key again submits nothing."""
    script = Script(text=HEAD + "sleep 60\n", options=("--job-name=mine",))
    first, again = await submitting.ended(script, "k1"), await submitting.ended(script, "k1")
    job = await submitting.slurm.job(first.result["jobid"])
    with pytest.raises(KeyReused):
        await submitting.ended(Script(text=HEAD + "sleep 61\n"), "k1")

    assert (OperationState.COMPLETED, first.id, first.result["jobid"]) == (first.state, again.id, again.result["jobid"])
    assert (submitting.user, "mine", "ncem", nonce_of(first)) == (job.user, job.name, job.account, job.comment)
    assert [first.result["jobid"]] == submitting.hints
    assert [] == submitting.identity.open
    cancelled = await submitting.submission.cancel(submitting.caller, job.id)
    assert OperationState.COMPLETED == (await submitting.operations.wait(cancelled.id, 30)).state
    assert (await submitting.slurm.job(job.id)).state in {JobState.CANCELLED, JobState.COMPLETING}


@pytest.mark.slurm
async def test_a_refusal_ends_the_operation_with_slurms_words(submitting: Submitting) -> None:
    """It is not tried again."""
    ended = await submitting.ended(Script(text="#!/bin/sh\n#SBATCH --account=nosuch\ntrue\n"))

    assert OperationState.FAILED == ended.state
    assert "Invalid account" in ended.error
    assert (1, {}) == (ended.attempts, {key: ended.result[key] for key in ended.result if key == "jobid"})


@pytest.mark.slurm
@pytest.mark.parametrize("own", ["", "#SBATCH --comment=48:00:00\n"])
async def test_a_job_whose_confirmation_was_lost_is_taken_and_not_made_twice(submitting: Submitting, own: str) -> None:
    """By the nonce in its comment, or, where the script has a comment of its own, in the line that accounting keeps."""
    submitting.sbatch.lose_answer(LOST)
    name = f"lost-{secrets.token_hex(4)}"
    ended = await submitting.ended(Script(text=HEAD + own + "sleep 60\n", options=(f"--job-name={name}",)))
    rows = await submitting.slurm.queue_rows(user=submitting.user)
    found = [row for row in rows if row["name"] == name]
    for row in found:
        await submitting.slurm.cancel(row["jobid"], user=submitting.user)

    assert [ended.result["jobid"]] == [row["jobid"] for row in found]
    assert ended.attempts > 1
    assert (own.partition("=")[2].strip() or nonce_of(ended)) == found[0]["comment"]


@pytest.mark.slurm
async def test_a_controller_that_is_away_gets_the_job_once_when_it_is_back(submitting: Submitting) -> None:
    """Meanwhile the work says why it waits; that there is no job is looked up before another is made."""
    submitting.sbatch.answer(stderr=AWAY, returncode=1)
    name = f"away-{secrets.token_hex(4)}"
    script = Script(text=HEAD + "sleep 60\n", options=(f"--job-name={name}",))
    asked = await submitting.submission.submit(submitting.caller, script)
    waits = await submitting.operations.wait(asked.id, 0)
    while not waits.error:
        waits = await submitting.operations.wait(asked.id, 0.1)
    submitting.sbatch.pass_through()
    submitting.clock.ahead = timedelta(minutes=5)  # the next attempt is due, and accounting has had its time
    ended = await submitting.operations.wait(asked.id, 60)
    rows = [row for row in await submitting.slurm.queue_rows(user=submitting.user) if row["name"] == name]
    for row in rows:
        await submitting.slurm.cancel(row["jobid"], user=submitting.user)

    assert (OperationState.NEW, True) == (waits.state, "Unable to contact slurm controller" in waits.error)
    assert [ended.result["jobid"]] == [row["jobid"] for row in rows]


@pytest.mark.slurm
async def test_the_end_of_a_job_is_told_to_whom_its_submission_named(submitting: Submitting) -> None:
    """Once the job is there; what nobody can be told at is refused before."""
    script, at = Script(text=HEAD + "true\n"), JobCallback("https://told.example/x", timeout=600)
    asked = await submitting.submission.submit(submitting.caller, script, callback=at)
    ended = await submitting.operations.wait(asked.id, 60)

    assert [(submitting.user, ended.result["jobid"], at.url, 600)] == submitting.told.wanted
    assert "c1" == ended.result["callback_id"]
    with pytest.raises(OptionError, match="nobody"):
        await submitting.submission.submit(submitting.caller, script, callback=JobCallback("http://[::1]/"))


@pytest.mark.slurm
async def test_a_text_is_submitted_with_arguments(submitting: Submitting) -> None:
    """The script finds them as its own, whatever is in them."""
    arguments = ("--time=9", "two words", "$(id)")
    ended = await submitting.ended(Script(text=HEAD + "sleep 60\n", arguments=arguments))
    [row] = await submitting.slurm.queue_rows(job_ids=[ended.result["jobid"]])
    await submitting.slurm.cancel(row["jobid"], user=submitting.user)

    assert ("/dev/stdin --time=9 two words $(id)", "5:00") == (row["command"], row["time_limit"])


@pytest.mark.slurm
async def test_a_waiting_job_is_held_and_released_by_its_owner(submitting: Submitting) -> None:
    """Slurm says so; what cannot be held is refused in its words."""
    later = Script(text=HEAD + "true\n", options=("--begin=now+1hour",))
    job_id = (await submitting.ended(later)).result["jobid"]
    mandate = submitting.caller.mandate
    await submitting.submission.hold(mandate, job_id)
    [held] = await submitting.slurm.queue_rows(job_ids=[job_id])
    await submitting.submission.release(mandate, job_id)
    [released] = await submitting.slurm.queue_rows(job_ids=[job_id])
    await submitting.slurm.cancel(job_id, user=submitting.user)

    # Slurm's own user, who rootless is the one user, holds as an administrator does
    assert held["reason"] in {"JobHeldUser", "JobHeldAdmin"} - {released["reason"]}
    with pytest.raises(Refused, match="not changed"):
        await submitting.submission.hold(mandate, "4000000")


@pytest.mark.parametrize("text", ["echo no shebang\n", "#!/bin/sh\n#SBATCH --comment='a\x07b'\n", "#!" + "x" * 600_000])
async def test_what_is_no_script_is_refused_before_anything_is_stored(submitting: Submitting, text: str) -> None:
    """Nobody waits for sbatch to say so."""
    with pytest.raises(Refused, match=r"must begin|control character"):
        await submitting.ended(Script(text=text))
