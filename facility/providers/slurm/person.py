"""Slurm's commands as one person's provider: the reference that every other provider is compared with."""

from __future__ import annotations

import pwd

from facility.errors import NotAllowed
from facility.models import Entitlement, Estimate, Identity, Image, Job, JobRequest, Partition, Qos, Reservation
from facility.providers.provider import Abilities, Ability, Batch
from facility.providers.slurm.provider import Slurm

NO_IMAGES = "Slurm keeps no images; the facility service's image catalogue does"
ABILITIES = Abilities("Slurm's commands", missing={Ability.IMAGES: NO_IMAGES})


class SlurmProvider:
    """`slurm` as one local account sees it (`facility.providers.Provider`).

    The account must be one that the runner of `slurm` can act for: the current user, or anybody through a root helper.
    """

    def __init__(self, slurm: Slurm, user: str) -> None:
        self._slurm = slurm
        self._user = user

    def can(self) -> Abilities:
        """See `Provider.can`."""
        return ABILITIES

    async def me(self) -> Identity:
        """See `Provider.me`. Raises NotAllowed for a name without a local account."""
        try:
            account = pwd.getpwnam(self._user)
        except KeyError as error:
            raise NotAllowed(f"{self._user!r} is no local account here") from error
        operators = (await self._slurm.associations(self._user)).operators
        full_name = account.pw_gecos.split(",")[0]
        return Identity(self._user, account.pw_uid, full_name=full_name, is_operator=self._user in operators)

    async def entitlements(self) -> tuple[Entitlement, ...]:
        """See `Provider.entitlements`."""
        return await self._slurm.entitlements(self._user)

    async def qos(self) -> tuple[Qos, ...]:
        """See `Provider.qos`."""
        return await self._slurm.qos()

    async def partitions(self) -> tuple[Partition, ...]:
        """See `Provider.partitions`."""
        return await self._slurm.partitions()

    async def reservations(self) -> tuple[Reservation, ...]:
        """See `Provider.reservations`."""
        return await self._slurm.reservations()

    async def images(self) -> tuple[Image, ...]:
        """See `Provider.images`; always NotOffered."""
        raise ABILITIES.refusal(Ability.IMAGES)

    async def jobs(self) -> tuple[Job, ...]:
        """See `Provider.jobs`."""
        return (await self._slurm.listing(user=self._user)).jobs

    async def job(self, job_id: str) -> Job | None:
        """See `Provider.job`."""
        return await self._slurm.job(job_id)

    async def find_by_nonce(self, nonce: str) -> list[Job]:
        """See `Provider.find_by_nonce`."""
        return await self._slurm.find_by_nonce(self._user, nonce)

    async def estimate(self, request: JobRequest) -> Estimate:
        """See `Provider.estimate`."""
        return await self._slurm.estimate(request, user=self._user, begin=await self._slurm.begin_of(request))

    async def submit(self, request: JobRequest, batch: Batch) -> str:
        """See `Provider.submit`."""
        return await self._slurm.submit(
            request,
            batch.script,
            user=self._user,
            name=batch.name,
            comment=batch.comment,
            directory=batch.directory,
            output=batch.output,
        )

    async def cancel(self, job_id: str) -> None:
        """See `Provider.cancel`."""
        await self._slurm.cancel(job_id, user=self._user)

    async def aclose(self) -> None:
        """Nothing is held open."""
