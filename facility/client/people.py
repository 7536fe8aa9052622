"""Verbs about people: who somebody is, and what they may use."""

from __future__ import annotations

from facility.answers import Accounts, Images, LinkedLogin, LinkRequest, LinkWish, Reservations, Standing
from facility.client.asking import Asking, about, listed
from facility.errors import NotFound
from facility.models import Identity
from facility.wire import decode


class PeopleVerbs(Asking):
    """identity, accounts, images and reservations: questions that change nothing, and links."""

    async def me(self) -> Identity:
        """Who the token's owner is."""
        return decode(Identity, await self._of_identity("GET", "/identity/me"))

    async def link(self, issuer: str, subject: str) -> Identity | None:
        """Whose local account a login at the home institution is linked to; None where there is none."""
        try:
            found = await self._of_identity("GET", "/identity/links", {"iss": issuer, "sub": subject})
        except NotFound:
            return None
        return decode(Identity, found)

    async def add_link(self, issuer: str, subject: str, user: str) -> Identity:
        """Link a login to a local account (operators only). Raises NotAllowed for an account that cannot be linked."""
        body = {"iss": issuer, "sub": subject, "user": user}
        return decode(Identity, await self._of_identity("PUT", "/identity/links", body=body))

    async def remove_link(self, issuer: str, subject: str) -> None:
        """Part a login from one's own account; operators may part anybody's. Raises NotFound."""
        await self._of_identity("DELETE", "/identity/links", {"iss": issuer, "sub": subject})

    async def waiting_links(self) -> tuple[LinkRequest, ...]:
        """The logins that ask for an account, without their codes (operators only)."""
        return listed(LinkRequest, await self._of_identity("GET", "/identity/links/requests"), "requests")

    async def ask_link(self, id_token: str) -> LinkRequest:
        """Ask for the account of a login that was just seen (hubs only); the code is for that login session alone."""
        found = await self._of_identity("POST", "/identity/links/requests", body={"id_token": id_token})
        return decode(LinkRequest, found)

    async def logins(self, user: str = "") -> tuple[LinkedLogin, ...]:
        """The logins that are linked to an account, with what each link stands on."""
        return listed(LinkedLogin, await self._of_identity("GET", "/identity/logins", about(user)), "logins")

    async def standing(self, issuer: str, subject: str) -> Standing:
        """Whether a login may still enter (hubs only)."""
        query = {"iss": issuer, "sub": subject}
        return decode(Standing, await self._of_identity("GET", "/identity/logins/standing", query))

    async def end_login(self, issuer: str, subject: str, user: str, why: str) -> None:
        """End what hubs have got for the logins of `user`, of which this one ended at home (hubs only)."""
        body = {"iss": issuer, "sub": subject, "user": user, "why": why[:200]}
        await self._of_identity("POST", "/identity/logins/ended", body=body)

    async def wish_link(self, id_token: str) -> LinkWish:
        """Ask the operators for the account of a login that was just seen (hubs only); one wish a login.

        Raises Refused within a day of a refusal, Busy where too many wait.
        """
        return decode(LinkWish, await self._of_identity("POST", "/identity/wishes", body={"id_token": id_token}))

    async def link_wish(self, issuer: str, subject: str) -> LinkWish | None:
        """What became of a login's wish (hubs only); None where it asks for nothing."""
        try:
            found = await self._of_identity("GET", "/identity/wish", {"iss": issuer, "sub": subject})
        except NotFound:
            return None
        return decode(LinkWish, found)

    async def link_wishes(self) -> tuple[LinkWish, ...]:
        """The logins that wait for an operator's word (operators only)."""
        return listed(LinkWish, await self._of_identity("GET", "/identity/wishes"), "wishes")

    async def approve_link(self, wish_id: str, user: str) -> LinkWish:
        """Link a wish's login to the account `user` (operators only). Raises NotAllowed for one that cannot be."""
        body = {"user": user}
        return decode(LinkWish, await self._of_identity("POST", f"/identity/wishes/{wish_id}/approve", body=body))

    async def refuse_link(self, wish_id: str, word: str = "") -> LinkWish:
        """Say no to a wish, with a word that the person reads (operators only)."""
        body = {"word": word}
        return decode(LinkWish, await self._of_identity("POST", f"/identity/wishes/{wish_id}/refuse", body=body))

    async def accounts(self, user: str = "") -> Accounts:
        """What `user` (empty: the token's owner) may charge."""
        return decode(Accounts, await self._facts("/accounts", about(user)))

    async def images(self, user: str = "") -> Images:
        """The images `user` may start."""
        return decode(Images, await self._facts("/images", about(user)))

    async def reservations(self, user: str = "", *, all_of_them: bool = False) -> Reservations:
        """The reservations that admit `user`, running or to come; for operators all of them on request."""
        query = about(user) | ({"all": "true"} if all_of_them else {})
        return decode(Reservations, await self._facts("/reservations", query))
