"""Durable operations in people's names: each carries a delegation, which ends when the operation does."""

from __future__ import annotations

import logging
from typing import Any, Protocol

from facility.errors import FacilityError, Refused
from facility.service.caller import Caller
from facility.service.operations.service import Handler, Operation, Operations, Progress

log = logging.getLogger(__name__)


class Delegating(Protocol):
    """What is asked of identity; see `facility.service.identity.port`."""

    async def delegate(self, caller: Caller, verbs: frozenset[str], seconds: float) -> str:
        """Leave for these verbs in the caller's name, for so long."""
        ...

    async def end_delegation(self, delegation: str) -> None:
        """End it."""
        ...


class Delegated:
    """Adds operations with leave to act for their owner, and ends that leave."""

    def __init__(self, operations: Operations, identity: Delegating) -> None:
        self._operations = operations
        self._identity = identity

    async def add(
        self, caller: Caller, kind: str, payload: dict[str, Any], verbs: frozenset[str], seconds: float, key: str = ""
    ) -> Operation:
        """Store work in the caller's name that may take so long. Raises KeyReused, and what `delegate` raises."""
        delegation = await self._identity.delegate(caller, verbs, seconds)
        kept = False
        try:
            stored = await self._operations.add(kind, caller.user, payload, delegation=delegation, key=key)
            kept = not stored.is_replay
        finally:
            if not kept:
                await self.end(delegation)
        return stored

    def ending(self, handler: Handler) -> Handler:
        """`handler`, after whose last attempt the leave ends too."""

        async def handle(operation: Operation, progress: Progress) -> dict[str, Any]:
            try:
                result = await handler(operation, progress)
            except Refused:
                await self.end(operation.delegation)
                raise
            await self.end(operation.delegation)
            return result

        return handle

    async def end(self, delegation: str) -> None:
        """End the leave to act; where that is not possible now, it ends by itself."""
        try:
            await self._identity.end_delegation(delegation)
        except FacilityError as error:
            log.info("a delegation that is not needed any more ends by itself: %s", error)
