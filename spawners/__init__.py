"""JupyterHub spawners that start a notebook server as a batch job of the facility."""

from facility.errors import OptionError
from spawners.form import read_options
from spawners.spawner import FacilitySpawner

__all__ = ["FacilitySpawner", "OptionError", "read_options"]
