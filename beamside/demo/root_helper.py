"""The root helper of this demonstration: installed root-owned, and the leave of two service users to call just it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from beamside.demo import facility_service, secret_files, tiers
from beamside.demo.changes import Changes
from beamside.demo.errors import DemoError
from beamside.demo.layout import Layout
from beamside.demo.packages import Packages
from beamside.demo.plan import Plan
from facility.rclone_program import find_rclone
from facility.service.as_user import libexec
from facility.service.as_user.helper import CLOSED_ACCOUNTS
from facility.service.identity.desk import GRANT_KEY
from facility.service.identity.verbs import SCOPES_OF

SUDOERS = Path("/etc/sudoers.d")


def install(layout: Layout, plan: Plan, packages: Packages, changes: Changes) -> None:
    """Put helper, worker and configuration into libexec, then the rule into sudoers.d. DemoError if sudo refuses it."""
    accounts = plan.accounts
    helper = libexec.install(layout.libexec)
    spent = layout.state / "spent-grants"
    secret_files.make_directory(spent)
    configuration = {
        "group": accounts.people.group,
        "min_uid": 1000,
        "refused_users": list(accounts.services),
        "callers": {
            accounts.hub: {"verbs": ["scancel", "put-claim", "tail-log"], "grants": False},
            accounts.facility: {"verbs": [*sorted(set(SCOPES_OF) - {"command"}), CLOSED_ACCOUNTS], "grants": True},
        },
        "grant_key": str(facility_service.identity_folder(layout, plan) / GRANT_KEY),
        "spent": str(spent),
        "commands": {name: packages.command(name) for name in ("sbatch", "scancel", "scontrol")}
        | {"rclone": find_rclone("rclone")},
        "environment": {
            "PATH": packages.path,
            "LANG": "C.UTF-8",
            "SLURM_CONF": str(layout.slurm / "etc" / "slurm.conf"),
            "RCLONE_CONFIG": str(tiers.remotes(layout)),
        },
        "roots": [],
        "shell": False,
        "audit_log": str(layout.log / "as-user.log"),
    }
    (layout.libexec / "as-user.json").write_text(json.dumps(configuration, indent=1), encoding="utf-8")
    rule = sudo_rule(accounts.hub, accounts.facility, helper)
    _judge(rule, packages)
    changes.add_file(SUDOERS / f"{accounts.hub}-demo", rule.encode(), 0o440)


def sudo_rule(hub: str, facility: str, helper: Path) -> str:
    """sudoers(5): these two users, this one command, without arguments."""
    return f'# made by `beamside demo up`, removed by `down`\n{hub}, {facility} ALL=(root) NOPASSWD: {helper} ""\n'


def _judge(rule: str, packages: Packages) -> None:
    """Let sudo read the rule before it is put where a mistake would lock everybody out."""
    argv = [packages.command("visudo"), "-c", "-f", "-"]
    said = subprocess.run(argv, input=rule, capture_output=True, text=True, timeout=20, check=False)
    if said.returncode != 0:
        raise DemoError(f"sudo does not accept the rule for the root helper: {(said.stderr or said.stdout).strip()}")
