"""Where the verbs find the facility and the credentials, and what they say when there are none."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from beamside.command import main
from facility.discovery import check_url
from facility.errors import ProfileError
from facility.testing import free_port


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No key, no facility, no hub."""
    for name in ("BEAMSIDE_KEY", "BEAMSIDE_URL", "BEAMSIDE_PROFILE", "JUPYTERHUB_API_URL", "JUPYTERHUB_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def test_without_a_facility_the_ways_to_name_one_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 2: the configuration."""
    assert 2 == main(["whoami"])
    assert "--url" in capsys.readouterr().err


def test_without_a_key_the_ways_to_name_one_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is sent."""
    assert 2 == main(["whoami", "--url", f"http://127.0.0.1:{free_port()}"])
    assert "--key" in capsys.readouterr().err


def test_a_facility_that_does_not_answer_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 4, one line, the address in it; health needs no key."""
    url = f"http://127.0.0.1:{free_port()}"
    assert 4 == main(["health", "--url", url])
    assert (True, 1) == (url in (said := capsys.readouterr().err), said.count("\n"))


def test_a_key_that_others_may_read_is_not_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 2, with the remedy."""
    key = tmp_path / "key.json"
    key.write_text(json.dumps({"client_id": "x", "secret": "y"}), encoding="utf-8")
    key.chmod(0o644)

    assert 2 == main(["whoami", "--url", "http://127.0.0.1:1", "--key", str(key)])
    assert "chmod 600" in capsys.readouterr().err


@pytest.mark.parametrize("url", ["http://facility.example.org", "ftp://x", "facility", "http://127.0.0.1.example.org"])
def test_tokens_never_travel_in_clear(url: str) -> None:
    """Plain HTTP is for this machine alone."""
    with pytest.raises(ProfileError, match=r"in clear|no URL"):
        check_url(url)


@pytest.mark.parametrize("url", ["http://127.0.0.1:8400/", "http://[::1]:8400", "https://facility.example.org"])
def test_https_and_this_machine_are_fine(url: str) -> None:
    """Without the slash at the end."""
    assert url.rstrip("/") == check_url(url)


def test_a_missing_extra_is_named(tmp_path: Path) -> None:
    """Instead of a traceback."""
    program = "import sys; sys.modules['rich'] = None; from beamside.command import main; sys.exit(main(['whoami']))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert 2 == done.returncode
    assert "pip install 'beamside[cli]'" in done.stderr
