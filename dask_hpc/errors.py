"""What can go wrong with a cluster beyond what facility.errors names."""

from __future__ import annotations

from facility.errors import FacilityError, Refused


class NameTaken(Refused):
    """A cluster of this name is alive; join it by `MPICluster.from_name`, or choose another name."""


class ClusterEnded(FacilityError):
    """The cluster's batch job is over, or its scheduler is; the message says why, with the last lines of its log."""

    def __init__(self, message: str, log: str = "") -> None:
        super().__init__(f"{message}\n{log}" if log else message)
        self.log = log


class GangError(FacilityError):
    """A function on many ranks did not come to its end; its message names the rank and what to do."""


class GangAborted(GangError):
    """This rank was told to stop: the gang was cancelled, or another rank failed; the message says which."""


class GangTimeout(GangError, TimeoutError):
    """The gang did not end within its `timeout`; the message says whether it ran, or which ranks it waited for."""


class RankLost(GangError):
    """A rank of the gang died or left; the message names it, and which ranks its block still has."""


class NotEnoughRanks(GangError):
    """No block has the ranks that were asked for; the message names those that are missing."""


class NoMpi(GangError):
    """The cluster was made without MPI (`mpi=False`), so that there is nothing that a gang could run on."""


class RegangFailed(GangError):
    """The ranks of a block did not come as one new MPI world; the old ones work on, and the message says why."""


class StepFailed(GangError):
    """The step of a gang with `isolation="step"` ended without a result; the message holds its last words."""
