"""How much the scheduler may be asked in the background, over all questions together."""

from __future__ import annotations

from facility.service.clock import Clock

RATE = 0.45
"""Scheduler RPCs a second: below the half that is promised, so that a start's credit does not break the promise.

squeue and sinfo make two each, scontrol show reservation one (sdiag, Slurm 22.05).
"""

CREDIT = 10.0
"""RPCs that may come at once after a start, so that everything is known soon."""

SURCHARGE = 0.5
"""What a turn pays of what is owed, beside its own: the background goes on at two thirds of its pace at least."""

ESTIMATES_RATE = RATE * SURCHARGE / (1 + SURCHARGE)
"""RPCs a second for estimates of starts, over all processes: what the background can pay back in its turns."""

ESTIMATES_CREDIT = 20.0
"""RPCs of estimates that may come at once."""

HINTS_RATE = 0.05
"""RPCs a second for looks at jobs that something happened to: what half an RPC a second leaves."""

HINTS_CREDIT = 20.0
"""RPCs of such looks that may come at once."""

ROUNDING = 1e-6
"""Seconds that sums of turns may be off."""


class Budget:
    """A bucket of RPCs that fills at RATE and holds CREDIT; who finds it empty waits for its turn."""

    def __init__(self, clock: Clock, rate: float = RATE, credit: float = CREDIT) -> None:
        self._clock = clock
        self._rate = rate
        self._credit = credit
        self._paid_until = clock.monotonic() - credit / rate
        self._owed = 0.0

    async def spend(self, rpcs: float) -> None:
        """Wait until so many RPCs may be made. Turns come in the order of asking; cancelling gives nothing back."""
        now = self._clock.monotonic()
        more = min(self._owed, rpcs * SURCHARGE)
        self._owed -= more
        self._paid_until = max(self._paid_until, now - self._credit / self._rate) + (rpcs + more) / self._rate
        if self._paid_until > now:
            await self._clock.sleep(self._paid_until - now)

    def take(self, rpcs: float) -> float:
        """Spend without waiting: 0 when it is granted, else the seconds after which to ask again."""
        now = self._clock.monotonic()
        wanted = max(self._paid_until, now - self._credit / self._rate) + rpcs / self._rate
        if wanted - now > ROUNDING:
            return wanted - now
        self._paid_until = wanted
        return 0.0

    def owe(self, rpcs: float) -> None:
        """RPCs are made out of turn; the turns that follow pay for them, a little each."""
        self._owed += rpcs
