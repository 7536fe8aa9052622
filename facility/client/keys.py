"""Verbs about one's own keys, by which programs act for a person."""

from __future__ import annotations

from collections.abc import Sequence

from facility.answers import ApiClient
from facility.client.asking import Asking, listed
from facility.wire import decode


class KeyVerbs(Asking):
    """identity: registering, listing and ending one's keys."""

    async def keys(self) -> tuple[ApiClient, ...]:
        """One's own, with what each may do and until when."""
        return listed(ApiClient, await self._of_identity("GET", "/identity/clients"), "clients")

    async def register_key(
        self, name: str, public_key: str, scopes: Sequence[str], *, days: float = 30, networks: Sequence[str] = ()
    ) -> ApiClient:
        """Register the public half of a pair (PEM, or a JWK as JSON); never further than the token in use reaches.

        The private half stays where the pair was made. Raises NotAllowed and Refused with the reason.
        """
        told = {"name": name, "public_key": public_key, "scopes": list(scopes), "days": days}
        body = told | {"networks": list(networks)}
        return decode(ApiClient, await self._of_identity("POST", "/identity/clients", body=body))

    async def revoke_key(self, client_id: str) -> None:
        """End a key for good, with its tokens and delegations; everywhere within 60 seconds."""
        await self._of_identity("DELETE", f"/identity/clients/{client_id}")
