"""The facility service over HTTP: one method a verb, typed answers, errors from `facility.errors`."""

from __future__ import annotations

from facility.bearer import TokenSource
from facility.client.board import BoardVerbs
from facility.client.bookings import BookingVerbs
from facility.client.callbacks import CallbackVerbs
from facility.client.files import FileVerbs
from facility.client.jobs import JobScript, JobVerbs
from facility.client.keys import KeyVerbs
from facility.client.people import PeopleVerbs
from facility.client.transfers import Tier, TransferVerbs
from facility.exchange import Patience

__all__ = ["FacilityClient", "JobScript", "Patience", "Tier", "TokenSource"]


class FacilityClient(
    PeopleVerbs, KeyVerbs, JobVerbs, FileVerbs, TransferVerbs, BookingVerbs, CallbackVerbs, BoardVerbs
):
    """One facility service as seen by the owner of a token (parameters: `facility.client.asking.Asking`)."""
