#!/usr/bin/python3 -IS
"""The only code that runs as root: judge a request, become one person for good, and turn into the fixed worker.

Installed root-owned, with its configuration `as-user.json` and the worker beside it by `libexec`, and called through a
sudo rule for exactly this file. Standard library only: with -I and -S neither the environment nor any site-packages are
looked at. It reads one frame on standard input, the letter r, four bytes of length (big-endian) and JSON::

    {"user": "ana", "verb": "sbatch", "arguments": ["--parsable"], "input": "…", "timeout": 25.0, "grant": "…"}

and leaves what follows to the worker (`facility.service.as_user.worker`), which judges the arguments as that person.
What is refused here ends with status 77 and one line on the error stream. One question it answers itself, as root, for
nobody: which accounts are closed.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import ctypes
import grp
import hashlib
import hmac
import json
import os
import pwd
import re
import resource
import shutil
import stat
import struct
import sys
import syslog
import time
from pathlib import Path
from typing import Any, NoReturn

REFUSED = 77
LEAST_UID = 1000  # below it live the system's own accounts, whatever the configuration says
LARGEST_REQUEST = 2**20
GRANT_SECONDS = 60  # the longest that a grant may still be good for
DAY = 86400
LEEWAY = 5  # seconds that two clocks may differ
WORKER = "as_user_worker"
CLOSED_ACCOUNTS = "closed-accounts"  # the verb that is about no person, and changes nothing
USER_NAME = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
JTI = re.compile(r"[A-Za-z0-9_-]{16,64}")
DIGEST = re.compile(r"[0-9a-f]{64}|stream|")
PR_SET_NO_NEW_PRIVS = 38  # prctl(2)


class Refused(Exception):
    """Why nothing was done."""


def main() -> None:
    """Read the request, judge it, become the person, and turn into the worker."""
    os.closerange(3, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    os.umask(0o077)
    try:
        if os.geteuid() != 0:
            raise Refused("this helper must be started as root, by its sudo rule")
        here = Path(__file__).resolve()
        config = read_config(here)
        request = read_request()
        caller, leave = read_caller(config)
        if request["verb"] not in leave["verbs"]:
            raise Refused(f"{caller} may not do {request['verb'][:40]!r}; as-user.json names what it may")
        if request["verb"] == CLOSED_ACCOUNTS:
            tell(closed_accounts(config))
            return
        person = admit(request["user"], config)
        used = read_grant(request, person, config) if leave["grants"] else "none"
        audit(config, person, request, f"{caller} by grant {used}")
        hand_over(request, config)
        become(person)
    except Refused as refusal:
        refuse(str(refusal))
    argv = [sys.executable, "-IS", str(here.with_name(WORKER)), "3"]
    os.execve(argv[0], argv, {"LC_ALL": "C.UTF-8"})  # noqa: S606 - a fixed program, and the key goes with the memory


def read_config(helper: Path) -> dict[str, Any]:
    """The configuration beside the helper, which root alone may change, as root alone may change helper and worker."""
    path, worker = helper.with_name("as-user.json"), helper.with_name(WORKER)
    for place in (helper, helper.parent, path, worker, *worker.rglob("*")):
        found = place.lstat()
        if found.st_uid != 0 or found.st_mode & 0o022 or stat.S_ISLNK(found.st_mode):
            raise Refused(f"{place} can be changed by others than root")
    config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    wanted = {"group": str, "min_uid": int, "refused_users": list, "callers": dict, "grant_key": str, "spent": str}
    wanted |= {"commands": dict, "environment": dict, "roots": list, "shell": bool, "audit_log": str}
    if {key: type(value) for key, value in config.items()} != wanted:
        raise Refused(f"{path} must hold exactly {', '.join(sorted(wanted))}, each of its kind")
    for name, leave in config["callers"].items():
        if set(leave) != {"verbs", "grants"} or type(leave["verbs"]) is not list or type(leave["grants"]) is not bool:
            raise Refused(f"{path}: callers.{name} must hold a list of verbs, and whether it needs grants")
    return config


def read_request() -> dict[str, Any]:
    """The request with every key of the right type; not a byte more is read than it has."""
    kind, length = struct.unpack(">cI", _exactly(5))
    if kind != b"r" or length > LARGEST_REQUEST:
        raise Refused("what came on standard input is no request, or one that is too large")
    kinds = {"user": str, "verb": str, "arguments": list, "input": str, "timeout": float, "grant": str}
    try:
        request = json.loads(_exactly(length))
    except ValueError as error:
        raise Refused("the request is not JSON") from error
    if not isinstance(request, dict) or {key: type(value) for key, value in request.items()} != kinds:
        raise Refused(f"a request has exactly {', '.join(sorted(kinds))}, each of its type")
    if not all(type(argument) is str for argument in request["arguments"]) or not DIGEST.fullmatch(request["input"]):
        raise Refused("arguments are text, and input is a digest, 'stream' or nothing")
    return request


def read_caller(config: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Who calls, as sudo says, and what they may do here. Anybody who is not named may do nothing."""
    uid = os.environ.get("SUDO_UID", "0")
    for name, leave in config["callers"].items():
        if uid == str(_uid(name)):
            return name, leave
    raise Refused(f"uid {uid} is not among the callers of as-user.json")


def admit(user: str, config: dict[str, Any]) -> pwd.struct_passwd:
    """The account of `user`, if it is a person's that we may act for."""
    try:
        person = pwd.getpwnam(user) if USER_NAME.fullmatch(user) else None
    except KeyError:
        person = None
    if person is None or person.pw_name != user:
        raise Refused("there is no such account")
    if person.pw_uid < max(LEAST_UID, config["min_uid"]) or person.pw_gid == 0:
        raise Refused(f"{user} is a system account")
    if user in config["refused_users"] or user in config["callers"]:
        raise Refused(f"{user} is a service account")
    try:
        group = grp.getgrnam(config["group"])
    except KeyError as error:
        raise Refused(f"the group {config['group']} of as-user.json does not exist") from error
    if group.gr_gid not in os.getgrouplist(user, person.pw_gid):
        raise Refused(f"{user} is not a member of {config['group']}")
    if why := closed(_shadow_line(user), int(time.time() // DAY)):
        raise Refused(f"{user} may not log in here: {why}")
    return person


def closed(line: str, today: int) -> str:
    """Why an account is closed, by its line of shadow(5); empty for one that is open, and where there is no line.

    An expiry (`chage -E`) counts whatever people log in by. A lock counts where it stands before a password
    (`passwd -l`): an account that never had one, and logs in by keys or by its institution, holds a bare "!" or "*".
    """
    fields = line.split(":")
    if len(fields) < 8:
        return ""
    if fields[7].isdigit() and int(fields[7]) <= today:
        return f"the account expired on {time.strftime('%Y-%m-%d', time.gmtime(int(fields[7]) * DAY))}"
    return "the account is locked" if re.match(r"!+[^!*]", fields[1]) else ""


def _shadow_line(user: str) -> str:
    """What this machine's own shadow file says of an account; empty for one that comes from a directory."""
    return next((line for line in _shadow() if line.startswith(f"{user}:")), "")


def _shadow() -> list[str]:
    try:
        return Path("/etc/shadow").read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []


def closed_accounts(config: dict[str, Any]) -> bytes:
    """A statement for identity: {"at": TIME, "closed": {NAME: WHY}}, signed like a grant, and never good for one.

    It is `base64url(JSON) "." base64url(HMAC-SHA256(key, "closed." base64url(JSON)))`, without padding.
    """
    now = int(time.time())
    found = {line.partition(":")[0]: closed(line, now // DAY) for line in _shadow()}
    told = {"at": now, "closed": {name: why for name, why in found.items() if why and USER_NAME.fullmatch(name)}}
    body = _base64(json.dumps(told).encode())
    return body + b"." + _base64(hmac.new(_grant_key(config), b"closed." + body, hashlib.sha256).digest())


def tell(answer: bytes) -> None:
    """Answer in the worker's frames (`facility.service.as_user.worker.frames`): what is said, and that this is all."""
    for kind, data in ((b"o", answer), (b".", b'{"returncode": 0}')):
        sys.stdout.buffer.write(struct.pack(">cI", kind, len(data)) + data)
    sys.stdout.flush()


def read_grant(request: dict[str, Any], person: pwd.struct_passwd, config: dict[str, Any]) -> str:
    """The id of the grant for exactly this act, which is spent by that. Raises Refused for any other."""
    body, _, signature = request["grant"].partition(".")
    expected = hmac.new(_grant_key(config), body.encode(), hashlib.sha256).digest()
    if not hmac.compare_digest(_unbase64(signature), expected):
        raise Refused("the grant was not made by this facility's identity service")
    try:
        grant = json.loads(_unbase64(body))
        user, uid, verb, digest, exp, jti = (grant[key] for key in ("user", "uid", "verb", "digest", "exp", "jti"))
    except (ValueError, KeyError, TypeError) as error:
        raise Refused("the grant does not hold what a grant holds") from error
    now = time.time()
    if type(exp) is not int or not now < exp + LEEWAY or exp > now + GRANT_SECONDS + LEEWAY:
        raise Refused("the grant has ended, or is good for longer than a grant may be")
    said = json.dumps([*request["arguments"], request["input"]], separators=(",", ":"), ensure_ascii=True)
    asked = (person.pw_name, person.pw_uid, request["verb"], hashlib.sha256(said.encode()).hexdigest())
    if (user, uid, verb, digest) != asked:
        raise Refused("the grant is for another act than this")
    if type(jti) is not str or not JTI.fullmatch(jti):
        raise Refused("the grant has no id")
    _spend(Path(config["spent"]), exp, jti, now)
    return jti


def become(person: pwd.struct_passwd) -> None:
    """Give up root for good, groups first; anything that did not take effect ends the helper."""
    os.initgroups(person.pw_name, person.pw_gid)
    os.setresgid(person.pw_gid, person.pw_gid, person.pw_gid)
    os.setresuid(person.pw_uid, person.pw_uid, person.pw_uid)
    ids = (*os.getresuid(), *os.getresgid())
    groups = set(os.getgroups()) - {person.pw_gid}
    if ids != (person.pw_uid,) * 3 + (person.pw_gid,) * 3:
        raise Refused("the change of user did not take effect")
    if groups != set(os.getgrouplist(person.pw_name, person.pw_gid)) - {person.pw_gid}:
        raise Refused("the change of groups did not take effect")
    try:
        os.setuid(0)
    except PermissionError:
        pass
    else:
        raise Refused("root could be taken back")
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        raise Refused("no_new_privs could not be set")
    os.chdir(person.pw_dir if os.access(person.pw_dir, os.X_OK) else "/")


def hand_over(request: dict[str, Any], config: dict[str, Any]) -> None:
    """Leave the worker its request at descriptor 3: what was asked, and the site's own part of it. No key is in it."""
    told = {key: request[key] for key in ("verb", "arguments", "input", "timeout")}
    told |= {key: config[key] for key in ("commands", "environment", "roots", "shell")}
    handle = os.memfd_create("request", 0)  # the first that is free, which is 3
    os.write(handle, json.dumps(told).encode())
    os.lseek(handle, 0, os.SEEK_SET)
    if handle != 3:
        raise Refused("a descriptor was open that should not be")


def audit(config: dict[str, Any], person: pwd.struct_passwd, request: dict[str, Any], caller: str) -> None:
    """One line before the act: who asked for what, for whom. No secret is among the arguments."""
    words = json.dumps(request["arguments"])[:1000]
    line = f"{caller} for {person.pw_name} ({person.pw_uid}): {request['verb']} {words}"
    syslog.openlog("beamside-as-user", facility=syslog.LOG_AUTH)
    syslog.syslog(syslog.LOG_NOTICE, line)
    syslog.closelog()
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
    handle = os.open(config["audit_log"], flags, 0o600)
    with os.fdopen(handle, "a", encoding="utf-8") as file:
        file.write(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {line}\n")


def refuse(words: str) -> NoReturn:
    """Say why, and end."""
    sys.stderr.write(f"{words}\n")
    sys.exit(REFUSED)


def _grant_key(config: dict[str, Any]) -> bytes:
    """The key, which nobody but its owner may read, and its owner may be none of those who call."""
    path = Path(config["grant_key"])
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        raise Refused(f"the key of grants cannot be read: {error.strerror}") from error
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(handle)
        key = file.read(4096)
    callers = {_uid(name) for name in config["callers"]} - {0}
    if not stat.S_ISREG(found.st_mode) or found.st_mode & 0o077 or found.st_uid in callers:
        raise Refused(f"{path} can be read by others than root and the identity service")
    if len(key) < 32:
        raise Refused(f"{path} holds no key")
    return key


def _spend(spent: Path, exp: int, jti: str, now: float) -> None:
    """Remember a grant until it has ended, in a folder for each minute, so that it is never good twice."""
    found = spent.lstat()
    if found.st_uid != 0 or found.st_mode & 0o077 or not stat.S_ISDIR(found.st_mode):
        raise Refused(f"{spent} must be a directory of root's, 0700")
    folder = spent / str(exp // 60)
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    try:
        os.close(os.open(folder / jti, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError as error:
        raise Refused("the grant was used before") from error
    for old in spent.iterdir():
        if old.name.isdigit() and (int(old.name) + 1) * 60 + LEEWAY < now:
            shutil.rmtree(old, ignore_errors=True)


def _uid(name: str) -> int | None:
    """The uid of an account; None for one that is not here."""
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None


def _exactly(length: int) -> bytes:
    found = bytearray()
    while len(found) < length:
        piece = os.read(0, length - len(found))
        if not piece:
            raise Refused("the request broke off")
        found += piece
    return bytes(found)


def _base64(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def _unbase64(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""


if __name__ == "__main__":
    main()
