"""Any Superfacility API (v1.2) as a provider: what it lacks is asked through its command endpoint, as the user."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

import httpx

from facility.bearer import TokenSource
from facility.errors import NotAllowed, NotFound, Refused, SubmitRefused, Unreachable, Unreadable
from facility.exchange import Patience
from facility.models import Entitlement, Estimate, Identity, Image, Job, JobRequest, Partition, Qos, Reservation
from facility.profile import System
from facility.providers.api import Found, an_object
from facility.providers.provider import Abilities, Ability, Batch
from facility.providers.sfapi.api import Api
from facility.providers.sfapi.commands import CommandEndpoint
from facility.providers.sfapi.jobs import Row, queue_job, recorded_job
from facility.providers.sfapi.projects import entitlements, hours_by_account
from facility.providers.sfapi.script import script_text
from facility.providers.slurm import Slurm
from facility.providers.slurm.sbatch import AMBIGUOUS
from facility.providers.slurm.text import JOB_ID

LOOK_BACK = timedelta(days=3)  # a day more than elsewhere: the API reads times in the machine's own zone
TASK_SECONDS = 60.0
NO_COMMANDS = "the Superfacility API has no such question, and this provider may not use its command endpoint"
NO_IMAGES = "the Superfacility API tells nothing of images"
NO_ESTIMATE = "the Superfacility API does not tell when a job that is not submitted would start"
NO_QOS = "accounts come without their QOS; the Superfacility API has them not, and commands may not be used"
NO_ZONE = "jobs come without times; the API tells them in the machine's own zone, which was not given"
AWAY = frozenset({"unavailable"})


class SfApi:
    """One person's Superfacility API (`facility.providers.Provider`).

    Parameters
    ----------
    base_url : with the version, e.g. "https://api.nersc.gov/api/v1.2".
    machine : as the API's status calls it, e.g. "perlmutter"; its answer may name another one to be used.
    token : gives a bearer token, e.g. a `facility.key_token.KeyToken` of the API's token endpoint.
    system : the facts of the machine, by whose command names Slurm is asked through the command endpoint; None where
        the token may not run commands, or nobody wants to.
    zone : the machine's time zone, in which the API tells times; None where it is not known.
    """

    def __init__(
        self,
        base_url: str,
        machine: str,
        token: TokenSource,
        *,
        system: System | None = None,
        zone: tzinfo | None = None,
        patience: Patience | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._asked_machine = machine
        self._machine = ""
        self._zone = zone
        self._api = Api(base_url, token, patience, transport)
        self._slurm = Slurm(system, CommandEndpoint(self._api, self._machine_name), TASK_SECONDS) if system else None

    def can(self) -> Abilities:
        """See `Provider.can`."""
        missing = {Ability.IMAGES: NO_IMAGES, Ability.ESTIMATE: NO_ESTIMATE}
        partial = {} if self._zone else {Ability.JOBS: NO_ZONE, Ability.JOB: NO_ZONE, Ability.FIND: NO_ZONE}
        if self._slurm is None:
            missing |= dict.fromkeys((Ability.QOS, Ability.PARTITIONS, Ability.RESERVATIONS), NO_COMMANDS)
            partial[Ability.ENTITLEMENTS] = NO_QOS
        return Abilities("Superfacility API v1.2", missing, partial)

    async def me(self) -> Identity:
        """See `Provider.me`."""
        found = an_object(await self._api.get("/account/"))
        user, uid = found.get("name"), found.get("uid")
        if not isinstance(user, str) or not isinstance(uid, int):
            raise Unreadable("the Superfacility API's account has no name or number", str(found))
        names = (found.get(part) for part in ("firstname", "middlename", "lastname"))
        return Identity(user, uid, full_name=" ".join(str(name) for name in names if name))

    async def entitlements(self) -> tuple[Entitlement, ...]:
        """See `Provider.entitlements`. Hours are the project's; accounts and QOS come from Slurm where it is asked."""
        projects = await self._api.get("/account/projects")
        user = (await self.me()).user
        if self._slurm is None:
            return entitlements(projects, user)
        return hours_by_account(await self._slurm.entitlements(user), projects)

    async def qos(self) -> tuple[Qos, ...]:
        """See `Provider.qos`."""
        return await self._commands(Ability.QOS).qos()

    async def partitions(self) -> tuple[Partition, ...]:
        """See `Provider.partitions`."""
        return await self._commands(Ability.PARTITIONS).partitions()

    async def reservations(self) -> tuple[Reservation, ...]:
        """See `Provider.reservations`."""
        return await self._commands(Ability.RESERVATIONS).reservations()

    async def images(self) -> tuple[Image, ...]:
        """See `Provider.images`; always NotOffered."""
        raise self.can().refusal(Ability.IMAGES)

    async def jobs(self) -> tuple[Job, ...]:
        """See `Provider.jobs`."""
        rows = await self._rows("", {"kwargs": [f"user={(await self.me()).user}"]})
        return tuple(queue_job(row, self._zone) for row in rows)

    async def job(self, job_id: str) -> Job | None:
        """See `Provider.job`."""
        if not JOB_ID.fullmatch(job_id):
            raise NotFound(f"{job_id!r} is no job id; a job id is a number, or number_task for an array task")
        held = [queue_job(row, self._zone) for row in await self._rows(f"/{job_id}", {})]
        found = next((job for job in held if job.id == job_id), None)
        if found:
            return found
        records = [recorded_job(row, self._zone) for row in await self._rows(f"/{job_id}", {"sacct": "true"})]
        return next((job for job in records if job.id == job_id), None)

    async def find_by_nonce(self, nonce: str) -> list[Job]:
        """See `Provider.find_by_nonce`."""
        user = (await self.me()).user
        since = f"{datetime.now(UTC) - LOOK_BACK:%Y-%m-%dT%H:%M:%S}"
        records = await self._rows("", {"sacct": "true", "kwargs": [f"user={user}", f"starttime={since}"]})
        recorded = (recorded_job(row, self._zone) for row in records)
        seen = {job.id: job for job in (*recorded, *await self.jobs())}
        carriers = [job for job in seen.values() if nonce in job.name or nonce in job.comment]
        return sorted(carriers, key=lambda job: (job.submitted or datetime.max.replace(tzinfo=UTC), job.id))

    async def estimate(self, request: JobRequest) -> Estimate:
        """See `Provider.estimate`; always NotOffered."""
        raise self.can().refusal(Ability.ESTIMATE)

    async def submit(self, request: JobRequest, batch: Batch) -> str:
        """See `Provider.submit`."""
        form = {"job": script_text(request, batch), "isPath": "false"}
        machine = await self._machine_name()
        try:
            started = await self._api.post(f"/compute/jobs/{machine}", form)
            result = await self._api.result(started, TASK_SECONDS)
        except (Unreachable, Unreadable) as error:
            words = f"the Superfacility API did not confirm the job ({error}); it may be held: look for it by its nonce"
            raise Unreachable(words) from error
        except Refused as error:
            if type(error) is not Refused:
                raise
            raise SubmitRefused(f"the scheduler refused the job: {error}") from error
        return _new_id(result)

    async def cancel(self, job_id: str) -> None:
        """See `Provider.cancel`."""
        if not JOB_ID.fullmatch(job_id):
            raise NotFound(f"{job_id!r} is no job id; a job id is a number, or number_task for an array task")
        started = an_object(await self._api.delete(f"/compute/jobs/{await self._machine_name()}/{job_id}"))
        if not started.get("task_id"):
            return  # some services end the job at once
        result = await self._api.result(started, TASK_SECONDS)
        words = str(result.get("error") or "")
        if not words or "Invalid job id" in words or "already complet" in words:
            return
        if any(mark in words for mark in ("denied", "not permitted", "belongs to somebody else")):
            raise NotAllowed(f"job {job_id} was not ended: {words}")
        raise Unreachable(f"job {job_id} was not ended: {words}; try again")

    async def aclose(self) -> None:
        """See `Provider.aclose`."""
        await self._api.aclose()

    def _commands(self, ability: Ability) -> Slurm:
        if self._slurm is None:
            raise self.can().refusal(ability)
        return self._slurm

    async def _machine_name(self) -> str:
        """The name that the API wants in its paths, told by its status. Raises Unreachable where it is away."""
        if not self._machine:
            status = an_object(await self._api.get(f"/status/{self._asked_machine}"))
            if status.get("status") in AWAY:
                raise Unreachable(f"{self._asked_machine} is unavailable: {_notes(status)}; see the facility's status")
            self._machine = str(status.get("name") or self._asked_machine)
        return self._machine

    async def _rows(self, path: str, query: dict[str, str | list[str]]) -> list[Row]:
        """Rows of compute/jobs. An answer that tells of an error is one, whatever its status."""
        asked = {"sacct": "false", "cached": "false"} | query
        found = an_object(await self._api.get(f"/compute/jobs/{await self._machine_name()}{path}", asked))
        words = str(found.get("error") or "")
        if "Invalid job id" in words:
            return []
        rows = found.get("output")
        if str(found.get("status", "")).upper() != "OK" or words:
            raise Unreachable(f"the Superfacility API could not ask for jobs: {words or found.get('status')}")
        if not isinstance(rows, list):
            raise Unreadable("the Superfacility API told of no list of jobs", str(found))
        return [an_object(row) for row in rows]


def _new_id(result: Found) -> str:
    job_id, words = str(result.get("jobid") or ""), str(result.get("error") or "")
    if JOB_ID.fullmatch(job_id):
        return job_id
    if any(mark in words for mark in AMBIGUOUS):
        raise Unreachable(f"the scheduler did not confirm the job ({words}); it may hold it: look for it by its nonce")
    if words:
        raise SubmitRefused(f"the scheduler refused the job: {words.removeprefix('the scheduler refused the job: ')}")
    raise Unreadable(
        "a submission ended with neither a job id nor an error; look for the job by its nonce", str(result)
    )


def _notes(status: Found) -> str:
    notes = status.get("notes")
    told = "; ".join(map(str, notes)) if isinstance(notes, list) else ""
    return told or str(status.get("description") or "no reason given")
