"""A whole hub at work: facility service, proxy, JupyterHub and Slurm, each a real process that a test may kill."""

from __future__ import annotations

import contextlib
import functools
import os
import pwd
import secrets
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from playwright.sync_api import Browser, Page

from beamside.demo import institution, secret_files
from beamside.demo.accounts import Accounts
from beamside.demo.layout import Layout, default_prefix
from beamside.demo.node import find_module, find_node
from beamside.demo.people import People
from beamside.demo.plan import CLIENT_ID, Plan, Ports
from beamside.demo.ports import free_ports, listens
from beamside.demo.processes import recorded, wait_until
from beamside.demo.slurm.cluster import SlurmCluster
from beamside.demo.tour.browser import open_browser
from facility.places import claim_path

PROCESSES = ("institution", "facility", "proxy", "hub")
ADMIN = secrets.token_hex(16)

PROFILE = """\
name = "Test facility"

[service]
url = "http://127.0.0.1:{facility}"
issuer = "{issuer}"
client_ids = ["beamside-hub"]
poll_seconds = 2.0
link_socket = "{link}"
outages_file = "{outages}"

[systems.sidecar]
title = "Sidecar"
slurm_conf = "{conf}"
default_walltime_minutes = 10
sends_mail = true

[[systems.sidecar.images]]
name = "none"
title = "No container"

[[systems.sidecar.images]]
name = "tools"
driver = "module"
title = "Tools"
activate = ["export TOOLS=prepared", "export PATH=/opt/tools/bin:$PATH"]

{more_images}[systems.sidecar.partitions.login]
no_queue = true

[[systems.sidecar.starters]]
name = "login"
title = "Login node, no queue"
description = "To look and to write."
choices = {{ partition = "login", cpus_per_node = 1, memory_gb = 1, walltime = "0:20" }}

[systems.sidecar.commands]
sbatch = "{commands}/sbatch"
squeue = "{commands}/squeue"
scancel = "{commands}/scancel"
"""

MORE_IMAGES = "".join(
    f'[[systems.sidecar.images]]\nname = "tools-{number}"\ntitle = "Tools number {number}"\n\n'
    for number in range(3, 8)
)
"""So many that they are worth a search."""

HUB = """\
from pathlib import Path
import hub_ext
here = Path(__file__).parent
hub_ext.configure(c, here.parent / "facility.toml", here)  # noqa: F821
c.JupyterHub.bind_url = "http://127.0.0.1:{proxy}/"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{hub}"
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy_api}"
c.JupyterHub.allow_named_servers = True
c.JupyterHub.services = [{{"name": "operator", "api_token": "{admin}"}}]
c.JupyterHub.load_groups = {{"overseers": {{"users": []}}}}
c.JupyterHub.load_roles = [{{"name": "operator", "services": ["operator"],
    "scopes": ["admin:users", "admin:servers", "tokens", "access:servers", "read:metrics", "groups"]}},
    {{"name": "overseer", "groups": ["overseers"], "scopes": ["list:users", "read:servers"]}}]
c.JupyterHub.concurrent_spawn_limit = 2
c.HubDesk.news_seconds = 1
c.FacilityLogin.standing_seconds = 0
c.FacilitySpawner.cmd = [{python!r}, {stub!r}]
c.EventLogger.handlers = [__import__("logging").FileHandler(here / "events.log")]
c.FacilitySpawner.poll_interval = 2
c.FacilitySpawner.port_range = "42000-59999"
c.FacilitySpawner.req_prologue = "while [ -e {control}/closed ]; do sleep 0.1; done; [ ! -e {control}/broken ]"
c.FacilitySpawner.req_epilogue = "while [ -e {control}/linger ]; do sleep 0.1; done"
"""

SBATCH = """\
#!/bin/sh
# the real sbatch, with the fault that the test asks for
echo x >> {control}/sbatch.calls
case "$(cat {control}/sbatch 2>/dev/null)" in
    before) echo $$ > {control}/sbatch.pid; exec sleep 600 ;;
    after) {real} "$@" > /dev/null; echo $$ > {control}/sbatch.pid; exec sleep 600 ;;
    lost) {real} "$@" > /dev/null; echo "sbatch: error: Batch job submission failed: Socket timed out" >&2; exit 1 ;;
    held) exec {real} --hold "$@" ;;
    refused) echo "sbatch: error: Batch job submission failed: Invalid account or account/partition combination" >&2
        exit 1 ;;
    small) exec {real} --mem=96M "$@" ;;
    *) exec {real} "$@" ;;
esac
"""

COMMAND = """\
#!/bin/sh
# the real {name}, with the fault that the test asks for
case "$(cat {control}/{name} 2>/dev/null)" in
    error) echo x >> {control}/{name}.calls; echo "slurm error: Words that no release had so far" >&2; exit 1 ;;
    empty) echo x >> {control}/{name}.calls; exit 0 ;;
    garbage) echo x >> {control}/{name}.calls; printf '\\377\\376\\001 no row at all\\n'; exit 0 ;;
    cut) echo x >> {control}/{name}.calls; {real} "$@" | head -c 7; exit 0 ;;
    hang) echo x >> {control}/{name}.calls; exec sleep 600 ;;
    counted) echo "$*" >> {control}/{name}.calls; exec {real} "$@" ;;
    *) exec {real} "$@" ;;
esac
"""

STUB = """\
import os, urllib.parse
from http.server import BaseHTTPRequestHandler, HTTPServer
class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path.endswith("/quit"): os._exit(0)
        if self.path.endswith("/eat"): Answer.eaten = b"x" * 200_000_000
        told = {"tools": "TOOLS", "path": "PATH", "profile": "BEAMSIDE_PROFILE", "warning": "BEAMSIDE_END_WARNING"}
        asked = told.get(self.path.rpartition("/")[2], "BEAMSIDE_JOB_ID")
        body = os.environ.get(asked, "").encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers()
        self.wfile.write(body)
    def log_message(self, *words): pass
url = urllib.parse.urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"])
HTTPServer((url.hostname, url.port), Answer).serve_forever()
"""


@dataclass
class HubAtWork:
    """One hub with all it stands on, run by one person for that person alone."""

    slurm: SlurmCluster
    place: Path
    plan: Plan
    user: str
    subjects: dict[str, str] = field(default_factory=dict)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    names: ClassVar[tuple[str, ...]] = PROCESSES
    settings = ""  # what a kind of hub has in its configuration besides HUB

    @property
    def ports(self) -> Ports:
        """Where everything listens."""
        return self.plan.ports

    @property
    def layout(self) -> Layout:
        """Where the home institution's files lie."""
        return Layout(self.place)

    @property
    def control(self) -> Path:
        """Files by which a test puts a fault in place."""
        return self.place / "control"

    @property
    def commands(self) -> Path:
        """What stands in the place of Slurm's commands."""
        return self.place / "commands"

    @property
    def folder(self) -> Path:
        """The hub's own folder."""
        return self.place / "hub"

    # ---- processes

    def start(self, name: str) -> None:
        """Start one of PROCESSES unless it runs."""
        if name in self.processes and self.processes[name].poll() is None:
            return
        with (self.place / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                self.slurm.inside(self.argv(name)), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.place,
                env=self.environment, start_new_session=True, umask=0o077, **identity(self.user),
            )  # fmt: skip

    def argv(self, name: str) -> list[str]:
        """How one of PROCESSES is run."""
        node = find_node(Layout(default_prefix()))
        proxy = find_module(self.layout, "configurable-http-proxy") / "bin" / "configurable-http-proxy"
        known = {
            "facility": [sys.executable, "-m", "facility.service", f"--profile={self.place / 'facility.toml'}",
                         f"--state={self.place / 'facility'}"],
            "proxy": [str(node), str(proxy), "--ip=127.0.0.1", f"--port={self.ports.proxy}", "--api-ip=127.0.0.1",
                      f"--api-port={self.ports.proxy_api}", f"--default-target=http://127.0.0.1:{self.ports.hub}"],
            "institution": institution.argv(self.layout, node),
            "hub": [sys.executable, "-m", "jupyterhub", f"--config={self.folder / 'jupyterhub_config.py'}"],
        }  # fmt: skip
        return known[name]

    @property
    def environment(self) -> dict[str, str]:
        """What the three processes find."""
        python = {"PYTHONPATH": os.environ.get("PYTHONPATH", ""), "PYTHONDONTWRITEBYTECODE": "1"}
        own = {"HOME": pwd.getpwnam(self.user).pw_dir, "USER": self.user, "LANG": "C.UTF-8"}
        token = (self.folder / "proxy.token").read_text(encoding="utf-8").strip()
        return {**self.slurm.environment, **python, **own, "CONFIGPROXY_AUTH_TOKEN": token}

    def kill(self, name: str) -> None:
        """kill -9, and wait for the end."""
        process = self.processes.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def wait_up(self) -> None:
        """Wait until the hub answers through its proxy and the service has polled."""

        def answers() -> bool:
            try:
                return self.api("GET", "").is_success and self._polled() and listens(self.ports.institution)
            except httpx.HTTPError:
                return False

        wait_until(answers, seconds=120, pause=0.1, otherwise=lambda: f"the hub does not answer: {self.log('hub')}")

    def wait_hub(self) -> None:
        """Wait until the hub answers, whatever it stands on does."""

        def answers() -> bool:
            try:
                return self.api("GET", "").is_success
            except httpx.HTTPError:
                return False

        wait_until(answers, seconds=120, pause=0.1, otherwise=lambda: f"the hub does not answer: {self.log('hub')}")

    def _polled(self) -> bool:
        found = httpx.get(f"http://127.0.0.1:{self.ports.facility}/health", trust_env=False).json()
        return found["poll_age"] is not None

    def log(self, name: str, characters: int = 3000) -> str:
        """The end of what a process said."""
        return (self.place / f"{name}.log").read_text(encoding="utf-8", errors="replace")[-characters:]

    def run_second(self) -> subprocess.CompletedProcess[bytes]:
        """Try to run another hub with the same configuration, on another port."""
        argv = [sys.executable, "-m", "jupyterhub", f"--config={self.folder / 'jupyterhub_config.py'}",
                f"--JupyterHub.hub_bind_url=http://127.0.0.1:{free_ports(1)[0]}"]  # fmt: skip
        return subprocess.run(
            self.slurm.inside(argv), capture_output=True, cwd=self.place, env=self.environment, timeout=60, check=False,
            **identity(self.user),
        )  # fmt: skip

    # ---- what a test does

    @property
    def admin(self) -> dict[str, str]:
        """The header of the hub's operator."""
        return {"Authorization": f"token {ADMIN}"}

    @property
    def hub_api(self) -> str:
        """Where the hub's REST API is asked."""
        return f"http://127.0.0.1:{self.ports.hub}/hub/api"

    def password(self, login: str = "ana") -> str:
        """A person's at the institution."""
        return self.layout.password(login).read_text(encoding="utf-8").strip()

    def let_in(self, page: Page) -> None:
        """Sign ana in by clicks."""
        page.goto(f"{self.plan.hub_url.rstrip('/')}/hub/oauth_login")
        page.fill("input[name=login]", "ana")
        page.fill("input[name=password]", self.password())
        page.press("input[name=password]", "Enter")
        page.wait_for_url("**/hub/**")

    def claim_secret(self, nonce: str) -> str:
        """The secret that the hub handed to a job."""
        return claim_path(pwd.getpwnam(self.user).pw_dir, nonce).read_text(encoding="utf-8")

    def api(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """Ask the hub's REST API as its operator."""
        url = f"{self.hub_api}{path}"
        return httpx.request(method, url, json=body, headers=self.admin, timeout=30, trust_env=False)

    def ask_to_start(self, options: dict[str, Any] | None = None, server: str = "") -> httpx.Response:
        """Ask for a server by REST; the answer may take ten seconds where the job waits."""
        where = f"servers/{server}" if server else "server"
        return self.api("POST", f"/users/{self.user}/{where}", {"user_options": {} if options is None else options})

    def ask_server(self, name: str, path: str) -> None:
        """Ask a server itself for something that it may not live to answer."""
        with contextlib.suppress(httpx.HTTPError):
            url = f"http://127.0.0.1:{self.ports.proxy}/user/{self.user}/{f'{name}/' if name else ''}{path}"
            httpx.get(url, trust_env=False, timeout=5)

    def begin(self, options: dict[str, Any] | None = None, server: str = "") -> None:
        """Ask for a server and do not wait for the answer."""
        where = f"servers/{server}" if server else "server"
        url = f"{self.hub_api}/users/{self.user}/{where}"
        with contextlib.suppress(httpx.ReadTimeout):
            httpx.post(url, json={"user_options": options or {}}, headers=self.admin,
                       timeout=httpx.Timeout(60, read=0.5), trust_env=False)  # fmt: skip

    def server(self, name: str = "") -> dict[str, Any]:
        """What the hub tells of a server; empty where there is none."""
        found = self.api("GET", f"/users/{self.user}").json()
        return dict(found.get("servers", {}).get(name, {}))

    def wait_serving(self, seconds: float = 30.0, name: str = "") -> str:
        """Wait until the server answers through the proxy; returns the id of the job that answers."""
        answer: list[str] = []

        def serves() -> bool:
            with contextlib.suppress(httpx.HTTPError):
                path = f"/user/{self.user}/{f'{name}/' if name else ''}api"
                found = httpx.get(f"http://127.0.0.1:{self.ports.proxy}{path}", trust_env=False, timeout=5)
                answer[:] = [found.text] if found.is_success and found.text.isdigit() else []
            return bool(answer)

        wait_until(serves, seconds=seconds, pause=0.1, otherwise=lambda: f"it does not serve: {self.log('hub')}")
        return answer[0]

    def jobs(self) -> list[tuple[str, str]]:
        """(id, state) of this hub's jobs that are not over, as squeue tells them."""
        out = self.slurm.run("squeue", "-h", "-u", self.user, "-o", "%i %T %j")
        rows = (line.split(maxsplit=2) for line in out.splitlines())
        return [(row[0], row[1]) for row in rows if row[2].startswith(f"jupyter-{self.hub_id}-")]

    def all_jobs_ever(self) -> set[str]:
        """Ids of every job this hub ever submitted, as queue and accounting tell them; each may lag behind."""
        out = self.slurm.run("sacct", "-n", "-X", "-P", "-u", self.user, "-S", "now-1hour", "-o", "jobid,jobname%60")
        out += self.slurm.run("squeue", "-h", "-t", "all", "-u", self.user, "-o", "%i|%j")
        rows = (line.split("|") for line in out.splitlines())
        return {row[0] for row in rows if row[1].startswith(f"jupyter-{self.hub_id}-")}

    def wait_job(self, state: str) -> str:
        """Wait until the hub has exactly one job, in this state; returns its id."""
        wait_until(lambda: [found for _, found in self.jobs()] == [state], seconds=60,
                   otherwise=lambda: f"jobs are {self.jobs()}, not one {state}: {self.log('hub')}")  # fmt: skip
        return self.jobs()[0][0]

    @property
    def hub_id(self) -> str:
        """The hub's id in its job names."""
        return str(self.query("SELECT value FROM meta WHERE key = 'hub_id'")[0][0])

    def query(self, text: str) -> list[tuple[Any, ...]]:
        """Read the hub's store of intents."""
        database = sqlite3.connect(f"file:{self.folder / 'intents.sqlite'}?mode=ro", uri=True)
        try:
            return database.execute(text).fetchall()
        finally:
            database.close()

    def set_fault(self, name: str, text: str = "") -> None:
        """Put a fault in place; see SBATCH and HUB."""
        (self.control / name).write_text(text, encoding="utf-8")
        (self.control / name).chmod(0o666)

    def clear_fault(self, name: str) -> None:
        """Take a fault away."""
        (self.control / name).unlink(missing_ok=True)

    def set_stopping(self, job: str) -> None:
        """Write down a stop as the hub does before it cancels, and cancel nothing: the moment of a crash."""
        database = sqlite3.connect(self.folder / "intents.sqlite")
        with database:
            database.execute("UPDATE intents SET stopping = 1 WHERE job_id = ?", (job,))
        database.close()

    def wait_no_job(self) -> None:
        """Wait until the hub has no job left."""
        wait_until(lambda: not self.jobs(), seconds=60, otherwise=lambda: f"jobs stay: {self.jobs()} {self.log('hub')}")

    def wait_restarted(self, job: str) -> None:
        """Wait until a requeued job claimed again; Slurm holds it back for a while (its BeginTime)."""
        self.slurm.run("scontrol", "update", f"jobid={job}", "starttime=now")
        wait_until(lambda: self.query("SELECT restarts FROM intents WHERE closed IS NULL") == [(1,)], seconds=90,
                   pause=0.5, otherwise=lambda: f"jobs are {self.jobs()}: {self.log('hub')}")  # fmt: skip

    def wait_file(self, name: str) -> str:
        """Wait until the shim wrote a file; returns its text."""
        path = self.control / name
        wait_until(lambda: path.exists() and bool(path.read_text()), seconds=60,
                   otherwise=lambda: f"{name} was not written: {self.log('hub')}")  # fmt: skip
        return path.read_text(encoding="utf-8").strip()

    def stop_slurm_controller(self) -> None:
        """End the real slurmctld; by SIGTERM, for one that is killed forgets jobs of the last seconds."""
        record = recorded(self.slurm.directory, "slurmctld")
        assert record is not None
        os.kill(record.pid, signal.SIGTERM)
        where = self.slurm.directory
        wait_until(lambda: recorded(where, "slurmctld") is None, seconds=60, otherwise=lambda: "slurmctld lives on")

    def tidy(self) -> None:
        """End every server and job, take every fault away, and see that all processes run."""
        for entry in self.control.iterdir():
            entry.unlink()
        self.slurm.up()
        for name in self.names:
            self.start(name)
        self.wait_up()
        for name, server in self.api("GET", f"/users/{self.user}").json().get("servers", {}).items():
            if server.get("pending") or server.get("ready"):
                self.api("DELETE", f"/users/{self.user}/{f'servers/{name}' if name else 'server'}")
        self.wait_no_job()
        wait_until(lambda: not self._pending(), seconds=60,
                   otherwise=lambda: f"these go on: {self._pending()} {self.log('hub')}")  # fmt: skip

    def _pending(self) -> dict[str, str]:
        """What each server that is not at rest does, by the server's name."""
        servers = self.api("GET", f"/users/{self.user}").json().get("servers", {})
        return {name: server["pending"] for name, server in servers.items() if server.get("pending")}


def identity(user: str) -> dict[str, Any]:
    """What makes subprocess start something as `user`; nothing without root."""
    if os.geteuid() != 0:
        return {}
    account = pwd.getpwnam(user)
    groups = os.getgrouplist(user, account.pw_gid)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": groups}


def lay_out(work: HubAtWork) -> None:
    """Write every file that the processes read."""
    owner = work.user if os.geteuid() == 0 else None
    for folder in (work.folder, work.place / "facility"):
        secret_files.make_directory(folder, owner=owner)
    key = secret_files.rsa_key()
    secret_files.write_secret(work.folder / "hub.key", secret_files.pem(key), owner=owner)
    secret_files.write_secret(work.folder / "proxy.token", secrets.token_hex(16), owner=owner)
    write_commands(work)
    stub = work.place / "stub.py"
    facts = {"control": work.control, "conf": work.slurm.conf, "commands": work.commands, "stub": str(stub),
             "more_images": MORE_IMAGES, "admin": ADMIN, "python": sys.executable, "issuer": work.plan.issuer,
             "link": work.place / "facility" / "link.sock", "outages": work.control / "outages.toml",
             **vars(work.ports)}  # fmt: skip
    write_program(stub, STUB)
    write_program(work.place / "facility.toml", PROFILE.format(**facts))
    secret_files.write_secret(work.folder / "jupyterhub_config.py", (HUB + work.settings).format(**facts), owner=owner)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (work.place / "hub.pub").write_bytes(public)
    (work.place / "hub.pub").chmod(0o644)
    for made in (work.layout.state, work.layout.secrets):
        secret_files.make_directory(made, owner=owner)
    work.layout.npm.symlink_to(find_module(Layout(default_prefix()), "oidc-provider").parents[1])
    client = institution.HubClient(CLIENT_ID, work.plan.redirect_uri, work.plan.hub_url, key)
    work.subjects = institution.write_configuration(work.layout, work.plan, client)
    register(work, "client", "--id=beamside-hub", f"--owner={work.user}", f"--public-key={work.place / 'hub.pub'}",
             "--scope=hub")  # fmt: skip
    register(work, "link", f"--iss={work.plan.issuer}", f"--sub={work.subjects['ana']}", f"--user={work.user}")


def write_commands(work: HubAtWork) -> None:
    """Write what stands in the place of Slurm's commands, and the folder by which tests tell them what to do."""
    work.control.mkdir()
    work.control.chmod(0o777)
    work.commands.mkdir()
    for name, text in {"sbatch": SBATCH, "squeue": COMMAND, "scancel": COMMAND}.items():
        real = work.slurm.packages.command(name)
        write_program(work.commands / name, text.format(name=name, control=work.control, real=real))


def write_program(path: Path, text: str) -> None:
    """A file that everybody may read and run."""
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


def register(work: HubAtWork, *verb: str) -> None:
    """Put something into the facility's identity store."""
    files = [f"--profile={work.place / 'facility.toml'}", f"--state={work.place / 'facility'}"]
    argv = work.slurm.inside([sys.executable, "-m", "facility.service", *files, *verb])
    subprocess.run(argv, check=True, env=work.environment, cwd=work.place, **identity(work.user))


@contextlib.contextmanager
def hub_at_work(slurm: SlurmCluster, kind: type[HubAtWork] = HubAtWork) -> Iterator[HubAtWork]:
    """A hub of ana's own, gone at the end."""
    place = Path(tempfile.mkdtemp(prefix="beamside-hub-"))
    place.chmod(0o755)
    user = slurm.people.ana or pwd.getpwuid(os.geteuid()).pw_name
    plan = Plan(Accounts(People(user, "", "", ""), user, user, user, user), Ports(*free_ports(6)), {})
    work = kind(slurm, place, plan, user)
    try:
        lay_out(work)
        for name in work.names:
            work.start(name)
        work.wait_up()
        work.api("POST", f"/users/{work.user}")
        yield work
    finally:
        for name in list(work.processes):
            work.kill(name)
        shutil.rmtree(place)


@pytest.fixture(name="register")
def _register(hub: HubAtWork) -> Callable[..., None]:
    """Puts something more into the facility's identity store; what it puts there stays."""
    return functools.partial(register, hub)


@pytest.fixture(scope="session")
def running_hub(slurm: SlurmCluster) -> Iterator[HubAtWork]:
    """One hub for all tests."""
    with hub_at_work(slurm) as work:
        yield work
        work.tidy()


@pytest.fixture
def hub(running_hub: HubAtWork) -> HubAtWork:
    """That hub, with no server, no job and no fault."""
    running_hub.tidy()
    return running_hub


@pytest.fixture
def browser(hub: HubAtWork) -> Iterator[httpx.Client]:
    """A browser without JavaScript, in which ana is signed in."""
    with httpx.Client(base_url=hub.plan.hub_url, trust_env=False, timeout=60, follow_redirects=True) as client:
        page = client.get("/hub/oauth_login")
        client.post(page.url, data={"login": "ana", "password": hub.password()})
        yield client


@pytest.fixture(scope="module")  # while Playwright is open its event loop runs, and no asynchronous test can
def chromium() -> Iterator[Browser]:
    """The distribution's own."""
    with open_browser(Layout(default_prefix())) as found:
        yield found
