"""The real Charliecloud, which scripts/unpack-alone.sh unpacks: ch-image makes images, ch-run runs programs in them."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from beamside.demo.layout import default_prefix

ALONE = default_prefix() / "alone"
LABELS = {"org.beamside.jupyter": "true"}


def ch_image() -> tuple[str, ...]:
    """The real ch-image, on this interpreter: it needs nothing that the tests do not have."""
    # its build cache is a git repository, for which a user without a name in git has no author
    return "env", "CH_IMAGE_CACHE=disabled", sys.executable, _found("ch-image")


def ch_run() -> tuple[str, ...]:
    """The real ch-run, with its libraries. Skips where nobody may make a user namespace, which it is made of."""
    found = _found("ch-run")
    if subprocess.run(["unshare", "-Ur", "true"], check=False, capture_output=True).returncode:
        pytest.skip("no user namespaces here (unshare -Ur true), so no containers without root")
    machine = f"lib/{platform.machine()}-linux-gnu"
    return "env", f"LD_LIBRARY_PATH={ALONE / 'usr' / machine}:{ALONE / machine}", found


def _found(program: str) -> str:
    unpacked = ALONE / "usr" / "bin"
    found = shutil.which(program, path=f"{unpacked}:{os.environ['PATH']}")
    if not found:
        pytest.skip(f"{program} is neither installed nor in {unpacked}, where scripts/unpack-alone.sh puts it")
    return found


def shared_with_the_node(home: Path) -> list[Path]:
    """What the image takes from its node, for it brings no system of its own; what lies at home is there anyway."""
    wanted = {Path("/usr"), Path(sys.prefix), Path(sys.base_prefix)}
    return sorted(
        path for path in wanted if not any(path.is_relative_to(other) for other in (wanted - {path}) | {home})
    )


def lay_out_mounts(tree: Path, mounts: list[Path]) -> None:
    """Make the places at which an image gets what it takes from its node."""
    for path in mounts:
        (tree / path.relative_to("/")).mkdir(parents=True)
    for name in ("bin", "lib", "lib64", "sbin"):
        (tree / name).symlink_to(f"usr/{name}")


def make_image(tree: Path, storage: Path, name: str, environment: Mapping[str, str], **who: Any) -> None:
    """Make an image of a folder in a storage directory, with the label that says that Jupyter is in it.

    `tree` gets what every image has; `who` are further arguments of subprocess.run.
    """
    for folder in ("ch", "dev", "proc", "sys", "tmp", "etc", "home"):
        (tree / folder).mkdir(parents=True, exist_ok=True)
    for file in ("hosts", "resolv.conf", "passwd", "group"):
        (tree / "etc" / file).touch()
    metadata = {"labels": LABELS, "env": dict(environment), "arch": "amd64", "cwd": "/", "volumes": []}
    (tree / "ch" / "metadata.json").write_text(json.dumps(metadata), encoding="utf-8")
    archive = tree.with_suffix(".tar")
    with tarfile.open(archive, "w") as tar:
        tar.add(tree, arcname=".")
    archive.chmod(0o644)
    import_it = [*ch_image(), "import", "--storage", str(storage), str(archive), name]
    found = {"PATH": os.environ["PATH"], "USER": "tests"}  # it refuses to work for nobody
    subprocess.run(import_it, check=True, capture_output=True, timeout=120, env=found, **who)
