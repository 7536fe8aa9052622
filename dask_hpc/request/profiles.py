"""Named defaults for clusters: those of facility.toml, and sections of dask-jobqueue's configuration."""

from __future__ import annotations

from collections.abc import Mapping

from dask_hpc.config import read_profile_setting, read_shape_settings
from dask_hpc.request.jobqueue import Section, read_section
from dask_hpc.request.shape import Layer, Shape, read_shape
from facility.errors import OptionError
from facility.profile import JOBQUEUE, System

_WORDS = frozenset({"title", "description"})


def shape_of(arguments: Mapping[str, object], profile: str | None, system: System) -> tuple[Shape, tuple[str, ...]]:
    """The shape of a new cluster: its arguments over the profile over dask.config; and what of the profile is left out.

    Raises OptionError, naming what cannot be, and the profiles where there is none of that name.
    """
    name = read_profile_setting() if profile is None else profile
    found = read_profile(name, system) if name else Section({})
    layers = [Layer(arguments), Layer(found.values, f"profile {name}"), Layer(read_shape_settings(), "dask.config")]
    return read_shape(layers), tuple(f"profile {name}, left out: {words}" for words in found.left_out)


def read_profile(name: str, system: System) -> Section:
    """What the profile of this name gives. Raises OptionError, with the names that there are."""
    if name.startswith(JOBQUEUE):
        return read_section(name)
    if name not in system.cluster_profiles:
        there = ", ".join(system.cluster_profiles) or "none"
        raise OptionError("profile", f"{system.title} has no profile {name!r}; it has: {there}, and {JOBQUEUE}NAME")
    return Section(system.cluster_profiles[name].model_dump(exclude=set(_WORDS), exclude_none=True))
