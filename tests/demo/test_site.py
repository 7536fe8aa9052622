"""The demonstration's own facility.toml, sudo rule and secrets."""

from __future__ import annotations

import getpass
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from beamside.demo import secret_files
from beamside.demo.accounts import ANA, BEN, Accounts
from beamside.demo.layout import Layout, default_prefix
from beamside.demo.packages import Packages
from beamside.demo.people import People
from beamside.demo.plan import CLIENT_ID, Plan, load_plan, make_plan, save_plan
from beamside.demo.root_helper import sudo_rule
from beamside.demo.site import profile_text
from facility.profile import read_profile

MANY = Accounts(People("ana", "ben", "kim", "people"), "the-hub", "the-service", "the-home", "the-identity")
ALONE = Accounts(People("me", "", "", ""), "me", "me", "me", "me")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A prefix with its state folder."""
    made = Layout(tmp_path)
    made.state.mkdir()
    return made


def test_a_plan_is_read_back_as_it_was_written(layout: Layout) -> None:
    """Ports, names and client ids stay the same from `up` to `down`."""
    plan = make_plan(MANY)
    save_plan(layout, plan)

    assert plan == load_plan(layout)


def test_only_who_has_an_account_here_gets_an_api_client() -> None:
    """Rootless there is one user, and one key."""
    plan = make_plan(ALONE)

    assert (True, False) == (plan.has_account(ANA), plan.has_account(BEN))
    assert ["ana"] == list(plan.clients)


@pytest.mark.parametrize("accounts", [MANY, ALONE], ids=["root", "rootless"])
def test_the_profile_reads_back_with_the_plans_addresses(layout: Layout, accounts: Accounts) -> None:
    """facility.toml agrees with the plan; the root helper stands in it only where there are several users."""
    plan: Plan = make_plan(accounts)
    profile = read_profile(profile_text(layout, plan, Packages.of(default_prefix())))

    told = (profile.service.url, profile.service.issuer, profile.service.client_ids)
    assert (plan.facility_url, plan.issuer, (CLIENT_ID,)) == told
    assert (profile.as_user is None) == accounts.people.is_alone == (profile.service.url == plan.identity_url)
    assert plan.identity_url == profile.service.token_issuer
    assert ("lo", "pmi2") == (profile.system.network_interface, profile.system.mpi_launch)


@pytest.mark.skipif(shutil.which("visudo") is None, reason="sudo is not installed")
def test_sudo_accepts_the_rule_for_the_helper(tmp_path: Path) -> None:
    """Two users may run one command without arguments, and sudo reads the rule so."""
    rule = sudo_rule("the-hub", "the-service", tmp_path / "as-user")
    judged = subprocess.run(["visudo", "-c", "-f", "-"], input=rule, capture_output=True, text=True, check=False)

    assert (0, True) == (judged.returncode, rule.endswith('as-user ""\n'))


def test_a_secret_is_never_readable_by_others(tmp_path: Path) -> None:
    """Written 0600 from the first byte, also over a file that was open to all."""
    path = tmp_path / "secret"
    path.write_text("old")
    path.chmod(0o644)
    secret_files.write_secret(path, "new", owner=getpass.getuser())

    assert (0o600, "new") == (stat.S_IMODE(path.stat().st_mode), path.read_text())


def test_passwords_are_random_and_easy_to_type() -> None:
    """Four groups of four letters that nobody mistakes for others, never twice the same."""
    made = {secret_files.password() for _ in range(50)}

    assert 50 == len(made)
    assert all(set(word) <= set(secret_files.WORDS + "-") and 19 == len(word) for word in made)
