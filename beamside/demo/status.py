"""What runs, where it listens, and where secrets and logs lie; asked of files and /proc only, so it answers at once."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from beamside.demo import processes
from beamside.demo.accounts import PEOPLE
from beamside.demo.facility_service import api_key, key_file
from beamside.demo.layout import Layout
from beamside.demo.plan import Plan, load_plan
from beamside.demo.slurm.cluster import SlurmCluster

OURS = ("institution", "identity", "facility", "proxy", "hub")


def read_status(layout: Layout) -> dict[str, Any]:
    """The answer of `beamside demo status --json`; `up` is true when every process runs."""
    plan = load_plan(layout)
    if plan is None:
        return {"up": False, "prefix": str(layout.prefix)}
    slurm = SlurmCluster(layout.slurm, people=plan.accounts.people, prefix=layout.prefix).status()
    ours = [name for name in OURS if name != "identity" or not plan.accounts.people.is_alone]
    found = {name: processes.recorded(layout.state, name) for name in ours}
    pids = {name: record.pid if record else None for name, record in found.items()}
    pids |= {daemon.name: daemon.pid for daemon in slurm.daemons}
    return {
        "up": layout.is_complete.exists() and all(pids.values()),
        "mode": "rootless" if plan.accounts.people.is_alone else "root",
        "prefix": str(layout.prefix),
        "urls": urls(plan),
        "users": [_user(layout, plan, person.login) for person in PEOPLE],
        "slurm_conf": slurm.conf,
        "profile": str(layout.profile),
        "admin_token_file": str(layout.admin_token),
        "pids": pids,
        "ports": vars(plan.ports) | slurm.ports,
        "logs": {name: str(layout.log / f"{name}.out") for name in ours} | {d.name: d.log for d in slurm.daemons},
    }


def urls(plan: Plan) -> dict[str, str]:
    """The addresses people and programs begin at."""
    return {
        "hub": plan.hub_url,
        "facility": plan.facility_url,
        "sfapi": f"{plan.facility_url}/api/v1.2",
        "identity": f"{plan.identity_url}/identity",
        "token": f"{plan.identity_url}/identity/token",
        "oidc": plan.issuer,
    }


def _user(layout: Layout, plan: Plan, login: str) -> dict[str, Any]:
    person = next(person for person in PEOPLE if person.login == login)
    local = plan.accounts.local(person)
    known: dict[str, Any] = {"name": login, "account": local or None, "password_file": str(layout.password(login))}
    if not local:
        return known | {"scratch": None, "api_client": None}
    client = {
        "id": plan.clients[login],
        "key_path": str(api_key(layout, local)),
        "key_file": str(key_file(layout, local)),
    }
    return known | {"scratch": str(layout.scratch / local), "api_client": client}


def lines(status: dict[str, Any]) -> list[str]:
    """The status for people."""
    if "urls" not in status:
        return [f"nothing is up below {status['prefix']}"]
    dead = sorted(name for name, pid in status["pids"].items() if pid is None)
    state = f"not running: {', '.join(dead)}" if dead else f"all {len(status['pids'])} processes run"
    shown = [f"{state} ({status['mode']}, below {status['prefix']})"]
    if dead:
        shown += ["`beamside demo up` starts it again, `beamside demo down` takes everything down"]
    shown += [f"open {status['urls']['hub']} in a browser of this machine and sign in as one of these:"]
    return [*shown, *map(user_line, status["users"]), "or ask the facility from a terminal:", command_line(status)]


def command_line(status: dict[str, Any]) -> str:
    """How the first of them asks the facility from a terminal."""
    user, command = status["users"][0], Path(sys.executable).with_name("beamside")
    if status["mode"] == "rootless":
        return f"  BEAMSIDE_KEY={user['api_client']['key_file']} {command} whoami"
    return f"  su - {user['account']} -c '{command} whoami'"


def user_line(user: dict[str, Any]) -> str:
    """One person: name, password where the reader may see it, and the local account."""
    path = Path(user["password_file"])
    password = path.read_text(encoding="utf-8").strip() if os.access(path, os.R_OK) else f"in {path}"
    account = f"account {user['account']}" if user["account"] else "no account here"
    return f"  {user['name']:4} password {password}   {account}"
