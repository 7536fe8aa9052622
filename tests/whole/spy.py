"""What a curious colleague tries: every port of these people in every way we know, every file, what Slurm tells.

Run as the colleague, with folders, job ids and uids as JSON on standard input; prints JSON. It takes nothing but what
is given to everybody who asks.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import socket
import ssl
import stat
import subprocess
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import zmq

PATHS = ("/", "/api/status", "/api/kernels", "/api/contents", "/status", "/info/main/workers.html",
         "/json/identity.json", "/hub/api/users", "/api/routes", "/jobs", "/metrics")  # fmt: skip
PATIENCE = 1.5
LARGEST = 1_000_000


def ports(uids: list[int]) -> dict[int, int]:
    """Every listening TCP port of these people, and the uid that owns it (proc(5), /proc/net/tcp)."""
    found = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            field = line.split()
            if field[3] == "0A" and int(field[7]) in uids:
                found[int(field[1].rpartition(":")[2], 16)] = int(field[7])
    return found


def read_all(connection: socket.socket) -> bytes:
    """Everything that comes within the patience."""
    got, end = b"", time.monotonic() + PATIENCE
    with contextlib.suppress(OSError):
        while time.monotonic() < end and (part := connection.recv(65536)):
            got += part
    return got


def dial(port: int) -> socket.socket:
    """A connection whose every operation gives up in time."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    connection.settimeout(PATIENCE)
    return connection


def silent(port: int) -> bytes:
    """What a listener says to somebody who says nothing."""
    with contextlib.suppress(OSError), dial(port) as connection:
        return read_all(connection)
    return b""


def http(port: int) -> dict[str, str]:
    """The answers to plain requests."""
    answers = {}
    for path in PATHS:
        with contextlib.suppress(OSError), dial(port) as connection:
            connection.sendall(f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n".encode())
            answers[path] = read_all(connection).decode("latin-1")
        if not answers.get("/"):
            break
    return answers


def tls(port: int) -> bytes:
    """Application bytes inside TLS, without a certificate of our own."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with contextlib.suppress(OSError), dial(port) as plain, context.wrap_socket(plain) as connection:
        connection.sendall(b"GET /info/main/workers.html HTTP/1.0\r\n\r\n")
        return read_all(connection)
    return b""


def subscribe(all_ports: list[int]) -> dict[int, int]:
    """Messages that a ZeroMQ publisher sends to anybody, a kernel's output for one."""
    context, counts = zmq.Context(), {}
    poller = zmq.Poller()
    sockets = {}
    for port in all_ports:
        one = context.socket(zmq.SUB)
        one.setsockopt(zmq.SUBSCRIBE, b"")
        one.setsockopt(zmq.LINGER, 0)
        one.connect(f"tcp://127.0.0.1:{port}")
        poller.register(one, zmq.POLLIN)
        sockets[one] = port
    end = time.monotonic() + 8
    while time.monotonic() < end:
        for one, _ in poller.poll(250):
            one.recv_multipart()
            counts[sockets[one]] = counts.get(sockets[one], 0) + 1
    for one in sockets:
        one.close()
    context.term()
    return counts


def readable(folders: dict[str, list[int]]) -> dict[str, str]:
    """Every regular file that opens below the folders, with its content; of each folder only these owners' files."""
    found = {}
    for folder, owners in folders.items():
        for at, _, names in os.walk(folder):
            for name in names:
                if (text := content(Path(at, name), owners)) is not None:
                    found[f"{at}/{name}"] = text
    return found


def processes() -> dict[str, str]:
    """Command lines and environments of everybody's processes, where they open."""
    paths = [path for name in ("cmdline", "environ") for path in Path("/proc").glob(f"[0-9]*/{name}")]
    return {str(path): text for path in paths if (text := content(path, [])) is not None}


def content(path: Path, owners: list[int]) -> str | None:
    """What a file of one of these owners holds (nobody named: anybody but us); None where it is not to be had."""
    try:
        about = path.lstat()
        if not stat.S_ISREG(about.st_mode) or about.st_uid == os.getuid() or (owners and about.st_uid not in owners):
            return None
        with path.open("rb") as file:
            return file.read(LARGEST).decode("latin-1")
    except OSError:
        return None


def slurm(job_ids: list[str]) -> dict[str, str]:
    """What Slurm's commands tell of other people's jobs."""
    asked = [["scontrol", "show", "job", job] for job in job_ids]
    asked += [["scontrol", "write", "batch_script", job, "-"] for job in job_ids]
    asked += [["sacct", "-j", job, what] for job in job_ids for what in ("--batch-script", "--env-vars")]
    return {" ".join(argv): everything_said(argv) for argv in asked}


def everything_said(argv: list[str]) -> str:
    """Both outputs of a command, whether it succeeded or not."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def main() -> None:
    """Try everything once."""
    warnings.simplefilter("ignore")
    told = json.load(sys.stdin)
    owners = ports(told["uids"])
    with ThreadPoolExecutor(32) as pool:
        said = dict(zip(owners, pool.map(silent, owners), strict=True))
        inside = dict(zip(owners, pool.map(tls, owners), strict=True))
        pages = dict(zip(owners, pool.map(http, owners), strict=True))
    json.dump(
        {
            "owners": owners,
            "silent": {port: base64.b64encode(got).decode() for port, got in said.items()},
            "tls": {port: base64.b64encode(got).decode() for port, got in inside.items()},
            "http": pages,
            "published": subscribe(list(owners)),
            "files": readable(told["folders"]) | processes(),
            "slurm": slurm(told["jobs"]),
        },
        sys.stdout,
    )


main()
