"""Directories, secrets and configuration files of one Slurm, each readable by exactly who needs it."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
from pathlib import Path

from beamside.demo.changes import HOSTS
from beamside.demo.slurm.conf import HOSTS as NAMES
from beamside.demo.slurm.conf import MAIL_PROG, NODES, TASK_PROLOG, Site, gres_conf, slurm_conf, slurmdbd_conf


def make_directories(site: Site) -> None:
    """Make the directories that are missing, each its daemon's own."""
    users = site.users
    owners = {
        "etc": (None, 0o755),
        "run": (None, 0o755),
        "spool": (None, 0o755),
        "tmp": (None, 0o755),
        "munge": (users.munge, 0o711),
        "db": (users.mysql, 0o700),
        "db/tmp": (users.mysql, 0o700),
        "ctld": (users.slurm, 0o755),
        "ctld/state": (users.slurm, 0o700),
        "dbd": (users.slurm, 0o755),
        "log": (users.slurm, 0o755),
    }
    for name, (user, mode) in owners.items():
        (site.directory / name).mkdir(exist_ok=True)
        _give(site.directory / name, user, mode)
    for node in NODES:
        (site.directory / "spool" / node).mkdir(exist_ok=True)
        (site.directory / "tmp" / node).mkdir(exist_ok=True)
        (site.directory / "tmp" / node).chmod(0o1777)


def write_files(site: Site) -> None:
    """Write new secrets and the configuration; slurm.conf comes last, as the sign that all are there."""
    top, users = site.directory, site.users
    password = secrets.token_urlsafe(24)
    _write(top / "munge" / "munge.key", secrets.token_bytes(128), users.munge, 0o600)
    _write(top / "etc" / "jwt.key", secrets.token_bytes(32), users.slurm, 0o600)
    _write(top / "db" / "accounts.sql", _database_account(password), users.mysql, 0o600)
    _write(top / "etc" / "slurmdbd.conf", slurmdbd_conf(site, password), users.slurm, 0o600)
    _write(top / "etc" / "gres.conf", gres_conf(), None, 0o644)
    _write(top / "etc" / "plugstack.conf", "", None, 0o644)
    _write(top / "etc" / "task-prolog.sh", TASK_PROLOG, None, 0o755)
    _write(top / "etc" / "mail.sh", MAIL_PROG, None, 0o755)
    _write(top / "run" / "hosts", _hosts(), None, 0o644)
    _write(top / "etc" / "slurm.conf", slurm_conf(site), None, 0o644)


def _database_account(password: str) -> str:
    return (
        "CREATE DATABASE IF NOT EXISTS slurm_acct_db;\n"
        f"CREATE OR REPLACE USER slurm@'127.0.0.1' IDENTIFIED BY '{password}';\n"
        "GRANT ALL ON slurm_acct_db.* TO slurm@'127.0.0.1';\n"
    )


def _hosts() -> str:
    """The machine's hosts file with the nodes' names: bound over it in a namespace where there is no root."""
    text = HOSTS.read_text(encoding="utf-8").rstrip("\n")
    return f"{text}\n127.0.0.1 {' '.join(NAMES)}\n"


def _write(path: Path, content: bytes | str, user: str | None, mode: int) -> None:
    """Write a file whole or not at all; nobody else can read it before it has its owner."""
    new = path.with_name(path.name + ".new")
    new.touch(mode=0o600)
    new.write_bytes(content.encode() if isinstance(content, str) else content)
    _give(new, user, mode)
    new.replace(path)


def _give(path: Path, user: str | None, mode: int) -> None:
    path.chmod(mode)
    if user and os.geteuid() == 0:
        shutil.chown(path, user, pwd.getpwnam(user).pw_gid)
