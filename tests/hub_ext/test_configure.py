"""A hub wired from one profile: what is set, what is made, and what is refused because others could read it."""

from __future__ import annotations

import stat
from pathlib import Path

import jwt
import pytest
from traitlets.config import Config

from beamside.demo import secret_files
from facility.errors import ProfileError
from hub_ext import configure
from hub_ext.keys import assertion, load_key, private_text


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The hub's folder as an operator makes it."""
    home = tmp_path / "hub"
    home.mkdir(mode=0o700)
    secret_files.write_secret(home / "hub.key", secret_files.pem(secret_files.rsa_key()))
    secret_files.write_secret(home / "proxy.token", "t" * 32 + "\n")
    return home


def configured(folder: Path) -> Config:
    """What configure() sets."""
    c = Config()
    configure(c, folder.parent / "facility.toml", folder)
    return c


def test_a_hub_restart_ends_nobodys_server(folder: Path) -> None:
    """Servers and proxy outlive the hub, and its start does not wait for them."""
    c = configured(folder)

    assert (False, False, False) == (
        c.JupyterHub.cleanup_servers, c.JupyterHub.cleanup_proxy, c.ConfigurableHTTPProxy.should_start
    )  # fmt: skip


def test_kernels_listen_on_no_port(folder: Path) -> None:
    """What a kernel prints goes to everybody on its node who asks its port; sockets in a 0700 folder are closed."""
    assert ["--KernelManager.transport=ipc"] == configured(folder).Spawner.args


def test_missing_secrets_are_made_once_and_kept_private(folder: Path) -> None:
    """Cookie secret and encryption key are random, 0600, and the same at the next start."""
    first, second = configured(folder), configured(folder)

    assert first.CryptKeeper["keys"] == second.CryptKeeper["keys"]
    assert 32 == len(first.CryptKeeper["keys"][0])
    assert {0o600} == {stat.S_IMODE((folder / name).stat().st_mode) for name in ("cookie.secret", "crypt.key")}


@pytest.mark.parametrize("name", ["proxy.token", "crypt.key"])
def test_a_secret_that_others_can_read_stops_the_hub(folder: Path, name: str) -> None:
    """A readable secret is no secret; the message says what to do."""
    configured(folder)
    (folder / name).chmod(0o640)

    with pytest.raises(ProfileError, match=f"{name} can be read by others"):
        configured(folder)


def test_a_folder_that_others_can_enter_stops_the_hub(folder: Path) -> None:
    """So is a folder of secrets."""
    folder.chmod(0o755)

    with pytest.raises(ProfileError, match="chmod 700"):
        configured(folder)


def test_a_missing_secret_is_named(folder: Path) -> None:
    """The error names the file."""
    (folder / "proxy.token").unlink()

    with pytest.raises(ProfileError, match=r"proxy\.token cannot be read"):
        configured(folder)


def test_an_assertion_is_short_lived_and_for_one_audience(folder: Path) -> None:
    """The hub's statement names itself, its audience, and is good for a minute and one use."""
    key = load_key(folder / "hub.key")
    said = [jwt.decode(assertion(key, "hub", "https://f/token"), key.public_key(), ["RS256"], audience="https://f/token")
            for _ in range(2)]  # fmt: skip

    assert ("hub", "hub", 60) == (said[0]["iss"], said[0]["sub"], said[0]["exp"] - said[0]["iat"])
    assert said[0]["jti"] != said[1]["jti"]


def test_a_key_file_of_something_else_is_refused(folder: Path) -> None:
    """Text that is no private key is named as such, and never shown."""
    secret_files.write_secret(folder / "other.key", "not a key")

    with pytest.raises(ProfileError, match="holds no private key") as refusal:
        load_key(folder / "other.key")
    assert "not a key" not in str(refusal.value)
    assert "t" * 32 == private_text(folder / "proxy.token")
