"""Identity in the process that serves it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from facility.answers import ApiClient, Token
from facility.errors import FacilityError, NotAllowed, NotSignedIn, Refused
from facility.service.caller import Caller, Mandate
from facility.service.identity.clients import shown
from facility.service.identity.desk import Desk
from facility.service.identity.endpoint import give_token
from facility.service.identity.grants import sign_grant
from facility.service.identity.linking import linked_person
from facility.service.identity.proofs import LONGEST_DELEGATION, Delegation
from facility.service.identity.remembered import Remembered
from facility.service.identity.tokens import issuer_of
from facility.service.identity.verbs import OF_A_HUB, check_verbs
from facility.service.scopes import PERSONAL


class LocalIdentity:
    """See `IdentityPort`."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.watched = desk.issuer.watched
        self._remembered = Remembered(desk.clock)

    async def verify(self, token: str) -> Caller:
        """See `IdentityPort.verify`."""
        return self._remembered.get(token) or self._remembered.put((await self._examine(token))[1])

    async def token(self, form: Mapping[str, str], address: str) -> Token:
        """See `IdentityPort.token`."""
        return await give_token(self.desk, form, address)

    async def revoke(self, token: str) -> None:
        """See `IdentityPort.revoke`."""
        try:
            jti, caller = await self._read(token)
        except NotSignedIn:
            return
        await asyncio.to_thread(self.desk.proofs.revoke, jti, caller.expires)
        self._remembered.clear()
        self.desk.audit.note("revoke token", user=caller.user, client=caller.client)

    async def clients(self, caller: Caller) -> tuple[ApiClient, ...]:
        """See `IdentityPort.clients`."""
        found = await asyncio.to_thread(self.desk.store.clients_of, caller.user)
        return tuple(shown(client, self.desk.profile.service.ceiling) for client in found)

    async def revoke_client(self, client_id: str, owner: str) -> None:
        """End a person's client with all that it made. Raises NotFound."""
        await asyncio.to_thread(self.desk.store.revoke_client, client_id, owner)
        await asyncio.to_thread(self.desk.proofs.end_delegations_of, client_id)
        self._remembered.clear()
        self.desk.audit.note("revoke client", user=owner, client=client_id)

    async def grant(self, mandate: Mandate, verb: str, digest: str) -> str:
        """See `IdentityPort.grant`."""
        client = ""
        try:
            client = await self._check(mandate, verb)
            account = self.desk.person(mandate.user)
            grant = sign_grant(self.desk.grant_key, account.pw_name, account.pw_uid, verb, digest)
        except FacilityError as error:
            self.desk.audit.note("grant", "refused", user=mandate.user, client=client, verb=verb, why=str(error))
            raise
        how = "delegation" if mandate.delegation else "token"
        self.desk.audit.note("grant", user=mandate.user, client=client, verb=verb, digest=digest, by=how)
        return grant

    async def delegate(self, caller: Caller, verbs: frozenset[str], seconds: float) -> str:
        """See `IdentityPort.delegate`."""
        jti, live = await self._examine(caller.token)
        if live.is_hub:
            raise NotAllowed("a hub acts for nobody, and can delegate nothing")
        check_verbs(verbs, live.scopes)
        if not verbs or not 0 < seconds <= LONGEST_DELEGATION.total_seconds():
            raise Refused("a delegation names its verbs, and lives 48 hours at most")
        granted = Delegation(live.user, live.client, verbs, datetime.now(UTC) + timedelta(seconds=seconds))
        secret = await asyncio.to_thread(self.desk.proofs.delegate, granted, jti)
        self.desk.audit.note("delegate", user=live.user, client=live.client, verbs=" ".join(sorted(verbs)))
        return secret

    async def end_delegation(self, delegation: str) -> None:
        """See `IdentityPort.end_delegation`."""
        await asyncio.to_thread(self.desk.proofs.end_delegation, delegation)
        self.desk.audit.note("end delegation")

    async def hear_closed(self, statement: str) -> bool:
        """See `IdentityPort.hear_closed`."""
        new = self.desk.closed.hear(statement)
        if new:
            self._remembered.clear()
            self.desk.audit.note("close accounts", users=" ".join(sorted(new)), number=len(new), by="the root helper")
        return bool(new)

    async def _check(self, mandate: Mandate, verb: str) -> str:
        """The client by which this mandate gives leave for the verb, looked up anew each time."""
        if mandate.delegation:
            found = await asyncio.to_thread(self.desk.proofs.delegation, mandate.delegation)
            if found.user != mandate.user:
                raise NotAllowed(f"the delegation is not one of {mandate.user}")
            if verb not in found.verbs:
                raise NotAllowed(f"the delegation does not give leave for {verb}")
            check_verbs(frozenset({verb}), self.desk.profile.service.ceiling)  # the site may have closed it since
            return found.client
        _, caller = await self._examine(mandate.token)
        if caller.is_hub and verb in OF_A_HUB:
            return caller.client
        if caller.is_hub or caller.user != mandate.user:
            raise NotAllowed(f"the token is not one of {mandate.user}")
        check_verbs(frozenset({verb}), caller.scopes)
        return caller.client

    async def _examine(self, token: str) -> tuple[str, Caller]:
        """The token's own id and who it speaks for, with its revocation looked up."""
        jti, caller = await self._read(token)
        if await asyncio.to_thread(self.desk.proofs.is_revoked, jti, caller):
            raise NotSignedIn("the token was revoked; sign in again")
        if not caller.is_hub:  # a hub's own token stands for nobody
            try:
                self.desk.closed.check(caller.user)
            except NotAllowed as error:
                raise NotSignedIn(f"the token counts no more: {error}") from error
        return jti, caller

    async def _read(self, token: str) -> tuple[str, Caller]:
        """The token's own id, and the caller: one of our tokens, or one of the issuer where the profile takes those."""
        facts = self.desk.profile.service
        if facts.issuer_audience and issuer_of(token) == facts.issuer != facts.token_issuer:
            access = await self.desk.issuer.read_access(token)
            link = await asyncio.to_thread(self.desk.store.link, access.login.issuer, access.login.subject)
            if link is None:
                raise NotSignedIn("this login is not linked to an account here; an administrator can link it")
            user = linked_person(self.desk, link).pw_name
            scopes = frozenset(access.scope.split()) & facts.ceiling & PERSONAL
            return access.jti, Caller(user, scopes, access.client, access.expires, token)
        verified = self.desk.tokens.verify(token)
        return verified.jti, verified.caller
