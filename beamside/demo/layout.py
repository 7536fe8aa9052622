"""Where the demonstration keeps what: one prefix, everything below it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

VARIABLE = "BEAMSIDE_DEMO_PREFIX"
"""The environment variable that names another prefix than the default."""


def default_prefix() -> Path:
    """The prefix that VARIABLE names, else /opt/beamside-demo for root and the user's data folder for others."""
    if named := os.environ.get(VARIABLE):
        return Path(named).absolute()
    if os.geteuid() == 0:
        return Path("/opt/beamside-demo")
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data) / "beamside-demo"


@dataclass(frozen=True)
class Layout:
    """The folders and files of one prefix. What `up` makes lies in `state`; `down` removes that folder whole."""

    prefix: Path

    @property
    def journal(self) -> Path:
        """What `up` changed outside the prefix, written before each change."""
        return self.prefix / "machine.json"

    @property
    def lock(self) -> Path:
        """Held by the `up` or `down` that runs."""
        return self.prefix / "lock"

    @property
    def npm(self) -> Path:
        """The folder that holds `node_modules`."""
        return self.prefix / "npm"

    @property
    def libexec(self) -> Path:
        """The root helper and its configuration."""
        return self.prefix / "libexec"

    @property
    def state(self) -> Path:
        """Everything of one `up`: configuration, secrets, data, records of processes."""
        return self.prefix / "state"

    @property
    def slurm(self) -> Path:
        """Slurm's own directory."""
        return self.state / "slurm"

    @property
    def log(self) -> Path:
        """What the processes say. It outlives `state` as `last_log`, for whoever asks why an `up` failed."""
        return self.state / "log"

    @property
    def last_log(self) -> Path:
        """The logs of the `up` before."""
        return self.prefix / "last-log"

    @property
    def plan(self) -> Path:
        """Ports, addresses and names of this `up`; holds no secret."""
        return self.state / "plan.json"

    @property
    def is_complete(self) -> Path:
        """Exists once an `up` reached its end."""
        return self.state / "complete"

    @property
    def profile(self) -> Path:
        """The site's facility.toml, readable by everybody."""
        return self.state / "facility.toml"

    @property
    def secrets(self) -> Path:
        """0700: passwords of the people and the admin token, one 0600 file each."""
        return self.state / "secrets"

    def password(self, login: str) -> Path:
        """The file with somebody's password at the home institution."""
        return self.secrets / f"{login}.password"

    @property
    def admin_token(self) -> Path:
        """The file with the hub's admin API token."""
        return self.secrets / "admin.token"

    @property
    def homes(self) -> Path:
        """Home directories of the local accounts that `up` makes."""
        return self.state / "home"

    @property
    def scratch(self) -> Path:
        """One scratch directory a user: where notebooks start and scans lie."""
        return self.state / "scratch"
