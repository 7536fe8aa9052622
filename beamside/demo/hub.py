"""The hub and its proxy, as two processes, so that a restart of the hub leaves every open server reachable.

Between them and the servers everything is TLS, with authorities of this hub's own: whoever else has an account on the
machine gets no word out of somebody's server, not even that it is there.
"""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from beamside.demo import processes, secret_files
from beamside.demo.accounts import KIM
from beamside.demo.errors import DemoError
from beamside.demo.layout import Layout
from beamside.demo.node import find_module
from beamside.demo.plan import Plan
from beamside.demo.slurm.cluster import SlurmCluster

MAKER = "certificates"
"""The process that makes them."""

CONFIGURATION = '''\
"""The demonstration's hub: everything of the site comes from facility.toml; here stand addresses and who is admin."""

from pathlib import Path

import hub_ext

here = Path(__file__).parent
c = get_config()  # noqa: F821 - JupyterHub provides it
hub_ext.configure(c, {profile!r}, here)
c.JupyterHub.bind_url = {hub_url!r}
c.JupyterHub.internal_ssl = True
c.JupyterHub.hub_bind_url = "https://127.0.0.1:{hub_port}"
c.ConfigurableHTTPProxy.api_url = "https://127.0.0.1:{proxy_api_port}"
c.Spawner.cmd = {server!r}
c.Spawner.notebook_dir = {notebooks!r}
c.Spawner.environment = {{"NODE_DISABLE_COMPILE_CACHE": "1"}}  # of Lab's npm, in /tmp, where it outlives the user
c.JupyterHub.allow_named_servers = True
c.Authenticator.admin_users = {admins!r}
c.JupyterHub.services = [{{"name": "operator", "api_token": (here / "admin.token").read_text().strip()}}]
c.JupyterHub.load_roles = [{{"name": "admin", "services": ["operator"]}}]
'''


def write_configuration(layout: Layout, plan: Plan) -> RSAPrivateKey:
    """Write the hub's configuration and secrets, readable by the hub's user only; returns the hub's own key."""
    owner = plan.accounts.hub
    folder = secret_files.make_directory(layout.state / "hub", owner=owner)
    key = secret_files.rsa_key()
    admin_token = secrets.token_hex(32)
    secret_files.write_secret(layout.admin_token, admin_token + "\n")
    secret_files.write_secret(folder / "admin.token", admin_token + "\n", owner=owner)
    secret_files.write_secret(folder / "proxy.token", secrets.token_hex(32) + "\n", owner=owner)
    secret_files.write_secret(folder / "hub.key", secret_files.pem(key), owner=owner)
    text = CONFIGURATION.format(
        profile=str(layout.profile),
        hub_url=plan.hub_url,
        hub_port=plan.ports.hub,
        proxy_api_port=plan.ports.proxy_api,
        server=[sys.executable, "-m", "jupyterhub.singleuser"],
        notebooks=str(layout.scratch / "{username}"),
        admins={plan.accounts.local(KIM)} - {""},
    )
    secret_files.write_secret(folder / "jupyterhub_config.py", text, owner=owner)
    return key


def begin_certificates(layout: Layout, plan: Plan, cluster: SlurmCluster) -> None:
    """Let the hub make its authorities, and its own and the proxy's certificates, while other daemons start."""
    if certificates(layout).exists():
        return
    argv = [*hub_argv(layout, Path(sys.executable)), "--generate-certs"]
    found = {"PATH": os.defpath, "LANG": "C.UTF-8", "HOME": str(layout.state / "hub")}
    processes.start(
        layout.state, MAKER, cluster.inside(argv), user=plan.accounts.hub, environment=found, umask=0o077
    )  # fmt: skip


def wait_certificates(layout: Layout) -> None:
    """Wait until they are there; hub and proxy start with them. Raises DemoError with the maker's last words."""
    said = layout.log / f"{MAKER}.out"
    processes.wait_until(
        lambda: processes.recorded(layout.state, MAKER) is None,
        seconds=120, otherwise=lambda: f"the hub did not make its certificates within 120 s; see {said}",
    )  # fmt: skip
    if not (certificates(layout) / "proxy-client-ca_trust.crt").exists():
        raise DemoError(f"the hub made no certificates: {said.read_text(encoding='utf-8', errors='replace')[-500:]}")


def certificates(layout: Layout) -> Path:
    """The folder of the hub's authorities and certificates."""
    return layout.state / "hub" / "internal-ssl"


def proxy_argv(layout: Layout, plan: Plan, node: Path) -> list[str]:
    """configurable-http-proxy, on 127.0.0.1 only; its token comes by the environment.

    With two pairs of files: for what the hub tells it, and for its way to hub and servers.
    """
    program = find_module(layout, "configurable-http-proxy") / "bin" / "configurable-http-proxy"
    return [
        str(node),
        str(program),
        "--ip=127.0.0.1",
        f"--port={plan.ports.proxy}",
        "--api-ip=127.0.0.1",
        f"--api-port={plan.ports.proxy_api}",
        f"--default-target=https://127.0.0.1:{plan.ports.hub}",
        f"--error-target=https://127.0.0.1:{plan.ports.hub}/hub/error",
        *(option for side in ("api", "client") for option in _tls(certificates(layout), side)),
    ]


def _tls(folder: Path, side: str) -> list[str]:
    """What one side of the proxy shows of itself, and whom alone it believes."""
    own = folder / f"proxy-{side}" / f"proxy-{side}"
    return [
        f"--{side}-ssl-key={own}.key",
        f"--{side}-ssl-cert={own}.crt",
        f"--{side}-ssl-ca={folder / f'proxy-{side}-ca_trust.crt'}",
        f"--{side}-ssl-request-cert",
        f"--{side}-ssl-reject-unauthorized",
    ]


def hub_argv(layout: Layout, python: Path) -> list[str]:
    """JupyterHub with the configuration of this demonstration."""
    return [str(python), "-m", "jupyterhub", f"--config={layout.state / 'hub' / 'jupyterhub_config.py'}"]


def proxy_environment(layout: Layout) -> dict[str, str]:
    """The token that the proxy reads from its environment, which only its own user can see."""
    token = (layout.state / "hub" / "proxy.token").read_text(encoding="utf-8").strip()
    return {"CONFIGPROXY_AUTH_TOKEN": token}
