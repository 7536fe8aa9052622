"""python -m facility.service: its directory, its commands, and what it refuses at the start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key

from facility.errors import ProfileError
from facility.service.__main__ import main
from facility.service.database import Database
from facility.service.identity.desk import GRANT_KEY
from facility.service.identity.grants import grant_key
from facility.service.identity.store import Link, Store
from facility.service.state import open_state
from facility.testing import free_port

from .conftest import public_pem

Run = Callable[..., int]


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    """A facility.toml with commands that are not there."""
    path = tmp_path / "facility.toml"
    commands = "".join(f'{name} = "/nowhere/{name}"\n' for name in ("squeue", "sacct", "sinfo", "sacctmgr", "scontrol"))
    path.write_text(
        f'name = "t"\n[service]\nurl = "http://127.0.0.1:{free_port()}"\n'
        f'[systems.t]\ntitle = "t"\n[systems.t.commands]\n{commands}',
        encoding="utf-8",
    )
    return path


@pytest.fixture
def run(profile: Path, tmp_path: Path) -> Run:
    """The command, in this process."""
    return lambda *words: main([f"--profile={profile}", f"--state={tmp_path / 'state'}", *words])


@pytest.fixture
def key_file(tmp_path: Path, rsa_key: RSAPrivateKey) -> Path:
    """A public key."""
    path = tmp_path / "key.pub"
    path.write_text(public_pem(rsa_key), encoding="ascii")
    return path


def test_the_key_is_random_secret_and_kept(tmp_path: Path) -> None:
    """Made at the first start, 0600, the same at the second."""
    one, other = open_state(tmp_path / "one"), open_state(tmp_path / "other")

    assert grant_key(one / GRANT_KEY) == grant_key(one / GRANT_KEY) != grant_key(other / GRANT_KEY)
    assert (0o600, 0o700) == ((one / GRANT_KEY).stat().st_mode & 0o777, one.stat().st_mode & 0o777)


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o702])
def test_a_directory_that_others_can_enter_is_refused(tmp_path: Path, mode: int) -> None:
    """The message says what it must be."""
    tmp_path.chmod(mode)

    with pytest.raises(ProfileError, match="0700"):
        open_state(tmp_path)


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """So is one that is too short."""
    grant_key(tmp_path / GRANT_KEY)
    (tmp_path / GRANT_KEY).chmod(0o644)
    with pytest.raises(ProfileError, match="0600"):
        grant_key(tmp_path / GRANT_KEY)
    (tmp_path / GRANT_KEY).chmod(0o600)
    (tmp_path / GRANT_KEY).write_bytes(b"short")

    with pytest.raises(ProfileError):
        grant_key(tmp_path / GRANT_KEY)


def test_clients_and_links_are_registered_from_the_command_line(
    run: Run, person: str, key_file: Path, tmp_path: Path
) -> None:
    """Twice is no error: an installation is run again."""
    for _ in range(2):
        assert 0 == run("client", "--id", "cli", "--owner", person, "--public-key", str(key_file))
        assert 0 == run("link", "--iss", "https://i", "--sub", "s", "--user", person)
    with closing(Database(f"sqlite:///{tmp_path}/state/identity.sqlite3", "identity")) as database:
        store = Store(database)
        found = store.client("cli"), store.link("https://i", "s")

    client, link = found
    assert (person, "user", key_file.read_text()) == (client.owner, client.scopes, client.public_key)
    assert Link("https://i", "s", person) == link


@pytest.mark.parametrize("user", ["root", "no-such-user", "Root"])
def test_nobody_is_linked_to_a_system_account(run: Run, user: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line says why."""
    assert 2 == run("link", "--iss", "https://i", "--sub", "s", "--user", user)
    assert user in capsys.readouterr().err


def test_a_private_or_short_key_is_not_registered(
    run: Run, person: str, rsa_key: RSAPrivateKey, tmp_path: Path
) -> None:
    """A private key has no business here, and a short one is no key."""
    short = generate_private_key(public_exponent=65537, key_size=1024)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "private").write_bytes(rsa_key.private_bytes(*form))
    (tmp_path / "short").write_text(public_pem(short), encoding="ascii")
    answers = [
        run("client", "--id", "x", "--owner", person, "--public-key", str(tmp_path / name))
        for name in ("private", "short", "missing")
    ]

    assert [2, 2, 2] == answers


def test_a_client_id_is_not_taken_over(run: Run, person: str, key_file: Path, tmp_path: Path) -> None:
    """Another key under the same name is refused."""
    other = tmp_path / "other.pub"
    other.write_text(public_pem(generate_private_key(public_exponent=65537, key_size=2048)), encoding="ascii")
    line = ("client", "--id", "cli", "--owner", person, "--public-key")

    assert [0, 2] == [run(*line, str(key_file)), run(*line, str(other))]


def test_it_serves_on_loopback_only(run: Run, profile: Path) -> None:
    """TLS to the outside is a proxy's work."""
    profile.write_text(profile.read_text().replace("127.0.0.1", "0.0.0.0"))

    assert 2 == run()


@pytest.fixture
def start(profile: Path, tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Start the service as its own process."""
    running: list[subprocess.Popen[bytes]] = []

    def begin() -> subprocess.Popen[bytes]:
        argv = [sys.executable, "-m", "facility.service", f"--profile={profile}", f"--state={tmp_path / 'state'}"]
        environment = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LANG") if name in os.environ}
        with (tmp_path / f"log-{len(running)}").open("wb") as log:
            running.append(subprocess.Popen(argv, stderr=log, env=environment, cwd=Path(__file__).parents[3]))
        return running[-1]

    yield begin
    for process in running:
        process.kill()
        process.wait()


def wait_health(profile: Path) -> dict[str, object]:
    """The service's own word, as soon as it answers."""
    url = profile.read_text().split('url = "')[1].split('"')[0]
    deadline = time.monotonic() + 30
    while True:
        try:
            return httpx.get(f"{url}/health", trust_env=False).json()
        except httpx.TransportError:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_it_serves_without_a_scheduler_and_ends_at_sigterm(
    start: Callable[[], subprocess.Popen[bytes]], profile: Path, tmp_path: Path
) -> None:
    """What is down is said to be down; the end is clean."""
    process = start()
    health = wait_health(profile)
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=60)
    states = {part["name"]: part["state"] for part in health["subsystems"]}

    assert (False, "down", None) == (health["ok"], states["scheduler"], health["poll_age"])
    assert "/nowhere/squeue did not start" in str(health)
    assert "Traceback" not in (tmp_path / "log-0").read_text()


def test_a_killed_process_leaves_no_lock(start: Callable[[], subprocess.Popen[bytes]], profile: Path) -> None:
    """After kill -9 the next one serves."""
    first = start()
    wait_health(profile)
    first.kill()
    first.wait()
    start()

    assert wait_health(profile)["version"]


def test_sigterm_leaves_no_question_behind(
    start: Callable[[], subprocess.Popen[bytes]], profile: Path, tmp_path: Path
) -> None:
    """A command that hangs at the scheduler ends with the service."""
    hanging = tmp_path / "squeue"
    hanging.write_text(f"#!/bin/sh\necho $$ >{tmp_path}/pid\nexec sleep 600\n")
    hanging.chmod(0o755)
    profile.write_text(profile.read_text().replace("/nowhere/squeue", str(hanging)))
    process = start()
    wait_health(profile)
    deadline = time.monotonic() + 10
    while not (tmp_path / "pid").exists() or not (pid := (tmp_path / "pid").read_text().strip()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.terminate()

    assert 0 == process.wait(timeout=60)
    assert not Path("/proc", pid).exists()
