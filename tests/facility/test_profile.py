"""facility.toml at the door."""

from __future__ import annotations

from pathlib import Path

import pytest

from facility.errors import ProfileError
from facility.profile import VARIABLE, load_profile, read_profile

SMALLEST = """
name = "Demo"
[service]
url = "http://127.0.0.1:8400"
[systems.perlmutter]
title = "Perlmutter"
"""


def test_the_smallest_profile_has_working_defaults() -> None:
    """Three facts are enough; the rest is Slurm's usual."""
    system = read_profile(SMALLEST).system

    assert ("sbatch", "pmi2", "realtime") == (system.commands.sbatch, system.mpi_launch, system.realtime_qos)


@pytest.mark.parametrize(
    ("extra", "named"),
    [
        ("qoss = 1", "systems.perlmutter.qoss"),
        ('mpi_launch = "lam"', "systems.perlmutter.mpi_launch"),
        ("[as_user]\nhelper = ['x']\ngroup = 'g'\nmin_uid = 0", "as_user.min_uid"),
    ],
)
def test_a_wrong_key_is_named(extra: str, named: str) -> None:
    """An unknown key or value stops the start and names itself."""
    with pytest.raises(ProfileError, match=named):
        read_profile(SMALLEST + extra)


def test_text_that_is_not_toml_is_said_to_be_that() -> None:
    """A slip of the pen is told with its line."""
    with pytest.raises(ProfileError, match="is not TOML"):
        read_profile("name = ")


def test_a_profile_without_systems_is_refused() -> None:
    """Nothing can be offered where there is no machine."""
    with pytest.raises(ProfileError, match="name at least one"):
        read_profile('name = "x"\n[systems]\n[service]\nurl = "http://127.0.0.1:1"')


def test_no_profile_names_the_variable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Unset or unreadable, the message tells which variable to set."""
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(ProfileError, match=VARIABLE):
        load_profile()
    with pytest.raises(ProfileError, match="cannot be read"):
        load_profile(tmp_path / "missing.toml")


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ('driver = "module"', "says in `activate` which lines prepare it"),
        ('driver = "static"\nactivate = ["module load x"]', "has no `activate`"),
        ('driver = "conda"\nactivate = ["a\\nb"]', "one shell line an entry"),
    ],
)
def test_an_environment_says_how_it_is_prepared(lines: str, problem: str) -> None:
    """Modules and conda by the operator's lines, a container by none."""
    text = f"""name = "x"
    [service]
    url = "http://127.0.0.1:1"
    [systems.s]
    title = "S"
    [[systems.s.images]]
    name = "tools"
    title = "Tools"
    {lines}"""

    with pytest.raises(ProfileError, match=problem):
        read_profile(text)
