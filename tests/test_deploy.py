"""What a site copies: every command in it is one that this version understands."""

from __future__ import annotations

import argparse
import configparser
import json
import re
import secrets
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest
from jupyterhub.app import JupyterHub
from jupyterhub.auth import Authenticator
from jupyterhub.proxy import ConfigurableHTTPProxy
from jupyterhub.spawner import Spawner
from traitlets.config import PyFileConfigLoader

from beamside import serve
from beamside.demo import secret_files
from beamside.demo.layout import Layout, default_prefix
from beamside.demo.node import find_module, find_node
from beamside.demo.ports import free_ports, listens
from beamside.demo.processes import wait_until
from facility.profile import read_profile
from facility.service.app import SERVICES
from facility.service.as_user.helper import CLOSED_ACCOUNTS
from facility.service.identity.verbs import SCOPES_OF

DEPLOY = Path(__file__).parents[1] / "deploy"
GUIDE = (DEPLOY.parent / "docs" / "admin.md").read_text(encoding="utf-8")
SERVED = [DEPLOY / "beamside-facility.service", DEPLOY / "beamside-identity.service"]
PROXY, HUB = DEPLOY / "beamside-proxy.service", DEPLOY / "beamside-hub.service"
UNITS = sorted(DEPLOY.glob("*.service"))
TOKEN = secrets.token_hex(16)


def blocks(language: str) -> list[str]:
    """The admin guide's blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


def unit(path: Path) -> dict[str, str]:
    """The [Service] section."""
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's keys have capitals
    parser.read(path)
    return dict(parser["Service"])


@pytest.mark.parametrize("path", SERVED, ids=lambda path: path.stem)
def test_a_units_command_is_understood(path: Path) -> None:
    """Options and microservices exist, and the state directory is the one systemd makes, closed to others."""
    section = unit(path)
    program, verb, *words = section["ExecStart"].split()
    parser = argparse.ArgumentParser()
    serve.add_arguments(parser)
    chosen = parser.parse_args(words)

    assert ("/opt/beamside/venv/bin/beamside", "serve") == (program, verb)
    assert set(chosen.names) <= set(SERVICES)
    assert chosen.listen.startswith("127.0.0.1:")
    assert (chosen.state.name, "0700") == (section["StateDirectory"], section["StateDirectoryMode"])


def test_the_services_do_not_share_a_user_or_a_port() -> None:
    """Who holds the keys is not who speaks with everybody; the proxy's addresses are the units'."""
    sections = [unit(path) for path in SERVED]
    listening = {section["ExecStart"].split("--listen ")[1] for section in sections}
    proxied = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")

    assert 2 == len({section["User"] for section in sections}) == len(listening)
    assert {"beamside-identity", "beamside-facility", "beamside-hub", None} == {unit(one).get("User") for one in UNITS}
    assert all(f"proxy_pass http://{address};" in proxied for address in listening)


def test_the_helpers_configuration_is_one_that_it_takes() -> None:
    """Its keys are those of the reference, and each service user may do what its part of the product does."""
    found = json.loads((DEPLOY / "as-user.json").read_text(encoding="utf-8"))
    page = (DEPLOY.parent / "docs" / "reference" / "facility.md").read_text(encoding="utf-8")
    example = json.loads(page.split("\n## The root helper\n")[1].split("```json\n")[1].split("```")[0])
    facility, hub = found["callers"]["beamside-facility"], found["callers"]["beamside-hub"]

    assert {key: type(value) for key, value in example.items()} == {key: type(value) for key, value in found.items()}
    assert (set(SCOPES_OF) - {"command"} | {CLOSED_ACCOUNTS}, True) == (set(facility["verbs"]), facility["grants"])
    assert ({"scancel", "put-claim", "tail-log"}, False) == (set(hub["verbs"]), hub["grants"])


def test_the_guides_facility_is_one_that_the_product_reads() -> None:
    """Every key exists, and the group is the one that the shipped helper's configuration names."""
    facts = read_profile(blocks("toml")[0], "admin.md")
    helper = json.loads((DEPLOY / "as-user.json").read_text(encoding="utf-8"))

    assert facts.as_user is not None
    assert facts.as_user.group == helper["group"]


def test_the_guides_hub_is_the_shipped_file() -> None:
    """An operator can copy either, and it is no longer than the guide says."""
    shipped = (DEPLOY / "jupyterhub_config.py").read_text(encoding="utf-8").partition('"""\n\n')[2]

    assert blocks("python")[0] == shipped
    assert 10 >= len([line for line in shipped.splitlines() if line])


def test_the_shipped_hub_is_configured_for_the_shipped_proxy(tmp_path: Path) -> None:
    """It is read as JupyterHub reads it; addresses are the unit's, and nothing but addresses is the site's own."""
    home = tmp_path / "hub"
    home.mkdir(mode=0o700)
    secret_files.write_secret(home / "proxy.token", TOKEN)
    text = (DEPLOY / "jupyterhub_config.py").read_text(encoding="utf-8")
    (tmp_path / "jupyterhub_config.py").write_text(text.replace("/var/lib/beamside-hub", str(home)), encoding="utf-8")
    c = PyFileConfigLoader("jupyterhub_config.py", path=str(tmp_path)).load_config()
    words = unit(PROXY)["ExecStart"]

    assert c.ConfigurableHTTPProxy.api_url == "http://127.0.0.1:8001"
    assert "--api-ip=127.0.0.1 --api-port=8001" in words
    assert f"--default-target={c.JupyterHub.hub_bind_url} --error-target={c.JupyterHub.hub_bind_url}/hub/error" in words
    assert "proxy_pass http://127.0.0.1:8000;" in (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    assert "--ip=127.0.0.1 --port=8000" in words
    assert (False, TOKEN) == (c.JupyterHub.cleanup_servers, c.ConfigurableHTTPProxy.auth_token)
    for known in (JupyterHub, ConfigurableHTTPProxy, Authenticator, Spawner):
        assert set() == set(c[known.__name__]) - set(known.class_traits(config=True))


def test_the_hubs_unit_starts_it_in_the_folder_of_its_secrets() -> None:
    """One folder for systemd, for the configuration and for the process."""
    section = unit(HUB)
    state = f"/var/lib/{section['StateDirectory']}"

    assert section["ExecStart"] == "/opt/beamside/venv/bin/jupyterhub --config=/etc/beamside/jupyterhub_config.py"
    assert (state, "0700") == (section["WorkingDirectory"], section["StateDirectoryMode"])
    assert f'"{state}")' in (DEPLOY / "jupyterhub_config.py").read_text(encoding="utf-8")


def test_the_shipped_proxy_runs_and_takes_routes_from_its_hub_only(tmp_path: Path) -> None:
    """The unit's own options, understood by the proxy itself; without the token nobody changes a route."""
    layout = Layout(default_prefix())
    public, inward, metrics, target = free_ports(4)
    words = unit(PROXY)["ExecStart"].split()[1:]
    for given, free in {"8000": public, "8001": inward, "8002": metrics}.items():
        words = [re.sub(rf"port={given}$", f"port={free}", word) for word in words]
    words = [word.replace("10.0.0.5:8081", f"127.0.0.1:{target}") for word in words]
    program = find_module(layout, "configurable-http-proxy") / "bin" / "configurable-http-proxy"
    api = f"http://127.0.0.1:{inward}/api/routes"
    with (tmp_path / "log").open("wb") as log, httpx.Client(trust_env=False, timeout=60) as client:
        proxy = subprocess.Popen(
            [str(find_node(layout)), str(program), *words],
            env={"CONFIGPROXY_AUTH_TOKEN": TOKEN},
            stdout=log,
            stderr=log,
        )
        try:
            wait_until(
                lambda: listens(inward) and listens(metrics), seconds=120, otherwise=(tmp_path / "log").read_text
            )
            assert 403 == client.get(api).status_code
            found = client.get(api, headers={"Authorization": f"token {TOKEN}"})
            assert {"/": f"http://127.0.0.1:{target}"} == {path: one["target"] for path, one in found.json().items()}
            assert 503 == client.get(f"http://127.0.0.1:{public}/hub/").status_code  # the hub is not there
            assert "requests_web" in client.get(f"http://127.0.0.1:{metrics}/metrics").text
        finally:
            proxy.kill()
            proxy.wait()


@pytest.mark.skipif(shutil.which("visudo") is None and not Path("/usr/sbin/visudo").exists(), reason="needs sudo")
def test_the_sudo_rule_is_one(tmp_path: Path) -> None:
    """visudo reads it."""
    rule = tmp_path / "rule"
    shutil.copy(DEPLOY / "beamside.sudoers", rule)
    rule.chmod(0o440)
    done = subprocess.run(["/usr/sbin/visudo", "-cf", str(rule)], capture_output=True, text=True, check=False)

    assert 0 == done.returncode, done.stdout + done.stderr
