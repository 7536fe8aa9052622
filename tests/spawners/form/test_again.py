"""Choices made before: started again where they are still granted, told why not where they are not."""

from __future__ import annotations

from datetime import datetime, timedelta

from facility.offer import Offer
from facility.profile import Choices, Starter, System
from spawners.form.again import AgainCard, again_cards, starter_cards
from spawners.form.options import Judge
from spawners.form.submission import submission
from spawners.presets import LAST, Preset


def card(offer: Offer, system: System, now: datetime, name: str = "night", **choices: str) -> AgainCard:
    """The card of one preset."""
    return again_cards([Preset(name, choices, now)], Judge(offer, system, now))[0]


def test_a_card_says_what_it_stands_for(offer: Offer, system: System, now: datetime) -> None:
    """What differs from an ordinary start, in a few words; and a link that fills the form with it."""
    found = card(offer, system, now, reservation="beam-042", nodes="2", gpus_per_node="0", walltime="4:00")

    assert ("night", ("beam-042", "2 nodes", "4:00 h"), "") == (found.title, found.facts, found.why_not)
    assert "reservation=beam-042&nodes=2&gpus_per_node=0&walltime=4%3A00" == found.query


def test_what_is_no_longer_granted_says_why(offer: Offer, system: System, now: datetime) -> None:
    """Last night's reservation has ended; the card stays, without its button."""
    found = card(offer, system, now + timedelta(hours=7), name=LAST, reservation="beam-042")

    assert found.is_last
    assert "As last time" == found.title
    assert found.why_not.startswith("reservation: beam-042 ended at")


def test_a_preset_of_an_older_version_is_only_refused(offer: Offer, system: System, now: datetime) -> None:
    """A field that exists no longer never becomes part of a link."""
    found = card(offer, system, now, runtime="old")

    assert found.why_not.startswith("runtime: there is no such option")
    assert ("", ("everything by default",)) == (found.query, found.facts)


def test_what_the_site_offers_ready_made_is_judged_like_an_answer(offer: Offer, system: System, now: datetime) -> None:
    """With the site's words; one that this person may not start says why."""
    good = Starter(
        name="look", title="To look", description="Small.", choices=Choices(cpus_per_node=2, walltime="8:00")
    )
    bad = Starter(name="rt", title="Realtime", choices=Choices(qos="premium", cpus_per_node=1))
    served = system.model_copy(update={"starters": (good, bad)})

    look, refused = starter_cards(served.starters, "", Judge(offer, served, now))

    assert ("look", "To look", "Small.", "") == (look.name, look.title, look.description, look.why_not)
    assert (("2 CPUs a node", "8:00 h"), "cpus_per_node=2&walltime=8%3A00") == (look.facts, look.query)
    assert refused.why_not.startswith('qos: "premium" is no QOS of yours')
    assert ("premium", "1 CPU a node") == refused.facts


def test_what_will_be_submitted_is_sbatchs_arguments_and_the_operators_script(
    offer: Offer, system: System, now: datetime
) -> None:
    """One argument a line, nothing that belongs to one start, and the template as the operator wrote it."""
    asked = {"reservation": "beam-042", "cpus_per_node": "4", "memory_gb": "8", "walltime": "2:00"}

    text = submission(Judge(offer, system, now).read(asked), "#!/bin/bash\n{{ cmd }}\n")

    assert text.startswith("sbatch \\\n    --account=ncem \\\n    --qos=regular")
    assert {"--time=0-02:00:00", "--reservation=beam-042", "--cpus-per-task=4", "--mem=8192M"} <= set(text.split())
    assert text.endswith("\n\n#!/bin/bash\n{{ cmd }}\n")
