"""What the service does in people's names: their files, their jobs, their commands, each on a mandate."""

from __future__ import annotations

from facility.as_user import Acting, Agents
from facility.profile import Profile
from facility.providers.slurm import Slurm
from facility.service.as_user.files import Files
from facility.service.as_user.worker_files import WorkerFiles
from facility.service.caller import Mandate
from facility.service.identity.port import IdentityPort

LARGEST_UPLOAD = 50 * 2**30
"""Bytes of a file that may come in one request; what is larger is for transfers."""


class Acts:
    """Everything that needs a mandate, at one site."""

    def __init__(self, profile: Profile, identity: IdentityPort, slurm: Slurm | None = None) -> None:
        """Another `slurm` may take the place of the one that acts on mandates."""
        self._profile = profile
        self._slurm = slurm
        self._agents = Agents(profile, identity)

    def acting_for(self, mandate: Mandate) -> Acting:
        """Leave to act as whom the mandate is of; each act asks identity anew."""
        return self._agents.acting_for(mandate)

    def slurm_for(self, mandate: Mandate) -> Slurm:
        """The scheduler, as that person where something is changed."""
        return self._slurm or Slurm(self._profile.system, self.acting_for(mandate))

    def files_for(self, mandate: Mandate) -> Files:
        """That person's files."""
        return WorkerFiles(self.acting_for(mandate), LARGEST_UPLOAD)
