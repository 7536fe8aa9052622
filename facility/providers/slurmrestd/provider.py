"""slurmrestd(8) as a provider: no command is run, so it works from anywhere its port can be reached."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx

from facility.errors import NotAllowed, NotFound, ProfileError, SubmitRefused, Unreachable, Unreadable
from facility.exchange import Patience
from facility.models import Entitlement, Estimate, Identity, Image, Job, JobRequest, Partition, Qos, Reservation
from facility.providers.provider import Abilities, Ability, Batch
from facility.providers.slurm.text import JOB_ID
from facility.providers.slurmrestd import facts
from facility.providers.slurmrestd.jobs import held_job, recorded_job
from facility.providers.slurmrestd.rest import (
    ALREADY_DONE,
    INVALID_JOB_ID,
    NOTHING_FOUND,
    Rest,
    SlurmError,
    TokenSource,
)
from facility.providers.slurmrestd.shapes import Found, number, objects
from facility.providers.slurmrestd.submission import STRUCTURED, submission

REVISIONS = (38, 40, 41, 42, 43, 44)
"""v0.0.38 is of Slurm 22.05, v0.0.40 of 23.11, v0.0.44 of 25.11."""

LIVE = 38
LOOK_BACK = timedelta(days=2)  # as far back as Slurm's commands are asked for a nonce
MISSING = {
    Ability.ME: "slurmrestd tells neither account numbers nor full names",
    Ability.IMAGES: "Slurm keeps no images; the facility service's image catalogue does",
    Ability.ESTIMATE: "slurmrestd only submits; it does not tell when a job that is not submitted would start",
}
PARTIAL = {Ability.JOBS: "the waiting tasks of a job array come as one job; slurmrestd does not list them"}
NOT_LIVE = "not run live: checked against the published models of its answers only"
NO_DEFAULT = "no partition is marked as the default one; this version of slurmrestd does not tell"


class SlurmRestd:
    """One person's slurmrestd (`facility.providers.Provider`).

    Parameters
    ----------
    base_url : e.g. "http://127.0.0.1:6820".
    user : the local account.
    token : gives a JWT of that account; a token of Slurm's own user would act for everybody and has no place here.
    revision : the last figure of the API's version. Only 38 was run against a real slurmrestd; 40 to 44 were checked
        against the published models, and `can().not_run_live` says so.
    """

    def __init__(
        self,
        base_url: str,
        user: str,
        token: TokenSource,
        revision: int = LIVE,
        *,
        patience: Patience | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        if revision not in REVISIONS:
            known = ", ".join(f"v0.0.{one}" for one in REVISIONS)
            raise ProfileError(f"v0.0.{revision} of slurmrestd's API is not known here; use one of {known}")
        self._user = user
        self._revision = revision
        self._rest = Rest(base_url, user, token, revision, patience or Patience(answer=25.0), transport)

    def can(self) -> Abilities:
        """See `Provider.can`."""
        name = f"slurmrestd v0.0.{self._revision}"
        not_live = "" if self._revision == LIVE else NOT_LIVE
        partial = PARTIAL if self._revision < STRUCTURED else PARTIAL | {Ability.PARTITIONS: NO_DEFAULT}
        return Abilities(name, MISSING, partial, not_live)

    async def me(self) -> Identity:
        """See `Provider.me`; always NotOffered."""
        raise self.can().refusal(Ability.ME)

    async def images(self) -> tuple[Image, ...]:
        """See `Provider.images`; always NotOffered."""
        raise self.can().refusal(Ability.IMAGES)

    async def entitlements(self) -> tuple[Entitlement, ...]:
        """See `Provider.entitlements`."""
        rows = objects(await self._rest.slurmdb("associations"), "associations")
        accounts = objects(await self._rest.slurmdb("accounts"), "accounts")
        return facts.entitlements(rows, accounts, self._user)

    async def qos(self) -> tuple[Qos, ...]:
        """See `Provider.qos`."""
        return tuple(facts.qos(row) for row in objects(await self._rest.slurmdb("qos"), "qos", "QOS"))

    async def partitions(self) -> tuple[Partition, ...]:
        """See `Provider.partitions`."""
        nodes = objects(await self._rest.slurm("GET", "nodes"), "nodes")
        found = objects(await self._rest.slurm("GET", "partitions"), "partitions")
        return tuple(facts.partition(row, nodes) for row in found)

    async def reservations(self) -> tuple[Reservation, ...]:
        """See `Provider.reservations`."""
        now = datetime.now(UTC)
        found = objects(await self._rest.slurm("GET", "reservations"), "reservations")
        return tuple(facts.reservation(row, now) for row in found)

    async def jobs(self) -> tuple[Job, ...]:
        """See `Provider.jobs`. slurmrestd sends everybody's, so on a full machine this takes seconds."""
        found = objects(await self._rest.slurm("GET", "jobs"), "jobs")
        return tuple(job for job in map(held_job, found) if job.user == self._user)

    async def job(self, job_id: str) -> Job | None:
        """See `Provider.job`."""
        number_of_job = _plain(job_id)
        try:
            held = objects(await self._rest.slurm("GET", f"job/{number_of_job}"), "jobs")
        except SlurmError as error:
            if error.code != INVALID_JOB_ID:
                raise
            held = []
        found = _chosen([held_job(row) for row in held], job_id)
        return found or await self._record(job_id, number_of_job)

    async def find_by_nonce(self, nonce: str) -> list[Job]:
        """See `Provider.find_by_nonce`."""
        since = datetime.now(UTC) - LOOK_BACK
        query = {"start_time": f"uts{int(since.timestamp())}", "skip_steps": "true"}
        if self._revision >= STRUCTURED:
            query["users"] = self._user  # v0.0.38 knows no such filter
        records = [recorded_job(row) for row in await self._recorded("jobs", query)]
        own = (job for job in (*records, *await self.jobs()) if job.user == self._user)
        carriers = {job.id: job for job in own if nonce in job.name or nonce in job.comment}
        return sorted(carriers.values(), key=lambda job: (job.submitted or datetime.max.replace(tzinfo=UTC), job.id))

    async def estimate(self, request: JobRequest) -> Estimate:
        """See `Provider.estimate`; always NotOffered."""
        raise self.can().refusal(Ability.ESTIMATE)

    async def submit(self, request: JobRequest, batch: Batch) -> str:
        """See `Provider.submit`."""
        try:
            answer = await self._rest.slurm("POST", "job/submit", submission(request, batch, self._revision))
        except SlurmError as error:
            raise SubmitRefused(f"the scheduler refused the job: {error}") from error
        except NotAllowed as error:
            raise SubmitRefused(f"the scheduler refused the job: {error}") from error
        except (Unreachable, Unreadable) as error:
            words = f"slurmrestd did not confirm the job ({error}); it may be held: look for it by its nonce"
            raise Unreachable(words) from error
        job_id = number(answer.get("job_id"))
        if not job_id:
            words = "slurmrestd said neither a job id nor an error; look for the job by its nonce"
            raise Unreadable(words, str(answer))
        return str(job_id)

    async def cancel(self, job_id: str) -> None:
        """See `Provider.cancel`. A task of an array is cancelled by its own number."""
        plain = _plain(job_id)
        if "_" in job_id:
            held = objects(await self._rest.slurm("GET", f"job/{plain}"), "jobs")
            plain = next((str(number(row.get("job_id"))) for row in held if held_job(row).id == job_id), "")
            if not plain:
                raise NotFound(f"the scheduler holds no job {job_id} by itself; cancel the whole array")
        try:
            await self._rest.slurm("DELETE", f"job/{plain}")
        except SlurmError as error:
            if error.code not in {INVALID_JOB_ID, ALREADY_DONE}:
                raise Unreachable(f"job {job_id} was not cancelled: {error}; try again") from error
        except NotAllowed as error:
            raise NotAllowed(f"job {job_id} belongs to somebody else; only its owner may cancel it") from error

    async def aclose(self) -> None:
        """See `Provider.aclose`."""
        await self._rest.aclose()

    async def _record(self, job_id: str, plain: str) -> Job | None:
        return _chosen([recorded_job(row) for row in await self._recorded(f"job/{plain}", {})], job_id)

    async def _recorded(self, path: str, query: dict[str, str]) -> list[Found]:
        try:
            return objects(await self._rest.slurmdb(path, query), "jobs")
        except SlurmError as error:
            if error.code not in {NOTHING_FOUND, INVALID_JOB_ID}:
                raise
            return []


def _plain(job_id: str) -> str:
    if not JOB_ID.fullmatch(job_id) or "+" in job_id:
        raise NotFound(f"{job_id!r} is no job id; a job id is a number, or number_task for an array task")
    return job_id.partition("_")[0]


def _chosen(found: list[Job], job_id: str) -> Job | None:
    """The job of this id; of an array that was asked for as a whole, its first task."""
    exact = next((job for job in found if job.id == job_id), None)
    return exact or (found[0] if found and "_" not in job_id else None)
