"""The one door: what is granted, and what is refused with its field and reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from facility.errors import OptionError
from facility.models import JobRequest
from facility.offer import Offer, Part
from facility.profile import System
from facility.script import sbatch_options
from spawners.form import FIELDS, read_options


def refusal(options: dict[str, object], offer: Offer, system: System, now: datetime) -> tuple[str, str]:
    """Field and reason of the refusal of these options."""
    with pytest.raises(OptionError) as caught:
        read_options(options, offer, system, now)
    return caught.value.field, caught.value.reason


def test_nothing_chosen_gives_the_persons_defaults(offer: Offer, system: System, now: datetime) -> None:
    """An empty mapping asks for the default account, its default QOS, the default partition and walltime."""
    request = read_options({}, offer, system, now)

    assert JobRequest("ncem", "regular", "main", timedelta(hours=1)) == request


def test_form_lists_and_rest_values_mean_the_same(offer: Offer, system: System, now: datetime) -> None:
    """The form sends lists of one text, REST plain values and numbers; both become the same request."""
    form = {"account": ["als"], "nodes": ["2"], "walltime": ["1:30"], "reservation": [""]}
    rest = {"account": "als", "nodes": 2, "walltime": 90}

    assert read_options(form, offer, system, now) == read_options(rest, offer, system, now)


def test_everything_that_is_offered_is_granted(offer: Offer, system: System, now: datetime) -> None:
    """Choices inside the offer arrive unchanged in the request."""
    asked = {"reservation": "beam-042", "account": "ncem", "qos": "realtime", "partition": "main", "image": "4dstem",
             "nodes": "2", "cpus_per_node": "8", "memory_gb": "16", "gpus_per_node": "4",
             "walltime": "4:00"}  # fmt: skip

    request = read_options(asked, offer, system, now)

    four_hours = timedelta(hours=4)
    size = {"cpus_per_task": 8, "memory_mb": 16_384, "gpus_per_node": 4}
    assert JobRequest("ncem", "realtime", "main", four_hours, 2, "beam-042", "4dstem", **size) == request


@pytest.mark.parametrize(
    ("options", "field", "reason"),
    [
        ({"cmd": "sh"}, "cmd", f"there is no such option; the options are {', '.join(FIELDS)}"),
        ({"prologue": "x"}, "prologue", f"there is no such option; the options are {', '.join(FIELDS)}"),
        ({"account": "cryo"}, "account", '"cryo" is no account of yours; you may choose ncem, als'),
        ({"account": "als", "qos": "realtime"}, "qos", '"realtime" is no QOS of account als; it has debug, regular'),
        ({"reservation": "not-mine"}, "reservation", "not-mine is for other users."),
        ({"reservation": "beam-042", "account": "als"}, "account", 'beam-042 does not take "als", only ncem'),
        ({"reservation": "beam-042", "partition": "exclusive"}, "partition", "beam-042 lies in main; choose main"),
        ({"partition": "repair"}, "partition", "repair takes no jobs at the moment; choose another"),
        ({"image": "mpi-only"}, "image", '"mpi-only" is no image offered here; you may choose none, 4dstem'),
        ({"reservation": "beam-042", "walltime": "8:00"}, "walltime", "beam-042 ends in 6:30; ask for that or less"),
        ({"reservation": "night-shift", "walltime": "9:00"}, "walltime",
         "night-shift lasts 8:00; ask for that or less"),
        ({"qos": "realtime", "walltime": "5:00"}, "walltime", "QOS realtime allows 4:00; ask for that or less"),
        ({"partition": "exclusive", "walltime": "9:00"}, "walltime",
         "partition exclusive allows 8:00; ask for that or less"),
        ({"walltime": "13:00"}, "walltime", "a notebook here may last 12:00; ask for that or less"),
        ({"walltime": "0"}, "walltime", "ask for at least one minute"),
        ({"walltime": "soon"}, "walltime", "write hours and minutes as 2:30, or whole minutes"),
        ({"nodes": "9"}, "nodes", "partition main has 8 nodes; ask for 8 or fewer"),
        ({"nodes": 3, "qos": "realtime"}, "nodes", "QOS realtime allows 2 nodes; ask for 2 or fewer"),
        ({"nodes": 4, "reservation": "beam-042"}, "reservation",
         "beam-042 has 3 nodes; ask for 3 or fewer, or choose another"),
        ({"nodes": 0}, "nodes", "a whole number of at least 1 is expected"),
        ({"nodes": "2; rm"}, "nodes", "a whole number of at least 1 is expected"),
        ({"nodes": True}, "nodes", "one text or whole number is expected"),
        ({"nodes": ["1", "2"]}, "nodes", "one text or whole number is expected"),
        ({"account": {"a": 1}}, "account", "one text or whole number is expected"),
        ({"gpus_per_node": 4, "partition": "exclusive"}, "gpus_per_node", "partition exclusive has 0 per node"),
        ({"cpus_per_node": 17}, "cpus_per_node", "partition main has 16 per node"),
        ({"cpus_per_node": 0}, "cpus_per_node", "a whole number of at least 1 is expected"),
        ({"memory_gb": "32"}, "memory_gb", "partition main has 31 GB per node"),
        ({"memory_gb": "1.5"}, "memory_gb", "a whole number of at least 1 is expected"),
        ({"account": "x" * 201}, "account", "no choice is longer than 200 characters"),
    ],
)  # fmt: skip
def test_what_is_not_offered_is_refused(
    options: dict[str, object], field: str, reason: str, offer: Offer, system: System, now: datetime
) -> None:
    """Every choice outside the offer names its field, the reason, and what may be chosen."""
    assert (field, reason) == refusal(options, offer, system, now)


def test_mail_goes_to_the_jobs_own_user_and_only_where_the_site_sends_it(
    offer: Offer, system: System, now: datetime
) -> None:
    """One word says when; there is no way to write an address."""
    sending = system.model_copy(update={"sends_mail": True})

    options = sbatch_options(read_options({"mail": "start"}, offer, sending, now))
    assert ["--mail-type=BEGIN"] == [option for option in options if "mail" in option]
    assert [] == [option for option in sbatch_options(read_options({}, offer, sending, now)) if "mail" in option]
    assert "mail" == refusal({"mail": "ben@example.org"}, offer, sending, now)[0]
    assert ("mail", "Sidecar sends no e-mail about jobs; start without it") == refusal(
        {"mail": "start"}, offer, system, now
    )


@pytest.mark.parametrize("sign", ["\n", "\r", "\0", "\x1b", "\x85", "\u2028", "\u202e", "\u200b", "\ud800"])
def test_control_signs_are_refused_in_every_field(sign: str, offer: Offer, system: System, now: datetime) -> None:
    """No line break, terminal sequence or direction sign gets through, whatever the field."""
    for name in FIELDS:
        field, reason = refusal({name: f"ncem{sign}x"}, offer, system, now)

        assert (name, "line breaks and control characters cannot be part of a choice") == (field, reason)


def test_an_unknown_key_is_shown_without_its_control_signs(offer: Offer, system: System, now: datetime) -> None:
    """The refused key may be hostile itself, so only its printable beginning is repeated."""
    field, _ = refusal({"\x1b[31m" + "k" * 100: "x"}, offer, system, now)

    assert "[31m" + "k" * 35 == field


def test_the_account_is_chosen_to_fit_the_reservation(offer: Offer, system: System, now: datetime) -> None:
    """Without an account the one is taken that the chosen QOS needs, the default one first."""
    assert "als" == read_options({"qos": "debug"}, offer, system, now).account
    assert "ncem" == read_options({"reservation": "night-shift"}, offer, system, now).account


def test_the_default_walltime_fits_into_the_reservation(offer: Offer, system: System, now: datetime) -> None:
    """Who asks for no time gets the default, or what is left of the reservation where that is less."""
    late = now + timedelta(hours=6, minutes=10)

    assert timedelta(minutes=20) == read_options({"reservation": "beam-042"}, offer, system, late).walltime


def test_a_reservation_that_ended_meanwhile_is_refused(offer: Offer, system: System, now: datetime) -> None:
    """Saved options may name last night's reservation; it is refused with the time it ended."""
    field, reason = refusal({"reservation": "beam-042"}, offer, system, now + timedelta(hours=7))

    assert ("reservation", "beam-042 ended at 2026-11-23 02:30 UTC; choose another, or none") == (field, reason)


def test_what_the_facility_never_told_is_refused_with_its_reason(offer: Offer, system: System, now: datetime) -> None:
    """Without any known account nothing is guessed; the refusal says why nothing is known."""
    blind = replace(offer, entitlements=Part((), None, problem="accounts: no answer in time"))

    field, reason = refusal({}, blind, system, now)

    assert "account" == field
    assert reason.startswith("the facility cannot be asked right now (accounts: no answer in time)")


def test_an_older_answer_still_starts_servers(offer: Offer, system: System, now: datetime) -> None:
    """With the accounting database away, the accounts of yesterday are good enough to start."""
    older = replace(offer, entitlements=replace(offer.entitlements, stale=True, problem="accounts: no answer in time"))

    assert "ncem" == read_options({}, older, system, now).account
