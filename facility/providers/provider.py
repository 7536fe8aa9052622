"""What every way to a facility offers: one person's questions and acts, and an honest list of what it cannot answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from facility.errors import NotOffered
from facility.models import Entitlement, Estimate, Identity, Image, Job, JobRequest, Partition, Qos, Reservation


class Ability(StrEnum):
    """One thing a provider may be able to do; each is a method of `Provider`."""

    ME = "me"
    ENTITLEMENTS = "entitlements"
    QOS = "qos"
    PARTITIONS = "partitions"
    RESERVATIONS = "reservations"
    IMAGES = "images"
    JOBS = "jobs"
    JOB = "job"
    FIND = "find_by_nonce"
    ESTIMATE = "estimate"
    SUBMIT = "submit"
    CANCEL = "cancel"


@dataclass(frozen=True)
class Abilities:
    """What one provider can answer, and why not where it cannot. Shown to people as it is."""

    provider: str  # e.g. "slurmrestd v0.0.38"
    missing: Mapping[Ability, str] = field(default_factory=dict)  # not at all, and why
    partial: Mapping[Ability, str] = field(default_factory=dict)  # answered, but without this, and why
    not_run_live: str = ""  # what of this was checked against published models only; empty: run against the real thing

    def __contains__(self, ability: object) -> bool:
        return ability in tuple(Ability) and ability not in self.missing

    def why_not(self, ability: Ability) -> str:
        """Why this cannot be answered in full, in words; empty where it can."""
        return self.missing.get(ability) or self.partial.get(ability, "")

    def refusal(self, ability: Ability) -> NotOffered:
        """The error of a call that this provider cannot answer."""
        return NotOffered(f"{self.provider} cannot answer {ability}: {self.missing[ability]}")


@dataclass(frozen=True)
class Batch:
    """A job to submit, apart from what it asks for. All but the script are told openly by the scheduler: no secrets."""

    script: bytes  # begins with "#!"; the operator's or the person's own text
    name: str
    directory: str  # absolute
    output: str  # path of the log, as sbatch's --output
    comment: str = ""


class Provider(Protocol):
    """One person's way to one system.

    A method that `can` calls missing raises NotOffered with the reason. All raise Unreachable where no answer came,
    Unreadable where it cannot be parsed, and NotSignedIn or NotAllowed where the facility says so; an empty answer
    means that there is nothing, never that it could not be told.
    """

    def can(self) -> Abilities:
        """What this provider answers; no question is asked for it, so it never waits."""
        ...

    async def me(self) -> Identity:
        """Who the person is here."""
        ...

    async def entitlements(self) -> tuple[Entitlement, ...]:
        """What the person may charge, the default account first."""
        ...

    async def qos(self) -> tuple[Qos, ...]:
        """Every QOS with its limits."""
        ...

    async def partitions(self) -> tuple[Partition, ...]:
        """Every partition and what is free in it."""
        ...

    async def reservations(self) -> tuple[Reservation, ...]:
        """Every reservation that the person may see, whoever may use it; `facility.admission.judge` tells that."""
        ...

    async def images(self) -> tuple[Image, ...]:
        """The container images that the person may start."""
        ...

    async def jobs(self) -> tuple[Job, ...]:
        """The person's jobs that the scheduler still holds."""
        ...

    async def job(self, job_id: str) -> Job | None:
        """One job, ended ones too; None where the facility positively says that there is no such job."""
        ...

    async def find_by_nonce(self, nonce: str) -> list[Job]:
        """The person's jobs that carry `nonce` in name or comment, the oldest first; an empty list is certain."""
        ...

    async def estimate(self, request: JobRequest) -> Estimate:
        """When `request` would start if it were submitted now; nothing is submitted.

        Raises SubmitRefused with the scheduler's words.
        """
        ...

    async def submit(self, request: JobRequest, batch: Batch) -> str:
        """Submit and return the job's id.

        Raises SubmitRefused with the scheduler's words, and Unreachable when the job may be held all the same: then
        look for it with `find_by_nonce`, never just try again.
        """
        ...

    async def cancel(self, job_id: str) -> None:
        """End a job of the person's; one that has ended is no error. Raises NotAllowed for somebody else's."""
        ...

    async def aclose(self) -> None:
        """Close what it holds open."""
        ...
