"""A hub that a test may configure otherwise, an institution that tells more of its people, and a browser's steps."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from beamside.demo import secret_files
from beamside.demo.institution import IDP

if TYPE_CHECKING:
    from ..conftest import HubAtWork

MFA = "https://refeds.org/profile/mfa"
SECRET_CLIENT = "beamside-secret"
IDP_ID = "urn:uuid:f2f1e1ac-3f2b-4d5b-9f0f-0b1c4c0e7a55"
"""What Globus would call the institution."""


@dataclass
class Federation:
    """The hub's institution, facility and settings, and how to change them."""

    hub: HubAtWork
    code: str = "314159"  # ana's second factor at home

    @property
    def provider_file(self) -> Path:
        """What the institution reads when it starts."""
        return self.hub.layout.state / "institution" / "provider.json"

    @property
    def hub_file(self) -> Path:
        """The hub's configuration."""
        return self.hub.folder / "jupyterhub_config.py"

    @property
    def profile_file(self) -> Path:
        """The facility's profile."""
        return self.hub.place / "facility.toml"

    def restart(self, *names: str) -> None:
        """Start processes anew, and wait for all."""
        for name in names:
            if name in self.hub.processes:
                self.hub.kill(name)
            self.hub.start(name)
        self.hub.wait_up()

    def tell(self, login: str, **claims: Any) -> None:
        """Let the institution say this of a person, from its next start on."""
        known = json.loads(self.provider_file.read_text(encoding="utf-8"))
        person = next(person for person in known["people"] if person["login"] == login)
        person["claims"].update(claims)
        self.provider_file.write_text(json.dumps(known), encoding="utf-8")

    def second_factor(self, login: str) -> None:
        """Give a person a second factor at home."""
        known = json.loads(self.provider_file.read_text(encoding="utf-8"))
        person = next(person for person in known["people"] if person["login"] == login)
        person["second"] = {"acr": MFA, **secret_files.scrypt_record(self.code)}
        self.provider_file.write_text(json.dumps(known), encoding="utf-8")

    @contextlib.contextmanager
    def configured(self, hub_lines: str = "", profile_lines: str = "") -> Iterator[None]:
        """A hub with these lines more in its configuration and its profile, and the former one afterwards."""
        before = {path: path.read_text(encoding="utf-8") for path in (self.hub_file, self.profile_file)}
        try:
            self.configure(hub_lines, profile_lines)
            yield
        finally:
            for path, text in before.items():
                path.write_text(text, encoding="utf-8")
            self.restart(*(["facility", "hub"] if profile_lines else ["hub"]))

    def configure(self, hub_lines: str = "", profile_lines: str = "") -> None:
        """Add lines to the configuration and the profile, and let what reads them start anew."""
        for path, lines in ((self.hub_file, hub_lines), (self.profile_file, profile_lines)):
            path.write_text(f"{path.read_text(encoding='utf-8')}\n{lines}\n", encoding="utf-8")
        self.restart(*(["facility", "hub"] if profile_lines else ["hub"]))

    def register(self, *verb: str) -> None:
        """Change identity's store as an operator does from a shell."""
        hub = self.hub
        files = [f"--profile={self.profile_file}", f"--state={hub.place / 'facility'}"]
        argv = hub.slurm.inside([sys.executable, "-m", "facility.service", *files, *verb])
        who = {}
        if os.geteuid() == 0:
            account = pwd.getpwnam(hub.user)
            who = {
                "user": account.pw_uid,
                "group": account.pw_gid,
                "extra_groups": os.getgrouplist(hub.user, account.pw_gid),
            }
        subprocess.run(argv, check=True, env=hub.environment, cwd=hub.place, timeout=120, **who)

    def browser(self) -> AbstractContextManager[httpx.Client]:
        """A browser without any cookie yet."""
        return httpx.Client(base_url=self.hub.plan.hub_url, trust_env=False, timeout=60)

    def sign_in(self, browser: httpx.Client, login: str, start: str = "/hub/oauth_login") -> httpx.Response:
        """Click "sign in", fill in the institution's form, and follow until a page comes."""
        page = browser.get(start, follow_redirects=True)
        password = self.hub.password(login)
        return browser.post(page.url, data={"login": login, "password": password}, follow_redirects=True)

    def entered(self, login: str) -> httpx.Response:
        """The page that a new browser of this person sees after signing in."""
        with self.browser() as browser:
            return self.sign_in(browser, login)

    @staticmethod
    def words(page: httpx.Response) -> str:
        """What a page says, in one line."""
        main = page.text.partition("<main")[2] or page.text
        return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", main))


@pytest.fixture(scope="session")
def told_federation(running_hub: HubAtWork) -> Federation:
    """An institution with a client that has a secret, and people of whom it says more."""
    made = Federation(running_hub)
    secret = secrets.token_urlsafe(32)
    secret_file = running_hub.folder / "client.secret"
    secret_files.write_secret(secret_file, secret, owner=secret_file.parent.owner())
    known = json.loads(made.provider_file.read_text(encoding="utf-8"))
    keyless = {name: value for name, value in known["clients"][0].items() if "jwks" not in name and "alg" not in name}
    method = {"client_id": SECRET_CLIENT, "client_secret": secret, "token_endpoint_auth_method": "client_secret_basic"}
    known["clients"].append(keyless | method)
    made.provider_file.write_text(json.dumps(known), encoding="utf-8")
    text = made.profile_file.read_text(encoding="utf-8")
    text = text.replace('["beamside-hub"]', f'["beamside-hub", "{SECRET_CLIENT}"]')
    made.profile_file.write_text(f'{text}\n[service.login]\nidps = ["{IDP}", "{IDP_ID}"]\n', encoding="utf-8")
    made.tell("ana", identity_provider=IDP_ID, email="kim@lakeside.example")
    made.second_factor("ana")
    made.tell("ben", identity_provider=IDP_ID)
    made.tell("kim", idp="https://idp.elsewhere.example")
    made.restart("institution", "facility", "hub")
    return made


@pytest.fixture
def federation(told_federation: Federation, hub: HubAtWork) -> Federation:
    """That institution, with a hub that has no server, no job and no fault."""
    assert told_federation.hub is hub
    return told_federation


@pytest.fixture(scope="module")
def strict_federation(told_federation: Federation) -> Iterator[Federation]:
    """A site that asks for a fresh sign-in with two factors."""
    with told_federation.configured(profile_lines=f'acr = ["{MFA}"]\nmax_age_minutes = 10'):
        yield told_federation


@pytest.fixture
def strict(strict_federation: Federation) -> Federation:
    """That site."""
    return strict_federation
