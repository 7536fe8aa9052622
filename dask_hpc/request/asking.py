"""What was asked for, held against what the facility offers this user, before anything is submitted. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from dask_hpc.request.walltime import Limit
from facility.admission import JudgedReservation
from facility.errors import OptionError
from facility.models import NO_IMAGE, JobRequest, Partition
from facility.offer import Offer

_SHOWN_IMAGES = 10  # a catalogue may have thousands; those that are spelt most like it


def check(request: JobRequest, offer: Offer) -> tuple[Limit, ...]:
    """The limits on the walltime that come with what was asked for.

    A part of the Offer that is not known forbids nothing: the scheduler judges it then. Raises OptionError naming the
    argument that cannot be granted, with those that can.
    """
    accounts = offer.accounts
    if request.account and accounts and request.account not in accounts:
        raise OptionError("account", f"you may not charge {request.account}; you may charge {_listed(accounts)}")
    partition = _partition(request, offer)
    _check_qos(request, offer)
    _check_reservation(request, offer)
    _check_image(request, offer)
    longest = [(partition.max_walltime, f"partition {partition.name} allows")] if partition else []
    longest += [(qos.max_walltime, f"QOS {qos.name} allows") for qos in offer.qos.value if qos.name == request.qos]
    return tuple(Limit(span, why) for span, why in longest if span is not None)


def _check_qos(request: JobRequest, offer: Offer) -> None:
    account = request.account or next(iter(offer.accounts), "")
    own = offer.qos_of(account)
    if not request.qos or not own or request.qos in own:
        return
    known = {qos.name for qos in offer.qos.value}
    elsewhere = [other for other in offer.accounts if request.qos in offer.qos_of(other)]
    if request.qos not in known and not elsewhere:
        raise OptionError("qos", f"there is no QOS {request.qos}; account {account} may use {_listed(own)}")
    hint = f"; account {_listed(elsewhere)} may" if elsewhere else ""
    raise OptionError("qos", f"account {account} may not use QOS {request.qos}, but {_listed(own)}{hint}")


def _partition(request: JobRequest, offer: Offer) -> Partition | None:
    known = {one.name: one for one in offer.partitions.value}
    if not request.partition or not known:
        return None
    if request.partition not in known:
        raise OptionError("partition", f"there is no partition {request.partition}; there are {_listed(known)}")
    found = known[request.partition]
    if request.nodes > found.nodes:
        raise OptionError("nodes", f"{request.nodes} are more than the {found.nodes} of partition {found.name}")
    return found


def _check_reservation(request: JobRequest, offer: Offer) -> None:
    if not request.reservation or offer.reservations.as_of is None:
        return
    known = {one.name: one for one in (*offer.reservations.value, *offer.near)}
    # without accounts nothing is known of who is admitted; what has ended, or is closed, is there all the same
    usable = {name: one for name, one in known.items() if one.admits or not offer.accounts}
    if request.reservation not in known:
        raise OptionError("reservation", f"there is no reservation {request.reservation}; there are {_listed(usable)}")
    if request.reservation not in usable:
        why = known[request.reservation].why_not
        raise OptionError("reservation", f"{why} You may use: {_listed(usable)}")
    _check_inside(request, usable[request.reservation], offer)


def _check_inside(request: JobRequest, found: JudgedReservation, offer: Offer) -> None:
    account = request.account or next(iter(offer.accounts), "")
    if account and account not in found.admitted_accounts:
        raise OptionError("account", f"{found.name} is not for {account}, but for {_listed(found.admitted_accounts)}")
    if request.nodes > found.node_count > 0 and not found.is_flexible:
        raise OptionError("nodes", f"{request.nodes} are more than the {found.node_count} of {found.name}")
    if found.partition and request.partition and found.partition != request.partition:
        raise OptionError("partition", f"{found.name} lies in partition {found.partition}, not in {request.partition}")


def _check_image(request: JobRequest, offer: Offer) -> None:
    known = sorted(image.name for image in offer.images.value)
    if request.image == NO_IMAGE or offer.images.as_of is None or request.image in known:
        return
    shown = get_close_matches(request.image, known, _SHOWN_IMAGES, cutoff=0.0) if known else []
    more = f" and {len(known) - len(shown)} more" if len(known) > len(shown) else ""
    raise OptionError("image", f"there is no image {request.image} that you may use; there are {_listed(shown)}{more}")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
