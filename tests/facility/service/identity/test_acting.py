"""From a token to a file: identity grants, the root helper verifies by itself, the worker acts as the person."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from facility.as_user import Agents
from facility.errors import FacilityError, NotAllowed, NotSignedIn
from facility.service.as_user.worker.run import VERBS
from facility.service.clock import SystemClock
from facility.service.identity.desk import GRANT_KEY
from facility.service.identity.local import LocalIdentity
from facility.service.identity.opening import identity_for
from facility.service.scopes import read_scopes
from tests.facility.conftest import RealSite, install_helper

pytestmark = [pytest.mark.needs_root, pytest.mark.slurm]


async def nobody_is_operator(user: str) -> bool:
    """Nobody decides for others here."""
    return False


@pytest.fixture
async def identity(real_site: RealSite, tmp_path: Path) -> AsyncIterator[LocalIdentity]:
    """Identity of a site whose helper wants a grant for every act."""
    assert real_site.profile.as_user
    group = real_site.profile.as_user.group
    callers = {"root": {"verbs": list(VERBS), "grants": True}}
    place = real_site.folder / tmp_path.name
    key = str(tmp_path / "state" / GRANT_KEY)
    helper = install_helper(place, group, {"PATH": os.defpath}, {}, callers=callers, grant_key=key)
    facts = real_site.profile.as_user.model_copy(update={"helper": (str(helper),)})
    profile = real_site.profile.model_copy(update={"as_user": facts})
    way = identity_for(profile, tmp_path / "state", SystemClock(), nobody_is_operator, here=True)
    async with way as found:
        assert isinstance(found, LocalIdentity)
        yield found


async def listed(identity: LocalIdentity, user: str, scope: str, path: str = "~/") -> bytes:
    """Make a token and let a directory be listed with it."""
    token = identity.desk.tokens.mint(user, read_scopes(scope), "test").access_token
    caller = await identity.verify(token)
    done = await Agents(identity.desk.profile, identity).acting_for(caller.mandate).act("ls", [path, ""], timeout=20.0)
    return done.stdout


async def test_a_token_with_the_scope_acts_as_its_owner(identity: LocalIdentity, real_site: RealSite) -> None:
    """The helper accepts what identity signed."""
    await listed(identity, real_site.ana, "files")


async def test_without_the_scope_nothing_is_done(identity: LocalIdentity, real_site: RealSite) -> None:
    """The refusal comes from identity, before the helper is asked."""
    with pytest.raises(NotAllowed, match="scope files"):
        await listed(identity, real_site.ana, "jobs")


async def test_a_revoked_token_acts_no_more(identity: LocalIdentity, real_site: RealSite) -> None:
    """At once: every act asks anew."""
    token = identity.desk.tokens.mint(real_site.ana, read_scopes("files"), "test").access_token
    acting = Agents(identity.desk.profile, identity).acting_for((await identity.verify(token)).mandate)
    await acting.act("ls", ["~/", ""], timeout=20.0)
    await identity.revoke(token)

    with pytest.raises(NotSignedIn, match="revoked"):
        await acting.act("ls", ["~/", ""], timeout=20.0)


async def test_without_identity_the_helper_does_nothing(identity: LocalIdentity, real_site: RealSite) -> None:
    """A service that was taken over has no key, so whatever it makes up is refused by root's own check."""

    class MadeUp:
        async def grant(self, mandate: object, verb: str, digest: str) -> str:
            return "e30.AAAA"

    token = identity.desk.tokens.mint(real_site.ana, read_scopes("files"), "test").access_token
    mandate = (await identity.verify(token)).mandate

    with pytest.raises(FacilityError, match="identity service"):
        await Agents(identity.desk.profile, MadeUp()).acting_for(mandate).act("ls", ["~/", ""], timeout=20.0)
