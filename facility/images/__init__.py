"""Catalogues of images, one driver a module. A driver says what there is; `judge` says whether it can run here."""

from facility.images.catalogue import Catalogue
from facility.images.charliecloud import Charliecloud
from facility.images.found import Driver, Found
from facility.images.podman_hpc import PodmanHpc
from facility.images.shifter_gateway import ShifterGateway
from facility.images.shifterimg import ShifterImg
from facility.images.static import StaticCatalogue

__all__ = [
    "Catalogue",
    "Charliecloud",
    "Driver",
    "Found",
    "PodmanHpc",
    "ShifterGateway",
    "ShifterImg",
    "StaticCatalogue",
]
