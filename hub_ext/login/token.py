"""A server's facility token: short, of its own user, handed out against the server's own hub token."""

from __future__ import annotations

from jupyterhub.apihandlers import APIHandler
from jupyterhub.user import User
from tornado.web import HTTPError

from facility.errors import FacilityError, NotAllowed, NotSignedIn
from spawners.desks import current_desks


class TokenHandler(APIHandler):  # type: ignore[misc]  # JupyterHub ships no types
    """GET /api/beamside/token"""

    async def get(self) -> None:
        """Exchange the user's login at the facility; the login's own tokens never leave the hub."""
        user = self.current_user
        if not getattr(self, "_token_authenticated", False) or not isinstance(user, User):
            raise HTTPError(403, "a server's own token is needed here; a browser session gets none")
        if not any(scope.partition("!")[0] == "access:servers" for scope in self.expanded_scopes):
            raise HTTPError(403, "this token may not use a server, so it gets no token of the facility either")
        try:
            token = await self.authenticator.facility_token(user, system=self._system(user.name))
        except NotSignedIn as error:
            raise HTTPError(401, f"{error}; open the hub's home page and sign in again") from error
        except NotAllowed as error:
            raise HTTPError(403, f"{error}; open the hub's home page and sign in again") from error
        except FacilityError as error:
            raise HTTPError(503, f"{error}; ask again in a moment") from error
        self.set_header("Cache-Control", "no-store")
        self.finish({"access_token": token.access_token, "expires_in": token.expires_in, "token_type": "Bearer"})

    def _system(self, person: str) -> str:
        """Where the server runs whose own token this is; of a token for all of a person's servers, no name."""
        named = {scope.partition("!server=")[2] for scope in self.expanded_scopes if scope.startswith("access:servers")}
        servers = [name.partition("/")[2] for name in named if name.partition("/")[0] == person]
        if len(servers) != 1 or len(named) != 1:
            return ""
        intent = current_desks().intents.open_one(person, servers[0])
        return intent.system if intent is not None else ""
