"""A hub whose servers batchspawner's SlurmSpawner starts: what its documentation and a hub on the same machine ask for.

Whoever needs more (a database of its own, faults, other commands) adds lines.
"""

from __future__ import annotations

import sys
from pathlib import Path

from beamside.demo.plan import Ports
from tests.hub_ext.conftest import ADMIN

STOCK = """\
import os
import batchspawner  # noqa: F401 - adds the route that its jobs call
from pathlib import Path
here = Path(__file__).parent
c = get_config()  # noqa: F821
c.JupyterHub.bind_url = "http://127.0.0.1:{proxy}/"
c.JupyterHub.hub_bind_url = "http://127.0.0.1:{hub}"
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy_api}"
c.ConfigurableHTTPProxy.auth_token = (here / "proxy.token").read_text()
c.ConfigurableHTTPProxy.should_start = False
c.JupyterHub.cleanup_servers = False
c.JupyterHub.cookie_secret_file = str(here / "stock-cookie.secret")
c.JupyterHub.authenticator_class = "dummy"
c.DummyAuthenticator.password = "{admin}"
c.Authenticator.allow_all = True
c.JupyterHub.allow_named_servers = True
c.JupyterHub.services = [{{"name": "operator", "api_token": "{admin}"}}]
c.JupyterHub.load_roles = [{{"name": "operator", "services": ["operator"],
    "scopes": ["admin:users", "admin:servers", "tokens", "access:servers", "read:metrics"]}}]
c.JupyterHub.spawner_class = "batchspawner.SlurmSpawner"
c.Spawner.cmd = [{server!r}]
c.Spawner.poll_interval = 2
c.Spawner.environment = {{name: os.environ[name] for name in {passed!r} if name in os.environ}}
c.BatchSpawnerBase.exec_prefix = ""
c.BatchSpawnerBase.batchspawner_singleuser_cmd = {wrapper!r}
c.BatchSpawnerBase.req_runtime = "0:10:00"
c.SlurmSpawner.req_srun = ""
c.SlurmSpawner.req_options = "--job-name={job_name}"
"""

PASSED = ("PATH", "SLURM_CONF", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "LD_LIBRARY_PATH")
"""What sbatch and the job find of the hub's environment."""


def stock_configuration(ports: Ports, server: Path, job_name: str) -> str:
    """The hub's configuration; `server` is the program of its servers, `job_name` what its jobs are called."""
    wrapper = str(Path(sys.executable).with_name("batchspawner-singleuser"))
    return STOCK.format(
        admin=ADMIN, server=str(server), passed=PASSED, wrapper=wrapper, job_name=job_name, **vars(ports)
    )
