"""From nothing to Bragg disks and back to nothing: the demonstration, its tour, and what it leaves behind."""

from __future__ import annotations

import json
import os
import secrets
import signal
import stat
import subprocess
import time
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from playwright.sync_api import expect

from beamside.demo.layout import Layout
from beamside.demo.tour import hub as hub_pages
from beamside.demo.tour.browser import open_browser
from tests.machine import machine
from tests.whole.conftest import Demo, Served

SPED = "sped-2x3x144.blo"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def status(demo: Demo) -> dict[str, Any]:
    """What the demonstration tells of itself."""
    return demo.status()


def tour(demo: Demo, output: Path, *options: str) -> tuple[int, dict[str, Any]]:
    """Take the tour; its exit status and tour.json."""
    done = demo.run("tour", f"--output={output}", *options, seconds=900)
    return done.returncode, json.loads((output / "tour.json").read_text(encoding="utf-8"))


@pytest.mark.browser
def test_the_demonstration_tours_serves_and_leaves_nothing(served: Served) -> None:
    """Every step holds, the synthetic scan is called so; it serves until Ctrl-C, and then all is gone."""
    assert (200, 0) == (served.hub, served.code), "".join(served.said)
    assert served.before == served.after
    assert any(served.status["urls"]["hub"] in line for line in served.said)
    assert {"ana", "ben", "kim"} <= {line.split()[0] for line in served.said if "password" in line}
    judge_synthetic_tour(json.loads((served.output / "tour.json").read_text(encoding="utf-8")), served.output)


def judge_synthetic_tour(told: dict[str, Any], output: Path) -> None:
    """All steps, the error against the truth, and the pictures."""
    assert (True, True) == (told["all_held"], told["synthetic"])
    disks = next(step["facts"] for step in told["steps"] if "rms_error_px" in step["facts"])
    assert (True, 576, 0) == (disks["synthetic"], disks["patterns"], disks["missing"])
    assert disks["rms_error_px"] < 0.15
    pictures = [name for step in told["steps"] for name in step["pictures"]]
    assert {"home.png", "identities.png", "spawn-form.png", "called-off.png", "start-again.png"} <= set(pictures)
    assert {"bragg-disks.png", "bragg-map.png", "join-cluster.png"} <= set(pictures)
    assert all((output / name).stat().st_size > 10_000 for name in pictures)


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_up_leaves_nothing(new_demo: Any, sign: signal.Signals) -> None:
    """Ctrl-C, kill and a closed terminal take back what was begun."""
    demo = new_demo()
    before = machine(demo.prefix)
    with subprocess.Popen(demo.argv("up"), stdout=subprocess.PIPE, text=True) as command:
        assert "Slurm" in next(iter(command.stdout or ()))
        command.send_signal(sign)
        assert 130 == command.wait(60)

    assert before == machine(demo.prefix)
    assert [] == marked_processes(demo.prefix)


@pytest.mark.browser
@pytest.mark.real_data
def test_the_tour_takes_a_real_scan(demo: Demo, real_data: Path, tmp_path: Path) -> None:
    """The six precession patterns hold the 420 disks that py4DSTEM finds in them, and are not called synthetic."""
    code, told = tour(demo, tmp_path, f"--scan={real_data / SPED}")

    assert (0, True, False) == (code, told["all_held"], told["synthetic"])
    disks = next(step["facts"] for step in told["steps"] if "disks" in step["facts"])
    assert (False, 6, 420) == (disks["synthetic"], disks["patterns"], disks["disks"])


@pytest.mark.browser
@pytest.mark.parametrize("login", ["ben", "kim"])
def test_who_has_no_account_here_reads_so_and_others_get_their_form(
    demo: Demo, status: dict[str, Any], login: str
) -> None:
    """The home institution lets everybody sign in; the facility decides who is somebody here."""
    account = {user["name"]: user["account"] for user in status["users"]}[login]
    password = demo.prefix.joinpath("state", "secrets", f"{login}.password").read_text(encoding="utf-8").strip()
    with open_browser(Layout(demo.prefix)) as browser:
        page = browser.new_page()
        hub_pages.sign_in(page, status["urls"]["hub"], login, password)
        page.get_by_role("button", name="Sign in").click()
        if account:
            expect(page.get_by_role("group", name="Reservation")).to_be_visible(timeout=30_000)
            assert "ncem-tonight" not in hub_pages.read_form(page)["reservation"]
        else:
            expect(page.get_by_text("No account")).to_be_visible(timeout=30_000)


def test_status_tells_where_everything_is(status: dict[str, Any]) -> None:
    """Addresses, people, files, processes and ports, in the words of the documentation."""
    wanted = {"urls", "users", "slurm_conf", "admin_token_file", "pids", "ports", "logs"}

    assert wanted <= set(status)
    assert {"hub", "facility", "sfapi", "identity", "token", "oidc"} == set(status["urls"])
    assert ["ana", "ben", "kim"] == [user["name"] for user in status["users"]]
    assert all(Path(path).exists() for path in (status["slurm_conf"], *status["logs"].values()))
    assert all(Path(f"/proc/{pid}").exists() for pid in status["pids"].values())


def test_secrets_are_readable_by_their_owner_only(status: dict[str, Any]) -> None:
    """Passwords, the admin token and the API keys lie in 0600 files."""
    clients = [user["api_client"] for user in status["users"] if user["api_client"]]
    files = [user["password_file"] for user in status["users"]] + [status["admin_token_file"]]
    files += [client["key_path"] for client in clients]

    assert {0o600} == {stat.S_IMODE(Path(path).stat().st_mode) for path in files}
    assert {13} == {len(client["id"]) for client in clients}


def test_an_api_key_becomes_its_owner_and_nobody_else(status: dict[str, Any]) -> None:
    """The key file that status names is enough for a token of ana's."""
    ana, url = status["users"][0], status["urls"]["token"]
    client_id, _, pem = Path(ana["api_client"]["key_path"]).read_text(encoding="utf-8").partition("\n")
    claims = {"iss": client_id, "sub": client_id, "aud": url, "exp": int(time.time()) + 60, "jti": secrets.token_hex(8)}
    form = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION}
    with httpx.Client(trust_env=False) as client:
        signed = jwt.encode(claims | {"iat": int(time.time())}, pem, "RS256")
        token = client.post(url, data=form | {"client_assertion": signed}).raise_for_status().json()["access_token"]
        me = client.get(f"{status['urls']['identity']}/me", headers={"Authorization": f"Bearer {token}"})

    assert ana["account"] == me.json()["user"]


def test_the_admin_token_opens_the_hub(status: dict[str, Any]) -> None:
    """An operator's scripts can use the hub's API."""
    token = Path(status["admin_token_file"]).read_text(encoding="utf-8").strip()
    url = f"{status['urls']['hub']}hub/api/users"
    answer = httpx.get(url, headers={"Authorization": f"token {token}"}, trust_env=False)

    assert 200 == answer.status_code


def test_a_second_up_changes_nothing(demo: Demo, status: dict[str, Any]) -> None:
    """What runs goes on running."""
    assert 0 == demo.run("up").returncode
    assert status == demo.status()


def test_up_restarts_what_was_killed(demo: Demo, status: dict[str, Any]) -> None:
    """One dead process is started again; the others, addresses and secrets stay."""
    os.kill(status["pids"]["institution"], 9)
    assert not demo.status()["up"]
    assert 0 == demo.run("up").returncode

    now = demo.status()
    assert now["up"]
    changed = {name for name, pid in now["pids"].items() if pid != status["pids"][name]}
    assert {"institution"} == changed
    assert status["urls"] == now["urls"]


def test_everything_listens_on_the_loopback_address_only(status: dict[str, Any]) -> None:
    """No port of the demonstration can be reached from another machine."""
    lines = subprocess.run(["ss", "-Hltn"], capture_output=True, text=True, check=True).stdout.splitlines()
    where = {local.rpartition(":")[::2] for local in (line.split()[3] for line in lines)}

    ports = {str(port) for port in status["ports"].values()}
    assert {"127.0.0.1"} == {address for address, port in where if port in ports}


@pytest.mark.parametrize("part", ["hub", "proxy_api"])
@pytest.mark.parametrize("protocol", ["http", "https"])
def test_inside_nobody_is_heard_without_a_certificate_of_the_hubs(
    status: dict[str, Any], part: str, protocol: str
) -> None:
    """Hub and proxy answer each other and the servers, over TLS, and no other program of the machine."""
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{protocol}://127.0.0.1:{status['ports'][part]}/", verify=False, trust_env=False)


@pytest.mark.parametrize("victims", [("hub", "slurmctld"), ("everything",)], ids=" and ".join)
def test_down_restores_the_machine_whatever_was_killed(new_demo: Any, victims: tuple[str, ...]) -> None:
    """Accounts, hosts, sudo's rules, routes, processes and listeners are as they were."""
    demo: Demo = new_demo()
    before = machine(demo.prefix)
    assert 0 == demo.run("up").returncode
    told = demo.status()
    for name, pid in told["pids"].items():
        if {name, "everything"} & set(victims):
            os.kill(pid, 9)
    assert 0 == demo.run("down").returncode

    judge_gone(demo, before)


def judge_gone(demo: Demo, before: dict[str, list[str]]) -> None:
    """Nothing of a demonstration is left, and the machine is as it was."""
    assert before == machine(demo.prefix)
    assert [] == marked_processes(demo.prefix)
    assert not (demo.prefix / "state").exists()
    assert not demo.status()["up"]


def test_up_begins_anew_after_an_up_that_was_killed(new_demo: Any) -> None:
    """kill -9 in the middle leaves halves; the next up clears them away first, and a plain down leaves nothing."""
    demo = new_demo()
    before = machine(demo.prefix)
    with subprocess.Popen(demo.argv("up"), stdout=subprocess.PIPE, text=True) as command:
        assert "Slurm" in next(iter(command.stdout or ()))
        command.kill()

    assert not demo.status()["up"]
    assert 0 == demo.run("up").returncode
    assert demo.status()["up"]
    assert 0 == demo.run("down").returncode
    judge_gone(demo, before)


def test_an_up_that_cannot_finish_leaves_nothing(new_demo: Any) -> None:
    """A part that is missing is named with its remedy, and what was begun is taken back."""
    demo: Demo = new_demo()
    before = machine(demo.prefix)
    (demo.prefix / "npm").unlink()
    up = demo.run("up")

    assert 1 == up.returncode
    assert "run `make demo`" in up.stderr
    assert before == machine(demo.prefix)
    assert (demo.prefix / "last-log" / "slurm" / "slurmdbd.out").exists()
    assert [] == marked_processes(demo.prefix)


@pytest.mark.needs_root
def test_an_account_that_exists_is_refused_and_left_alone(new_demo: Any) -> None:
    """The message names the account and the remedy."""
    demo: Demo = new_demo()
    name = f"{demo.user_prefix}beamside-hub"
    subprocess.run(["useradd", "--system", name], check=True)
    try:
        before = machine(demo.prefix)
        up = demo.run("up")

        assert 1 == up.returncode
        assert name in up.stderr
        assert before == machine(demo.prefix)
    finally:
        subprocess.run(["userdel", name], check=True)


def marked_processes(prefix: Path) -> list[str]:
    """Processes that still carry the prefix in their command line or environment."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            text = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
        except OSError:
            continue
        if str(prefix).encode() in text and int(entry.name) != os.getpid():
            found.append(text.decode(errors="replace")[:200])
    return found
