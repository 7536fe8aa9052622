"""Which driver asks a catalogue of facility.toml."""

from __future__ import annotations

from facility.image_facts import ImageCatalogue
from facility.images.charliecloud import COMMAND as CH_IMAGE
from facility.images.charliecloud import Charliecloud
from facility.images.found import Driver
from facility.images.podman_hpc import COMMAND as PODMAN_HPC
from facility.images.podman_hpc import PodmanHpc
from facility.images.shifter_gateway import MUNGE, ShifterGateway
from facility.images.shifterimg import COMMAND as SHIFTERIMG
from facility.images.shifterimg import ShifterImg
from facility.providers.slurm.run import Runner


def driver_of(facts: ImageCatalogue, runner: Runner) -> Driver:
    """The driver that facility.toml names."""
    match facts.driver:
        case "shifter_gateway":
            return ShifterGateway(facts.url, facts.system, runner, facts.command or MUNGE)
        case "shifterimg":
            return ShifterImg(runner, facts.command or SHIFTERIMG)
        case "podman_hpc":
            return PodmanHpc(runner, facts.command or PODMAN_HPC)
        case "charliecloud":
            return Charliecloud(runner, facts.storage, facts.command or CH_IMAGE)
