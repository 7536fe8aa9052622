"""What a sign-in says becomes groups of the hub, and through them roles; what it says no more is over."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from facility.login import ClaimRule, LoginFacts
from hub_ext.login import FacilityAuthenticator
from hub_ext.login.policy import groups_of

if TYPE_CHECKING:
    from .conftest import Federation

STAFF = "urn:mace:lakeside.example:beamline:staff"
NO_GROUPS_OF_ITS_OWN = """
c.JupyterHub.load_groups = {}
c.JupyterHub.load_roles = [role for role in c.JupyterHub.load_roles if "groups" not in role]
"""
"""JupyterHub takes groups from its configuration or from sign-ins, not from both."""

RULES = LoginFacts(
    groups={
        "beamline": ClaimRule(claim="eduperson_entitlement", values=(STAFF, "urn:x")),
        "members": ClaimRule(claim="isMemberOf", values=("CN=users",)),
    }
)


@pytest.mark.parametrize(
    ("claims", "groups"),
    [
        ({"eduperson_entitlement": [STAFF, "urn:other"], "isMemberOf": "CN=users"}, {"beamline", "members"}),
        ({"eduperson_entitlement": "urn:x"}, {"beamline"}),
        ({"eduperson_entitlement": [STAFF.upper()], "isMemberOf": ["CN=users "]}, set()),
        ({"eduperson_entitlement": {STAFF: 1}, "isMemberOf": None}, set()),
        ({"beamline": True, "groups": ["beamline"], "email": STAFF}, set()),
        ({}, set()),
    ],
)
def test_only_the_named_claims_values_make_members(claims: dict[str, object], groups: set[str]) -> None:
    """Compared exactly; a claim of the group's own name makes nobody a member."""
    assert groups == groups_of(claims, RULES)


async def test_only_the_facilitys_own_word_makes_an_operator() -> None:
    """A claim that says so of itself does not."""
    made = FacilityAuthenticator.__new__(FacilityAuthenticator)
    made.desk = SimpleNamespace(facts=SimpleNamespace(service=SimpleNamespace(login=RULES)))
    made.operators_group = "operators"

    state = {"oauth_user": {"facility_operator": True, "isMemberOf": "CN=users"}}
    assert {"members"} == await made.get_user_groups(state | {"facility_operator": False})
    assert {"members", "operators"} == await made.get_user_groups(state | {"facility_operator": True})


ROLE = """
c.JupyterHub.load_roles += [{"name": "beamline", "groups": ["beamline"], "scopes": ["list:users", "read:servers"]}]
"""
"""The one line by which a site gives a role to whom a claim makes a member of a group."""


@pytest.mark.slurm
def test_entitlements_become_groups_and_roles_and_are_lost_with_them(federation: Federation) -> None:
    """Ana's institution says that she is staff: she is in the group, and its role opens a page; then it is over.

    Over also in the browser in which the role was used, without signing in there again.
    """
    hub = federation.hub
    rule = f'groups.beamline = {{claim = "eduperson_entitlement", values = ["{STAFF}"]}}'
    seen = []
    with (
        federation.configured(hub_lines=NO_GROUPS_OF_ITS_OWN + ROLE, profile_lines=rule),
        federation.browser() as first,
    ):
        for entitlement in ([STAFF], ["urn:other"]):
            federation.tell("ana", eduperson_entitlement=entitlement)
            federation.restart("institution")
            page = federation.sign_in(first, "ana") if not seen else federation.entered("ana")
            told = hub.api("GET", f"/users/{hub.user}").json()
            roles = [role for role in told["roles"] if role == "beamline"]
            opened = first.get("/hub/beamside/operator").status_code
            seen.append((page.status_code, told["groups"], roles, opened))

    assert [(200, ["beamline"], [], 200), (200, [], [], 403)] == seen
