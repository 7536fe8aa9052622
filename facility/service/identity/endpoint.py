"""The token endpoint: who may have which token (RFC 6749 section 4.4, RFC 7523 section 2.2, RFC 8693)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from facility.answers import Token
from facility.errors import FacilityError, NotAllowed, NotSignedIn
from facility.service.identity.assertions import check_address, invalid_client, read_client
from facility.service.identity.desk import Desk
from facility.service.identity.linking import linked_person
from facility.service.identity.oauth import TokenRefused
from facility.service.identity.store import Client
from facility.service.scopes import read_scopes, write_scopes

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"  # noqa: S105 - a name from RFC 8693, no secret
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - likewise
GRANTS = ("client_credentials", EXCHANGE)

Form = Mapping[str, str]


async def give_token(desk: Desk, form: Form, address: str) -> Token:
    """A token of ten minutes: of a client's owner, or, for a hub with a person's ID token, of that person.

    `address` is where the request comes from. Raises TokenRefused, and what a part that is away raises; every token
    and every refusal is in the audit log.
    """
    client_id = ""
    try:
        client = await prove_client(desk, form, address)
        client_id = client.id
        user, most = await _whom(desk, client, form)
        scopes = _scopes(form.get("scope", ""), most)
    except FacilityError as error:
        desk.audit.note("token", "refused", client=client_id, address=address, why=str(error))
        raise
    token = await asyncio.to_thread(desk.tokens.mint, user, scopes, client.id)
    grant = form.get("grant_type", "")
    desk.audit.note("token", user=user, client=client.id, scope=write_scopes(scopes), grant=grant, address=address)
    return token


async def prove_client(desk: Desk, form: Form, address: str) -> Client:
    """The client that signed the form's assertion. Raises TokenRefused."""
    if form.get("client_assertion_type") != ASSERTION or not form.get("client_assertion"):
        raise invalid_client(f"client_assertion_type must be {ASSERTION}: clients sign, they send no secret")
    audiences = (desk.token_url, desk.profile.service.token_issuer)
    client = await asyncio.to_thread(read_client, form["client_assertion"], audiences, desk.store)
    if form.get("client_id", client.id) != client.id:
        raise invalid_client("client_id is another than the assertion names")
    check_address(client, address)
    return client


async def _whom(desk: Desk, client: Client, form: Form) -> tuple[str, frozenset[str]]:
    """Whose token it will be, and the most it may hold."""
    grant, ceiling = form.get("grant_type", ""), desk.profile.service.ceiling
    if grant == "client_credentials":
        if not client.is_hub:  # a hub's token acts for nobody, so its owner is but a name
            desk.person(client.owner)
        return client.owner, client.allowed(ceiling)
    if grant == EXCHANGE:
        return await _exchange(desk, client, form), ceiling
    code = "unsupported_grant_type" if grant else "invalid_request"
    raise TokenRefused(code, f"grant_type must be one of {' '.join(GRANTS)}")


async def _exchange(desk: Desk, client: Client, form: Form) -> str:
    """The person whose ID token the hub shows. The hub's key alone never becomes anybody."""
    if not client.is_hub:
        raise TokenRefused("unauthorized_client", "only a hub's client may exchange a login")
    if form.get("subject_token_type") != ID_TOKEN or not form.get("subject_token"):
        raise TokenRefused("invalid_request", f"subject_token_type must be {ID_TOKEN}")
    if form.get("requested_token_type", ACCESS_TOKEN) != ACCESS_TOKEN or "actor_token" in form:
        raise TokenRefused("invalid_request", f"what can be had is {ACCESS_TOKEN}, without an actor_token")
    facts = desk.profile.service
    if form.get("audience", facts.audience) != facts.audience or form.get("resource", facts.url) != facts.url:
        raise TokenRefused("invalid_target", f"tokens are made for {facts.audience} only")
    try:
        login = await desk.issuer.read_login(form["subject_token"])
    except NotSignedIn as error:
        raise TokenRefused("invalid_request", str(error)) from error  # RFC 8693, section 2.2.2
    link = await asyncio.to_thread(desk.store.link, login.issuer, login.subject)
    if link is None:
        raise NotAllowed("this login is not linked to an account here; link it first, or ask an administrator")
    return linked_person(desk, link).pw_name


def _scopes(wanted: str, most: frozenset[str]) -> frozenset[str]:
    """What the token will hold: what was asked for, or the most that may be had. Raises TokenRefused."""
    try:
        asked = read_scopes(wanted)
    except ValueError as error:
        raise TokenRefused("invalid_scope", str(error)) from error
    if too_much := asked - most:
        raise TokenRefused("invalid_scope", f"this client's tokens may not hold {write_scopes(too_much)} here")
    return asked or most
