"""A scientist's notebooks on the real Slurm: each run is a kernel, a process of its own."""

from __future__ import annotations

import json
import pwd
import secrets
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import dask_hpc
from beamside.demo.slurm.cluster import SlurmCluster

if TYPE_CHECKING:
    from tests.conftest import RunAs

SECONDS = 240.0
PROFILE = """
name = "tests"
[service]
url = "http://127.0.0.1:9"
[systems.demo]
title = "Demo"
slurm_conf = "{conf}"
network_interface = "lo"
mpi_launch = "{mpi_launch}"
[systems.demo.commands]
sbatch = "{sbatch}"
srun = "{srun}"
squeue = "{squeue}"
sacct = "{sacct}"
scontrol = "{scontrol}"
scancel = "{scancel}"
sinfo = "{sinfo}"
sacctmgr = "{sacctmgr}"
sshare = "{sshare}"
sbcast = "{sbcast}"
[systems.demo.cluster_profiles.pairs]
title = "Two ranks a node"
ranks_per_node = 2
memory_per_rank = "1 GiB"
qos = "regular"
"""

ANSWER = "the answer: "

COMMANDS = ("sbatch", "srun", "squeue", "sacct", "scontrol", "scancel", "sinfo", "sacctmgr", "sshare", "sbcast")


@dataclass
class Notebooks:
    """What one user's kernels and terminals do, with a state directory of their own."""

    run_as: RunAs
    user: str
    profile: Path
    state: Path
    environment: dict[str, str] = field(default_factory=dict)

    def python(self, *arguments: str, stdin: str = "", check: bool = True, **environment: str) -> str:
        """What `python` prints; a failure fails the test with its words."""
        done = self.run_as(
            self.user, sys.executable, *arguments, stdin=stdin.encode(), seconds=SECONDS,
            PYTHONPATH=str(Path(dask_hpc.__file__).parents[1]), PYTHONDONTWRITEBYTECODE="1",
            BEAMSIDE_PROFILE=str(self.profile), XDG_STATE_HOME=str(self.state), **self.environment, **environment,
        )  # fmt: skip
        if check and done.returncode != 0:
            pytest.fail(f"status {done.returncode}\n{done.stdout.decode()}\n{done.stderr.decode()}")
        return done.stdout.decode()

    def kernel(self, code: str, **environment: str) -> Any:
        """Run `code` in a kernel of its own; its `answer` comes back as JSON, whatever its cluster says later."""
        said = f'import sys\nsys.stdout.write("\\n{ANSWER}" + json.dumps(answer) + "\\n")'
        program = f"import json\nfrom dask_hpc import MPICluster\n{code}\n{said}\n"
        lines = self.python("-", stdin=program, **environment).splitlines()
        return json.loads(next(line for line in lines if line.startswith(ANSWER)).removeprefix(ANSWER))

    def command(self, *arguments: str, **environment: str) -> Any:
        """The JSON that `python -m dask_hpc` prints, also when it says no."""
        return json.loads(self.python("-m", "dask_hpc", *arguments, check=False, **environment))

    @contextmanager
    def cluster(self, name: str, *options: str, **environment: str) -> Iterator[dict[str, Any]]:
        """The record of a cluster that a terminal has made and left, once it runs; in the end it is closed."""
        record = self.command("start", name, *options, "--wait", "120 s", **environment)
        assert record.get("state") == "running", record
        try:
            yield record
        finally:
            self.command("close", name)

    def says(self, *argv: str) -> str:
        """What one of Slurm's commands prints for this user."""
        return self.run_as(self.user, *argv).stdout.decode().strip()

    @property
    def files(self) -> list[str]:
        """Every file that this user's clusters keep."""
        return sorted(str(path.relative_to(self.state)) for path in self.state.rglob("*") if path.is_file())


Desk = Callable[..., Notebooks]


@pytest.fixture(scope="session")
def desk(slurm: SlurmCluster, run_as: RunAs) -> Iterator[Desk]:
    """Open a desk for one of the people: `desk("ana")`, or `desk("ana", mpi_launch="cray_shasta")`."""
    states: list[Path] = []

    def open_desk(person: str = "ana", mpi_launch: str = "pmi2") -> Notebooks:
        user = getattr(slurm.people, person)
        profile = slurm.directory / f"profile-{mpi_launch}.toml"
        commands = {name: slurm.packages.command(name) for name in COMMANDS}
        profile.write_text(PROFILE.format(conf=slurm.conf, mpi_launch=mpi_launch, **commands), encoding="utf-8")
        profile.chmod(0o644)
        states.append(Path(pwd.getpwnam(user).pw_dir) / f"state-{secrets.token_hex(4)}")
        return Notebooks(run_as, user, profile, states[-1])

    yield open_desk
    for state in states:
        shutil.rmtree(state, ignore_errors=True)


@pytest.fixture(scope="session")
def ana(desk: Desk) -> Notebooks:
    """The microscopist."""
    return desk("ana")


@pytest.fixture(scope="module")  # no longer: the reservation's nodes are wanted by others
def tonight(ana: Notebooks) -> Iterator[dict[str, Any]]:
    """The record of a cluster of 2 nodes × 2 ranks in the reservation, which a terminal made and left."""
    size = ("--nodes", "2", "--ranks-per-node", "2")
    with ana.cluster("tonight", *size, "--reservation", "ncem-tonight", JUPYTERHUB_API_TOKEN="made up") as record:
        yield record
