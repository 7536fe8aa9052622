"""Who may call the root helper, and for what: callers by their uid, acts by their grants."""

from __future__ import annotations

import json
import os
import pwd
import secrets
import signal
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from beamside.demo.processes import wait_until
from beamside.demo.slurm.cluster import SlurmCluster
from facility.errors import NotAllowed
from facility.service.as_user import helper as as_user_helper
from facility.service.clock import SystemClock
from facility.service.identity.closed import ClosedAccounts

from ...conftest import install_helper
from ..helping import END, Helper, frame, sign
from .test_helper import REPORTER

pytestmark = [pytest.mark.needs_root, pytest.mark.slurm]
FACILITY, HUB = "daemon", "nobody"  # accounts that every system has, as service users
LASTING = "lasting-program"  # fifteen characters, all that Linux tells; a `sleep` may be some job's of the same person


@pytest.fixture(scope="module")
def helper(slurm: SlurmCluster) -> Iterator[Helper]:
    """A helper whose facility needs grants, and whose hub may do two things without."""
    folder = slurm.directory.parent / "grant-tests"
    folder.mkdir(mode=0o755)
    lasting = folder / LASTING
    lasting.symlink_to("/bin/sleep")
    commands = {}
    for name, text in (("sbatch", REPORTER), ("scancel", f"#!/bin/sh\n{lasting} 1000 & {lasting} 1000\n")):
        commands[name] = str(folder / name)
        Path(commands[name]).write_text(text, encoding="utf-8")
        Path(commands[name]).chmod(0o755)
    callers = {
        FACILITY: {"verbs": ["sbatch", "scancel", "ls", "write", "command", "closed-accounts"], "grants": True},
        HUB: {"verbs": ["sbatch", "tail-log"], "grants": False},
    }
    people, environment = slurm.people, {"PATH": "/usr/bin:/bin"}
    path = install_helper(
        folder / "libexec", people.group, environment, commands, callers=callers, refused_users=[people.kim], shell=True
    )
    key = secrets.token_bytes(32)
    file = path.with_name("grant.key")
    file.write_bytes(key)
    file.chmod(0o600)
    yield Helper(path, pwd.getpwnam(people.ana), people.ben, key, FACILITY)


def lines(helper: Helper) -> int:
    """How many acts the audit log knows."""
    log = helper.path.with_name("audit.log")
    return len(log.read_text().splitlines()) if log.exists() else 0


def test_a_grant_lets_one_act_happen_once(helper: Helper) -> None:
    """The same grant again is refused, and the log tells by which grant it was."""
    request = helper.request(b"#!/bin/sh\n", arguments=["--parsable"])
    grant = helper.grant(request, jti="jti-of-this-very-test")
    status, out, _ = helper.act(b"#!/bin/sh\n", arguments=["--parsable"], grant=grant)
    again = helper.refusal(stdin=b"#!/bin/sh\n", arguments=["--parsable"], grant=grant)

    assert (0, ["--parsable"]) == (status, json.loads(out)["arguments"])
    assert "the grant was used before" == again
    assert f"{FACILITY} by grant jti-of-this-very-test for" in helper.path.with_name("audit.log").read_text()


@pytest.mark.parametrize(
    ("different", "words"),
    [
        ({"user": "somebody"}, "another act"),
        ({"uid": 0}, "another act"),
        ({"verb": "write"}, "another act"),
        ({"digest": "0" * 64}, "another act"),
        ({"digest": None}, "another act"),
        ({"exp": int(time.time()) - 10}, "has ended"),
        ({"exp": int(time.time()) + 4000}, "longer than a grant may be"),
        ({"exp": time.time() + 30}, "has ended"),
        ({"exp": "soon"}, "has ended"),
        ({"jti": ""}, "no id"),
        ({"jti": "../../../etc/x"}, "no id"),
        ({"jti": 7}, "no id"),
    ],
)
def test_a_grant_for_something_else_is_refused(helper: Helper, different: dict[str, object], words: str) -> None:
    """Another person, uid, verb, other arguments, another time: nobody is become, nothing is logged as done."""
    before = lines(helper)
    request = helper.request()

    assert words in helper.refusal(grant=helper.grant(request, **different))
    assert before == lines(helper)


def test_a_grant_holds_for_its_arguments_and_its_input_alone(helper: Helper) -> None:
    """Neither another option nor another script; the script is judged when it has come."""
    request = helper.request(b"#!/bin/sh\ntrue\n", arguments=["--time=1"])
    grant = helper.grant(request)
    other = helper.refusal(stdin=b"#!/bin/sh\ntrue\n", arguments=["--time=2"], grant=grant)
    raw = json.dumps(request | {"grant": grant}).encode()
    swapped = helper.send(frame(b"r", raw) + frame(b"i", b"#!/bin/sh\nrm -r ~\n") + END)

    assert "another act" in other
    assert {"refused": "not-allowed", "words": "the input is not the one that was granted"} == swapped.last


@pytest.mark.parametrize("forged", ["", ".", "x", "x.y", "é.é", "eyJ9.", "A" * 5000])
def test_what_is_no_grant_is_refused(helper: Helper, forged: str) -> None:
    """However it looks."""
    assert "not made by this facility's identity service" in helper.refusal(grant=forged)


def test_a_grant_of_another_key_is_refused(helper: Helper) -> None:
    """And so is one whose payload was changed after it was signed."""
    request = helper.request()
    good = helper.grant(request)
    body, signature = good.split(".")
    foreign = sign(secrets.token_bytes(32), json.loads(as_user_helper._unbase64(body)))

    for grant in (foreign, f"{body[:-2]}AA.{signature}", f"{body}.{signature[:-2]}"):
        assert "not made by this facility's" in helper.refusal(grant=grant)


def test_a_grant_that_holds_nothing_is_refused(helper: Helper) -> None:
    """Even with a good signature."""
    for payload in ({}, [], "text", None, {"user": "ana"}):
        assert "does not hold what a grant holds" in helper.refusal(grant=sign(helper.key, payload))  # type: ignore[arg-type]  # that is the test


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_key_that_others_could_read_is_no_key(helper: Helper, mode: int) -> None:
    """Nothing is done until an administrator has put that right."""
    file = helper.path.with_name("grant.key")
    file.chmod(mode)
    try:
        assert "can be read by others" in helper.refusal()
    finally:
        file.chmod(0o600)


@pytest.mark.parametrize("owner", [FACILITY, HUB])
def test_a_key_of_a_callers_own_is_no_key(helper: Helper, owner: str) -> None:
    """Who asks for acts may not be who grants them."""
    file = helper.path.with_name("grant.key")
    os.chown(file, pwd.getpwnam(owner).pw_uid, -1)
    try:
        assert "can be read by others" in helper.refusal()
    finally:
        os.chown(file, 0, -1)


def test_a_key_behind_a_link_or_a_pipe_is_no_key(helper: Helper) -> None:
    """Nor one that is not there, nor a short one."""
    file, aside = helper.path.with_name("grant.key"), helper.path.with_name("aside")
    file.rename(aside)
    try:
        missing = helper.refusal()
        file.symlink_to(aside)
        linked = helper.refusal()
        file.unlink()
        os.mkfifo(file, 0o600)
        piped = helper.refusal()
        file.unlink()
        file.write_bytes(b"short")
        file.chmod(0o600)
        short = helper.refusal()
    finally:
        file.unlink(missing_ok=True)
        aside.rename(file)

    assert all("cannot be read" in words for words in (missing, linked))
    assert ("can be read by others" in piped, "holds no key" in short) == (True, True)


def test_a_folder_of_used_grants_that_others_can_change_stops_everything(helper: Helper) -> None:
    """It fails closed."""
    spent = helper.path.with_name("spent")
    spent.chmod(0o777)
    try:
        assert "must be a directory of root's" in helper.refusal()
    finally:
        spent.chmod(0o700)


def test_used_grants_are_forgotten_when_they_have_ended(helper: Helper) -> None:
    """A folder for each minute, and none for long ago."""
    spent = helper.path.with_name("spent")
    old = spent / str(int(time.time()) // 60 - 10)
    old.mkdir()
    (old / "jti").touch()
    helper.act(b"#!/bin/sh\n")

    assert not old.exists()
    assert all(int(place.name) * 60 > time.time() - 120 for place in spent.iterdir())


def test_each_caller_has_its_own_verbs(helper: Helper) -> None:
    """The hub does its few without a grant, and no others; whoever is not named does nothing."""
    hub = Helper(helper.path, helper.ana, helper.service_user, caller=HUB)
    stranger = Helper(helper.path, helper.ana, helper.service_user, caller="bin")
    root = Helper(helper.path, helper.ana, helper.service_user)

    assert 0 == hub.act(b"#!/bin/sh\n")[0]
    assert f"{HUB} may not do 'scancel'" in hub.refusal(verb="scancel", arguments=["7"])
    assert f"{FACILITY} may not do 'tail-log'" in helper.refusal(verb="tail-log", arguments=["x", "1"])
    assert f"uid {pwd.getpwnam('bin').pw_uid} is not among the callers" in stranger.refusal()
    assert "uid 0 is not among the callers" in root.refusal()


@pytest.mark.parametrize("user", ["root", FACILITY, HUB, "no-such-user", "../ana", ""])
def test_a_good_grant_makes_nobody_of_whom_is_nobodys_person(helper: Helper, user: str) -> None:
    """The helper judges the account itself: root, the system's, the services' own, and what is none."""
    request = helper.request(user=user)
    assert helper.refusal(user=user, grant=helper.grant(request, uid=0))


def test_the_worker_finds_neither_key_nor_descriptors_nor_environment(helper: Helper) -> None:
    """The person's own shell may look around: what it finds is the person's."""
    text = (
        "cat /proc/$PPID/environ | tr '\\0' '\\n'; ls /proc/$PPID/fd | wc -l; grep -c SECRET /proc/$PPID/environ; id -u"
    )
    status, out, _ = helper.act(verb="command", arguments=[text])
    told = out.decode().split()

    assert (0, str(helper.ana.pw_uid), "0") == (status, told[-1], told[-2])
    assert {"LC_ALL=C.UTF-8"} == {word for word in told if "=" in word}
    assert int(told[-3]) < 10


def test_who_goes_away_leaves_nothing_running(helper: Helper) -> None:
    """Whatever was started is killed with all it started, as soon as the caller's end of the pipe is closed."""
    request = helper.request(verb="scancel", arguments=["7"], timeout=50.0)
    request["grant"] = helper.grant(request)
    uid = {"SUDO_UID": str(pwd.getpwnam(FACILITY).pw_uid)}
    with subprocess.Popen(
        [str(helper.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=uid
    ) as process:
        assert process.stdin
        process.stdin.write(frame(b"r", json.dumps(request).encode()) + END)
        process.stdin.flush()
        wait(lambda: running(helper.ana.pw_uid, LASTING) == 2)
        process.stdin.close()
        process.wait(60)
        wait(lambda: running(helper.ana.pw_uid, LASTING) == 0)

    assert -signal.SIGKILL == process.returncode


def test_a_caller_that_goes_away_in_the_middle_of_a_file_leaves_no_file(helper: Helper, tmp_path: Path) -> None:
    """Neither whole nor part."""
    folder = helper.path.parent.parent / "drop"
    folder.mkdir()
    os.chown(folder, helper.ana.pw_uid, -1)
    request = helper.request(verb="write", arguments=[str(folder / "file"), "overwrite", "100000"], input="stream")
    request["grant"] = helper.grant(request)
    uid = {"SUDO_UID": str(pwd.getpwnam(FACILITY).pw_uid)}
    with subprocess.Popen([str(helper.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=uid) as process:
        assert process.stdin
        process.stdin.write(frame(b"r", json.dumps(request).encode()) + frame(b"i", b"x" * 1000))
        process.stdin.flush()
        wait(lambda: any(folder.iterdir()))
        process.stdin.write(struct.pack(">cI", b"i", 1000) + b"cut")
        process.stdin.close()
        process.wait(60)

    assert [] == list(folder.iterdir())


def running(uid: int, name: str) -> int:
    """How many programs of this name somebody runs."""
    count = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            count += process.stat().st_uid == uid and (process / "comm").read_text().strip() == name
        except OSError:
            continue  # it ended meanwhile
    return count


def wait(condition: Callable[[], bool]) -> None:
    """Until it holds, ten seconds at most."""
    wait_until(condition, seconds=60, otherwise=lambda: "it never came to hold", pause=0.02)


def test_which_accounts_are_closed_is_told_under_roots_signature_to_who_may_ask(helper: Helper) -> None:
    """No grant is needed and nobody is become; identity, which shares the key, believes it and no other."""
    name, before = helper.ana.pw_name, lines(helper)
    subprocess.run(["chage", "-E", "2020-01-01", name], check=True, timeout=60)
    try:
        status, out, _ = helper.act(user="", verb="closed-accounts", grant="")
    finally:
        subprocess.run(["chage", "-E", "-1", name], check=True, timeout=60)
    known = ClosedAccounts(helper.key, SystemClock())

    assert (0, "the account expired on 2020-01-01") == (status, known.hear(out.decode()).get(name))
    with pytest.raises(NotAllowed, match="the account expired on 2020-01-01"):
        known.check(name)
    known.check(helper.service_user)
    assert before == lines(helper)
    with pytest.raises(NotAllowed):
        ClosedAccounts(b"x" * 32, SystemClock()).hear(out.decode())
    assert "may not do 'closed-accounts'" in replace(helper, caller=HUB, key=b"").refusal(verb="closed-accounts")
