"""What people read of a demonstration that is up."""

from __future__ import annotations

from pathlib import Path

from beamside.demo.status import lines

KEYS = {"id": "abcdefghijklm", "key_path": "/p/api.key", "key_file": "/p/key.json"}
ANA = {"name": "ana", "account": "una", "api_client": KEYS}
BEN = {"name": "ben", "account": None, "api_client": None}


def status(folder: Path, **pids: int | None) -> dict[str, object]:
    """A status with two people whose passwords lie in `folder`."""
    users = []
    for user in (ANA, BEN):
        path = folder / f"{user['name']}.password"
        path.write_text(f"secret-of-{user['name']}\n", encoding="utf-8")
        users.append({**user, "password_file": str(path)})
    return {"mode": "rootless", "prefix": "/p", "pids": pids, "urls": {"hub": "http://127.0.0.1:1/"}, "users": users}


def test_who_reads_it_knows_what_to_open_and_as_whom(tmp_path: Path) -> None:
    """The address, then each person with the password and whether there is an account."""
    shown = lines(status(tmp_path, hub=7, munged=8))

    assert shown[0] == "all 2 processes run (rootless, below /p)"
    assert shown[1] == "open http://127.0.0.1:1/ in a browser of this machine and sign in as one of these:"
    assert shown[2].split() == ["ana", "password", "secret-of-ana", "account", "una"]
    assert shown[3].endswith("password secret-of-ben   no account here")


def test_what_does_not_run_is_named_with_the_remedy(tmp_path: Path) -> None:
    """By name, so that its log can be found."""
    shown = lines(status(tmp_path, hub=None, munged=8))

    assert shown[0] == "not running: hub (rootless, below /p)"
    assert "`beamside demo up` starts it again" in shown[1]
