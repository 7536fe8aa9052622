"""The knobs, each turned."""

from __future__ import annotations

import dask
import pytest

from dask_hpc.config import SHAPE, read_knobs, read_profile_setting, read_shape_settings

TURNED = {
    "threads-per-rank": (4, "threads_per_rank", 4),
    "memory-per-rank": ("512 MiB", "memory_per_rank", 512 * 2**20),
    "idle-timeout": ("10 minutes", "idle_timeout", 600.0),
    "no-client-timeout": ("5 s", "no_client_timeout", 5.0),
    "close-timeout": ("1 minute", "close_timeout", 60.0),
    "drain-timeout": ("5 minutes", "drain_timeout", 300.0),
    "import-once": (["scipy.signal"], "import_once", ("scipy.signal",)),
    "environment": (["SCRATCH"], "environment", ("SCRATCH",)),
}


@pytest.mark.parametrize(("key", "turned"), TURNED.items())
def test_a_knob_is_read_in_plain_units(key: str, turned: tuple[object, str, object]) -> None:
    """Sizes become bytes, times become seconds."""
    value, field, wanted = turned

    with dask.config.set({f"dask_hpc.{key}": value}):
        assert getattr(read_knobs(), field) == wanted


def test_an_unknown_knob_is_an_error_that_names_it() -> None:
    """A misspelt key never passes for a setting."""
    with dask.config.set({"dask_hpc.idle-timout": "1h"}), pytest.raises(ValueError, match=r"no dask_hpc\.idle-timout"):
        read_knobs()


@pytest.mark.parametrize("key", ["threads-per-rank", "memory-per-rank", "idle-timeout"])
def test_nothing_is_no_value(key: str) -> None:
    """A limit of 0 would end every cluster at once, so it is refused."""
    with dask.config.set({f"dask_hpc.{key}": 0}), pytest.raises(ValueError, match=key):
        read_knobs()


@pytest.mark.parametrize("value", ["scipy", [1], ["scipy signal"], ["os; import socket"]])
def test_what_is_imported_once_are_names(value: object) -> None:
    """Nothing else gets to the process that imports them."""
    with dask.config.set({"dask_hpc.import-once": value}), pytest.raises(ValueError, match=r"dask_hpc\.import-once"):
        read_knobs()


def test_what_a_cluster_is_made_of_is_read_by_the_names_of_arguments() -> None:
    """Each key of the shape, as an argument of MPICluster is called."""
    with dask.config.set({"dask_hpc.ranks-per-node": 3}):
        found = read_shape_settings()

    assert len(found) == len(SHAPE)
    assert found["ranks_per_node"] == 3


def test_a_profile_can_be_chosen_for_all_clusters() -> None:
    """In dask.config, where an argument names none."""
    with dask.config.set({"dask_hpc.profile": "gpu"}):
        assert read_profile_setting() == "gpu"
