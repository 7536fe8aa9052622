"""What another user of the same nodes gets of a cluster: nothing."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import pwd
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest

if TYPE_CHECKING:
    from tests.dask_hpc.conftest import Desk, Notebooks

pytestmark = pytest.mark.slurm

KNOCK = r"""
import contextlib, json, socket, ssl, sys
from concurrent.futures import ThreadPoolExecutor
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
GET = b"GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n"

def heard(port, wrap, words):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=2) as plain:
        plain.settimeout(1)
        with context.wrap_socket(plain) if wrap else plain as connection:
            connection.sendall(words)
            return connection.recv(4096)
    return b""

def all_heard(port):
    return [heard(port, *how).hex() for how in ((False, b"\n"), (False, GET), (True, GET))]

ports = json.loads(sys.argv[1])
with ThreadPoolExecutor(len(ports)) as at_once:  # silence is a second each
    print(json.dumps(dict(zip(ports, at_once.map(all_heard, ports)))))
"""
LOOK = r"""
import contextlib, json, os, socket, sys
paths = json.loads(sys.argv[1])

def answer(path):
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as line:
        line.settimeout(2)
        line.connect("\0" + path[1:] if path[0] == "@" else path)
        line.sendall(b"GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n")
        return line.recv(4096)
    return b""

def content(path):
    with contextlib.suppress(OSError):
        return "".join(os.listdir(path)).encode() if os.path.isdir(path) else open(path, "rb").read(64)
    return b""

print(json.dumps([*filter(answer, paths["sockets"]), *filter(content, paths["files"])]))
"""
JOIN = """
import sys
from distributed import Client, Security
try:
    Client(sys.argv[1], security=Security.temporary(), timeout=5)
    print("joined")
except OSError:
    print("refused")
"""


def processes(cluster: dict[str, Any]) -> dict[int, psutil.Process]:
    """The processes of the cluster's jobs; the user's other ones do not count."""
    found = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.environ().get("SLURM_JOB_ID", "") in cluster["job_ids"]:
                found[process.pid] = process
    return found


def listeners(cluster: dict[str, Any]) -> list[tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int]]:
    """Addresses and ports on which a process of the cluster's jobs listens."""
    own = processes(cluster)
    return [
        (ipaddress.ip_address(socket.laddr.ip), socket.laddr.port)
        for socket in psutil.net_connections("tcp")
        if socket.status == psutil.CONN_LISTEN and socket.pid in own
    ]


def sockets_of(cluster: dict[str, Any]) -> list[str]:
    """Every Unix socket with a name that such a process has, abstract ones with "@" in front."""
    own = processes(cluster)
    names = {str(socket.laddr) for socket in psutil.net_connections("unix") if socket.pid in own and socket.laddr}
    return sorted(name.replace("\0", "@") for name in names)


def files_of(cluster: dict[str, Any], ana: Notebooks) -> list[str]:
    """Every file that the cluster keeps, or that such a process has open or mapped as its user's own."""
    uid = pwd.getpwnam(ana.user).pw_uid
    open_now: set[str] = set()
    for process in processes(cluster).values():
        with contextlib.suppress(psutil.Error):
            open_now |= {file.path for file in process.open_files()} | {one.path for one in process.memory_maps()}
    scratch = [str(path) for job in cluster["job_ids"] for path in Path("/tmp").glob(f"beamside-{job}-*")]
    kept = [str(path) for path in (ana.state / "beamside").rglob("*")]
    there = [path for path in {*open_now, *scratch, *kept} if Path(path).exists() and Path(path).stat().st_uid == uid]
    return sorted(there)


@pytest.mark.needs_root
def test_everything_listens_on_the_one_interface(tonight: dict[str, Any]) -> None:
    """Scheduler, ranks, srun and MPI are on the profile's interface and nowhere else."""
    found = listeners(tonight)

    assert len(found) >= 5  # the scheduler and four ranks at least
    assert [address for address, _ in found if not address.is_loopback] == []


@pytest.mark.needs_root
def test_a_stranger_hears_not_one_byte(desk: Desk, tonight: dict[str, Any]) -> None:
    """Without the cluster's certificate no port answers; a TLS alert (RFC 8446, type 21) is all there may be."""
    ports = json.dumps([port for _, port in listeners(tonight)])

    answers = json.loads(desk("ben").python("-c", KNOCK, ports))

    assert [(port, said) for port, all_said in answers.items() for said in all_said if said and said[:2] != "15"] == []


@pytest.mark.needs_root
def test_a_stranger_opens_no_socket_and_no_file(desk: Desk, ana: Notebooks, tonight: dict[str, Any]) -> None:
    """The pages' socket, any other, and whatever lies on disk or in shared memory: for its user alone."""
    found = {"sockets": sockets_of(tonight), "files": files_of(tonight, ana)}
    assert tonight["dashboard_socket"] in found["sockets"]
    assert str(ana.state / "beamside" / "clusters" / "tonight.json") in found["files"]

    assert json.loads(desk("ben").python("-c", LOOK, json.dumps(found))) == []


@pytest.mark.needs_root
def test_the_pages_want_the_clusters_certificate(desk: Desk, tonight: dict[str, Any]) -> None:
    """The port by which Lab comes from other nodes is scanned like all others, and is one of them."""
    port = int(tonight["dashboard_address"].rpartition(":")[2])

    assert port in {port for _, port in listeners(tonight)}


@pytest.mark.needs_root
def test_a_stranger_with_a_certificate_of_his_own_cannot_join(desk: Desk, tonight: dict[str, Any]) -> None:
    """Only the cluster's own authority counts."""
    assert desk("ben").python("-c", JOIN, tonight["scheduler_address"]).strip() == "refused"


def test_files_of_a_cluster_are_its_users_alone(ana: Notebooks, tonight: dict[str, Any]) -> None:
    """Record, credentials and spec are 0600, in directories that are 0700."""
    place = ana.state / "beamside" / "clusters"
    folder = place / "tonight"
    private = [place / "tonight.json", *(path for path in folder.iterdir() if path.name != "job.log")]

    assert {0o600} == {path.stat().st_mode & 0o777 for path in private}
    assert {0o700} == {path.stat().st_mode & 0o777 for path in (place, folder)}


def test_no_process_and_no_script_holds_the_key(ana: Notebooks, tonight: dict[str, Any]) -> None:
    """The key is in its file only: not in any argument, environment or batch script."""
    key = (ana.state / "beamside" / "clusters" / "tonight" / "key.pem").read_bytes().splitlines()[1]
    public = [path.read_bytes() for what in ("cmdline", "environ") for path in Path("/proc").glob(f"[0-9]*/{what}")
              if readable(path)]  # fmt: skip
    script = ana.says("scontrol", "write", "batch_script", tonight["job_ids"][0], "-")

    assert "dask_hpc.block.job tonight" in script
    assert not [text for text in (*public, script.encode()) if key in text]


def readable(path: Path) -> bool:
    """Whether the process is still there, and ours to read."""
    try:
        return path.read_bytes() is not None
    except OSError:
        return False


def test_the_job_has_no_token_of_the_notebook(ana: Notebooks, tonight: dict[str, Any]) -> None:
    """Only a chosen list of variables reaches the job and its ranks; what the maker held besides does not."""
    names = ana.kernel("""
def names():
    import os
    return sorted(os.environ)
answer = MPICluster.from_name("tonight").get_client().submit(names).result()
""")

    assert "SLURM_PROCID" in names
    assert "JUPYTERHUB_API_TOKEN" not in names
