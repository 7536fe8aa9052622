"""The reference provider: Slurm by its commands, one command a module; argv out, bytes in, no shell."""

from facility.providers.slurm.person import SlurmProvider
from facility.providers.slurm.provider import Slurm, slurm_environment
from facility.providers.slurm.run import Completed, DirectRunner, Runner

__all__ = ["Completed", "DirectRunner", "Runner", "Slurm", "SlurmProvider", "slurm_environment"]
