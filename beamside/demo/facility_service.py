"""The facility service's own folders, and identity's: who is linked to which account, and whose keys may sign."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from beamside.demo import secret_files
from beamside.demo.accounts import PEOPLE
from beamside.demo.errors import DemoError
from beamside.demo.layout import Layout
from beamside.demo.plan import CLIENT_ID, Plan
from facility.key_token import DEFAULT_KEY


def folder(layout: Layout) -> Path:
    """The service's 0700 directory."""
    return layout.state / "facility"


def identity_folder(layout: Layout, plan: Plan) -> Path:
    """Where logins, clients and keys lie: identity's own 0700 directory; the service's where there is one user."""
    return folder(layout) if plan.accounts.people.is_alone else layout.state / "identity"


def link_socket(layout: Layout) -> Path:
    """The socket of `beamside link`, which everybody reaches."""
    return layout.state / "link" / "link.sock"


def api_key(layout: Layout, local: str) -> Path:
    """The key of a person's API client: the client's id in the first line, then the key in PEM."""
    return layout.state / "keys" / local / "api.key"


def key_file(layout: Layout, local: str) -> Path:
    """The same key as the command reads it, with the facility's address."""
    return layout.state / "keys" / local / "key.json"


def argv(layout: Layout, python: Path) -> list[str]:
    """How the service is started."""
    return [str(python), "-m", "facility.service", f"--profile={layout.profile}", f"--state={folder(layout)}"]


def identity_argv(layout: Layout, plan: Plan, python: Path) -> list[str]:
    """How identity is started where it is a process of its own."""
    state = f"--state={identity_folder(layout, plan)}"
    return [str(python), "-m", "facility.service", f"--profile={layout.profile}", state, "serve", "identity"]


def write_configuration(layout: Layout, plan: Plan, subjects: dict[str, str], hub_key: RSAPrivateKey) -> None:
    """Make everybody's API key, and put logins, keys and the hub into the service's store, as identity's user."""
    secret_files.make_directory(folder(layout), owner=plan.accounts.facility)
    secret_files.make_directory(identity_folder(layout, plan), owner=plan.accounts.identity)
    secret_files.make_directory(link_socket(layout).parent, owner=plan.accounts.identity, mode=0o755)
    secret_files.make_directory(layout.state / "keys", mode=0o755)
    acts = [_client(layout, plan, CLIENT_ID, plan.accounts.hub, hub_key, "hub")]
    for person in PEOPLE:
        if local := plan.accounts.local(person):
            acts.append(["link", f"--iss={plan.issuer}", f"--sub={subjects[person.login]}", f"--user={local}"])
            acts.append(_person(layout, plan, person.login, local))
    _carry_out(layout, plan, acts)


def _person(layout: Layout, plan: Plan, login: str, local: str) -> list[str]:
    key, client_id = secret_files.rsa_key(), plan.clients[login]
    path = api_key(layout, local)
    secret_files.make_directory(path.parent, owner=local)
    secret_files.write_secret(path, f"{client_id}\n{secret_files.pem(key)}", owner=local)
    told = json.dumps({"client_id": client_id, "secret": secret_files.pem(key), "url": plan.facility_url})
    secret_files.write_secret(key_file(layout, local), told, owner=local)
    if not plan.accounts.people.is_alone:  # whoever is alone has a home of their own, with perhaps a key of their own
        _keep_at_home(local, told)
    return _client(layout, plan, client_id, local, key, "user")


def _keep_at_home(local: str, told: str) -> None:
    """Put a person's key where the command looks for it: `up` made this home, and `down` removes it."""
    folder = Path(pwd.getpwnam(local).pw_dir)
    for name in DEFAULT_KEY.parts[1:-1]:
        folder = secret_files.make_directory(folder / name, owner=local)
    secret_files.write_secret(folder / DEFAULT_KEY.name, told, owner=local)


def _client(layout: Layout, plan: Plan, client_id: str, owner: str, key: RSAPrivateKey, scope: str) -> list[str]:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    text = key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()
    place = identity_folder(layout, plan) / f"{client_id}.pub"
    path = secret_files.write_secret(place, text, owner=plan.accounts.identity)
    return ["client", "--id", client_id, "--owner", owner, "--public-key", str(path), "--scope", scope]


def _carry_out(layout: Layout, plan: Plan, acts: list[list[str]]) -> None:
    """Run the service's own commands, in one process of identity's user. Raises DemoError with their words."""
    shared = [f"--profile={layout.profile}", f"--state={identity_folder(layout, plan)}"]
    user = plan.accounts.identity
    who = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    done = subprocess.run(
        [sys.executable, "-m", "beamside.demo.seed"],
        input=json.dumps([[*shared, *act] for act in acts]),
        capture_output=True,
        text=True,
        cwd="/",
        env={"PATH": os.defpath, "LANG": "C.UTF-8", "HOME": str(identity_folder(layout, plan))},
        umask=0o077,
        timeout=60,
        check=False,
        **who,  # type: ignore[call-overload]  # typeshed wants the three names spelled out
    )
    if done.returncode != 0:
        raise DemoError(f"the facility service's store could not be filled: {done.stderr.strip()}")
