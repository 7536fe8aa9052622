"""Who asks, and for whom: the one gate of every route. A route names its scopes by `needs`, or says `public`.

Dependencies are coroutines also where they wait for nothing: FastAPI sends every other one through a thread.
"""

from __future__ import annotations

import pwd
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Annotated

from fastapi import Depends, Header, Query, Request

from facility.errors import NotAllowed, NotSignedIn, Refused
from facility.service.accounts.people import check_person
from facility.service.caller import Caller, ScopeMissing
from facility.service.parts import Parts
from facility.service.scopes import OPERATORS, SCOPES

Gate = Callable[..., Awaitable[Caller]]

GATES: dict[object, tuple[str, ...]] = {}
"""Gate -> the scopes of which it wants one; none: any token is enough. The published matrix is read from here."""


def parts_at(request: Request) -> Parts:
    """The parts of the service that this request reached."""
    parts: Parts = request.app.state.parts
    return parts


async def parts_of(request: Request) -> Parts:
    """The same, for routes. What every route depends on takes `parts_at`: FastAPI would walk here for each of them."""
    return parts_at(request)


ServiceParts = Annotated[Parts, Depends(parts_of)]


async def read_caller(request: Request, authorization: Annotated[str, Header()] = "") -> Caller:
    """The caller of a bearer token (RFC 6750, section 2.1). Raises NotSignedIn."""
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise NotSignedIn("this needs a bearer token; get one at the token endpoint of identity")
    return await parts_at(request).identity.verify(token.strip())


SignedIn = Annotated[Caller, Depends(read_caller)]


@lru_cache
def needs(*scopes: str) -> Gate:
    """The gate that wants one of `scopes` (any token where none is named), for `Depends`.

    A scope of operators is looked at in accounting too, whatever the token says.
    """
    if unknown := set(scopes) - set(SCOPES):
        raise ValueError(f"no such scope: {unknown}")

    async def gate(parts: ServiceParts, caller: SignedIn) -> Caller:
        held = caller.scopes & set(scopes)
        if scopes and not held:
            raise ScopeMissing(scopes)
        if held and held <= OPERATORS and not await parts.facts.is_operator(caller.user):
            raise NotAllowed("only operators of the facility may do this; ask one of them")
        return caller

    GATES[gate] = scopes
    return gate


async def public() -> None:
    """The gate of a route that is for everybody: `dependencies=[Depends(public)]`."""


async def proved() -> None:
    """The gate of a route whose requests carry a proof of their own: an assertion, a token in a form, a delegation."""


async def read_subject(
    request: Request, caller: SignedIn, user: Annotated[str, Query(max_length=32)] = ""
) -> pwd.struct_passwd:
    """The person a question is about: the caller, or another where the caller is the hub or an operator."""
    parts = parts_at(request)
    wanted = user or ("" if caller.is_hub else caller.user)
    if not wanted:
        raise Refused("say about whom: add ?user=NAME")
    if wanted != caller.user and not caller.is_hub and not await parts.facts.is_operator(caller.user):
        raise NotAllowed(f"{caller.user} may not ask about {wanted}; only operators may")
    return check_person(wanted, parts.profile)


Subject = Annotated[pwd.struct_passwd, Depends(read_subject)]


async def read_audience(request: Request, caller: SignedIn, user: Annotated[str, Query(max_length=32)] = "") -> str:
    """Whose jobs may be listed: one user's, or "" for everybody's, which is for the hub alone."""
    if caller.is_hub and not user:
        return ""
    return (await read_subject(request, caller, user)).pw_name


Audience = Annotated[str, Depends(read_audience)]


async def read_operator(request: Request, caller: SignedIn) -> Caller:
    """The caller, who is an operator. Raises NotAllowed."""
    if caller.is_hub or not await parts_at(request).facts.is_operator(caller.user):
        raise NotAllowed("only operators of the facility may do this; ask one of them")
    return caller


Operator = Annotated[Caller, Depends(read_operator)]
