"""A hub with `internal_ssl` over a real Slurm: certificates are made at a job's claim, for the node that claimed."""

from __future__ import annotations

import contextlib
import re
import socket
import sqlite3
import ssl
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from cryptography import x509

from beamside.demo.processes import wait_until
from beamside.demo.slurm.cluster import SlurmCluster
from facility.hub_token import hub_trust
from tests.hub_ext.conftest import HubAtWork, hub_at_work, identity

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(600)]  # a hub of its own, and a real Lab that starts twice

SETTINGS = """\
c.JupyterHub.internal_ssl = True
c.JupyterHub.hub_bind_url = "https://127.0.0.1:{hub}"
c.ConfigurableHTTPProxy.api_url = "https://127.0.0.1:{proxy_api}"
c.FacilitySpawner.cmd = [{python!r}, "-m", "jupyterhub.singleuser"]
"""

PROXY = Path(__file__).parents[3] / "deploy" / "beamside-proxy-tls.conf"
PEM_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\n(\S+)")


class EncryptedHub(HubAtWork):
    """That hub, its proxy started as the admin guide says."""

    settings = SETTINGS

    @property
    def hub_api(self) -> str:
        """By the proxy: the hub's own port asks for a certificate."""
        return f"http://127.0.0.1:{self.ports.proxy}/hub/api"

    @property
    def tls(self) -> Path:
        """The hub's authorities and certificates."""
        return self.folder / "internal-ssl"

    def start(self, name: str) -> None:
        """The proxy is started with certificates that the hub makes before."""
        if name == "proxy" and not self.tls.exists():
            make = [*self.argv("hub"), "--generate-certs"]
            subprocess.run(self.slurm.inside(make), check=True, capture_output=True, cwd=self.place,
                           env=self.environment, umask=0o077, timeout=120, **identity(self.user))  # fmt: skip
        super().start(name)

    def argv(self, name: str) -> list[str]:
        """The proxy with the options of the file that a site copies, at this hub's addresses."""
        known = super().argv(name)
        if name != "proxy":
            return known
        lines = PROXY.read_text(encoding="utf-8").replace("/var/lib/beamside-hub", str(self.folder)).splitlines()
        settings = [line.split("=", 1) for line in lines if "=" in line and not line.startswith("#")]
        files = dict(value.split(":", 1) for key, value in settings if key == "LoadCredential")
        words = settings[-1][1].replace("10.0.0.5:8081", f"127.0.0.1:{self.ports.hub}")
        for credential, path in files.items():
            words = words.replace(f"${{CREDENTIALS_DIRECTORY}}/{credential} ", f"{path} ")
        own = ("--port=", "--api-port=", "--metrics-", "--log-level=")
        options = [word for word in words.split()[1:] if not word.startswith(own)]
        return [*known[:2], *options, f"--port={self.ports.proxy}", f"--api-port={self.ports.proxy_api}"]

    # ---- the server

    def wait_lab(self) -> None:
        """Wait until the server says through the proxy that it is there; it asked the hub who asks."""

        def answers() -> bool:
            with contextlib.suppress(httpx.HTTPError):
                return self.ask("api/status").is_success
            return False

        wait_until(answers, seconds=120, pause=0.2, otherwise=lambda: f"no Lab: {self.log('hub')}")

    def ask(self, path: str) -> httpx.Response:
        """Ask the server through the proxy, with a token that the server must ask the hub about."""
        url = f"http://127.0.0.1:{self.ports.proxy}/user/{self.user}/{path}"
        return httpx.get(url, headers=self.admin, timeout=10, trust_env=False, follow_redirects=True)

    def claimed(self) -> tuple[str, int, str]:
        """Host, port and job id of the server that is wanted."""
        (found,) = self.query("SELECT host, port, job_id FROM intents WHERE closed IS NULL")
        return found

    def as_hub(self) -> ssl.SSLContext:
        """What the hub speaks with."""
        context = ssl.create_default_context(cafile=self.tls / "hub-ca_trust.crt")
        context.load_cert_chain(
            self.tls / "hub-internal" / "hub-internal.crt", self.tls / "hub-internal/hub-internal.key"
        )
        return context

    def certificate(self) -> x509.Certificate:
        """The server's, shown to the hub under the name by which the hub knows its node."""
        host, port, _ = self.claimed()
        with (
            socket.create_connection(("127.0.0.1", port), timeout=30) as line,
            self.as_hub().wrap_socket(line, server_hostname=host) as told,
        ):
            return x509.load_der_x509_certificate(told.getpeercert(binary_form=True) or b"")

    def environment_of_server(self) -> dict[str, str]:
        """Of the process that serves."""
        _, port, job = self.claimed()
        for place in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (place / "environ").read_bytes().decode(errors="replace").split("\0")
                found = dict(word.split("=", 1) for word in words if "=" in word)
                if found.get("BEAMSIDE_JOB_ID") == job and f":{port}/" in found.get("JUPYTERHUB_SERVICE_URL", ""):
                    return found
        raise AssertionError(f"no process of job {job} serves")


@pytest.fixture(scope="module")
def encrypted(slurm: SlurmCluster) -> Iterator[EncryptedHub]:
    """One hub for this module, its server ended at the end."""
    with hub_at_work(slurm, EncryptedHub) as work:
        assert isinstance(work, EncryptedHub)
        yield work
        work.tidy()


@pytest.fixture
def served(encrypted: EncryptedHub) -> EncryptedHub:
    """That hub, with ana's Lab at work."""
    if not encrypted.server().get("ready"):
        encrypted.ask_to_start()
    encrypted.wait_lab()
    return encrypted


def test_lab_answers_through_the_proxy(served: EncryptedHub) -> None:
    """The person's page is there, and the server asks the hub by its own certificate."""
    environment = served.environment_of_server()

    assert "jupyter-config-data" in served.ask("lab").text
    assert served.server()["url"]
    assert environment["JUPYTERHUB_API_URL"].startswith("https://")
    told = httpx.get(environment["JUPYTERHUB_API_URL"], verify=hub_trust(environment) or False, trust_env=False)
    assert "version" in told.json()


def test_a_server_speaks_with_hub_and_proxy_alone(served: EncryptedHub) -> None:
    """Neither plain HTTP, nor TLS without a certificate, nor another server's certificate gets an answer."""
    _, port, _ = served.claimed()
    environment = served.environment_of_server()
    own = ssl.create_default_context(cafile=served.tls / "notebooks-ca" / "notebooks-ca.crt")
    bare = ssl.create_default_context(cafile=served.tls / "notebooks-ca" / "notebooks-ca.crt")
    own.load_cert_chain(environment["JUPYTERHUB_SSL_CERTFILE"], environment["JUPYTERHUB_SSL_KEYFILE"])
    own.check_hostname = bare.check_hostname = False  # whoever attacks does not care

    with pytest.raises(httpx.TransportError):
        httpx.get(f"http://127.0.0.1:{port}/user/{served.user}/api", trust_env=False, timeout=30)
    for context in (own, bare):
        with pytest.raises(httpx.TransportError):
            httpx.get(f"https://127.0.0.1:{port}/user/{served.user}/api", verify=context, trust_env=False, timeout=30)
    host, _, _ = served.claimed()
    assert {host} <= names(served.certificate())


def test_the_hub_answers_nobody_without_a_certificate(served: EncryptedHub) -> None:
    """The hub's own port takes what it made itself: its proxy, its servers, its jobs."""
    context = ssl.create_default_context(cafile=served.tls / "hub-ca" / "hub-ca.crt")

    with pytest.raises(httpx.TransportError):
        httpx.get(f"https://127.0.0.1:{served.ports.hub}/hub/api", verify=context, trust_env=False, timeout=30)


def texts_below(folder: Path) -> Iterator[str]:
    """The text of every file; a database's journal may be gone before it is read."""
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            if path.is_file():
                yield path.read_text(errors="replace")


def test_a_key_is_its_users_alone_and_nowhere_else(served: EncryptedHub) -> None:
    """0600 in a 0700 folder of the node; not in script, environment, command lines, logs or the hub's folder."""
    _, _, job = served.claimed()
    environment = served.environment_of_server()
    files = [Path(environment[f"JUPYTERHUB_SSL_{name}"]) for name in ("KEYFILE", "CERTFILE", "CLIENT_CA")]
    key = files[0].read_text(encoding="ascii")
    (secret,) = PEM_KEY.findall(key)
    script = served.slurm.run("scontrol", "write", "batch_script", job, "-")
    lines = command_lines()
    kept = list(texts_below(served.place))
    home = Path(environment["HOME"]) / ".local" / "state" / "beamside"
    said = list(texts_below(home / "logs"))
    ((nonce,),) = served.query("SELECT nonce FROM intents WHERE closed IS NULL")
    ticket = home / "claims" / nonce
    (own,) = PEM_KEY.findall(ticket.read_text(encoding="ascii"))

    assert {0o600} == {stat.S_IMODE(path.stat().st_mode) for path in (*files, ticket)}
    assert 0o700 == stat.S_IMODE(files[0].parent.stat().st_mode)
    assert {path.stat().st_uid for path in files} == {files[0].parent.stat().st_uid} == {home.stat().st_uid}
    for text in (script, *environment.values(), *lines, *kept, *said):
        assert secret not in text
        assert own not in text


def test_a_hub_restart_keeps_the_server(served: EncryptedHub) -> None:
    """The new hub process finds server and certificate good, also where the old one had stored no address."""
    before, where = served.certificate().serial_number, served.claimed()
    served.kill("hub")
    database = sqlite3.connect(served.folder / "hub.sqlite")
    with database:
        database.execute("UPDATE servers SET proto = 'http', ip = '', port = 1 WHERE base_url LIKE '/user/%'")
    database.close()

    served.start("hub")
    served.wait_hub()
    wait_until(lambda: served.server().get("ready"), seconds=120, otherwise=lambda: f"not adopted: {served.log('hub')}")
    served.wait_lab()

    assert (before, where) == (served.certificate().serial_number, served.claimed())


def test_a_requeued_job_gets_a_certificate_for_its_new_node(served: EncryptedHub) -> None:
    """Another node, another key, another certificate; the old ones are gone from the old node."""
    host, _, job = served.claimed()
    old, file = served.certificate(), Path(served.environment_of_server()["JUPYTERHUB_SSL_KEYFILE"])
    served.slurm.run("scontrol", "requeue", job)
    wait_until(lambda: served.jobs() == [(job, "PENDING")], seconds=90, otherwise=lambda: f"{served.jobs()}")
    node = served.slurm.run("sacct", "-n", "-X", "-P", "-D", "-j", job, "-o", "nodelist").split()[0]
    served.slurm.run("scontrol", "update", f"jobid={job}", f"excnodelist={node}")

    served.wait_restarted(job)
    served.wait_lab()

    new = served.certificate()
    assert served.claimed()[0] in names(new)
    assert (host == served.claimed()[0]) == (names(old) == names(new))
    assert old.public_key() != new.public_key()
    assert not file.exists()


def test_a_key_is_gone_when_its_server_ends(served: EncryptedHub) -> None:
    """Nothing of it stays on the node."""
    folder = Path(served.environment_of_server()["JUPYTERHUB_SSL_KEYFILE"]).parent
    assert folder.is_dir()

    served.api("DELETE", f"/users/{served.user}/server")
    served.wait_no_job()

    wait_until(lambda: not folder.exists(), seconds=60, otherwise=lambda: f"{folder} stays: {list(folder.iterdir())}")


def test_the_proxys_file_adds_tls_to_the_units_command_and_changes_nothing_else() -> None:
    """Who copies it keeps every other value of the unit."""
    plain, encrypted = (
        next(line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("ExecStart=/")).split()
        for path in (PROXY.with_name("beamside-proxy.service"), PROXY)
    )

    assert [word.replace("=http://", "=https://") for word in plain] == encrypted[: len(plain)]
    assert all("-ssl-" in word for word in encrypted[len(plain) :])


def names(certificate: x509.Certificate) -> set[str]:
    """Every host that a certificate is good for."""
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(name.value) for name in found}


def command_lines() -> list[str]:
    """Of everything that runs."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it may be over by now
            found.append((place / "cmdline").read_bytes().decode(errors="replace"))
    return found
