"""The two steps of a browser: to the home institution, and back."""

from __future__ import annotations

import hashlib
from typing import Any

from jupyterhub.utils import maybe_future, url_path_join
from oauthenticator.oauth2 import OAuthCallbackHandler, OAuthLoginHandler, _deserialize_state, _serialize_state
from tornado.httputil import url_concat
from tornado.web import HTTPError

from facility.errors import FacilityError, NotAllowed, NotSignedIn
from hub_ext.departed.store import visitor_of
from hub_ext.login.linking import show
from hub_ext.login.page import VISITOR
from hub_ext.login.policy import WeakLogin, step_up
from hub_ext.login.strangers import Stranger
from spawners.untyped import Untyped

STEP_UP = "step_up"
"""Says of a login that it is the second attempt, after one that was not strong enough."""


class NoAccount(HTTPError):
    """Somebody signed in at home whom this facility does not know."""

    def __init__(self, issuer: str, subject: str, id_token: str) -> None:
        super().__init__(403, "no account here is linked to this sign-in")
        self.issuer, self.subject, self.id_token = issuer, subject, id_token


def nonce_of(code_verifier: str) -> str:
    """The nonce of a login: bound to the browser by the PKCE verifier in its signed cookie, telling nothing of it."""
    return hashlib.sha256(b"beamside nonce " + code_verifier.encode()).hexdigest()


class LoginHandler(OAuthLoginHandler):  # type: ignore[misc]  # oauthenticator ships no types
    """Sends the person home to sign in, with state, PKCE and a nonce."""

    async def get(self) -> None:
        """Learn the institution's addresses, then redirect; an institution that is away is named."""
        try:
            await self.authenticator.learn_institution()
        except FacilityError as error:
            words = f"signing in is not possible right now: {error}. Servers that run are not touched."
            raise HTTPError(503, words) from error
        self._is_step_up = bool(self.get_argument(STEP_UP, ""))
        await maybe_future(super().get())

    def set_state_cookie(self, state_cookie_value: str) -> None:
        """The browser's own cookie also says whether this is the second attempt, so that there is no third."""
        state = {**_deserialize_state(state_cookie_value), STEP_UP: self._is_step_up}
        super().set_state_cookie(_serialize_state(state))

    def _generate_pkce_params(self) -> tuple[str, str]:
        verifier, challenge = super()._generate_pkce_params()
        self._verifier = verifier
        return verifier, challenge

    def authorize_redirect(self, *args: Untyped, extra_params: dict[str, Any], **kwargs: Untyped) -> None:
        """The redirect of oauthenticator, with the nonce, and on the second attempt with all that is asked for."""
        asked = step_up(self.authenticator.desk.facts.service.login) if self._is_step_up else {}
        params = {**extra_params, **asked, "nonce": nonce_of(self._verifier)}
        super().authorize_redirect(*args, extra_params=params, **kwargs)


class CallbackHandler(OAuthCallbackHandler):  # type: ignore[misc]  # oauthenticator ships no types
    """Takes the person back; one whom the facility does not know gets a page that says what to do."""

    async def get(self) -> None:
        """Sign in, or say why not."""
        try:
            await self.authenticator.learn_institution()
            await super().get()
        except WeakLogin as error:
            state = _deserialize_state(self.get_state_cookie())
            if state.get(STEP_UP):
                raise HTTPError(403, str(error)) from error
            again = {STEP_UP: "1", **({"next": state["next_url"]} if state.get("next_url") else {})}
            self.redirect(url_concat(url_path_join(self.hub.base_url, "oauth_login"), again))
        except NoAccount as error:
            await self._welcome(error)
        except (NotSignedIn, NotAllowed) as error:
            raise HTTPError(403, str(error)) from error
        except FacilityError as error:
            raise HTTPError(503, f"signing in is not possible right now: {error}. Try again in a minute.") from error

    def set_login_cookie(self, user: Untyped) -> None:
        """The browser is signed in; by a cookie more it is known again after its session was ended."""
        super().set_login_cookie(user)
        self._set_cookie(VISITOR, visitor_of(user.cookie_id), httponly=True, path=self.hub.base_url)

    async def _welcome(self, error: NoAccount) -> None:
        """Remember who is not known here, and say what can be done."""
        desk = self.authenticator.desk
        code = await desk.link_code(error.id_token)
        stranger = Stranger(error.issuer, error.subject, code, error.id_token)
        self.authenticator.strangers.remember(self, stranger)
        await show(self, stranger, await desk.client.link_wish(stranger.issuer, stranger.subject))
