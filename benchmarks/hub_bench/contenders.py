"""Who is compared: each a configuration of the same JupyterHub, in the same Python environment."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version

BATCHSPAWNER = "batchspawner==1.3.0"
"""The peer of every figure that names batchspawner."""

_EVERYBODY = """\
import sys
from pathlib import Path
sys.path.insert(0, {benchmarks!r})
from hub_bench.loop_delay import watch
here = Path(__file__).parent
c = get_config()  # noqa: F821
{own}
c.JupyterHub.bind_url = "http://127.0.0.1:{proxy}/"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{hub}"
c.JupyterHub.cleanup_servers = c.JupyterHub.cleanup_proxy = False
c.ConfigurableHTTPProxy.should_start = False
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy_api}"
c.JupyterHub.allow_named_servers = True
c.JupyterHub.concurrent_spawn_limit = 0
c.JupyterHub.tornado_settings.update({{"slow_spawn_timeout": 3600}})  # a start is answered when the server is ready
c.JupyterHub.services = [{{"name": "operator", "api_token": {admin!r}}}]
c.JupyterHub.load_roles = [{{"name": "operator", "services": ["operator"],
    "scopes": ["admin:users", "admin:servers", "tokens", "access:servers"]}}]
c.Spawner.cmd = [{server!r}]
c.Spawner.args = ["--KernelManager.transport=ipc"]
c.Spawner.environment = {{"BENCHMARK_NOTES": {notes!r}, "PATH": {path!r}, "SLURM_CONF": {conf!r}}}
watch(here / "loop.txt")
"""

_BEAMSIDE = """\
import hub_ext
hub_ext.configure(c, here.parent / "facility.toml", here)
"""

_STOCK = """\
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.db_url = f"sqlite:///{here / 'hub.sqlite'}"
c.JupyterHub.cookie_secret_file = str(here / "cookie.secret")
"""

_BATCHSPAWNER = f"""{_STOCK}
import batchspawner
c.JupyterHub.spawner_class = "batchspawner.SlurmSpawner"
c.SlurmSpawner.exec_prefix = ""  # the hub and the jobs are the same user's
c.SlurmSpawner.req_srun = ""  # no step within the job, as with the other
c.SlurmSpawner.req_runtime = "01:00:00"
c.SlurmSpawner.start_timeout = 7200  # it counts the time in the queue too
c.SlurmSpawner.http_timeout = 120
"""

_LIGHT = "c.SlurmSpawner.batchspawner_singleuser_cmd = str(here.parent / 'announce.py')  # see announce.py\n"

_NULL = f"""{_STOCK}
from jupyterhub.spawner import Spawner
class NullSpawner(Spawner):
    async def start(self): return "127.0.0.1", int((here.parent / "null.port").read_text())
    async def stop(self, now=False): pass
    async def poll(self): return None
c.JupyterHub.spawner_class = NullSpawner
c.Spawner.http_timeout = 120
"""


@dataclass(frozen=True)
class Contender:
    """One hub configuration.

    own : the part of jupyterhub_config.py that is this contender's alone.
    processes : what its hub needs beside it.
    """

    name: str
    own: str
    processes: tuple[str, ...] = ("proxy", "hub")

    def configuration(self, **facts: object) -> str:
        """The whole of jupyterhub_config.py."""
        return _EVERYBODY.format(own=self.own, **facts)

    def show(self) -> None:
        """Print what sets it apart, as it stands in its configuration file."""
        print(f"--- {self.name}", flush=True)
        for line in self.own.strip().splitlines():
            print(f"    {line}", flush=True)


BEAMSIDE = Contender("beamside", _BEAMSIDE, ("institution", "facility", "proxy", "hub"))
NULL = Contender("JupyterHub's null spawner", _NULL)
"""Starts nothing: every server is one that listens already. What JupyterHub and its proxy themselves cost."""


def batchspawner(*, light: bool) -> Contender:
    """The peer; `light` replaces what its jobs do until they tell their port.

    Raises SystemExit where another version is installed.
    """
    name, _, wanted = BATCHSPAWNER.partition("==")
    if (found := version(name)) != wanted:
        raise SystemExit(f"this compares with {BATCHSPAWNER}, and {found} is installed: pip install {BATCHSPAWNER}")
    own = _BATCHSPAWNER + (_LIGHT if light else "")
    return Contender(f"{name} {wanted}", own)
