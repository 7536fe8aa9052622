"""The demonstration's own daemons beside Slurm's: how each is started, as whom, and when it is ready."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from beamside.demo import facility_service, hub, institution, processes
from beamside.demo.errors import DemoError
from beamside.demo.layout import Layout
from beamside.demo.node import find_node
from beamside.demo.plan import Plan
from beamside.demo.ports import is_free, listens
from beamside.demo.slurm.cluster import SlurmCluster


@dataclass(frozen=True)
class Daemon:
    """One process of ours. It is ready when `url` answers with anything below 500.

    One that speaks TLS lets in only who shows a certificate of the hub's: it is ready when it listens.
    """

    name: str
    argv: list[str]
    user: str
    environment: dict[str, str]
    port: int
    url: str
    seconds: float = 60.0


def daemons(layout: Layout, plan: Plan, cluster: SlurmCluster) -> list[Daemon]:
    """The daemons in the order they need each other."""
    node, python = find_node(layout), Path(sys.executable)
    path = f"{python.parent}:{node.parent}:{cluster.packages.path}"
    plain = {"PATH": path, "LANG": "C.UTF-8"}
    of_slurm = {**plain, "SLURM_CONF": str(cluster.conf), "BEAMSIDE_PROFILE": str(layout.profile)}
    who, ports = plan.accounts, plan.ports
    # service users have no home; rootless the hub acts in the one user's own, where the jobs look for their claims
    alone = who.people.is_alone
    of_facility = {**of_slurm, "HOME": str(Path.home() if alone else facility_service.folder(layout))}
    of_hub = {**of_slurm, "HOME": str(Path.home() if alone else layout.state / "hub")}
    identity = Daemon(
        "identity", facility_service.identity_argv(layout, plan, python), who.identity,
        {**of_slurm, "HOME": str(facility_service.identity_folder(layout, plan))},
        ports.identity, f"{plan.identity_url}/health",
    )  # fmt: skip
    return [
        Daemon(
            "institution", institution.argv(layout, node), who.institution, plain,
            ports.institution, f"{plan.issuer}/.well-known/openid-configuration",
        ),
        *([] if alone else [identity]),
        Daemon(
            "facility", facility_service.argv(layout, python), who.facility, of_facility,
            ports.facility, f"{plan.facility_url}/health",
        ),
        Daemon(
            "proxy", cluster.inside(hub.proxy_argv(layout, plan, node)), who.hub, plain | hub.proxy_environment(layout),
            ports.proxy_api, f"https://127.0.0.1:{ports.proxy_api}/",
        ),
        Daemon(
            "hub", cluster.inside(hub.hub_argv(layout, python)), who.hub, of_hub,
            ports.hub, f"{plan.hub_url}hub/health",
        ),
    ]  # fmt: skip


def ensure(layout: Layout, daemon: Daemon) -> None:
    """Start the daemon unless it runs, and wait until it answers. Raises DemoError with its last words."""
    if processes.recorded(layout.state, daemon.name) is None:
        if not is_free(daemon.port):
            raise DemoError(
                f"port {daemon.port} of 127.0.0.1, which {daemon.name} had, was taken by another program;"
                " start the demonstration again, and it chooses other ports"
            )
        processes.start(
            layout.state, daemon.name, daemon.argv, user=daemon.user, environment=daemon.environment, umask=0o077
        )
    with httpx.Client(timeout=5.0, trust_env=False) as client:
        processes.wait_until(
            lambda: processes.recorded(layout.state, daemon.name) is None or _is_ready(client, daemon),
            seconds=daemon.seconds,
            otherwise=_words(layout, daemon, f"gave no answer at {daemon.url} within {daemon.seconds:g} s"),
            pause=0.05,
        )
    if processes.recorded(layout.state, daemon.name) is None:
        raise DemoError(_words(layout, daemon, "ended at once")())


def _is_ready(client: httpx.Client, daemon: Daemon) -> bool:
    if daemon.url.startswith("https:"):
        return listens(daemon.port)
    try:
        return client.get(daemon.url).status_code < 500
    except httpx.HTTPError:
        return False


def _words(layout: Layout, daemon: Daemon, what: str) -> Callable[[], str]:
    def words() -> str:
        path = layout.log / f"{daemon.name}.out"
        lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return f"{daemon.name} {what}: {' | '.join(lines[-3:]) or 'it said nothing'} (all of it: {layout.last_log})"

    return words
