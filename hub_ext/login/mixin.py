"""Our rules of a login, over whichever of oauthenticator's classes speaks with the provider."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Any

from oauthenticator.oauth2 import OAuthenticator, _deserialize_state
from tornado.httpclient import HTTPClientError
from traitlets import Bool, List, Unicode, default

from facility.answers import Token
from facility.errors import NotAllowed, NotSignedIn
from hub_ext.activity import update_last_activity
from hub_ext.departed.ending import Endings
from hub_ext.departed.store import Departures
from hub_ext.departed.watch import DepartureWatch
from hub_ext.desk import HubDesk
from hub_ext.inside import check_inside
from hub_ext.keys import ASSERTION_TYPE, assertion, private_text
from hub_ext.login.handlers import CallbackHandler, LoginHandler, NoAccount, nonce_of
from hub_ext.login.id_token import Institution
from hub_ext.login.linking import LinkingHandler
from hub_ext.login.page import LoginPage
from hub_ext.login.policy import WeakLogin, groups_of, shortcomings
from hub_ext.login.refreshing import RefreshedLogin
from hub_ext.login.settings import refuse_replaced_settings
from hub_ext.login.strangers import Strangers
from hub_ext.pages import Pages
from hub_ext.recorded import SERVER_ROUTES
from hub_ext.resume import Resumption
from hub_ext.routes import close_stock_route, routes
from hub_ext.storage import Storage
from spawners.untyped import Untyped

OPERATOR = "facility_operator"
"""In a sign-in's encrypted state: whether the facility calls the person an operator."""


class FacilityLogin(RefreshedLogin):
    """Sign in at the home institution, enter as the local account that the facility links to that identity.

    The institution's statement (ID token) is verified in full; the key of a person is its issuer and subject.
    """

    login_handler = LoginHandler
    callback_handler = CallbackHandler

    issuer = Unicode(help="The home institution's issuer; the profile's service.issuer.").tag(config=True)
    scope = List(Unicode(), ["openid", "profile", "email"], help="What is asked of the institution.").tag(config=True)
    allow_all = Bool(True, help="The link table is what lets people in; a linked person needs no further list.").tag(
        config=True
    )
    enable_pkce = Bool(True, help="Always on: the nonce is bound to it.")
    userdata_from_id_token = Bool(True, help="Always on: the verified ID token says who signed in.")
    client_secret_file = Unicode(
        help="File (0600) with the client's secret where the provider takes no keys; empty: the hub signs with its key."
    ).tag(config=True)

    operators_group = Unicode(
        help="The hub group that holds whom the scheduler knows as an operator; empty: there is none."
    ).tag(config=True)

    idp_claim = "idp"
    """The claim by which the issuer names the home institution that it asked."""

    def __init__(self, **kwargs: Untyped) -> None:
        super().__init__(**kwargs)
        refuse_replaced_settings(self.config, type(self))
        self.desk = HubDesk(config=self.config, parent=None)
        self.institution = Institution(self.issuer, self.client_id)
        self.strangers = Strangers()
        self.departures = Departures(Path(self.desk.folder) / "departures.sqlite")
        self.pages = Pages(self.desk, [self.issuer], self.departures, self.contact)
        self.resumption: Resumption | None = None
        self.watch: DepartureWatch | None = None
        self.storage: Storage | None = None

    @default("issuer")
    def _profile_issuer(self) -> str:
        return self.desk.facts.service.issuer

    @default("client_id")
    def _profile_client(self) -> str:
        return next(iter(self.desk.facts.service.client_ids), "")

    @default("manage_groups")
    def _where_asked_for(self) -> bool:
        return bool(self.operators_group or self.desk.facts.service.login.groups)

    @default("client_secret")
    def _secret_of_file(self) -> str:
        return private_text(Path(self.client_secret_file)) if self.client_secret_file else ""

    @default("basic_auth")
    def _by_secret(self) -> bool:
        return bool(self.client_secret_file)

    def get_handlers(self, app: Untyped) -> list[tuple[Any, ...]]:
        """The hub is starting: open the desk, close the stock route, and enter unfinished starts again."""
        close_stock_route()
        check_inside(app)
        self.desk.open(lambda: app.tornado_application.settings)  # made after the handlers
        self.pages.open(app)
        self.storage = Storage(app.db)
        self.resumption = Resumption(app)
        app.update_last_activity = partial(update_last_activity, app)
        stops = self.departed == "stop"
        self.endings = Endings(self.desk, self.departures, lambda: app, stops_servers=stops)
        self.watch = DepartureWatch(self, app)
        if self.standing_seconds:
            self.pages.keep(self.watch.run())
        return [
            *super().get_handlers(app),
            (r"/linking", LinkingHandler),
            (r"/login", LoginPage),
            *routes(),
            *SERVER_ROUTES,
        ]

    async def learn_institution(self) -> None:
        """Take the institution's addresses from its discovery document."""
        facts = await self.institution.facts()
        self.authorize_url, self.token_url = facts["authorization_endpoint"], facts["token_endpoint"]

    def build_access_tokens_request_params(self, handler: Untyped, data: Untyped = None) -> dict[str, Any]:
        """The code exchange, with the hub's key where the provider takes one."""
        return self._signed(super().build_access_tokens_request_params(handler, data))

    def build_refresh_token_request_params(self, refresh_token: str) -> dict[str, Any]:
        """A refresh, likewise."""
        return self._signed(super().build_refresh_token_request_params(refresh_token))

    def _signed(self, params: dict[str, Any]) -> dict[str, Any]:
        kept = {key: value for key, value in params.items() if key not in {"client_secret", "data"}}
        if self.client_secret_file:
            return kept  # the secret goes in the header (RFC 6749, section 2.3.1)
        proof = assertion(self.desk.key, self.client_id, self.issuer)
        return {**kept, "client_id": self.client_id, "client_assertion_type": ASSERTION_TYPE, "client_assertion": proof}

    async def authenticate(self, handler: Untyped, data: Untyped = None, **kwargs: Untyped) -> dict[str, Any]:
        """The login: exchange the code, verify the statement with its nonce, look the person up."""
        token_info = await self.get_token_info(handler, self.build_access_tokens_request_params(handler, data))
        verifier = _deserialize_state(handler.get_state_cookie())["code_verifier"]
        claims = self.read_claims(
            await self.institution.verify(str(token_info.get("id_token", "")), nonce_of(verifier))
        )
        if lacking := shortcomings(claims, self.desk.facts.service.login, time.time()):
            raise WeakLogin(lacking)
        model: dict[str, Any] = await self._token_to_auth_model(token_info)
        self.departures.welcome_back(model["name"])
        return model

    async def token_to_user(self, token_info: dict[str, Any]) -> dict[str, Any]:
        """The verified claims. A statement that ended makes oauthenticator refresh it, as a 401 would."""
        try:
            return self.read_claims(await self.institution.verify(str(token_info.get("id_token", "")), None))
        except NotSignedIn as error:
            raise HTTPClientError(401, str(error)) from error

    def read_claims(self, claims: dict[str, Any]) -> dict[str, Any]:
        """Verified claims in the words of OpenID Connect, for a provider that has words of its own."""
        return claims

    def build_auth_state_dict(self, token_info: dict[str, Any], user_info: dict[str, Any]) -> dict[str, Any]:
        """The same for every provider: what the hand-out of tokens and the refresh read."""
        found: dict[str, Any] = OAuthenticator.build_auth_state_dict(self, token_info, user_info)
        return found

    def user_info_to_username(self, user_info: dict[str, Any]) -> str:
        """The subject stands in until the link table named the local account; it is nobody's name."""
        return str(user_info["sub"])

    def normalize_username(self, username: str) -> str:
        """Names come from the link table and are used as they are."""
        return username

    async def update_auth_model(self, auth_model: dict[str, Any]) -> dict[str, Any]:
        """Enter as the linked local account. Raises NoAccount where there is none."""
        claims = auth_model["auth_state"][self.user_auth_state_key]
        self.check_institution(claims)
        identity = await self.desk.client.link(str(claims["iss"]), str(claims["sub"]))
        if identity is None:
            raise NoAccount(str(claims["iss"]), str(claims["sub"]), str(auth_model["auth_state"].get("id_token", "")))
        state = {**auth_model["auth_state"], OPERATOR: identity.is_operator}
        admin = True if identity.user in self.admin_users else None
        return {**auth_model, "name": identity.user, "admin": admin, "auth_state": state}

    async def get_user_groups(self, auth_state: dict[str, Any]) -> set[str]:
        """The hub groups of a sign-in: those whose rule its claims fulfil, and the operators' where it is one's."""
        groups = groups_of(auth_state[self.user_auth_state_key], self.desk.facts.service.login)
        if self.operators_group and auth_state.get(OPERATOR) is True:
            groups.add(self.operators_group)
        return groups

    def check_institution(self, claims: dict[str, Any]) -> None:
        """Raises NotAllowed for somebody of a home institution that this facility does not take."""
        taken, found = self.desk.facts.service.login.idps, claims.get(self.idp_claim)
        if taken and found not in taken:
            told = f"{found!r}" if isinstance(found, str) else "an institution that it does not name"
            raise NotAllowed(f"you signed in at {told}; this facility takes sign-ins of {', '.join(taken)}")

    async def facility_token(self, user: Untyped, scopes: frozenset[str] = frozenset(), system: str = "") -> Token:
        """A short token of the facility for `user`, for a server's work or for `scopes`, which stay in the hub.

        `system` says which facility service makes it; without one the first does.
        The login is refreshed once where it ended. Raises NotSignedIn when the person must sign in again.
        """
        tokens = self.desk.tokens_of(system)
        try:
            return await tokens.exchange(await self._login_of(user), scopes)
        except NotSignedIn:
            if not await self._refreshed(user):
                raise
        return await tokens.exchange(await self._login_of(user), scopes)

    @staticmethod
    async def _login_of(user: Untyped) -> str:
        state = await user.get_auth_state()
        if not state or not state.get("id_token"):
            raise NotSignedIn("the hub holds no sign-in of yours any more")
        return str(state["id_token"])

    async def _refreshed(self, user: Untyped) -> bool:
        """Whether a newer sign-in could be had by the refresh token, which stays in the hub."""
        model = await self.refresh_user(user)
        if isinstance(model, dict) and self.manage_groups:
            user.sync_groups(model["groups"])
        return isinstance(model, dict)
