"""Where the packages' programs are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from beamside.demo.errors import DemoError
from beamside.demo.packages import Packages


def test_missing_program_names_the_command_that_installs_it() -> None:
    """Nobody is left with a bare "not found"."""
    with pytest.raises(DemoError, match=r"no-such-daemon is missing.*scripts/bootstrap\.sh"):
        Packages().command("no-such-daemon")


def test_unpacked_programs_come_before_the_systems(tmp_path: Path) -> None:
    """A tree below the prefix is used as a whole where there is one, and its libraries reach daemons only."""
    wrapper = tmp_path / "packages" / "bin" / "slurmctld"
    wrapper.parent.mkdir(parents=True)
    wrapper.write_text("#!/bin/sh\n")
    wrapper.chmod(0o755)
    packages = Packages.of(tmp_path)

    assert packages.command("slurmctld") == str(wrapper)
    assert str(tmp_path) in packages.daemon_environment["LD_LIBRARY_PATH"]


def test_prefix_without_a_tree_means_the_systems_packages(tmp_path: Path) -> None:
    """As root nothing is unpacked."""
    assert Packages.of(tmp_path) == Packages.of(None) == Packages(None)
