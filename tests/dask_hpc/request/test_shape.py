"""The arguments over a profile over dask.config."""

from __future__ import annotations

from datetime import timedelta

import pytest

from dask_hpc.config import read_shape_settings
from dask_hpc.request.profiles import read_profile, shape_of
from dask_hpc.request.shape import ARGUMENTS, Layer, read_shape
from facility.errors import OptionError
from facility.profile import ClusterProfile, System

DEFAULTS = Layer(read_shape_settings())
GPU = ClusterProfile(title="GPUs", ranks_per_node=4, gpus_per_rank=1, memory_per_rank="56 GiB", walltime="2:00")
SYSTEM = System(title="Demo", cluster_profiles={"gpu": GPU, "wrong": ClusterProfile(walltime="0:00")})


def test_every_argument_has_a_default_in_dask_config() -> None:
    """So that a shape is whole whatever is left out."""
    assert set(read_shape_settings()) == ARGUMENTS


def test_what_is_nearer_wins() -> None:
    """An argument beats the profile, and the profile dask.config."""
    shape, notes = shape_of({"nodes": 3, "ranks_per_node": None, "gpus_per_rank": 2}, "gpu", SYSTEM)

    assert (shape.nodes, shape.ranks_per_node, shape.gpus_per_rank, shape.blocks) == (3, 4, 2, 1)
    assert (shape.walltime, shape.memory_per_rank, notes) == (timedelta(hours=2), 56 * 2**30, ())


def test_a_profile_may_ask_for_none_of_something() -> None:
    """Nothing is a value too."""
    assert read_shape([Layer({"gpus_per_rank": 0}), Layer({"gpus_per_rank": 4}), DEFAULTS]).gpus_per_rank == 0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("nodes", 0),
        ("nodes", "two"),
        ("nodes", 1.5),
        ("blocks", True),
        ("ranks_per_node", -1),
        ("memory_per_rank", "much"),
        ("memory_per_rank", 0),
        ("qos", "real time"),
        ("account", "a\n--uid=0"),
        ("reservation", "-x"),
        ("partition", ["main"]),
        ("constraint", "gpu --uid=0"),
        ("walltime", 90),
        ("mpi", "no"),
        ("mpi", 0),
    ],
)
def test_what_slurm_cannot_mean_is_refused_by_name(field: str, value: object) -> None:
    """Counts are positive; names hold nothing that could be another option."""
    with pytest.raises(OptionError) as refusal:
        read_shape([Layer({field: value}), DEFAULTS])

    assert refusal.value.field == field


def test_a_wrong_value_of_a_profile_names_the_profile() -> None:
    """Whoever reads it did not write the value."""
    with pytest.raises(OptionError, match=r"walltime: .*\(from profile wrong\)"):
        shape_of({}, "wrong", SYSTEM)


def test_a_profile_that_is_not_there_is_told_with_those_that_are() -> None:
    """The names to choose from are in the message."""
    with pytest.raises(OptionError, match="Demo has no profile 'cpu'; it has: gpu, wrong"):
        read_profile("cpu", SYSTEM)
