"""The tour where no Slurm is to be had: the two notebooks, on a cluster of processes of this machine."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from beamside.demo import processes
from beamside.demo.errors import DemoError
from beamside.demo.packages import REMEDY
from beamside.demo.tour.record import Recorder, Step, check
from beamside.demo.tour.scan import place_scan
from beamside.demo.tour.tour import NOTEBOOKS, examples
from facility.profile import VARIABLE, read_profile

RANKS = 4
OFF = (
    ("login", "the hub behind it starts every notebook as a Slurm job"),
    ("spawn form", "it offers the accounts, QOS and partitions that Slurm would accept"),
    ("jobs panel", "it shows Slurm's jobs"),
    ("reservations", "Slurm holds them"),
    ("accounting", "Slurm keeps it"),
)
"""What is not shown, and why."""

PROFILE = """\
# One machine without a scheduler: a cluster is processes of its user.
name = "This machine"

[service]
url = "http://127.0.0.1:9"  # no service runs here, and nothing asks for one

[systems.local]
title = "Processes of this machine"
scheduler = "none"
network_interface = "lo"
"""
ON_ONE_NODE = {
    '"    nodes=2,': '"    nodes=1,',
    '"    ranks_per_node=2,': f'"    ranks_per_node={RANKS},',
    "One batch job of two nodes with two ranks each;": f"Without a scheduler: this one machine with {RANKS} ranks;",
}
"""What the copy of a notebook asks for in place of two nodes."""

KEPT = ("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "USER", "LOGNAME", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE",
        "LD_LIBRARY_PATH", "NUMBA_CACHE_DIR")  # fmt: skip
"""Of the caller's environment; all else, e.g. another job's SLURM_*, stays out."""


def take_local_tour(missing: Sequence[str], *, output: Path, scan: Path | None) -> int:
    """Say what is off because the programs `missing` are, then run the notebooks; 0 only when every step held.

    Pictures and tour.json go to `output`, facility.toml and the notebooks as they ran to its folder `local`.
    """
    print("\n".join(explanation(missing)), flush=True)
    about = {"synthetic": scan is None, "scan": str(scan) if scan else None, "scheduler": "none"}
    tour = LocalTour(Recorder(output, {**about, "missing": list(missing), "off": [name for name, _ in OFF]}))
    try:
        tour.take(scan)
    except DemoError as error:
        print(f"the tour stopped: {str(error).strip()}")
    finally:
        tour.clear()
    print(f"pictures and tour.json: {output}")
    return 0 if tour.record.all_held else 1


def explanation(missing: Sequence[str]) -> list[str]:
    """Lines for people: what is missing, what is off for it and why, and the remedy."""
    return [
        f"There is no Slurm here; missing: {', '.join(missing)}.",
        "Off are:",
        *(f"  {name:13} {why}" for name, why in OFF),
        f"The notebooks run on {RANKS} processes of this machine. For the rest: {REMEDY}.",
    ]


class LocalTour:
    """The steps, in order. Whatever runs carries the mark of the folder, so that all of it is found and ended."""

    def __init__(self, record: Recorder) -> None:
        self.record = record
        self.folder = record.output / "local"
        self.home = self.folder / "home"

    @property
    def environment(self) -> dict[str, str]:
        """What the kernels get: a home of their own, so that nothing is read from or left in the user's."""
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        places = {f"XDG_{kind}_HOME": str(self.home / kind.lower()) for kind in ("STATE", "CONFIG", "CACHE", "DATA")}
        jupyter = {f"JUPYTER_{kind}_DIR": str(self.home / kind.lower()) for kind in ("DATA", "CONFIG", "RUNTIME")}
        own = {"HOME": str(self.home), VARIABLE: str(self.folder / "facility.toml"), processes.MARK: str(self.folder)}
        return {**kept, **places, **jupyter, **own}

    def take(self, scan: Path | None) -> None:
        """Every step. The first that does not hold ends the tour with its error."""
        with self.record.step("put the scan, the notebooks and facility.toml in place", self.keep_none) as step:
            self.place_files(scan)
            step.facts["folder"] = str(self.folder)
        for name, act in (
            (f"a notebook starts MPICluster with {RANKS} local ranks; find_bragg_disks over the scan", self.find_disks),
            ("a second notebook's kernel joins the cluster by name, then closes it", self.join_cluster),
            ("nothing of the cluster is left", self.look_for_remains),
        ):
            with self.record.step(name, self.keep_none) as step:
                act(step)

    def keep_none(self, step: Step) -> None:
        """There is no page to take a picture of; the notebook as it failed lies in the folder."""

    def place_files(self, scan: Path | None) -> None:
        """The scan, synthetic or real, a profile without a scheduler, and copies of the notebooks fitted to it."""
        self.clear()
        self.home.mkdir(mode=0o700, parents=True)
        for old in (*self.folder.glob("*.json"), *self.folder.glob("*.png"), *self.folder.glob("*.npz")):
            old.unlink()
        profile = self.folder / "facility.toml"
        read_profile(PROFILE, str(profile))
        profile.write_text(PROFILE, encoding="utf-8")
        place_scan(self.folder, scan)
        first, second = ((examples() / name).read_text(encoding="utf-8") for name in NOTEBOOKS)
        for asked, fitted in ON_ONE_NODE.items():
            check(first.count(asked) == 1, f"{NOTEBOOKS[0]} does not hold {asked!r} once, so it cannot be fitted")
            first = first.replace(asked, fitted)
        for name, text in zip(NOTEBOOKS, (first, second), strict=True):
            (self.folder / name).write_text(text, encoding="utf-8")

    def find_disks(self, step: Step) -> None:
        found = self.run_notebook(NOTEBOOKS[0])
        self.keep_pictures(step, "bragg-disks.png", "bragg-map.png", "strain-map.png")
        step.facts |= found
        check(len(found["ranks"]) == RANKS, f"the ranks are {found['ranks']}")
        check(found["disks"] > 0, "no Bragg disk was found")
        check(found["synthetic"] == self.record.is_synthetic, "the result does not say whether the scan is synthetic")
        if found["synthetic"]:
            check(found["rms_error_px"] < 0.25, f"the disks are off by {found['rms_error_px']} px")

    def join_cluster(self, step: Step) -> None:
        first = json.loads((self.folder / "bragg-disks.json").read_text(encoding="utf-8"))
        joined = self.run_notebook(NOTEBOOKS[1])
        self.keep_pictures(step, "join-cluster.png")
        step.facts |= joined
        check(joined["scheduler"] == first["scheduler"], "the second kernel reached another scheduler")
        check(joined["ranks"] == RANKS, f"the second kernel saw {joined['ranks']} ranks")

    def look_for_remains(self, step: Step) -> None:
        left = json.loads(processes.run([sys.executable, "-m", "dask_hpc", "list"], environment=self.environment))
        check(left == [], f"clusters are left: {left}")
        processes.wait_until(
            lambda: not processes.marked(self.folder),
            seconds=30,
            otherwise=lambda: f"processes {sorted(processes.marked(self.folder))} are left",
        )

    def run_notebook(self, name: str) -> dict[str, Any]:
        """Run one notebook in a process of its own and return what it wrote."""
        argv = [sys.executable, "-m", "beamside.demo.run_notebook", str(self.folder / name)]
        processes.run(argv, environment=self.environment, seconds=900)
        written = (self.folder / name).with_suffix(".json")
        check(written.exists(), f"the notebook wrote no {written.name}")
        found: dict[str, Any] = json.loads(written.read_text(encoding="utf-8"))
        return found

    def keep_pictures(self, step: Step, *names: str) -> None:
        """Move what a notebook drew beside tour.json; a scan of few positions has no strain map."""
        for name in names:
            if (self.folder / name).exists():
                shutil.move(self.folder / name, self.record.output / name)
                step.pictures.append(name)

    def clear(self) -> None:
        """End all that carries the mark, of a tour that was killed too; remove the home and the copy of the scan."""
        processes.end(processes.marked(self.folder))
        shutil.rmtree(self.home, ignore_errors=True)  # a process that was killed may have had a file half made
        for scan in self.folder.glob("scan.*"):
            scan.unlink()
