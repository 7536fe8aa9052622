"""The hub of a site, for /etc/beamside: what is the same everywhere is hub_ext.configure's; here stand addresses."""

import hub_ext

c = get_config()  # noqa: F821 - JupyterHub provides it
hub_ext.configure(c, "/etc/beamside/facility.toml", "/var/lib/beamside-hub")
c.JupyterHub.bind_url = "https://jupyter.example.org"
c.JupyterHub.hub_bind_url = "http://10.0.0.5:8081"  # proxy and compute nodes reach the hub here
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:8001"
c.FacilitySpawner.cmd = ["/opt/beamside/venv/bin/jupyterhub-singleuser"]  # on the nodes
c.FacilitySpawner.job_python = "/opt/beamside/venv/bin/python"
c.Authenticator.admin_users = {"operator"}
