"""A sign-in anew by its refresh token, one at a time for each person; and what the institution's no means."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from typing import Any

from oauthenticator.oauth2 import OAuthenticator
from tornado.httpclient import HTTPClientError
from tornado.web import HTTPError
from traitlets import Enum, Float, Unicode

from facility.errors import FacilityError, NotAllowed, NotSignedIn, Unreachable
from hub_ext.departed.ending import Endings
from hub_ext.departed.why import Departed, Why
from spawners.untyped import Untyped

State = dict[str, Any]


class RefreshedLogin(OAuthenticator):  # type: ignore[misc]  # oauthenticator ships no types
    """Sign-ins that are looked at again, at home and at the facility, after they let somebody in."""

    departed = Enum(
        ["keep", "stop"], "keep",
        help="The servers of somebody whose sign-in ended at home or at the facility: they go on until their jobs end,"
        " out of the person's reach, or are stopped. Sessions and tokens end either way.",
    ).tag(config=True)  # fmt: skip
    standing_seconds = Float(
        900.0, min=0, help="Seconds from one round of such questions to the next, about those who are here. 0: none."
    ).tag(config=True)
    contact = Unicode(
        "the people who run this facility", help="Whom somebody is told to ask: a name, an address, an extension."
    ).tag(config=True)

    endings: Endings

    def __init__(self, **kwargs: Untyped) -> None:
        super().__init__(**kwargs)
        # a refresh token that is used twice at once would look like one that was refused
        self._alone: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def refresh_user(self, user: Untyped, handler: Untyped = None, **kwargs: Untyped) -> State | bool:
        """The sign-in anew where its statement ended; see oauthenticator. Whoever departed is ended here too."""
        try:
            async with self._alone[user.name]:
                return await self._refresh(user, handler, is_asked_anyway=False)
        except Departed as gone:
            await self.endings.carry_out(user, await self.login_in(user), gone)
            return False
        except Unreachable as error:  # nothing is known against the person, so the session goes on
            self.log.info("the sign-in of %s could not be refreshed: %s", user.name, error)
            return True
        except NotSignedIn as error:
            self.log.info("the sign-in of %s does not hold: %s", user.name, error)
            return False

    async def look_again(self, user: Untyped) -> State | bool:
        """Ask institution and facility about a person who is here, whatever the statement at hand says.

        Raises Departed with their certain word, and FacilityError where there is none.
        """
        async with self._alone[user.name]:
            found = await self._refresh(user, None, is_asked_anyway=True)
        if isinstance(found, dict) and self.manage_groups:
            user.sync_groups(found["groups"])
        return found

    async def login_in(self, user: Untyped) -> tuple[str, str]:
        """Issuer and subject of the sign-in that the hub holds of somebody; empty where it holds none."""
        claims = ((await user.get_auth_state()) or {}).get(self.user_auth_state_key) or {}
        return str(claims.get("iss", "")), str(claims.get("sub", ""))

    async def _refresh(self, user: Untyped, handler: Untyped, *, is_asked_anyway: bool) -> State | bool:
        state = await user.get_auth_state()
        if self.refresh_user_hook is not None and not is_asked_anyway:
            told: State | bool | None = await self._call_refresh_user_hook(user, state)
            if told is not None:
                return told
        if not state or not state.get(self.user_auth_state_key):
            return False
        await self._confirm(user.name, state[self.user_auth_state_key])
        if not is_asked_anyway and (model := await self._model(state["token_response"])):
            return model
        if not state.get("refresh_token"):
            return is_asked_anyway  # an institution that gives none cannot be asked
        fresh = await self._ask_home(user, handler, state)
        return is_asked_anyway if fresh is None else await self._keep(user, state, fresh)

    async def _confirm(self, name: str, claims: State) -> None:
        """That the facility still lets this sign-in in as `name`. Raises Departed, or FacilityError for no answer."""
        try:
            self.check_institution(claims)
        except NotAllowed as error:
            raise Departed(Why.INSTITUTION, str(error)) from error
        found = await self.desk.client.standing(str(claims["iss"]), str(claims["sub"]))
        if found.user != name:
            raise Departed(Why.LINK, f"it is linked to {found.user or 'no account'} now")
        if found.problem:
            raise Departed(Why.ACCOUNT, found.problem)

    async def _ask_home(self, user: Untyped, handler: Untyped, state: State) -> State | None:
        """The institution's fresh tokens; None where another sign-in took this one's place meanwhile."""
        try:
            await self.learn_institution()
            params = self.build_refresh_token_request_params(state["refresh_token"])
            found: State = await self.get_token_info(handler, params)
        except HTTPClientError as error:
            if not is_refusal(error):
                raise Unreachable(f"the institution answered {error.code}") from error
            now = await user.get_auth_state()
            if not now or now.get("refresh_token") != state["refresh_token"]:
                return None
            raise Departed(Why.HOME, "it refused the refresh token (invalid_grant)") from error
        except (HTTPError, OSError, TimeoutError, ValueError) as error:
            raise Unreachable(f"the institution gave no answer ({type(error).__name__})") from error
        return found

    async def _keep(self, user: Untyped, state: State, fresh: State) -> State | bool:
        """Store the fresh tokens before anybody else may ask with the former ones."""
        fresh = {"refresh_token": state["refresh_token"], "id_token": state.get("id_token", ""), **fresh}
        former = state[self.user_auth_state_key]
        await user.save_auth_state({**state, "refresh_token": fresh["refresh_token"], "token_response": fresh})
        if (model := await self._model(fresh)) is None:
            return False
        claims = model["auth_state"][self.user_auth_state_key]
        if (claims["iss"], claims["sub"]) != (former["iss"], former["sub"]):  # OpenID Connect Core, section 12.2
            raise NotSignedIn("the institution answered about somebody else; sign in again")
        await user.save_auth_state(model["auth_state"])
        return model

    async def _model(self, token_info: State) -> State | None:
        """What the tokens say of their person; None where the statement among them ended."""
        try:
            model: State = await self._token_to_auth_model(token_info)
        except HTTPClientError as error:
            if 400 <= error.code < 500:
                return None
            raise FacilityError(f"the institution answered {error.code}") from error
        return model


def is_refusal(error: HTTPClientError) -> bool:
    """Whether an institution said that a refresh token counts no more (RFC 6749, section 5.2).

    Any other answer, also one that names the hub's own proof, says nothing about the person.
    """
    body = error.response.body if error.response is not None else b""
    try:
        found = json.loads(body or b"")
    except ValueError:
        return False
    return isinstance(found, dict) and found.get("error") == "invalid_grant" and error.code in {400, 401}
