"""FacilitySpawner: a notebook server as a batch job, on what the facility says this person may use."""

from __future__ import annotations

import asyncio
import contextlib
import pwd
import sys
from collections.abc import AsyncIterator, Collection
from dataclasses import asdict
from pathlib import Path
from typing import Any

from traitlets import Dict, Integer, TraitError, Unicode, default, validate

from facility.errors import FacilityError, HomeRefused, SubmitRefused
from facility.image_facts import ImageFact
from facility.images.chosen import environment_chosen
from facility.models import Job, JobState, Life
from facility.places import log_path
from spawners import job_side
from spawners.closed import ClosedSlurmSpawner
from spawners.door import Door
from spawners.failure import failure
from spawners.intents import Ended, Intent
from spawners.start.attempt import Attempt
from spawners.start.endings import REMEDIES, Kind, conclude
from spawners.start.follow import QUESTIONS, Start
from spawners.start.health import LOOK_EVERY, REFUSED_FOR, Health
from spawners.start.life import JobWatch
from spawners.start.progress import Event, Story
from spawners.start.script import JobSide, batch_script, end_warning, environment_given, server_command
from spawners.start.submit import see_off, submit_once
from spawners.takeover import is_owned, left_running, take_over
from spawners.untyped import Untyped

NO_LIMIT = 10 * 365 * 24 * 3600
"""Seconds; what JupyterHub sees as start_timeout, because it would count the time in the queue."""


MAKE_ROOM = "Make room there, or ask for a larger quota, and start again."


class FacilitySpawner(Door, ClosedSlurmSpawner):
    """Spawn a notebook server as a batch job, on what the facility says this person may use.

    `req_*` and `batch_script` are the operator's text, as with the stock Slurm spawner; what a person chooses passes
    one door, becomes a JobRequest, and reaches sbatch as arguments.
    """

    batch_script = Unicode(
        (Path(__file__).parent / "templates" / "job.sh").read_text(encoding="utf-8"),
        help="Template of the batch script: the operator's text. `{{cmd}}` starts the server, `{{ended}}` tells the hub"
        " that the job is over, `{{name}}` stands for each req_name.",
    ).tag(config=True)
    job_python = Unicode(
        sys.executable, help="The Python that proves the job to the hub; any 3.9 or later on the compute nodes."
    ).tag(config=True)
    job_side_path = Unicode(
        job_side.__file__, help="Where job_side.py lies on the compute nodes; it needs the standard library only."
    ).tag(config=True)
    node_addresses = Dict(
        value_trait=Unicode(),
        key_trait=Unicode(),
        help="Node name to the address at which the hub reaches it; only for nodes whose name does not resolve.",
    ).tag(config=True)
    port_range = Unicode(
        "", help="LOW-HIGH: the ports of the nodes that a firewall lets the hub and the proxy reach; empty: any."
    ).tag(config=True)
    end_warning = Integer(
        60,
        help="Seconds before the walltime is used up at which the server is asked to end in order (SIGTERM), so that"
        " kernels close their files; Slurm may do so up to a minute earlier. 0: not at all.",
    ).tag(config=True)
    start_timeout = Integer(
        180, help="Seconds from the job's start on its nodes to its claim. Time in the queue does not count."
    ).tag(config=True)
    http_timeout = Integer(120, help="Seconds from the claim to the server's first answer.").tag(config=True)

    def __init__(self, *args: Untyped, **kwargs: Untyped) -> None:
        self.story = Story()
        self._begin_within = float(type(self).start_timeout.default_value)
        self._entered = False  # whether start() was called in this hub process
        self._start: Start | None = None
        self._watch: JobWatch | None = None
        self._watched = ("", "")  # nonce and job that the watch is for; another system may give the same id
        self._health: Health | None = None
        self._last_look: asyncio.Task[None] | None = None  # at a job that said that it is over
        self._close_look: asyncio.Task[None] | None = None  # at a server that did not listen
        super().__init__(*args, **kwargs)

    @validate("port_range")
    def _ports_that_exist(self, proposal: Untyped) -> str:
        wanted = str(proposal["value"])
        low, _, high = wanted.partition("-")
        right = low.isdecimal() and high.isdecimal() and 1024 <= int(low) <= int(high) <= 65535
        if wanted and not right:
            raise TraitError(f"port_range is LOW-HIGH, between 1024 and 65535, not {wanted!r}")
        return wanted

    @validate("start_timeout")
    def _queue_time_is_not_start_time(self, proposal: Untyped) -> int:
        self._begin_within = float(proposal["value"])
        return NO_LIMIT

    @default("start_timeout")
    def _no_limit(self) -> int:
        return NO_LIMIT

    # --- start

    async def start(self) -> tuple[str, int]:
        """Bring this server's one job to the point where it serves; waits in the queue as long as it takes."""
        self._entered = True
        self.story = Story()
        try:
            with Attempt(self.desks, self.user.name, self.name) as attempt:
                await self._finish_former()
                if self.request is None:
                    raise failure("nothing was asked for: the options did not pass the door", "options", 500)
                system = self.desks.chosen(self.chosen_system).name
                attempt.intent = self.desks.intents.plan(self.user.name, self.name, self.request, system)
                self.story.tell("Your request is written down.", 5)
                attempt.intent = await self._submit(attempt.intent)
                self._start = Start(self.desk, attempt.intent, self.story, self._begin_within)
                claimed = await self._start.wait_claimed()
                await self._start.wait_listening(claimed, self.http_timeout)
                return claimed.host, claimed.port
        finally:
            self._start = None
            self.story.end()

    async def _finish_former(self) -> None:
        """See a job off that a person stopped, or whose server this hub no longer knows; it must not serve again."""
        former = self.intent
        if former is not None and (former.stopping or former.is_claimed):
            self.story.tell(f"Waiting for your former job {former.job_id} to end.", 2)
            await see_off(self.desks.of(former), former)

    async def _submit(self, intent: Intent) -> Intent:
        home = self._home(intent)
        try:
            intent = await submit_once(
                self.desk,
                intent,
                self.script(intent),
                directory=str(home),
                output=str(log_path(home, intent.nonce)),
                tell=lambda words: self.story.tell(words, 10),
                extra=end_warning(self.end_warning, intent.request.walltime, self.batch_script),
            )
        except SubmitRefused as error:
            remedy = MAKE_ROOM if isinstance(error, HomeRefused) else REMEDIES[Kind.REFUSED]
            self.desk.intents.end(intent.nonce, str(error), kind=Kind.REFUSED, remedy=remedy)
            raise failure(f"{error} {remedy}", "refused") from error
        self.story.tell(f"Your job is {intent.job_id}.", 20)
        return intent

    def _home(self, intent: Intent) -> Path:
        """The person's home directory, looked up anew: an account may go while its person is signed in."""
        try:
            return Path(pwd.getpwnam(self.user.name).pw_dir)
        except KeyError as error:
            words = f"There is no account {self.user.name} on this machine any more."
            remedy = "Ask the people who run this facility."
            self.desks.intents.end(intent.nonce, words, kind=Kind.REFUSED, remedy=remedy)
            raise failure(f"{words} {remedy}", "refused") from error

    def script(self, intent: Intent) -> bytes:
        """The batch script of an intent: the operator's template, the operator's fields, the nonce."""
        program = [self.job_python, "-IS", self.job_side_path]
        side = JobSide(program, intent.nonce, str(self.get_env()["JUPYTERHUB_API_URL"]), self.port_range)
        return batch_script(self.batch_script, self.get_req_subvars(), side, self.environment_chosen(intent))

    async def progress(self) -> AsyncIterator[Event]:
        """The story of this start, for JupyterHub's page."""
        async for event in self.story.listen():
            yield event

    # --- what a job's claim needs

    def heard(self, *, ended: bool = False) -> None:
        """The job called: it claimed, or its script is over. A reason to look, never evidence."""
        if self._start is not None:
            self._start.heard(ended=ended)
        elif ended and self.intent and not self._looks:
            self._last_look = asyncio.ensure_future(self._look_for_the_end(self.intent.nonce))

    def stirred(self, job: Job) -> None:
        """The queue tells something new of this server's job: a start that waits for it looks now, and so do we."""
        if self._start is not None:
            self._start.heard(ended=False)
        elif job.state.is_final and self._poll_callback is not None and not self._looks:  # else it is ending already
            self._last_look = asyncio.ensure_future(self._look_now())

    @property
    def _looks(self) -> bool:
        return self._last_look is not None and not self._last_look.done()

    async def _look_now(self) -> None:
        await self.poll_and_notify()

    async def _look_for_the_end(self, nonce: str) -> None:
        """Ask the scheduler now and a few times more, so that the page names the end within seconds."""
        for _ in range(QUESTIONS):
            if self._watch is not None:
                await self._watch.look(ask=True)
            intent = self.intent
            if intent is None or intent.nonce != nonce or intent.stopping:
                return  # a person stopped it; what is started next is none of this one's
            if await self.poll_and_notify() is not None:
                return
            await asyncio.sleep(1)

    def job_environment(self, host: str, port: int, job_id: str) -> dict[str, str]:
        """What the server finds in its environment; given at the claim, kept by nobody else."""
        self.ip, self.port = host, port
        desk = self.desk
        facts = {"BEAMSIDE_PROFILE": str(desk.profile_path), "BEAMSIDE_JOB_ID": job_id}
        if desk.system.slurm_conf:
            facts["SLURM_CONF"] = desk.system.slurm_conf
        intent = self.intent
        if intent and end_warning(self.end_warning, intent.request.walltime, self.batch_script):
            facts["BEAMSIDE_END_WARNING"] = str(self.end_warning)  # people in the server are told of the earlier end
        chosen = self.environment_chosen(intent) if intent is not None else None
        return environment_given(facts, self.get_env(), chosen, self.environment)

    def environment_chosen(self, intent: Intent) -> ImageFact:
        """What facility.toml says of the environment that was chosen."""
        return environment_chosen(self.desks.of(intent).system, intent.request.image)

    def job_command(self, told: Collection[str] = ()) -> list[str]:
        """The server's argument list: of the environment that was chosen, else this hub's.

        `told` names the variables that the server is given. Raises ProfileError where its container cannot start.
        """
        if (intent := self.intent) is None:
            return [*self.cmd, *self.get_args()]
        chosen, system = self.environment_chosen(intent), self.desks.of(intent).system
        return [*server_command(chosen, system, self.cmd, str(self._home(intent)), told), *self.get_args()]

    def address(self, job: Job) -> str:
        """Where the hub reaches the node that runs the batch script."""
        return str(self.node_addresses.get(job.batch_host, job.batch_host))

    # --- poll and stop

    def load_state(self, state: dict[str, Any]) -> None:
        """Take a server over that the stock spawner started. Of our own ones the store of intents knows more."""
        super().load_state(state)
        if (former := left_running(state, self.orm_spawner)) is not None:
            take_over(self.desks.intents, self.user.name, self.name, former, self.desks.first.name)

    async def poll(self) -> int | None:
        """None while the job is there or nothing is known; a number only when it is gone. Never raises."""
        intent = self.intent
        if intent is None:
            return 0
        if not intent.is_claimed:
            return None if self._entered else 0  # an unfinished start is entered again by hub_ext.resume
        desk = self.desks.of(intent)
        if self._watch is None or self._watched != (intent.nonce, intent.job_id):
            self._watch = JobWatch(desk.outlook, intent.job_id, intent.planned)
            self._watched = (intent.nonce, intent.job_id)
        sight = await self._watch.look()
        if intent.is_taken_over and sight.job is not None and not is_owned(sight.job, intent.user):
            self.log.error("job %s is not %s's; the server is let go of", intent.job_id, intent.user)
            words = f"Slurm says that the job {intent.job_id} is not yours."
            desk.intents.end(intent.nonce, words, kind=Kind.FORGOTTEN, remedy=REMEDIES[Kind.FORGOTTEN])
            return 1
        if sight.life is not Life.GONE:
            await self._end_where_the_server_died(intent, sight.job)
            return None
        await conclude(desk, intent, sight.job, served=self._start is None)
        code = (sight.job.exit_code if sight.job else "").partition(":")[0]
        return int(code) if code.isdigit() else 1

    async def _end_where_the_server_died(self, intent: Intent, job: Job | None) -> None:
        """A job whose server is dead holds nodes for nothing: cancel it, and name its end when Slurm confirms it."""
        runs = job is not None and job.state is JobState.RUNNING and intent.is_run_of(job)
        if not runs or intent.stopping or self._start is not None:
            return  # nothing runs, or what runs has not claimed yet
        if self._health is None or (self._health.host, self._health.port) != (intent.host, intent.port):
            # a start of this hub process that is over saw it listen, and so did the spawner that it was taken over from
            seen = self._entered or intent.is_taken_over
            self._health = Health(intent.host, intent.port, REFUSED_FOR if seen else self.http_timeout)
        if intent.hint != Kind.SERVER_DIED and not await self._health.is_dead():
            if self._health.is_doubtful and (self._close_look is None or self._close_look.done()):
                self._close_look = asyncio.ensure_future(self._look_closely(intent.nonce, self._health))
            return
        self.log.warning("the server of job %s is dead and its job lives; the job is cancelled", intent.job_id)
        self.desks.intents.note(intent.nonce, Kind.SERVER_DIED)
        with contextlib.suppress(FacilityError):  # asked again at the next look
            await self.desks.of(intent).scheduler.cancel(intent.job_id, user=intent.user)

    async def _look_closely(self, nonce: str, health: Health) -> None:
        """Look every few seconds at a server that did not listen, until it does or its job is gone."""
        while health.is_doubtful:
            await asyncio.sleep(LOOK_EVERY)
            intent = self.intent
            if intent is None or intent.nonce != nonce or intent.stopping:
                return
            if await self.poll_and_notify() is not None:
                return

    @property
    def last_end(self) -> Ended | None:
        """How this server ended last, for the pages; None while it is wanted, and where it never ended."""
        return self.desks.intents.last_end(self.user.name, self.name)

    async def get_url(self) -> str:
        """Where the server listens, by the job's own claim; right also when the hub died before it stored it."""
        intent = self.intent
        if intent is None or not intent.is_claimed:
            return str(self.server.url)
        self.server.proto = "https" if self.internal_ssl else "http"  # JupyterHub takes over host and port alone
        return f"{self.server.proto}://{intent.host}:{intent.port}{self.server.base_url}"

    async def create_certs(self) -> dict[str, str]:
        """Nothing, with `internal_ssl`: the node is known at the job's claim, and gets its certificate there."""
        return {}

    async def stop(self, now: bool = False) -> None:
        """Cancel the job as its user until Slurm confirms. `now` asks once; a restarted hub goes on asking."""
        if (intent := self.intent) is None:
            return
        desk, intent = self.desks.of(intent), self.desks.intents.stop(intent.nonce)
        if not now:
            await see_off(desk, intent)
        elif intent.job_id:
            await desk.scheduler.cancel(intent.job_id, user=intent.user)

    def get_state(self) -> dict[str, Any]:
        """For a person who reads the hub's database or its REST model; nothing of it is read back."""
        if (intent := self.intent) is not None:
            return {"job_id": intent.job_id, "nonce": intent.nonce}
        ended = self.last_end
        return {} if ended is None else {"ended": {**asdict(ended), "when": ended.when.isoformat()}}
