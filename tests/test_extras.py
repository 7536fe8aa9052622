"""Each extra suffices for what its host imports: its distributions, linked into a folder, and no others."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
OURS = ("facility", "spawners", "hub_ext", "server_ext", "dask_hpc", "beamside")
HOSTS = {
    "": [
        "facility.client",
        "facility.clusters",
        "facility.offer",
        "facility.providers.slurm",
        "facility.providers.sfapi",
        "facility.providers.slurmrestd",
    ],
    "hub": ["hub_ext", "hub_ext.login", "spawners", "spawners.spawner"],
    "cli": [
        "beamside.verbs.jobs",
        "beamside.verbs.transfer",
        "beamside.verbs.callbacks",
        "beamside.verbs.reservations",
    ],
    "facility": ["facility.service.app", "facility.service.__main__"],
    "lab": ["server_ext", "server_ext.app"],
    "dask": [
        "dask_hpc",
        "dask_hpc.deploy.cluster",
        "dask_hpc.block.job",
        "dask_hpc.block.rank",
        "dask_hpc.block.node",
        "dask_hpc.jobs.on_superfacility",
    ],
    "bragg": [
        "dask_hpc.bragg.kernels",
        "dask_hpc.bragg.find",
        "dask_hpc.bragg.peaks",
        "dask_hpc.bragg.readers",
        "dask_hpc.bragg.readers.zarr",
    ],
}


def closure(extra: str) -> dict[str, Distribution]:
    """Every installed distribution that `pip install beamside[extra]` brings, beamside itself left out."""
    found: dict[str, Distribution] = {}
    asked: set[tuple[str, str]] = set()
    wanted = [("beamside", extra)]
    while wanted:
        name, of = wanted.pop()
        if (name, of) in asked:
            continue
        asked.add((name, of))
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            continue  # a marker that pip would have judged otherwise, e.g. for another platform
        for text in found[name].requires or []:
            need = Requirement(text)
            if need.marker is None or need.marker.evaluate({"extra": of}):
                wanted += [(canonicalize_name(need.name), inner) for inner in ("", *need.extras)]
    del found["beamside"]
    return found


def link_into(folder: Path, distributions: dict[str, Distribution]) -> None:
    """Link the files of each distribution into `folder`; a shared namespace folder is filled from all its owners."""
    site = Path(sysconfig.get_path("purelib"))
    for found in distributions.values():
        for file in found.files or []:
            if file.parts[0] == ".." or "__pycache__" in file.parts:
                continue
            target = folder / file
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                target.symlink_to(site / file)


@pytest.mark.parametrize("extra", HOSTS)
def test_an_extra_brings_all_that_its_host_imports(extra: str, tmp_path: Path) -> None:
    """A host that installs one extra alone can import its part of beamside."""
    site = tmp_path / "site"
    link_into(site, closure(extra))
    for package in OURS:
        (site / package).symlink_to(ROOT / package)
    program = f"import sys; sys.path[:0] = [{str(site)!r}]\n" + "\n".join(f"import {name}" for name in HOSTS[extra])

    python = [sys._base_executable, "-I", "-S", "-W", "ignore", "-c", program]
    done = subprocess.run(python, capture_output=True, text=True, timeout=120, check=False)

    assert (0, "") == (done.returncode, done.stderr)
