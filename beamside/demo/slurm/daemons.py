"""The processes of one Slurm: how each daemon is started, and how every process of its jobs is found again."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from beamside.demo import processes
from beamside.demo.slurm.conf import CONTROLLER, Site

# the words after the script are its $1..; nothing is ever substituted into it
AS_NODE = 'hostname "$1" && shift && exec "$@"'
AS_NODE_WITH_HOSTS = 'hostname "$1" && mount --bind "$2" /etc/hosts && shift 2 && exec "$@"'
WITH_HOSTS = 'mount --bind "$1" /etc/hosts && shift && exec "$@"'
COMMANDS = frozenset({
    "sacct", "sacctmgr", "salloc", "sbatch", "scancel", "scontrol", "sinfo", "squeue", "srun", "sshare",
})  # fmt: skip
OWN_NAMESPACES = ("unshare", "--user", "--map-current-user", "--mount", "--keep-caps")


def munged(site: Site) -> list[str]:
    """munged(8). Ten threads: the default two serialise bursts of requests."""
    top = site.directory / "munge"
    files = {"socket": "munge.sock", "key-file": "munge.key", "pid-file": "munged.pid", "seed-file": "seed"}
    options = [f"--{option}={top / name}" for option, name in files.items()]
    # rootless the socket may lie in a private home, which others cannot enter and need not; munged wants to be told
    private = [] if os.geteuid() == 0 else ["--force"]
    return [site.packages.command("munged"), "--foreground", "--num-threads=10", *private, *options]


def install_mariadb(site: Site) -> list[str]:
    """mariadb-install-db(1): the database's own user enters by the socket, nobody by a password."""
    return [
        site.packages.command("mariadb-install-db"),
        "--no-defaults",
        *_basedir(site),
        f"--datadir={site.directory / 'db' / 'data'}",
        f"--tmpdir={site.directory / 'db' / 'tmp'}",  # two that begin at once take each other's files in a common one
        "--auth-root-authentication-method=socket",
        f"--auth-root-socket-user={site.users.mysql}",
        "--skip-test-db",
    ]


def mariadbd(site: Site) -> list[str]:
    """mariadbd(8), with the account of slurmdbd made from a file at start, so that its password is in no argv."""
    top = site.directory / "db"
    return [
        site.packages.command("mariadbd"),
        "--no-defaults",
        *_basedir(site),
        f"--datadir={top / 'data'}",
        f"--tmpdir={top / 'tmp'}",
        f"--socket={top / 'my.sock'}",
        f"--pid-file={top / 'my.pid'}",
        f"--init-file={top / 'accounts.sql'}",
        "--bind-address=127.0.0.1",
        f"--port={site.ports.mariadb}",
        "--skip-log-bin",
        "--skip-name-resolve",
        "--innodb-buffer-pool-size=128M",
        "--innodb-lock-wait-timeout=900",
        "--innodb-flush-log-at-trx-commit=2",  # losing a second of a demonstration's accounting is no harm
    ]


def slurmd(site: Site, node: str) -> list[str]:
    """slurmd(8) of one node, in a UTS namespace where the node's name is the host's."""
    stepd = ["-d", site.packages.command("slurmstepd")] if site.packages.tree else []
    return named(site, node, [site.packages.command("slurmd"), "-D", "-N", node, *stepd])


def named(site: Site, name: str, command: list[str], user: str = "") -> list[str]:
    """`command` where the machine is called `name`, which is 127.0.0.1; as `user` where this is root.

    The daemons listen on the address that the machine's name has, and that may be 127.0.1.1, or an outer one.
    """
    if not site.own_host_names:
        return command
    if os.geteuid() == 0:
        become = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"] if user else []
        return ["unshare", "--uts", "sh", "-c", AS_NODE, "sh", name, *become, *command]
    hosts = str(site.directory / "run" / "hosts")
    return [*OWN_NAMESPACES, "--uts", "sh", "-c", AS_NODE_WITH_HOSTS, "sh", name, hosts, *command]


def slurmrestd(site: Site) -> list[str]:
    """slurmrestd(8), tokens only."""
    return [site.packages.command("slurmrestd"), "-a", "rest_auth/jwt", f"127.0.0.1:{site.ports.slurmrestd}"]


def all_of(directory: Path) -> set[int]:
    """Every process of the Slurm in `directory`: daemons, job steps and the jobs' own, whoever of them was killed.

    A job's processes outlive slurmd by design. They are known by the environment Slurm gave them, and, as a program
    may hide its own, by the UTS namespace of their node. A command whose asker was killed waits on for slurmctld.
    """
    conf = str(directory / "etc" / "slurm.conf")
    found = processes.marked(directory)
    for path in (directory / "run").glob("*.json"):
        record = processes.recorded(directory, path.stem)
        found |= {record.pid} if record else set()
    for pid in processes.all_pids():
        environment = processes.environment_of(pid)
        is_ours = environment.get("SLURM_CONF") == conf and ("SLURM_JOB_ID" in environment or is_command(pid))
        if is_ours or is_step_daemon(pid, directory):
            found.add(pid)
    nodes = {_namespace(pid) for pid in found} - {_namespace(os.getpid()), _namespace(1), ""}
    found |= {pid for pid in processes.all_pids() if _namespace(pid) in nodes}
    return {pid for pid in found if processes.start_time(pid) is not None} - _self_and_ancestors()


def is_command(pid: int) -> bool:
    """Whether this is one of Slurm's commands, be it started by its own name or by the loader of an unpacked tree."""
    try:
        argv = Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace").split("\0")
    except OSError:
        return False
    return not COMMANDS.isdisjoint(Path(word).name for word in argv)


def is_step_daemon(pid: int, directory: Path) -> bool:
    """Whether this is a slurmstepd that writes a log of ours; it overwrites its environment with its title."""
    here = Path(f"/proc/{pid}")
    try:
        if not (here / "exe").readlink().name.startswith("slurmstepd"):
            return False
        return any(link.readlink().is_relative_to(directory) for link in (here / "fd").iterdir())
    except OSError:
        return False


def _namespace(pid: int) -> str:
    try:
        return str(Path(f"/proc/{pid}/ns/uts").readlink())
    except OSError:
        return ""


def _self_and_ancestors() -> set[int]:
    family, pid = set(), os.getpid()
    while pid > 1:
        family.add(pid)
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(") ")[2].split()[1])
        except OSError:
            break
    return family


def _basedir(site: Site) -> list[str]:
    return [f"--basedir={site.packages.tree / 'usr'}"] if site.packages.tree else []


def controller(site: Site, name: str) -> list[str]:
    """slurmctld(8) or slurmdbd(8), in the foreground."""
    return named(site, CONTROLLER, [site.packages.command(name), "-D"], site.users.slurm)


def starters(site: Site) -> dict[str, tuple[Callable[[Site], list[str]], str | None]]:
    """The daemons beside the nodes': how each is started and as whom (None: they change to their user themselves)."""
    slurm = None if site.own_host_names else site.users.slurm
    return {
        "munged": (munged, site.users.munge),
        "mariadbd": (mariadbd, site.users.mysql),
        "slurmdbd": (lambda s: controller(s, "slurmdbd"), slurm),
        "slurmctld": (lambda s: controller(s, "slurmctld"), slurm),
        "slurmrestd": (slurmrestd, site.users.rest),
    }
