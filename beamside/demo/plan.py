"""The plan of one `up`: ports, addresses and names, chosen once and kept until `down`. It holds no secret."""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass
from typing import Any

from beamside.demo import ports
from beamside.demo.accounts import PEOPLE, Accounts, Person
from beamside.demo.layout import Layout
from beamside.demo.people import People

CLIENT_ID = "beamside-hub"
"""The hub's client id at the institution."""

ID_LETTERS = "abcdefghijklmnopqrstuvwxyz234567"


@dataclass(frozen=True)
class Ports:
    """The ports of this demonstration beside Slurm's; each listener is on 127.0.0.1."""

    proxy: int  # what browsers open
    proxy_api: int
    hub: int
    facility: int
    institution: int
    identity: int  # where there are several users; else the facility service answers for it


@dataclass(frozen=True)
class Plan:
    """What every part of the demonstration must agree on."""

    accounts: Accounts
    ports: Ports
    clients: dict[str, str]  # login -> the 13-character id of the person's API client

    @property
    def hub_url(self) -> str:
        """Where people begin."""
        return f"http://127.0.0.1:{self.ports.proxy}/"

    @property
    def facility_url(self) -> str:
        """The facility service."""
        return f"http://127.0.0.1:{self.ports.facility}"

    @property
    def identity_url(self) -> str:
        """Identity: a process of its own, under a user of its own, where there are several users."""
        return self.facility_url if self.accounts.people.is_alone else f"http://127.0.0.1:{self.ports.identity}"

    @property
    def issuer(self) -> str:
        """The institution; `localhost`, so that its cookies, which know no ports, never reach a user's server."""
        return f"http://localhost:{self.ports.institution}"

    @property
    def redirect_uri(self) -> str:
        """Where the institution sends people back to."""
        return f"{self.hub_url}hub/oauth_callback"

    def has_account(self, person: Person) -> bool:
        """Whether this person has a local account here."""
        return bool(self.accounts.local(person))


def make_plan(accounts: Accounts) -> Plan:
    """Choose free ports and names for a new `up`."""
    with_account = [person for person in PEOPLE if accounts.local(person)]
    clients = {person.login: "".join(secrets.choice(ID_LETTERS) for _ in range(13)) for person in with_account}
    return Plan(accounts, Ports(*ports.free_ports(6)), clients)


def save_plan(layout: Layout, plan: Plan) -> None:
    """Write the plan whole, or not at all."""
    new = layout.plan.with_suffix(".new")
    new.write_text(json.dumps(asdict(plan), indent=1), encoding="utf-8")
    new.replace(layout.plan)


def load_plan(layout: Layout) -> Plan | None:
    """The plan of the `up` that was begun here, None where there is none."""
    try:
        raw: dict[str, Any] = json.loads(layout.plan.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    people = People(**raw["accounts"].pop("people"))
    return Plan(Accounts(people, **raw["accounts"]), Ports(**raw["ports"]), raw["clients"])
