"""The classes that a hub is configured with: our rules over each of oauthenticator's providers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jupyterhub.auth import Authenticator
from oauthenticator.cilogon import CILogonLoginHandler, CILogonOAuthenticator
from oauthenticator.generic import GenericOAuthenticator
from oauthenticator.globus import GlobusOAuthenticator
from oauthenticator.oauth2 import OAuthLogoutHandler
from traitlets import List, Unicode, default

from facility.errors import ProfileError
from hub_ext.login.handlers import LoginHandler
from hub_ext.login.mixin import FacilityLogin
from spawners.untyped import Untyped

LISTS = ("affiliation", "entitlement", "member_of", "eduPersonAssurance")
"""Claims of CILogon that hold attributes of eduPerson with several values; `isMemberOf` is a list already."""

SECRET = "client.secret"  # noqa: S105 - the name of a file


class FacilityAuthenticator(FacilityLogin, GenericOAuthenticator):  # type: ignore[misc]  # oauthenticator ships no types
    """Sign in at any OpenID Connect provider."""

    @default("login_service")
    def _in_words(self) -> str:
        return "your home institution"  # on the button; the stock class names a protocol there


class CILogonLogin(LoginHandler, CILogonLoginHandler):  # type: ignore[misc]  # oauthenticator ships no types
    """Sends the person to CILogon, which offers the institutions that this facility takes."""


class CILogonAuthenticator(FacilityLogin, CILogonOAuthenticator):  # type: ignore[misc]  # oauthenticator ships no types
    """Sign in through CILogon at one of the institutions that `service.login.idps` names by their entity ids.

    Raises ProfileError where none is named: CILogon lets in whoever has an account at a public web site.
    """

    login_handler = CILogonLogin
    scope = List(
        Unicode(), ["openid", "profile", "email", "org.cilogon.userinfo"], help="What is asked of CILogon."
    ).tag(config=True)

    def __init__(self, **kwargs: Untyped) -> None:
        super().__init__(**kwargs)
        self.idps = offered(self.desk.facts.service.login.idps)

    def read_claims(self, claims: dict[str, Any]) -> dict[str, Any]:
        """CILogon writes several values of an attribute into one text: "staff@a.example;member@a.example"."""
        lists = {name: claims[name].split(";") for name in LISTS if isinstance(claims.get(name), str)}
        return {**claims, **lists}

    @default("client_secret_file")
    def _in_folder(self) -> str:
        return str(Path(self.desk.folder) / SECRET)


def offered(taken: Sequence[str]) -> dict[str, Any]:
    """The institutions as CILogon's class wants them. Raises ProfileError where there are none."""
    if not taken:
        raise ProfileError("service.login.idps: name the entity ids that CILogon may send, see cilogon.org/idplist")
    # that class wants a rule for names beside each; ours come from the link table
    return {entity: {"username_derivation": {"username_claim": "sub"}} for entity in taken}


class GlobusAuthenticator(FacilityLogin, GlobusOAuthenticator):  # type: ignore[misc]  # oauthenticator ships no types
    """Sign in through Globus, as the primary identity alone: other identities of a Globus account count for nothing.

    `service.login.idps` names home institutions by the ids (UUIDs) that Globus gives them.
    """

    logout_handler = OAuthLogoutHandler
    idp_claim = "identity_provider"
    scope = List(Unicode(), ["openid", "profile", "email"], help="What is asked of Globus.").tag(config=True)

    @default("client_secret_file")
    def _in_folder(self) -> str:
        return str(Path(self.desk.folder) / SECRET)

    def read_claims(self, claims: dict[str, Any]) -> dict[str, Any]:
        """Globus says in a claim of its own when somebody signed in last at home."""
        return {"auth_time": claims.get("last_authentication"), **claims}

    def check_blocked_users(self, username: str, authentication: dict[str, Any] | None) -> Untyped:
        """`blocked_users` as everywhere; the institution is judged by its id, not by the end of a name."""
        return Authenticator.check_blocked_users(self, username, authentication)

    def pre_spawn_start(self, user: Untyped, spawner: Untyped) -> None:
        """Nothing of the login goes into a server's environment."""
