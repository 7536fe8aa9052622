"""The root helper, as an administrator would install it, called as a service user would call it."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from beamside.demo.slurm.cluster import SlurmCluster
from facility.places import NAME, STATE, claim_path, log_path
from facility.service.as_user import helper as as_user_helper
from facility.service.as_user.worker import own

from ...conftest import install_helper
from ..helping import Helper, frame

REPORTER = """#!/usr/bin/python3 -I
import json, os, sys
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
print(json.dumps({
    "ids": [*os.getresuid(), *os.getresgid()], "groups": os.getgroups(), "environment": dict(os.environ),
    "files": sorted(int(n) for n in os.listdir("/proc/self/fd")), "no_new_privs": status["NoNewPrivs"].strip(),
    "umask": status["Umask"].strip(), "arguments": sys.argv[1:], "input": sys.stdin.read(), "cwd": os.getcwd(),
}))
"""


@pytest.fixture(scope="module")
def helper(slurm: SlurmCluster) -> Iterator[Helper]:
    """A helper whose sbatch reports how it was run, and whose scancel never ends."""
    folder = slurm.directory.parent / "helper-tests"
    folder.mkdir(mode=0o755)
    commands = {}
    for name, text in (("sbatch", REPORTER), ("scancel", "#!/bin/sh\nexec sleep 1000\n")):
        commands[name] = str(folder / name)
        Path(commands[name]).write_text(text, encoding="utf-8")
        Path(commands[name]).chmod(0o755)
    people = slurm.people
    environment = {"PATH": "/usr/bin:/bin", "SLURM_CONF": "/etc/slurm.conf"}
    path = install_helper(folder / "libexec", people.group, environment, commands, refused_users=[people.ben])
    yield Helper(path, pwd.getpwnam(people.ana), people.ben)


pytestmark = [pytest.mark.needs_root, pytest.mark.slurm]


def test_it_becomes_the_person_entirely(helper: Helper) -> None:
    """Ids, groups, umask, directory, environment and descriptors are the person's own; nothing can be regained."""
    _, stdout, _ = helper.act(arguments=["--parsable", "--job-name=x y"], stdin=b"#!/bin/sh\n")
    told, ana = json.loads(stdout), helper.ana

    assert [ana.pw_uid] * 3 + [ana.pw_gid] * 3 == told["ids"]
    assert set(os.getgrouplist(ana.pw_name, ana.pw_gid)) == {*told["groups"], ana.pw_gid}
    assert (["--parsable", "--job-name=x y"], "#!/bin/sh\n") == (told["arguments"], told["input"])
    assert ("1", "0077", ana.pw_dir) == (told["no_new_privs"], told["umask"], told["cwd"])
    assert {"PATH", "SLURM_CONF", "HOME", "USER", "LOGNAME", "SHELL", "LC_CTYPE"} >= set(told["environment"])
    assert [0, 1, 2, 3] == told["files"]  # 3 is the listing of the directory itself


@pytest.mark.parametrize("user", ["root", "daemon", "nobody", "no-such-user", "", "../ana", "0", "Ana"])
def test_it_becomes_nobody_else(helper: Helper, user: str) -> None:
    """Root, the system's own accounts, unknown names and non-members are refused."""
    assert helper.refusal(user=user)


def test_a_service_user_is_refused(helper: Helper) -> None:
    """Also one that is a member of the group."""
    assert "is a service account" in helper.refusal(user=helper.service_user)


@pytest.mark.parametrize("verb", ["sh", "SBATCH", "", "srun", "put_claim"])
def test_other_verbs_are_refused(helper: Helper, verb: str) -> None:
    """The configuration names those that a caller may use."""
    assert "root may not do" in helper.refusal(verb=verb)


@pytest.mark.parametrize(
    "argument",
    ["--uid=0", "--gid=0", "--wrap=id", "--export=ALL", "-A", "script.sh", "--job-name=a\nb", "--propagate", "--acc=x"],
)
def test_options_of_sbatch_that_are_not_on_the_list_are_refused(helper: Helper, argument: str) -> None:
    """Nor abbreviations, nor scripts by path, nor control characters."""
    kind, words = helper.problem(arguments=[argument])

    assert ("refused", True) == (kind, "options that may be used" in words)


@pytest.mark.parametrize("arguments", [[], ["1", "2"], ["--user=ana"], ["1 2"], ["abc"]])
def test_scancel_takes_one_job(helper: Helper, arguments: list[str]) -> None:
    """And nothing else."""
    assert ("refused", "scancel takes one job id") == helper.problem(verb="scancel", arguments=arguments)


def test_a_command_that_hangs_is_killed(helper: Helper) -> None:
    """The helper keeps the time itself: its caller may not signal a process of root's."""
    assert ("late", "no answer in time") == helper.problem(verb="scancel", arguments=["7"], timeout=0.5)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"r",
        frame(b"r", b"")[:3],
        frame(b"i", b"{}"),
        frame(b"r", b"{}"),
        frame(b"r", b"[]"),
        frame(b"r", b"\xff"),
        frame(b"r", b'{"user":1,"verb":1,"arguments":1,"input":1,"timeout":1,"grant":1}'),
        b"r\xff\xff\xff\xff",
    ],
)
def test_what_is_no_request_is_refused(helper: Helper, raw: bytes) -> None:
    """Before anything is done."""
    done = subprocess.run([str(helper.path)], input=raw, capture_output=True, env={}, timeout=60, check=False)

    assert (as_user_helper.REFUSED, b"") == (done.returncode, done.stdout)


def test_a_claim_is_the_persons_alone(helper: Helper) -> None:
    """0600 in a 0700 directory, owned by the person; writing it again replaces it."""
    for secret in (b"first", b"second"):
        returncode, stdout, _ = helper.act(verb="put-claim", arguments=["nonce-1"], stdin=secret)
    path = Path(stdout.decode())
    file, folder = path.stat(), path.parent.stat()

    assert (0, claim_path(helper.ana.pw_dir, "nonce-1"), b"second") == (returncode, path, path.read_bytes())
    assert (helper.ana.pw_uid, 0o600, 0o700) == (file.st_uid, file.st_mode & 0o777, folder.st_mode & 0o777)


def test_a_job_is_handed_in_with_its_claim(helper: Helper) -> None:
    """One act: the secret lies in its file, and neither sbatch's arguments nor the script hold it."""
    _, stdout, _ = helper.act(verb="put-claim", arguments=["n", "--parsable"], stdin=b"s3cret\0#!/bin/sh\n")
    told = json.loads(stdout)

    assert (["--parsable"], "#!/bin/sh\n") == (told["arguments"], told["input"])
    assert b"s3cret" == claim_path(helper.ana.pw_dir, "n").read_bytes()


@pytest.mark.parametrize(
    ("options", "said"),
    [(["--wrap=id"], b"s\0#!/bin/sh\n"), (["--parsable"], b"s"), ([], b"s\0#!/bin/sh\n"), ([], b"")],
)
def test_a_claim_comes_with_a_whole_job_or_none(helper: Helper, options: list[str], said: bytes) -> None:
    """Options of the list where a script follows the secret, and a script where there are options."""
    assert "refused" == helper.problem(verb="put-claim", arguments=["n", *options], stdin=said)[0]


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".hidden", "x" * 101, "a\nb"])
def test_a_claims_name_is_a_name(helper: Helper, name: str) -> None:
    """No path, no hidden file, no control character."""
    assert "put-claim takes one name" in helper.problem(verb="put-claim", arguments=[name], stdin=b"s")[1]


@pytest.mark.parametrize("kind", ["claims", "logs"])
def test_a_directory_that_is_a_link_is_refused(helper: Helper, kind: str, tmp_path: Path) -> None:
    """A link could lead a secret to where others read."""
    helper.act(verb="put-claim", arguments=["n"], stdin=b"s")
    place = Path(helper.ana.pw_dir, STATE, kind)
    place.rename(place.with_name("aside"))
    place.symlink_to(tmp_path)
    try:
        said = helper.call(verb="put-claim", arguments=["n"], stdin=b"s")
    finally:
        place.unlink()
        place.with_name("aside").rename(place)

    assert said.last and "refused" in said.last
    assert [] == list(tmp_path.iterdir())


def test_the_end_of_a_log_is_read(helper: Helper) -> None:
    """As many lines as were asked for."""
    helper.act(verb="put-claim", arguments=["n"], stdin=b"s")
    log = log_path(helper.ana.pw_dir, "job.log")
    log.write_bytes(b"".join(b"line %d\n" % n for n in range(50_000)))
    os.chown(log, helper.ana.pw_uid, helper.ana.pw_gid)

    assert (0, b"line 49998\nline 49999\n", b"") == helper.act(verb="tail-log", arguments=["job.log", "2"])


def test_a_log_that_is_a_link_or_a_pipe_is_not_read(helper: Helper) -> None:
    """Neither leads anywhere, nor hangs."""
    helper.act(verb="put-claim", arguments=["n"], stdin=b"s")
    link, pipe = log_path(helper.ana.pw_dir, "link"), log_path(helper.ana.pw_dir, "pipe")
    link.symlink_to("/etc/hostname")
    os.mkfifo(pipe)
    os.chown(pipe, helper.ana.pw_uid, helper.ana.pw_gid)
    found = [helper.problem(verb="tail-log", arguments=[name, "5"])[0] for name in ("link", "pipe")]
    link.unlink()
    pipe.unlink()

    assert ["refused", "refused"] == found


def test_each_act_leaves_a_line(helper: Helper) -> None:
    """Who, for whom, what; the secret is not in it."""
    log = helper.path.with_name("audit.log")
    before = len(log.read_text().splitlines()) if log.exists() else 0
    helper.act(verb="put-claim", arguments=["n"], stdin=b"very secret")
    lines = log.read_text().splitlines()[before:]

    assert (1, True, False) == (len(lines), f"for {helper.ana.pw_name}" in lines[0], "secret" in lines[0])
    assert 0o600 == log.stat().st_mode & 0o777


@pytest.mark.parametrize("name", ["as-user", "as-user.json", "as_user_worker", "as_user_worker/run.py", "."])
def test_a_helper_that_others_can_change_does_nothing(helper: Helper, name: str) -> None:
    """Neither the program, nor its configuration, nor their directory."""
    place = helper.path.parent / name
    mode = place.stat().st_mode & 0o777
    place.chmod(mode | 0o020)
    try:
        words = helper.refusal()
    finally:
        place.chmod(mode)

    assert "can be changed by others than root" in words


def test_without_root_it_does_nothing(helper: Helper) -> None:
    """A person who calls it gains nothing."""
    done = subprocess.run(
        [str(helper.path)], input=b"{}", capture_output=True, env={}, timeout=60, check=False,
        user=helper.ana.pw_uid, group=helper.ana.pw_gid, extra_groups=[],
    )  # fmt: skip

    assert (as_user_helper.REFUSED, True) == (done.returncode, b"must be started as root" in done.stderr)


@pytest.mark.parametrize(
    ("close", "reopen", "words"),
    [
        (("chage", "-E", "2020-01-01"), ("chage", "-E", "-1"), "the account expired on 2020-01-01"),
        (("passwd", "-q", "-l"), ("passwd", "-q", "-d"), "the account is locked"),
    ],
)
def test_nothing_is_done_for_an_account_that_is_closed(
    helper: Helper, close: tuple[str, ...], reopen: tuple[str, ...], words: str
) -> None:
    """Expired by chage, locked by passwd: the act is refused in a sentence; opened again, all is as ever."""
    name = helper.ana.pw_name
    subprocess.run(["chpasswd", "--encrypted"], input=f"{name}:$6$salt$hash".encode(), check=True, timeout=60)
    subprocess.run([*close, name], check=True, timeout=60)
    try:
        refusal = helper.refusal()
    finally:
        subprocess.run([*reopen, name], check=True, timeout=60)
        subprocess.run(["usermod", "--password", "!", name], check=True, timeout=60)

    assert f"{name} may not log in here: {words}" in refusal
    assert 0 == helper.act()[0]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("ana:$6$x$y:20000:0:99999:7:::", ""),
        ("ana:!:20000:0:99999:7:::", ""),  # never had a password: logs in by keys or an institution
        ("ana:!!:20000:0:99999:7:::", ""),
        ("ana:*:20000:0:99999:7:::", ""),
        ("ana:!$6$x$y:20000:0:99999:7:::", "the account is locked"),
        ("ana:$6$x$y:20000:0:99999:7::20001:", ""),
        ("ana:$6$x$y:20000:0:99999:7::20000:", "the account expired on 2024-10-04"),
        ("ana:*:20000:0:99999:7::0:", "the account expired on 1970-01-01"),
        ("", ""),  # of a directory: this machine's file says nothing of it
    ],
)
def test_which_lines_of_shadow_close_an_account(line: str, why: str) -> None:
    """shadow(5): the expiry counts always, a lock where it stands before a password."""
    assert why == as_user_helper.closed(line, 20000)


def test_helper_and_facility_agree_on_places() -> None:
    """The helper stands alone, so it says for itself where files lie."""
    assert (STATE.parts, NAME.pattern) == (own.STATE, own.FILE_NAME.pattern)
