"""An account that is locked on the machine, in a service of real processes with the real root helper."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import httpx
import pytest

from beamside.demo.processes import wait_until
from facility.errors import NotAllowed
from facility.key_token import KeyToken, load_key

from .conftest import Site

pytestmark = [pytest.mark.slurm, pytest.mark.needs_root, pytest.mark.timeout(900)]  # a site and its keys are made first


def run(*argv: str, stdin: str = "") -> None:
    """An administrator's command."""
    subprocess.run(argv, input=stdin, text=True, check=True, timeout=60)


def test_the_tokens_of_an_account_that_is_locked_end_by_themselves(site: Site, tmp_path: Path) -> None:
    """Within a minute nothing takes them, and the key gets no others; both work again when the account is open."""
    client_id, pem = site.keys[site.ben]
    (tmp_path / "key").touch(mode=0o600)
    (tmp_path / "key").write_text(f"{client_id}\n{pem}", encoding="utf-8")
    key = load_key(tmp_path / "key")
    token = asyncio.run(KeyToken(key, site.token_url)())

    def status() -> int:
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.get(f"{site.url}/jobs", headers=headers, trust_env=False, timeout=30).status_code

    assert 200 == status()
    run("chpasswd", "--encrypted", stdin=f"{site.ben}:$6$salt$hash")
    run("usermod", "--lock", site.ben)
    try:
        wait_until(lambda: status() == 401, seconds=90, pause=0.5, otherwise=(site.folder / "state.log").read_text)
        with pytest.raises(NotAllowed, match="the account is locked"):
            asyncio.run(KeyToken(key, site.token_url)())
    finally:
        run("usermod", "--password", "!", site.ben)
    wait_until(lambda: status() == 200, seconds=90, pause=0.5, otherwise=(site.folder / "state.log").read_text)
