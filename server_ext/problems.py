"""What went wrong, in the shape every answer of ours has: what happened, to what, and what to do next."""

from __future__ import annotations

from dataclasses import dataclass

from facility.errors import (
    Busy,
    FacilityError,
    NotAllowed,
    NotFound,
    NotSignedIn,
    ProfileError,
    Refused,
    Unreachable,
    Unreadable,
)

BY_ITSELF = "Nothing: it is asked again by itself, and running jobs are not touched."
NEXT: tuple[tuple[type[FacilityError], int, str], ...] = (  # the first class that fits counts
    (NotSignedIn, 502, "Sign in again at the hub (File > Hub Control Panel > Logout)."),
    (NotAllowed, 403, "Ask the owner of the job, or an operator of the facility."),
    (NotFound, 404, "It may have ended; the list shows what the scheduler still tells of."),
    (Refused, 409, "Read the scheduler's words above; the job is as it was."),
    (Busy, 503, BY_ITSELF),
    (Unreachable, 503, BY_ITSELF),
    (Unreadable, 502, "Tell the operator: the answer is not what this version of beamside expects."),
    (ProfileError, 500, "Tell the operator: the file that describes the facility is wrong."),
)


@dataclass(frozen=True)
class Problem:
    """A refusal or a failure as people read it. `status` is the HTTP status that fits."""

    what: str
    to: str
    next: str
    status: int = 500

    def as_json(self) -> dict[str, str]:
        """The three parts, as they go over the wire."""
        return {"what": self.what, "to": self.to, "next": self.next}


def problem_of(error: FacilityError, to: str) -> Problem:
    """The problem that `error` means for `to`, with the next step of its kind."""
    for kind, status, step in NEXT:
        if isinstance(error, kind):
            return Problem(str(error), to, step, status)
    return Problem(str(error), to, "Tell the operator, with the server's log.")
