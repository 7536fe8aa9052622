"""slurmrestd, Slurm's own REST daemon, as a provider: with a token of the person's, never with one of Slurm's user."""

from facility.providers.slurmrestd.provider import SlurmRestd

__all__ = ["SlurmRestd"]
