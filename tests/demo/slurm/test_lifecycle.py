"""Up, down and what lies between: whatever was killed, the machine is afterwards as it was before."""

from __future__ import annotations

import json
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from beamside.demo.errors import DemoError
from beamside.demo.people import People, everyone
from beamside.demo.processes import recorded, start_time, wait_until
from beamside.demo.slurm import daemons
from beamside.demo.slurm.cluster import SlurmCluster
from tests.machine import machine

pytestmark = pytest.mark.slurm
LISTEN = "0A"  # the state of a listening socket in /proc/net/tcp


@pytest.fixture
def fresh() -> Iterator[SlurmCluster]:
    """A Slurm of this test's own, not yet up."""
    tail = secrets.token_hex(2)
    people = People(f"ann-{tail}", f"bob-{tail}", f"kit-{tail}", f"team-{tail}") if os.geteuid() == 0 else everyone()
    prefix = os.environ.get("BEAMSIDE_DEMO_PREFIX")
    place = Path(tempfile.mkdtemp(prefix="beamside-lifecycle-"))
    place.chmod(0o755)
    cluster = SlurmCluster(place / "slurm", people=people, prefix=Path(prefix) if prefix else None)
    yield cluster
    cluster.down()
    shutil.rmtree(place)


def pids(cluster: SlurmCluster) -> dict[str, int | None]:
    """Who runs, by name."""
    return {daemon.name: daemon.pid for daemon in cluster.status().daemons}


def kill(cluster: SlurmCluster, name: str) -> None:
    """kill -9 of a daemon, waited for."""
    record = recorded(cluster.directory, name)
    assert record is not None
    os.kill(record.pid, signal.SIGKILL)
    wait_until(lambda: not record.is_running, seconds=60, otherwise=lambda: f"{name} lives")


def start_job(cluster: SlurmCluster) -> str:
    """A running two-node job of ana's that ignores a polite end; returns its id."""
    script = "#!/bin/sh\ntrap '' TERM\nsrun sh -c 'trap \"\" TERM; while :; do sleep 1; done'\n"
    options = ("-A", "ncem", "-N2", "--output=/dev/null", "--chdir=/tmp")
    job = cluster.run("sbatch", "--parsable", *options, user=cluster.people.ana, words=script).strip()

    def steps() -> str:
        return cluster.run("squeue", "-h", "-s", "-j", job, "-o", "%i")

    wait_until(lambda: f"{job}.0" in steps(), seconds=30, otherwise=lambda: f"steps of {job}: {steps()}")
    return job


def test_second_up_changes_nothing(slurm: SlurmCluster) -> None:
    """`up` on a Slurm that is up leaves every daemon as it is."""
    before = pids(slurm)
    slurm.up()

    assert pids(slurm) == before
    assert slurm.status().is_up


def test_every_listener_is_on_the_loopback(slurm: SlurmCluster) -> None:
    """No daemon listens where another machine could reach it."""
    sockets = set()
    for pid in daemons.all_of(slurm.directory):
        for link in Path(f"/proc/{pid}/fd").iterdir():
            target = str(link.readlink()) if link.is_symlink() else ""
            sockets |= {target.removeprefix("socket:[").rstrip("]")} if target.startswith("socket:[") else set()
    lines = [line.split() for name in ("tcp", "tcp6") for line in Path("/proc/net", name).read_text().splitlines()[1:]]
    addresses = {line[1].partition(":")[0] for line in lines if line[3] == LISTEN and line[9] in sockets}

    assert addresses == {"0100007F"}  # 127.0.0.1, as the kernel writes it


def test_no_password_stands_in_any_argv(slurm: SlurmCluster) -> None:
    """The database's password is in 0600 files only."""
    conf = (slurm.directory / "etc" / "slurmdbd.conf").read_text()
    password = next(line.partition("=")[2] for line in conf.splitlines() if line.startswith("StoragePass="))
    argvs = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in daemons.all_of(slurm.directory)]

    assert not any(password.encode() in argv for argv in argvs)


def test_the_databases_of_two_slurms_share_no_temporary_files(slurm: SlurmCluster) -> None:
    """Making and serving it uses a folder of its own: in a common one, two that begin at once end each other."""
    own = slurm.directory / "db" / "tmp"
    argv = Path(f"/proc/{pids(slurm)['mariadbd']}/cmdline").read_bytes().split(b"\0")
    making = daemons.install_mariadb(slurm._site())

    assert (True, True) == (f"--tmpdir={own}".encode() in argv, f"--tmpdir={own}" in making)
    assert (0o700, own.parent.stat().st_uid) == (own.stat().st_mode & 0o777, own.stat().st_uid)


@pytest.mark.needs_root
def test_secrets_are_closed_to_the_people(slurm: SlurmCluster) -> None:
    """Nobody but the daemons reads keys, passwords or Slurm's saved state."""
    secret = ("etc/jwt.key", "etc/slurmdbd.conf", "munge/munge.key", "db", "ctld/state")

    assert [name for name in secret if (slurm.directory / name).stat().st_mode & 0o077] == []


def test_killed_controller_is_brought_back(fresh: SlurmCluster) -> None:
    """`up` after kill -9 of slurmctld starts it alone, on its old port."""
    fresh.up()
    before = pids(fresh)
    kill(fresh, "slurmctld")
    fresh.up()
    after = pids(fresh)

    assert fresh.run("scontrol", "ping").startswith("Slurmctld(primary)")
    assert {name for name in before if before[name] != after[name]} == {"slurmctld"}


def test_down_restores_the_machine_whatever_was_killed(fresh: SlurmCluster) -> None:
    """After kill -9 of a controller, a node and a step daemon with a stubborn job no process, user or line is left.

    Nor is a command that waits for the dead controller while whoever asked is dead too.
    """
    before = machine(fresh.directory)
    fresh.up()
    start_job(fresh)
    kill(fresh, "slurmctld")
    kill(fresh, "slurmd-nid001")
    everything = daemons.all_of(fresh.directory)
    steps = {pid for pid in everything if daemons.is_step_daemon(pid, fresh.directory)}
    for pid in steps:
        os.kill(pid, signal.SIGKILL)
    argv = fresh.inside(["sh", "-c", "squeue & exec sleep 0.1"])
    quiet = {"start_new_session": True, "stdout": subprocess.DEVNULL}
    orphaned = subprocess.run(argv, env=fresh.environment, check=True, **quiet)
    known = daemons.all_of(fresh.directory)
    waiting = [pid for pid in known if b"squeue" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    fresh.down()

    assert [1, 0] == [len(waiting), orphaned.returncode]
    assert len(steps) >= 3  # the batch step, and one a node
    assert {pid for pid in everything if start_time(pid)} == daemons.all_of(fresh.directory) == set()
    assert machine(fresh.directory) == before
    assert [entry.name for entry in fresh.directory.iterdir()] == ["log"]


def test_down_twice_and_down_of_nothing_are_no_errors(fresh: SlurmCluster) -> None:
    """`down` may be called at any time."""
    fresh.down()
    fresh.up()
    fresh.down()
    fresh.down()

    assert not fresh.conf.exists()


def test_a_machine_whose_name_is_another_address_makes_no_difference(fresh: SlurmCluster, tmp_path: Path) -> None:
    """Debian maps a machine's own name to 127.0.1.1, where no daemon of ours may listen."""
    hosts = tmp_path / "hosts"
    hosts.write_text(f"127.0.0.1 localhost\n127.0.1.1 {socket.gethostname()}\n")
    own = ["unshare", "--mount"] if os.geteuid() == 0 else list(daemons.OWN_NAMESPACES)
    program = (
        "import sys; from beamside.demo.people import People; from beamside.demo.slurm.cluster import SlurmCluster;"
        "from pathlib import Path; place, prefix, *names = sys.argv[1:];"
        "cluster = SlurmCluster(Path(place), people=People(*names), prefix=Path(prefix) if prefix else None);"
        "cluster.up(); print(cluster.run('scontrol', 'ping')); cluster.down()"
    )
    people = fresh.people
    names = (people.ana, people.ben, people.kim, people.group)
    argv = [sys.executable, "-c", program, str(fresh.directory), os.environ.get("BEAMSIDE_DEMO_PREFIX", ""), *names]
    done = subprocess.run(
        [*own, "sh", "-c", daemons.WITH_HOSTS, "sh", str(hosts), *argv], capture_output=True, text=True, check=False
    )

    assert "is UP" in done.stdout, done.stderr
    assert f"127.0.0.1 localhost\n127.0.1.1 {socket.gethostname()}\n" == hosts.read_text()


def test_taken_port_is_named_with_the_remedy(fresh: SlurmCluster) -> None:
    """A port that another program took while the daemon was dead is named; down and up choose others."""
    fresh.up()
    port = fresh.status().ports["slurmrestd"]
    kill(fresh, "slurmrestd")
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        with pytest.raises(DemoError, match=rf"port {port} .*slurmrestd.*other ports"):
            fresh.up()

    assert pids(fresh)["slurmctld"]  # what ran goes on


@pytest.mark.needs_root
def test_account_that_exists_is_refused_and_nothing_stays(fresh: SlurmCluster) -> None:
    """An account that was there before is never used; the message names it, and a half-made start is undone."""
    before = machine(fresh.directory)
    taken = SlurmCluster(fresh.directory, people=People(fresh.people.ana, "daemon", "", fresh.people.group))
    with pytest.raises(DemoError, match=r"account daemon exists already.*choose another name.*--user-prefix"):
        taken.up()

    assert machine(fresh.directory) == before
    assert daemons.all_of(fresh.directory) == set()


@pytest.mark.needs_root
def test_undo_leaves_an_account_that_is_not_ours(fresh: SlurmCluster) -> None:
    """A journal that names a user without our mark, as after a crash before useradd, removes nobody."""
    fresh.directory.mkdir()
    entries = [{"kind": "user", "what": "daemon"}, {"kind": "user", "what": fresh.people.ben}]
    fresh.changes.path.write_text(json.dumps(entries))
    fresh.down()

    assert pwd.getpwnam("daemon").pw_name == "daemon"
    assert fresh.changes.all() == []
