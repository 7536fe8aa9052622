"""A real Slurm for tests, gone at the end whatever happens: what a killed run leaves, the next one takes down."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from beamside.demo.people import People, everyone
from beamside.demo.processes import Record, start_time
from beamside.demo.slurm.cluster import SlurmCluster

WORLD = Path(tempfile.gettempdir())
PLACE = f"beamside-tests-{os.geteuid()}-"


def names_of_this_run() -> People:
    """Local names of this run alone, so that runs side by side, and a demonstration, do not meet."""
    if os.geteuid() != 0:
        return everyone()
    tail = secrets.token_hex(2)
    return People(ana=f"ana-{tail}", ben=f"ben-{tail}", kim=f"kim-{tail}", group=f"beamside-{tail}")


@contextlib.contextmanager
def new_slurm() -> Iterator[SlurmCluster]:
    """A Slurm of the caller's own, with people, accounts, QOS and reservations."""
    sweep()
    place = Path(tempfile.mkdtemp(prefix=PLACE, dir=WORLD))
    place.chmod(0o755)  # jobs of other users read slurm.conf there
    owner = Record(os.getpid(), start_time(os.getpid()) or 0)
    (place / "owner.json").write_text(json.dumps(asdict(owner)), encoding="utf-8")
    prefix = os.environ.get("BEAMSIDE_DEMO_PREFIX")
    cluster = SlurmCluster(place / "slurm", people=names_of_this_run(), prefix=Path(prefix) if prefix else None)
    try:
        cluster.up()
        yield cluster
    finally:
        cluster.down()
        shutil.rmtree(place)


def sweep() -> None:
    """Take down what earlier runs left because they were killed; runs that sweep at once share the work."""
    for place in WORLD.glob(f"{PLACE}*"):
        with contextlib.ExitStack() as closed_at_last:
            try:
                file = closed_at_last.enter_context((place / "owner.json").open(encoding="utf-8"))
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # held by another sweep: it is that one's
                owner = Record(**json.load(file))
            except (OSError, ValueError):
                continue  # being made, or not ours to judge
            if not owner.is_running and (place / "owner.json").exists():
                SlurmCluster(place / "slurm").down()
                shutil.rmtree(place)
