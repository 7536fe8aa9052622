"""The claim: a job proves to the hub that it is the job of an intent, and gets its server's environment for it.

Accepted only with the intent's secret, only while Slurm says that this job runs for this user on an allocated node, and
once per job id and restart; the same process may ask again when the answer was lost on the way.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, NoReturn

from jupyterhub.apihandlers import APIHandler
from tornado.web import HTTPError

from facility.errors import FacilityError, ProfileError
from facility.models import Job, JobState
from hub_ext.renew import move_route, renew_token
from hub_ext.whose import spawner_of
from spawners.certificates import server_certificate
from spawners.desks import current_desks
from spawners.intents import Intent, matches
from spawners.spawner import FacilitySpawner
from spawners.start.attempt import observe_wait
from spawners.start.endings import Kind
from spawners.waits import waited

LONGEST = 4096
"""Bytes of a request; a claim has about 300."""

_JOB_ID = re.compile(r"[1-9][0-9]{0,9}(_[0-9]{1,9})?")
_WORD = re.compile(r"[A-Za-z0-9_-]{8,128}")


@dataclass(frozen=True)
class Claim:
    """What a job says of itself; nothing of it is believed before Slurm and the secret confirm it."""

    job_id: str
    restarts: int
    nonce: str
    secret: str
    port: int = 0
    claimant: str = ""
    why: str = ""  # of an end: "walltime" where Slurm warned the script that its time is almost used up


def read_claim(body: bytes, *, whole: bool = True) -> Claim:
    """A request's body as a Claim; `whole` also asks for port and claimant. Raises HTTPError 400 or 413."""
    if len(body) > LONGEST:
        raise HTTPError(413, f"a claim is shorter than {LONGEST} bytes")
    try:
        claim = Claim(**json.loads(body))
    except (ValueError, TypeError) as error:
        words = "a claim is a JSON object with job_id, restarts, nonce, secret, port and claimant"
        raise HTTPError(400, words) from error
    right = (
        all(isinstance(text, str) for text in (claim.job_id, claim.nonce, claim.secret, claim.claimant))
        and all(type(number) is int for number in (claim.restarts, claim.port))
        and _JOB_ID.fullmatch(claim.job_id)
        and _WORD.fullmatch(claim.nonce)
        and _WORD.fullmatch(claim.secret)
        and claim.restarts >= 0
        and claim.why in {"", Kind.WALLTIME}
        and (not whole or (_WORD.fullmatch(claim.claimant) and 1024 <= claim.port <= 65535))
    )
    if not right:
        raise HTTPError(400, "a value of the claim has the wrong form")
    return claim


class _FromJob(APIHandler):  # type: ignore[misc]  # JupyterHub ships no types
    """A request by a job: it carries a secret and never a cookie, so there is no session that could be abused."""

    def check_xsrf_cookie(self) -> None:
        """No cookie is looked at here; the claim's secret decides."""

    def intent_of(self, claim: Claim) -> Intent:
        """The open intent whose secret the job knows; one answer for every wrong one."""
        intent = current_desks().intents.by_nonce(claim.nonce)
        if intent is None or not matches(claim.secret, intent.secret_hash):
            raise HTTPError(403, "no server waits for this job; it was stopped, or it is not this hub's")
        return intent

    def spawner_of(self, intent: Intent) -> FacilitySpawner:
        """The spawner that waits for the job; 503 while a hub that has just started has not entered the start again."""
        spawner = spawner_of(self.users, intent)
        if spawner is None or not spawner.active or not (intent.is_claimed or spawner.pending == "spawn"):
            _later("the hub has just started; ask again")
        return spawner


class ClaimHandler(_FromJob):
    """POST /api/beamside/claim"""

    async def post(self) -> None:
        """Judge a claim and answer with the server's environment and command."""
        claim = read_claim(self.request.body)
        intent = self.intent_of(claim)
        spawner = self.spawner_of(intent)
        job = await self._confirmed(claim, intent)
        self._once(claim, intent)
        if why := self.authenticator.storage.why_not:
            _later(f"the hub cannot write the claim down right now: {why}")
        is_new_place = intent.is_claimed and intent.port != claim.port
        if not intent.job_id:
            current_desks().intents.submitted(intent.nonce, claim.job_id)
        host = spawner.address(job)
        if not spawner.api_token:  # this hub did not start the server: it was restarted in between
            await renew_token(spawner, self.oauth_provider)
        environment = spawner.job_environment(host, claim.port, claim.job_id)
        command = _command(spawner, environment)
        tls = server_certificate(
            self.settings, (intent.user, intent.server), {host, job.batch_host}, intent.request.walltime
        )
        current_desks().intents.claimed(
            intent.nonce, host=host, port=claim.port, restarts=claim.restarts, claimant=claim.claimant
        )
        if is_new_place:
            await move_route(spawner, self.proxy, host, claim.port)
        spawner.heard()
        observe_wait(job, intent.system)
        self.log.info("job %s of %s claimed from %s:%s", claim.job_id, spawner._log_name, host, claim.port)
        self.finish({"environment": environment, "command": command, **({"tls": tls} if tls else {})})
        await self._remember_wait(intent, job)

    async def _confirmed(self, claim: Claim, intent: Intent) -> Job:
        """The job, when Slurm says by a targeted question that it runs for this user on an allocated node."""
        desk = current_desks().of(intent)
        if intent.stopping:
            raise HTTPError(403, "this server was stopped")
        if intent.job_id not in {"", claim.job_id}:
            raise HTTPError(409, f"job {intent.job_id} serves this request already; this one is spare")
        try:
            job = await desk.outlook.claims.job(claim.job_id)
        except FacilityError as error:
            _later(f"the scheduler cannot confirm the job right now: {error}")
        name = desk.job_name(intent.nonce)
        if job is None or job.user != intent.user or name not in {job.name, job.comment}:
            raise HTTPError(403, "the scheduler knows no such job of this user")
        if job.state in {JobState.PENDING, JobState.CONFIGURING}:
            _later("the scheduler does not say yet that the job runs")
        if job.state is not JobState.RUNNING or not job.batch_host:
            raise HTTPError(403, f"the job does not run, it is {job.state_word}")
        if job.restarts != claim.restarts:
            raise HTTPError(403, "the scheduler counts other restarts of this job")
        return job

    @staticmethod
    async def _remember_wait(intent: Intent, job: Job) -> None:
        """Add the job's wait to the hub's experience; after a requeue its times tell something else."""
        desk, opened = current_desks().of(intent), None
        if job.restarts:
            return
        if intent.request.reservation:
            offer = await desk.offers.offer(intent.user, quick=True)
            here = (r.starts for r in offer.reservations.value if r.name == intent.request.reservation)
            opened = next(here, None)
        wait = waited(job.submitted, job.starts, opened)
        if wait is not None and job.starts is not None:
            desk.waits.add(job.id, intent.request, wait, job.starts)

    @staticmethod
    def _once(claim: Claim, intent: Intent) -> None:
        """One claimant for each run of the job."""
        if not intent.is_claimed or claim.restarts > intent.restarts:
            return
        if claim.restarts < intent.restarts or not matches(claim.claimant, intent.claimant_hash):
            raise HTTPError(409, "this run of the job was claimed already")


class EndedHandler(_FromJob):
    """POST /api/beamside/ended: the batch script is over. A hint that starts one targeted question, never evidence."""

    async def post(self) -> None:
        """Wake the spawner that waits for this job."""
        claim = read_claim(self.request.body, whole=False)
        intent = self.intent_of(claim)
        if claim.why and claim.job_id == intent.job_id:
            current_desks().intents.note(intent.nonce, claim.why)  # names the end once Slurm says that it is one
        self.spawner_of(intent).heard(ended=True)
        self.set_status(202)
        self.finish({"message": "the scheduler is asked"})


def _command(spawner: FacilitySpawner, environment: dict[str, str]) -> list[str]:
    """The server's argument list; a container that cannot start ends the job at once, with the reason."""
    try:
        return spawner.job_command(environment)
    except ProfileError as error:
        raise HTTPError(403, str(error)) from error


def _later(why: str) -> NoReturn:
    error: Any = HTTPError(503, why)
    error.headers = {"Retry-After": "1"}
    raise error
