"""The two published versions of the IRI Facility API: where each answers, and its words for what both have."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from facility.service.web.access import ServiceParts

PREFIX = "/iri/api"
URN = "urn:doe-iri"
KINDS = uuid.uuid5(uuid.NAMESPACE_URL, "https://iri.science/")

COMPUTE = "compute"
UNITS = {"node": "node-hours", "cpu": "core-hours", "gres/gpu": "gpu-hours"}
"""What Slurm counts -> the unit's name in an allocation URN."""

COUNTED_IN_V1 = frozenset({"node"})
"""Version 1 has a closed list of units; of these it has node hours alone."""


@dataclass(frozen=True)
class Api:
    """One version as a request reached it."""

    number: int
    service_url: str
    facility_name: str

    @property
    def root(self) -> str:
        """Where its paths begin."""
        return f"{self.service_url.rstrip('/')}{PREFIX}/v{self.number}"

    def uri(self, *path: str) -> str:
        """The canonical address of an object."""
        return "/".join((self.root, *path))

    def identifier(self, kind: str, name: str) -> str:
        """The stable id of what is called `name` here: the same at every start, in both versions, on every host."""
        return str(uuid.uuid5(KINDS, f"{self.facility_name}/{kind}/{name}"))

    @property
    def compute_type(self) -> str:
        """What a machine with a scheduler is, in this version's words."""
        return COMPUTE if self.number == 1 else f"{URN}:resource:compute"

    @property
    def service_type(self) -> str:
        """What a part of the service is, in this version's words."""
        return "service" if self.number == 1 else f"{URN}:service:generic"

    def unit(self, counted: str) -> str:
        """The unit of what Slurm counts (a key of UNITS)."""
        return "node_hours" if self.number == 1 else f"{URN}:allocation:compute:{UNITS[counted]}"

    @property
    def counted(self) -> tuple[str, ...]:
        """What this version has units for."""
        return tuple(name for name in UNITS if self.number != 1 or name in COUNTED_IN_V1)


async def api_of(request: Request, parts: ServiceParts) -> Api:
    """The version that this request reached."""
    number = 1 if request.url.path.startswith(f"{PREFIX}/v1/") else 2
    return Api(number, parts.profile.service.url, parts.profile.name)


TheApi = Annotated[Api, Depends(api_of)]
