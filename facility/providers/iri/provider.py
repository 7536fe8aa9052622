"""Any IRI Facility API as a provider. It has no QOS, partitions, reservations or images; `can` says so."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx

from facility.bearer import TokenSource
from facility.errors import Busy, NotFound, Refused, SubmitRefused, Unreachable, Unreadable
from facility.exchange import Patience
from facility.models import Entitlement, Estimate, Identity, Image, Job, JobRequest, Partition, Qos, Reservation
from facility.providers.api import an_object, objects
from facility.providers.iri.api import Api
from facility.providers.iri.jobs import job_from
from facility.providers.iri.spec import specification
from facility.providers.provider import Abilities, Ability, Batch
from facility.providers.slurm.text import JOB_ID

PAGE = 1000
NODE_HOURS = frozenset({"urn:doe-iri:allocation:compute:node-hours", "node_hours"})
MISSING = {
    Ability.ME: "the IRI API does not tell whose a token is",
    Ability.QOS: "the IRI API knows queues by name only, and none of their limits",
    Ability.PARTITIONS: "the IRI API knows queues by name only, and not what is free in them",
    Ability.RESERVATIONS: "the IRI API takes a reservation's name with a job, and lists none",
    Ability.IMAGES: "the IRI API takes an image's name with a job, and lists none",
    Ability.ESTIMATE: "the IRI API does not tell when a job that is not submitted would start",
}
IN_METADATA = "account, QOS, partition and times of a job are told only where the facility puts them into its metadata"
PARTIAL = {
    Ability.ENTITLEMENTS: "projects come without their QOS, and without which one is the default",
    Ability.JOBS: IN_METADATA,
    Ability.JOB: IN_METADATA,
    Ability.FIND: "ended jobs are looked for as far back as the facility tells of them",
    Ability.SUBMIT: "scripts of a shell only, as its argument; their #SBATCH lines are not read",
}


class Iri:
    """One person's IRI Facility API (`facility.providers.Provider`).

    Parameters
    ----------
    base_url : with the version, e.g. "https://facility.example.org/iri/api/v2".
    resource : the name or id of the compute resource, as `GET /status/resources` tells it.
    user : the person's local account there, which the API does not tell.
    token : gives a bearer token that the facility takes.
    """

    def __init__(
        self,
        base_url: str,
        resource: str,
        user: str,
        token: TokenSource,
        *,
        patience: Patience | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._resource = resource
        self._user = user
        # a submission is answered when the scheduler took the job
        self._api = Api(base_url, token, patience or Patience(answer=40.0), transport)

    def can(self) -> Abilities:
        """See `Provider.can`."""
        return Abilities("IRI Facility API v2", MISSING, PARTIAL)

    async def me(self) -> Identity:
        """See `Provider.me`; always NotOffered."""
        raise self.can().refusal(Ability.ME)

    async def qos(self) -> tuple[Qos, ...]:
        """See `Provider.qos`; always NotOffered."""
        raise self.can().refusal(Ability.QOS)

    async def partitions(self) -> tuple[Partition, ...]:
        """See `Provider.partitions`; always NotOffered."""
        raise self.can().refusal(Ability.PARTITIONS)

    async def reservations(self) -> tuple[Reservation, ...]:
        """See `Provider.reservations`; always NotOffered."""
        raise self.can().refusal(Ability.RESERVATIONS)

    async def images(self) -> tuple[Image, ...]:
        """See `Provider.images`; always NotOffered."""
        raise self.can().refusal(Ability.IMAGES)

    async def entitlements(self) -> tuple[Entitlement, ...]:
        """See `Provider.entitlements`; the balance is what is left of the project's node hours."""
        found = []
        for project in objects(await self._api.get("/account/projects")):
            balance = await self._balance(str(project.get("id", "")))
            description = str(project.get("description") or "")
            name = str(project.get("name", ""))
            found.append(Entitlement(self._user, name, (), balance_hours=balance, description=description))
        return tuple(found)

    async def jobs(self) -> tuple[Job, ...]:
        """See `Provider.jobs`."""
        return tuple(await self._listed(historical=False))

    async def job(self, job_id: str) -> Job | None:
        """See `Provider.job`."""
        if not JOB_ID.fullmatch(job_id):
            raise NotFound(f"{job_id!r} is no job id; a job id is a number, or number_task for an array task")
        try:
            found = await self._api.get(f"/compute/status/{self._resource}/{job_id}", {"include_spec": "true"})
        except NotFound:
            return None
        return job_from(an_object(found), self._user)

    async def find_by_nonce(self, nonce: str) -> list[Job]:
        """See `Provider.find_by_nonce`."""
        seen = {job.id: job for job in await self._listed(historical=True)}
        carriers = [job for job in seen.values() if nonce in job.name or nonce in job.comment]
        return sorted(carriers, key=lambda job: (job.submitted or datetime.max.replace(tzinfo=UTC), job.id))

    async def estimate(self, request: JobRequest) -> Estimate:
        """See `Provider.estimate`; always NotOffered."""
        raise self.can().refusal(Ability.ESTIMATE)

    async def submit(self, request: JobRequest, batch: Batch) -> str:
        """See `Provider.submit`."""
        wanted = specification(request, batch)
        try:
            found = an_object(await self._api.launch(f"/compute/job/{self._resource}", wanted))
        except (Unreachable, Unreadable, Busy) as error:
            words = f"the IRI API did not confirm the job ({error}); it may be held: look for it by its nonce"
            raise Unreachable(words) from error
        except Refused as error:
            if type(error) is not Refused:
                raise
            raise SubmitRefused(f"the scheduler refused the job: {error}") from error
        job_id = str(found.get("id") or "")
        if not job_id:
            raise Unreadable("the IRI API told no job id; look for the job by its nonce", str(found))
        return job_id

    async def cancel(self, job_id: str) -> None:
        """See `Provider.cancel`. Raises NotFound for somebody else's too, where the facility tells no more."""
        if not JOB_ID.fullmatch(job_id):
            raise NotFound(f"{job_id!r} is no job id; a job id is a number, or number_task for an array task")
        await self._api.delete(f"/compute/cancel/{self._resource}/{job_id}")

    async def aclose(self) -> None:
        """See `Provider.aclose`."""
        await self._api.aclose()

    async def _listed(self, *, historical: bool) -> list[Job]:
        """All pages of the person's jobs."""
        found: list[Job] = []
        while True:
            query = {"offset": str(len(found)), "limit": str(PAGE), "include_spec": "true"}
            query["historical"] = "true" if historical else "false"
            rows = objects(await self._api.look(f"/compute/status/{self._resource}", query))
            found += [job_from(row, self._user) for row in rows]
            if len(rows) < PAGE:
                return found

    async def _balance(self, project_id: str) -> float | None:
        """What is left of a project's node hours; None where no limit is told."""
        left = []
        for allocation in objects(await self._api.get(f"/account/projects/{project_id}/project_allocations")):
            for entry in objects(allocation.get("entries", [])):
                given, used = entry.get("allocation"), entry.get("usage")
                if entry.get("unit") in NODE_HOURS and isinstance(given, int | float) and isinstance(used, int | float):
                    left.append(float(given) - float(used))
        return min(left, default=None)
