"""Whether a Python of the ranks' own, of an image or a packed environment, speaks with the one that made the cluster.

Both sides are of the same versions.

What they differ in is left beside the spec by the maker and read by each rank before anything else, because another
version of ours may not understand the rest.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

from dask_hpc.record.folder import folder_of, write_file

PACKAGES = ("beamside", "dask", "distributed", "cloudpickle")
"""What speaks, and what writes functions and their arguments down for the other side."""

_FILE = "alike.json"
_UNKNOWN = ""


class NotAlike(Exception):
    """The ranks' Python holds other versions; the text names them and the cure."""


def versions() -> dict[str, str]:
    """The versions of this Python that both sides must have; beamside run from its sources has none."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return {"python": python, **{package: _version(package) for package in PACKAGES}}


def write_versions(name: str, inside: str) -> None:
    """Leave in the folder of cluster `name` what its ranks, which are `inside` of something, must be like."""
    write_file(name, _FILE, json.dumps({"inside": inside, "versions": versions()}).encode())


def check_versions(name: str) -> None:
    """Hold this Python against what was left; one whose ranks are of its maker's has left nothing.

    Raises NotAlike.
    """
    try:
        told = json.loads((folder_of(name) / _FILE).read_bytes())
    except FileNotFoundError:
        return
    if words := differences(told["inside"], told["versions"], versions()):
        raise NotAlike(words)


def differences(inside: str, wanted: Mapping[str, str], found: Mapping[str, str]) -> str:
    """What the ranks' Python has otherwise than the cluster's maker, in words with the cure; empty where nothing."""
    wrong = [name for name, here in wanted.items() if here != _UNKNOWN and found.get(name, _UNKNOWN) != here]
    if found.get("beamside") == _UNKNOWN:  # its code is there, for it says this
        wrong = [name for name in wrong if name != "beamside"]
    if not wrong:
        return ""
    there = ", ".join(f"{name} {found.get(name) or '(none)'}" for name in wrong)
    here = ", ".join(f"{name} {wanted[name]}" for name in wrong)
    packages = " ".join(f"{name}=={wanted[name]}" for name in wrong if name != "python")
    need = f"pip install {packages}" if "python" not in wrong else f"Python {wanted['python']}"
    return (
        f"{inside} has {there}, and the Python that made the cluster has {here}: build it with {need}, "
        "or make the cluster with what it has"
    )


def cure(words: str, inside: str, mpi_launch: str) -> str:
    """What to do where ranks of a Python of their own ended with these words; empty where they say it themselves."""
    if not inside or not any(sign in words for sign in _SIGNS):
        return ""
    held = ", ".join(f"{name} {found}" for name, found in versions().items() if found)
    return (
        f"{inside} must hold, as python3 in its PATH: {held}, and mpi4py with an MPI that speaks {mpi_launch}; "
        "see Images and Packed environments in docs/reference/dask.md"
    )


_SIGNS = ("No module named", "can't execve", "No such file or directory", "not found", "nknown option")
"""How Python, the shell and the container runtimes say that something is not there."""


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return _UNKNOWN
