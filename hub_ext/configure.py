"""Wire a hub from one profile: what is the same at every site stands here, once."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from facility.errors import ProfileError
from hub_ext.keys import private_text
from spawners.untyped import Untyped

HERE = Path(__file__).parent


def configure(c: Untyped, profile: str | Path | Sequence[str | Path], folder: str | Path) -> None:
    """Set what a beamside hub needs on JupyterHub's configuration object.

    Parameters
    ----------
    c : the object that JupyterHub's configuration file calls `c`.
    profile : path of facility.toml; the nodes read it too. Several systems: the path of each, the one first that people
        get who choose none, and from which the login, the links and the announcements come.
    folder : the hub's own directory, 0700. It holds `hub.key` (RSA, PEM: the hub's key at the institution and at the
        facility) and `proxy.token`; the other secrets and the databases are made in it where they are missing.

    Whatever the file sets afterwards counts. Raises ProfileError for a folder or secret that others could read.
    """
    home = Path(folder).resolve()
    if home.stat().st_mode & 0o077:
        raise ProfileError(f"{home} can be entered by others: chmod 700 it")
    profiles = [profile] if isinstance(profile, str | Path) else [*profile]
    first, *further = (str(Path(path).resolve()) for path in profiles)
    c.HubDesk.profile, c.HubDesk.further_profiles, c.HubDesk.folder = first, further, str(home)
    c.JupyterHub.authenticator_class = "hub_ext.FacilityAuthenticator"
    c.JupyterHub.spawner_class = "spawners.FacilitySpawner"
    # a kernel's TCP ports tell everybody on its node what it prints; sockets in the
    # user's own 0700 runtime folder do not
    c.Spawner.args = ["--KernelManager.transport=ipc"]
    # JupyterHub wakes up 20 times a second to time its own loop; a delay that a person notices shows as well at 4
    c.PeriodicMetricsCollector.event_loop_interval_resolution = 0.25
    _keep_servers(c)
    _guard(c, home)
    c.JupyterHub.internal_certs_location = str(home / "internal-ssl")  # of `internal_ssl`, where a site sets it
    c.JupyterHub.db_url = f"sqlite:///{home / 'hub.sqlite'}"
    c.JupyterHub.template_paths = [str(HERE / "templates"), str(HERE / "pages" / "templates")]
    c.Authenticator.enable_auth_state = True
    c.Authenticator.auth_refresh_age = 0  # a form must not wait for the institution; tokens are refreshed when needed
    c.FacilitySpawner.poll_interval = 30  # a safety net: the feed and the jobs themselves tell of ends at once


def _keep_servers(c: Untyped) -> None:
    """The proxy runs beside the hub, and a restart of the hub ends nobody's server."""
    c.JupyterHub.cleanup_servers = False
    c.JupyterHub.cleanup_proxy = False
    c.JupyterHub.init_spawners_timeout = 1
    c.ConfigurableHTTPProxy.should_start = False


def _guard(c: Untyped, home: Path) -> None:
    """Secrets from files that only the hub's user reads; cookies that other sites' pages do not send."""
    c.ConfigurableHTTPProxy.auth_token = private_text(home / "proxy.token")
    c.JupyterHub.cookie_secret_file = str(_made(home / "cookie.secret"))
    c.CryptKeeper.keys = [bytes.fromhex(private_text(_made(home / "crypt.key")))]
    c.JupyterHub.tornado_settings = {"cookie_options": {"SameSite": "Lax"}}


def _made(path: Path) -> Path:
    """The file of a secret of 32 random bytes, made where it is missing."""
    if not path.exists():
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32))
    return path
