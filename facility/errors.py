"""What can go wrong when beamside speaks to a facility; each says what happened, to what, and what to do next.

FacilityError
   |- Unreachable    no answer in time (a retry may help)
   |- Refused        it said no
   |    |- NotSignedIn   401: no token, or one that ended
   |    |- NotAllowed    403: known, but not permitted
   |    |- NotFound      404: no such thing, or none that this user may see
   |    |- NotOffered    this way to the facility has no such question; the message says why
   |    |- KeyReused     422: an idempotency key that stands for another request
   |    `- SubmitRefused the scheduler said no to a job; the message holds its own words
   |         `- HomeRefused   it was not asked: the person's home directory does not take the job's files
   |- Busy           429 or 503; `retry_after` in seconds
   |- StoreFailed    the service's own database does not answer
   |    `- StoreFull      it has no room to write in
   |- Unreadable     an answer that cannot be parsed; `.text` holds its start
   |- ProfileError   facility.toml is wrong: which key, and what it should be
   `- OptionError    a user's choice that the Offer does not hold: `.field` and `.reason`
"""

from __future__ import annotations


class FacilityError(Exception):
    """Anything that went wrong between beamside and a facility."""


class Unreachable(FacilityError):
    """No answer in time. Nothing is known to have changed; for a submission ask by nonce before trying again."""


class Refused(FacilityError):
    """The facility understood and said no."""


class NotSignedIn(Refused):
    """No token, or a token that ended."""


class NotAllowed(Refused):
    """The identity is known and may not do this."""


class NotFound(Refused):
    """There is no such thing, or none that this user may see."""


class NotOffered(Refused):
    """This way to the facility cannot answer that at all; another provider may."""


class KeyReused(Refused):
    """The same idempotency key came with another request before."""


class SubmitRefused(Refused):
    """The scheduler refused a job; the message holds the scheduler's own words."""


class HomeRefused(SubmitRefused):
    """The home directory does not take a job's files, most often because it is full; nothing was submitted."""


class Busy(FacilityError):
    """The facility asks for patience."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class StoreFailed(FacilityError):
    """The service's own database cannot be read or written; it may be back in a moment."""


class StoreFull(StoreFailed):
    """The service's own database has no room; what was read before still is, and somebody must make room."""


class Unreadable(FacilityError):
    """An answer that is not what was asked for."""

    SHOWN = 500  # characters of the answer that are kept

    def __init__(self, message: str, text: str = "") -> None:
        super().__init__(message)
        self.text = text[: self.SHOWN]


class ProfileError(FacilityError):
    """facility.toml names something unknown or wrong."""


class OptionError(FacilityError):
    """A choice of the user's that cannot be granted; shown beside its field, the rest of the form is kept."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason
