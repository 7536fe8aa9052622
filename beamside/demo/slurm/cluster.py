"""A real Slurm on one machine: munge, MariaDB, slurmdbd, slurmctld, nine nodes and slurmrestd, all on 127.0.0.1.

As root the daemons run as their packages' users and the jobs as several real users; otherwise everything runs as the
one user. `up` and `down` may be called any number of times, also after a crash of anything.
"""

from __future__ import annotations

import fcntl
import json
import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from beamside.demo import processes
from beamside.demo.changes import Changes
from beamside.demo.errors import DemoError
from beamside.demo.packages import Packages
from beamside.demo.people import People, everyone
from beamside.demo.ports import SLURM, free_ports, is_free, listens
from beamside.demo.slurm import accounts, daemons, files
from beamside.demo.slurm.conf import CLUSTER, CONTROLLER, HOSTS, NODES, Ports, Scale, Site, Users

READY_STATES = ("idle", "mix", "alloc", "resv", "comp", "plnd", "maint")


@dataclass(frozen=True)
class Daemon:
    """One daemon as `status` shows it; `pid` is None where it does not run."""

    name: str
    pid: int | None
    log: str


@dataclass(frozen=True)
class SlurmStatus:
    """How one Slurm is: its daemons, ports and configuration file."""

    conf: str
    daemons: tuple[Daemon, ...]
    ports: dict[str, int]

    @property
    def is_up(self) -> bool:
        """Whether every daemon runs."""
        return bool(self.daemons) and all(daemon.pid for daemon in self.daemons)


class SlurmCluster:
    """One Slurm, all of it in `directory`.

    people : local user names; as root they are made by `up` and removed by `down`.
    prefix : where scripts/bootstrap.sh unpacked the packages when there is no root; None means the system's.
    kept_log : where whoever takes this down puts the logs, for messages; None: they stay.
    scale : what its nodes claim; it counts when the configuration is written, at the first `up`.
    """

    def __init__(
        self,
        directory: Path,
        *,
        people: People | None = None,
        prefix: Path | None = None,
        kept_log: Path | None = None,
        scale: Scale | None = None,
    ) -> None:
        self.directory = directory.resolve()
        self.people = people or everyone()
        self.packages = Packages.of(prefix)
        self.is_root = os.geteuid() == 0
        self.conf = self.directory / "etc" / "slurm.conf"
        self._kept_log = kept_log or self.directory / "log"
        self._scale = scale or Scale()
        self.changes = Changes(self.directory / "changes.json")

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to use this Slurm's commands."""
        return {"SLURM_CONF": str(self.conf), "PATH": self.packages.path}

    def inside(self, argv: Sequence[str]) -> list[str]:
        """`argv`, run where the nodes' names are known: as root that is everywhere, else a namespace of its own."""
        hosts = self.directory / "run" / "hosts"
        if self.is_root or not hosts.exists() or not can_name_nodes():
            return list(argv)
        return [*daemons.OWN_NAMESPACES, "sh", "-c", daemons.WITH_HOSTS, "sh", str(hosts), *argv]

    def up(self) -> None:
        """Start what does not run; a start from nothing that fails leaves nothing behind.

        Raises DemoError naming what is missing, taken or in the way.
        """
        self.directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        with self._locked():
            from_nothing = not daemons.all_of(self.directory)
            try:
                self._start(self._prepare())
            except BaseException:
                if from_nothing:
                    self._take_down()
                raise

    def down(self) -> None:
        """End every process, undo every change to the machine, and remove all but the logs."""
        if self.directory.is_dir():
            with self._locked():
                self._take_down()

    def status(self) -> SlurmStatus:
        """Who runs and where it listens; nothing is asked of the scheduler, so it answers at once."""
        if not self.conf.exists():
            return SlurmStatus(str(self.conf), (), {})
        names = ["munged", "mariadbd", "slurmdbd", "slurmctld", *(f"slurmd-{node}" for node in NODES), "slurmrestd"]
        ports = asdict(self._ports())
        nodes = dict(zip((f"slurmd-{node}" for node in NODES), ports.pop("slurmd"), strict=True))
        return SlurmStatus(str(self.conf), tuple(self._daemon(name) for name in names), ports | nodes)

    def run(self, *argv: str, user: str | None = None, words: str = "", seconds: float = 60.0) -> str:
        """Run one of the packages' commands, as `user` where this is root, and return what it printed.

        Raises DemoError with the command's own words when it fails.
        """
        environment = {**self.environment, "LANG": "C.UTF-8"}
        command = [self.packages.command(argv[0]), *argv[1:]]
        return processes.run(command, user=user, environment=environment, words=words, seconds=seconds)

    # ---- preparing

    def _prepare(self) -> Site:
        """Make directories, accounts, secrets and configuration; what is there already stays as it is."""
        site = self._site()
        files.make_directories(site)
        if self.is_root:
            self._change_machine()
        if not self.conf.exists():
            files.write_files(site)
        return site

    def _change_machine(self) -> None:
        if self.people.group:
            self.changes.add_group(self.people.group)
        for name in self.people.names:
            self.changes.add_user(name, groups=[self.people.group])
        self.changes.add_hosts(HOSTS)
        self.changes.add_quickack()

    def _site(self) -> Site:
        me = pwd.getpwuid(os.geteuid()).pw_name
        users = Users("slurm", "munge", "mysql", "nobody", "root") if self.is_root else Users(me, me, me, me, me)
        for name in asdict(users).values():
            try:
                pwd.getpwnam(name)
            except KeyError:
                raise DemoError(f"no system user {name}; its package makes it: bash scripts/bootstrap.sh") from None
        names = can_name_nodes()
        host = CONTROLLER if names else own_name()
        return Site(self.directory, self._ports(), users, host, names, self.packages, self._scale)

    def _ports(self) -> Ports:
        """The ports chosen at the first `up`, chosen now where there are none."""
        path = self.directory / "ports.json"
        if not path.exists():
            new = path.with_suffix(".new")
            new.write_text(json.dumps(asdict(Ports.of(free_ports(Ports.needed(), SLURM)))), encoding="utf-8")
            new.replace(path)
        known = json.loads(path.read_text(encoding="utf-8"))
        return Ports(**{**known, "slurmd": tuple(known["slurmd"])})

    # ---- starting

    def _start(self, site: Site) -> None:
        """Start the daemons in the order they need each other; the controller finds the accounting seeded."""
        socket_of_munge = str(self.directory / "munge" / "munge.sock")
        self._start_daemon(site, "munged", lambda: self._answers("munge", "-S", socket_of_munge, "-n"))
        if not (self.directory / "db" / "data" / "mysql").is_dir():
            self._install_database(site)
        self._start_daemon(site, "mariadbd", lambda: listens(site.ports.mariadb), port=site.ports.mariadb)
        self._start_daemon(site, "slurmdbd", lambda: listens(site.ports.slurmdbd), port=site.ports.slurmdbd)
        self._seed()
        self._start_daemon(site, "slurmctld", lambda: self._answers("scontrol", "ping"), port=site.ports.slurmctld)
        for node, port in zip(NODES, site.ports.slurmd, strict=True):
            self._spawn(site, f"slurmd-{node}", daemons.slurmd(site, node), None, port)
        self._start_daemon(site, "slurmrestd", lambda: listens(site.ports.slurmrestd), port=site.ports.slurmrestd)
        processes.wait_until(self._nodes_are_ready, seconds=60, otherwise=self._why_nodes_are_not_ready)
        self._reserve()

    def _start_daemon(self, site: Site, name: str, is_ready: Callable[[], bool], port: int | None = None) -> None:
        """Start one daemon and wait until it answers."""
        build, user = daemons.starters(site)[name]
        self._spawn(site, name, build(site), user, port)

        def settled() -> bool:
            return processes.recorded(self.directory, name) is None or is_ready()

        processes.wait_until(settled, seconds=60, otherwise=lambda: f"{name} does not answer: {self._last_words(name)}")
        if processes.recorded(self.directory, name) is None:
            raise DemoError(f"{name} ended at once: {self._last_words(name)}")

    def _spawn(self, site: Site, name: str, argv: list[str], user: str | None, port: int | None) -> None:
        if processes.recorded(self.directory, name):
            return
        if port and not is_free(port):
            raise DemoError(
                f"port {port} of 127.0.0.1, which {name} had, was taken by another program;"
                " start the demonstration again, and it chooses other ports"
            )
        environment = {**self.packages.daemon_environment, "SLURM_CONF": str(self.conf)}
        if name == "slurmrestd":
            environment["SLURM_JWT"] = "daemon"
        processes.start(self.directory, name, argv, user=user, environment=environment)

    def _install_database(self, site: Site) -> None:
        argv = daemons.install_mariadb(site)
        try:
            # marked, so that `down` finds it when `up` is killed meanwhile
            environment = {**self.packages.daemon_environment, processes.MARK: str(self.directory)}
            processes.run(argv, user=site.users.mysql, environment=environment, seconds=120.0)
        except DemoError as error:
            # a half-made one would be taken for whole
            shutil.rmtree(self.directory / "db" / "data", ignore_errors=True)
            raise DemoError(f"the accounting database could not be made: {error}") from error

    def _seed(self) -> None:
        """Make cluster, QOS, accounts and users where they are missing."""
        if self._associations() >= accounts.associations(self.people):
            return
        lines = [f"add cluster {CLUSTER}", *accounts.accounting(self.people)]
        self.run("sacctmgr", "-i", "-Q", words="\n".join(lines) + "\n")
        missing = accounts.associations(self.people) - self._associations()
        if missing:
            log = self._kept_log / "slurmdbd.log"
            raise DemoError(f"sacctmgr did not make the associations {sorted(missing)}; see {log}")

    def _associations(self) -> set[tuple[str, str]]:
        rows = self.run("sacctmgr", "-n", "-P", "list", "associations", "format=user,account").splitlines()
        return {(user, account) for user, _, account in (row.partition("|") for row in rows)}

    def _reserve(self) -> None:
        known = self.run("scontrol", "show", "reservation", "-o")
        for plan in accounts.reservations(self.people):
            if f"ReservationName={plan.name} " not in known:
                self.run("scontrol", *plan.argv(), user=self.people.kim or None)

    def _answers(self, *argv: str) -> bool:
        try:
            self.run(*argv, seconds=5.0)
        except DemoError:
            return False
        return True

    def _nodes_are_ready(self) -> bool:
        states = self.run("sinfo", "-h", "-N", "-o", "%t").split()
        return bool(states) and all(state in READY_STATES for state in states)

    def _why_nodes_are_not_ready(self) -> str:
        states = self.run("sinfo", "-h", "-N", "-o", "%N %t %E").replace("\n", "; ")
        return f"not every node came up: {states} see {self._kept_log}/slurmd-*.log"

    # ---- looking and ending

    def _daemon(self, name: str) -> Daemon:
        record = processes.recorded(self.directory, name)
        return Daemon(name, record.pid if record else None, str(self.directory / "log" / f"{name}.out"))

    def _last_words(self, name: str) -> str:
        path = self.directory / "log" / f"{name}.out"
        lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines() if path.exists() else []
        return f"{lines[-1] if lines else 'it said nothing'} (all of it: {self._kept_log / path.name})"

    def _take_down(self) -> None:
        while found := daemons.all_of(self.directory):  # again, for what was started meanwhile
            processes.end(found, seconds=2.0)
        self.changes.undo()
        for entry in self.directory.iterdir():
            if entry.name == "log":
                continue
            if entry.is_dir():
                shutil.rmtree(entry)
            else:
                entry.unlink()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the directory: one `up` or `down` at a time, over all processes."""
        handle = os.open(self.directory, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def can_name_nodes() -> bool:
    """Whether this user may make UTS namespaces; without them every node bears the machine's own name."""
    own = [] if os.geteuid() == 0 else list(daemons.OWN_NAMESPACES[1:])
    return subprocess.run(["unshare", *own, "--uts", "true"], capture_output=True, check=False).returncode == 0


def own_name() -> str:
    """What this machine is called, for a controller without a name of its own.

    Raises DemoError where that is another address than 127.0.0.1: the controller would listen there.
    """
    name = socket.gethostname().partition(".")[0]
    try:
        address = socket.gethostbyname(name)
    except OSError:
        address = "no address"
    if address != "127.0.0.1":
        raise DemoError(f"this machine's name {name} means {address}: put `127.0.0.1 {name}` first into /etc/hosts")
    return name
