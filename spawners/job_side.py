"""The job's half of a start: prove this job to the hub, then become the notebook server. Standard library only.

    python -IS job_side.py serve NONCE HUB_API [LOW-HIGH]   claim, then replace this process by the server
    python -IS job_side.py ended NONCE HUB_API [walltime]   tell the hub that the batch script is over, and why

The secret comes from a 0600 file that was written as the user before sbatch; neither it nor the answer is ever printed.
Where the hub asks for certificates (`internal_ssl`), that file holds one for this job too, and the answer the server's.

Every start waits for this program, and on a full node many at once: what it imports at its start is a third of what
http.client, ssl, typing and pathlib take, so those are not used, or only where they are needed.
"""

from __future__ import annotations

import json
import os
import pwd
import signal
import socket
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from typing import Any, NoReturn

CLAIMS = ".local/state/beamside/claims"
"""Where the claim secrets lie, below the home directory (facility.places says the same; this file stands alone)."""

GIVE_UP_AFTER = 1800.0
"""Seconds a job asks for its claim before it frees its nodes: long enough for a hub's restart or upgrade."""

PATIENCE = 60.0
"""Seconds for one answer: a hub of whom hundreds ask at once takes its time."""

LARGEST = 2**22
"""Bytes of an answer; one has about two thousand."""

LONGEST_SOCKET = 107
"""Bytes of a Unix socket's path (unix(7))."""

CERTIFICATE = "-----BEGIN CERTIFICATE-----"

TLS_FILES = {"key": "JUPYTERHUB_SSL_KEYFILE", "certificate": "JUPYTERHUB_SSL_CERTFILE",
             "authorities": "JUPYTERHUB_SSL_CLIENT_CA"}  # fmt: skip
"""What the claim's answer holds for a server that speaks TLS, and by which variable JupyterHub's server finds it."""

KERNEL_SOCKET = len("/kernel-01234567-89ab-cdef-0123-456789abcdef-ipc-5")
"""What jupyter_client adds to the runtime folder's path for a kernel's sockets."""


def main() -> None:
    """Run one of the two halves; anything that is wrong is said on stderr, which is the job's log."""
    act, nonce, hub_api, *more = sys.argv[1:5]
    if act == "ended":
        forget_keys()  # first: the hub may be away, and Slurm may give this script seconds only
    claim = f"{pwd.getpwuid(os.getuid()).pw_dir}/{CLAIMS}/{nonce}"
    with open(claim, encoding="ascii") as file:  # noqa: PTH123 - pathlib is slow to import
        secret, _, papers = file.read().partition("\n")
    hub = Hub(hub_api, claim, papers)
    about = {"job_id": os.environ["SLURM_JOB_ID"], "restarts": int(os.environ.get("SLURM_RESTART_COUNT", "0")),
             "nonce": nonce, "secret": secret.strip()}  # fmt: skip
    if act == "ended":
        hub.post("ended", {**about, **({"why": more[0]} if more else {})})
    else:
        _serve(hub, about, more[0] if more else "")


class Refused(Exception):
    """The hub answered, and not that it is done."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


class Hub:
    """The hub, at its API's address. The hub is near: a web proxy of the site's is never asked.

    claim, papers : the claim's file, and what it holds besides the secret: a certificate, for a hub that asks for one.
    """

    def __init__(self, api: str, claim: str, papers: str) -> None:
        scheme, _, rest = api.partition("://")
        self._authority, _, path = rest.partition("/")
        self._path = f"/{path}".rstrip("/")
        name, colon, port = self._authority.rpartition(":")
        if not colon or port.endswith("]"):  # no port is named, or the colon is one of an IPv6 address
            name, port = self._authority, "443" if scheme == "https" else "80"
        self._place = (name.strip("[]"), int(port))
        self._trust = _trust(claim, papers) if scheme == "https" else None

    def post(self, route: str, body: dict[str, object]) -> dict[str, Any]:
        """What the hub answers. Raises Refused, OSError, and ValueError for what is no whole answer or no JSON."""
        data = json.dumps(body).encode()
        head = (  # HTTP/1.0: the answer comes in one piece, and its end is the connection's
            f"POST {self._path}/beamside/{route} HTTP/1.0\r\nHost: {self._authority}\r\nAccept: application/json\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\nConnection: close\r\n\r\n"
        )
        with socket.create_connection(self._place, timeout=PATIENCE) as line:
            if self._trust is None:
                return _answer(line, head.encode() + data)
            with self._trust.wrap_socket(line, server_hostname=self._place[0]) as sealed:
                return _answer(sealed, head.encode() + data)


def _trust(claim: str, papers: str) -> ssl.SSLContext:
    """How this job knows the hub, and, where the hub gave it a certificate, proves that the hub made it."""
    import ssl  # noqa: PLC0415 - most hubs speak plain HTTP with their nodes

    if CERTIFICATE not in papers:
        return ssl.create_default_context()
    context = ssl.create_default_context(cadata=papers[papers.rindex(CERTIFICATE) :])
    context.load_cert_chain(claim)
    return context


def _answer(line: socket.socket, request: bytes) -> dict[str, Any]:
    """Send a request and read its answer to the end."""
    line.sendall(request)
    found = bytearray()
    while piece := line.recv(65536):
        found += piece
        if len(found) > LARGEST:
            raise ValueError(f"the hub's answer is longer than {LARGEST} bytes")
    head, _, body = bytes(found).partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    words = first.split(" ", 2)
    if len(words) < 2 or not words[0].startswith("HTTP/") or not words[1].isdigit():
        raise ValueError("what answered is no hub, or the answer was cut off")
    named = (line.partition(":") for line in lines)
    length = next((value.strip() for name, _, value in named if name.lower() == "content-length"), "")
    if length.isdigit() and len(body) < int(length):
        raise ValueError("the hub's answer was cut off")
    status = int(words[1])
    if not 200 <= status < 300:
        raise Refused(status, _reason(status, body))
    return dict(json.loads(body))


def _serve(hub: Hub, about: dict[str, object], ports: str) -> NoReturn:
    with hold_port(ports) as holder:
        port = holder.getsockname()[1]
        answer = _claim(hub, {**about, "port": port, "claimant": os.urandom(24).hex()})
        environment = {**_login_environment(), **answer["environment"], **keep_keys(answer.get("tls", {}))}
        command = answer["command"]
        sys.stderr.write(f"beamside: claimed; starting {command[0]} on port {port}\n")
        sys.stderr.flush()
        for ignored in (signal.SIGINT, signal.SIGQUIT):  # as a script's background process has them; kernels need them
            signal.signal(ignored, signal.SIG_DFL)
        os.execvpe(command[0], command, environment)  # noqa: S606 - no shell: an argv list from the hub, over the claim


def _claim(hub: Hub, claim: dict[str, object]) -> dict[str, Any]:
    """Ask until the hub answers; a refusal ends the job, a missing answer does not."""
    wait, until = 0.2, time.monotonic() + GIVE_UP_AFTER
    while True:
        try:
            return hub.post("claim", claim)
        except Refused as error:
            if error.status < 500 and error.status not in {408, 425, 429}:
                sys.exit(f"beamside: the hub refused this job: {error}")
            problem = str(error)
        except (OSError, ValueError) as error:  # no hub there, or cut off in the middle of its answer
            problem = str(error)
        if time.monotonic() > until:
            minutes = f"{GIVE_UP_AFTER / 60:.0f} minutes"
            sys.exit(f"beamside: the hub did not answer for {minutes} ({problem}); this job ends")
        time.sleep(wait)
        wait = min(wait * 1.5, 3.0)


def _reason(status: int, body: bytes) -> str:
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP {status}"


def keep_keys(tls: dict[str, str]) -> dict[str, str]:
    """Put the server's key and certificates where only this user reads them, on this node; tells how to find them."""
    if not tls:
        return {}
    import tempfile  # noqa: PLC0415 - only where there is TLS inside

    forget_keys()  # of a run of this job on this node that was killed before its script could
    folder = tempfile.mkdtemp(prefix=_keys_prefix())  # 0700, and nobody else's
    found = {}
    for name, variable in TLS_FILES.items():
        path = f"{folder}/{name}"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(tls[name])
        found[variable] = path
    return found


def forget_keys() -> None:
    """Remove what `keep_keys` wrote for this job on this node; other people's folders of such a name stay."""
    import shutil  # noqa: PLC0415 - only at the end, and where there is TLS inside
    import tempfile  # noqa: PLC0415 - as above

    for entry in os.scandir(tempfile.gettempdir()):
        is_named_so = entry.name.startswith(_keys_prefix()) and not entry.is_symlink()
        if is_named_so and entry.stat(follow_symlinks=False).st_uid == os.getuid():
            shutil.rmtree(entry.path, ignore_errors=True)


def _keys_prefix() -> str:
    return f"beamside-{os.environ['SLURM_JOB_ID']}-"


def hold_port(ports: str = "") -> socket.socket:
    """A port of this node that this process holds, and keeps while it becomes the server.

    ports : "LOW-HIGH"; any port where it is empty. Every one of them is tried, from a random one on. Bound without
    SO_REUSEADDR nobody else has it; with it from then on the server, which sets it too, may listen there (socket(7)).
    """
    low, high = map(int, ports.split("-")) if ports else (0, 0)
    count = high - low + 1
    first = int.from_bytes(os.urandom(4), "big")
    for number in range(first, first + count):
        port = low + number % count
        holder = socket.socket()
        try:
            holder.bind(("", port))
        except OSError:
            holder.close()
            continue
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.set_inheritable(True)
        return holder
    sys.exit(f"beamside: every port from {low} to {high} is taken on this node; a wider port_range helps")


def _login_environment() -> dict[str, str]:
    """What the job's script exported, with what a login would set; sbatch's own settings stay behind."""
    me = pwd.getpwuid(os.getuid())
    here = sys.executable.rpartition("/")[0]
    path = os.environ.get("PATH", "/usr/local/bin:/usr/bin:/bin")
    if "BEAMSIDE_ENVIRONMENT" not in os.environ:  # else the operator's lines decide which programs come first
        path = f"{here}:{path}"
    kept = {name: value for name, value in os.environ.items() if name != "SLURM_TIME_FORMAT"}
    login = {"HOME": me.pw_dir, "USER": me.pw_name, "LOGNAME": me.pw_name, "SHELL": me.pw_shell}
    return {"LANG": "C.UTF-8", **_runtime_folder(me.pw_dir), **kept, **login, "PATH": path}


def _runtime_folder(home: str) -> dict[str, str]:
    """A private folder on this node for the kernels' sockets, where the path of the one at home is too long."""
    at_home = f"{home}/.local/share/jupyter/runtime"
    if len(os.fsencode(at_home)) + KERNEL_SOCKET <= LONGEST_SOCKET or "JUPYTER_RUNTIME_DIR" in os.environ:
        return {}
    import tempfile  # noqa: PLC0415 - most homes have short names

    return {"JUPYTER_RUNTIME_DIR": tempfile.mkdtemp(prefix="jupyter-")}


if __name__ == "__main__":
    main()
