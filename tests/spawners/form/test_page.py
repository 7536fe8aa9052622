"""The form: complete without JavaScript, labelled, and never a place where somebody else's text becomes markup."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from html.parser import HTMLParser

from facility.errors import OptionError
from facility.models import Image
from facility.offer import Offer, Part
from facility.profile import PartitionWords, System, Words
from spawners.form import FIELDS, Places, render_form
from spawners.form.again import again_cards
from spawners.form.files import page_files
from spawners.form.notices import notices
from spawners.form.options import Judge
from spawners.form.page import Beside
from spawners.presets import Preset
from spawners.usual import Usual


class Page(HTMLParser):
    """The elements of a fragment, in order, with their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in {"input", "br", "link"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert tag == self.open.pop(), f"{tag} closes nothing"

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data

    def of(self, tag: str, **wanted: str) -> list[dict[str, str | None]]:
        """Attributes of every such element."""
        return [attrs for name, attrs in self.elements if name == tag and wanted.items() <= attrs.items()]


def page(offer: Offer, system: System, now: datetime, refusal: OptionError | None = None, **asked: object) -> Page:
    """The form as a browser parses it."""
    places = Places("/hub/", xsrf="t0ken")
    return Page(render_form(offer, system, now, asked=asked, refusal=refusal, usual=Usual(), places=places))


def test_every_field_of_the_door_stands_on_the_form(offer: Offer, system: System, now: datetime) -> None:
    """What the door takes and what the form asks for are the same names."""
    drawn = page(offer, system.model_copy(update={"sends_mail": True}), now)

    asked_for = {str(attrs["name"]) for name, attrs in drawn.elements if name in {"input", "select"}}
    assert set(FIELDS) - {"system"} == asked_for - {"preset_name"}  # of one system there is no choice


def test_mail_is_offered_where_the_site_sends_it(offer: Offer, system: System, now: datetime) -> None:
    """And shown with its refusal where it was asked for once and is sent no more, so that it can be taken back."""
    assert [] == page(offer, system, now).of("input", name="mail")

    refused = page(offer, system, now, OptionError("mail", "none is sent"), mail="start").of("input", name="mail")
    assert ["true"] == [attrs["aria-invalid"] for attrs in refused if "checked" in attrs]


def test_my_reservations_stand_on_cards_and_those_of_others_do_not(offer: Offer, system: System, now: datetime) -> None:
    """The one that runs shows its time left, the one that comes its start; somebody else's does not appear."""
    drawn = page(offer, system, now)

    assert ["", "beam-042", "night-shift"] == [a["value"] for a in drawn.of("input", name="reservation")]
    assert "6 h 30 min left" in drawn.text
    assert "starts in 2 h" in drawn.text
    assert "not-mine" not in drawn.text


def test_a_reservation_that_ended_does_not_appear(offer: Offer, system: System, now: datetime) -> None:
    """An old answer may still list it; the form judges by its own clock."""
    assert "beam-042" not in page(offer, system, now + timedelta(hours=7)).text


def test_an_environment_says_where_it_comes_from(offer: Offer, system: System, now: datetime) -> None:
    """Its source stands on the card, and which one was used last."""
    beside = Beside(last_image="4dstem")

    drawn = Page(render_form(offer, system, now, asked={}, usual=Usual(), places=Places("/hub/"), beside=beside))

    assert "the system's own" in drawn.text
    assert "container" in drawn.text
    assert "used last" in drawn.text


def test_earlier_choices_say_which_link_is_for_others(offer: Offer, system: System, now: datetime) -> None:
    """The one that fills whoever's form it is; a named server's own form is nobody else's."""
    beside = Beside(again=again_cards([Preset("night", {"walltime": "2:00"}, now)], Judge(offer, system, now)))
    told = {
        places.server: " ".join(
            Page(render_form(offer, system, now, asked={}, usual=Usual(), places=places, beside=beside)).text.split()
        )
        for places in (Places("/hub/"), Places("/hub/", "calib", user="ana"))
    }

    assert "“Fill the form” is a link that you can give to others" in told[""]
    assert "“Link to share” is a link that you can give to others" in told["calib"]
    assert told["calib"].startswith("It is your server calib.")


def test_a_search_leaves_out_what_lacks_its_words_and_never_what_is_chosen(
    offer: Offer, system: System, now: datetime
) -> None:
    """Only where there are many; each word must be said of an environment, by title, source or name."""
    many = replace(offer, images=Part(tuple(Image(f"i{n}", "static", f"Stack {n}") for n in range(9)), now))
    places = Places("/hub/", xsrf="t0ken")

    def drawn(find: str, **asked: object) -> list[str | None]:
        text = render_form(many, system, now, asked=asked, usual=Usual(), places=places, beside=Beside(find=find))
        return [label.get("hidden", "shown") for label in Page(text).of("label", **{"class": "bs-card"})][-9:]

    assert ["shown"] * 9 == drawn("")
    assert ["shown", "shown", *[None] * 7] == drawn("container  STACK 1")
    assert [*[None] * 2, "shown", *[None] * 5, "shown"] == drawn("i8", image="i2")
    assert [] == page(offer, system, now).of("input", name="find")


def test_what_nearly_fits_says_why_not_and_is_no_choice(offer: Offer, system: System, now: datetime) -> None:
    """A reservation that names me by one rule and refuses me by another stands apart, and so does one that is over."""
    other = replace(offer.reservations.value[2], name="laser", why_not="laser is for other accounts (bio).")

    drawn = page(replace(offer, near=(other,)), system, now + timedelta(hours=6, minutes=29, seconds=30))

    assert ["", "night-shift"] == [a["value"] for a in drawn.of("input", name="reservation")]
    assert "laser is for other accounts (bio)." in drawn.text
    assert "beam-042 ends in less than a minute" in drawn.text


def test_a_card_says_how_much_is_free_and_how_long_one_may_stay(offer: Offer, system: System, now: datetime) -> None:
    """Free nodes inside, the longest walltime, and that a job may wait for the one that opens later."""
    running, later, _ = offer.reservations.value
    known = (replace(running, free_nodes=1), later)

    text = page(replace(offer, reservations=Part(known, now)), system, now).text

    assert "1 of 3 nodes free" in text
    assert "6 h 30 min left" in text
    assert "up to 8 h" in text
    assert "a job waits and starts when it opens" in text


def test_a_reservation_too_small_for_what_is_asked_says_so_on_its_card(
    offer: Offer, system: System, now: datetime
) -> None:
    """With what would fit; where it fits, nothing stands there."""
    words = "beam-042 has 3 nodes; ask for 3 or fewer, or choose another"

    assert words in page(offer, system, now, nodes=4).text
    assert words not in page(offer, system, now, nodes=3).text


def test_every_control_has_a_label_and_ids_are_unique(offer: Offer, system: System, now: datetime) -> None:
    """A screen reader names every control: by a label that holds it, or by one that points at it."""
    drawn = page(offer, system, now)
    ids = Counter(str(attrs["id"]) for _, attrs in drawn.elements if "id" in attrs)
    labels = {attrs["for"] for attrs in drawn.of("label") if "for" in attrs}
    controls = [attrs for name, attrs in drawn.elements if name in {"input", "select"} and attrs.get("type") != "radio"]

    assert {1} == set(ids.values())
    assert all(control["id"] in labels for control in controls)
    assert len(drawn.of("fieldset")) == len(drawn.of("legend")) == 7


def own_scripts(drawn: Page) -> list[str | None]:
    """Where the form's scripts come from; one without an address would show here too."""
    return [attrs.get("src") for attrs in drawn.of("script")]


def test_nothing_runs_inside_the_form(offer: Offer, system: System, now: datetime) -> None:
    """No inline script or handler: the page is complete without JavaScript, and one file of ours makes it live."""
    drawn = page(offer, system, now)

    assert set(own_scripts(drawn)) <= {
        f"/hub/beamside/page/{script.name}" for script in [page_files().script] if script
    }
    assert not [key for _, attrs in drawn.elements for key in attrs if key.startswith("on")]


def test_a_form_for_somebody_else_does_not_ask(offer: Offer, system: System, now: datetime) -> None:
    """What is told live is the reader's own; an operator who starts a server for another sees the drawn page."""
    drawn = Page(render_form(offer, system, now, asked={}, usual=Usual(), places=Places("/hub/")))

    assert [] == own_scripts(drawn)
    assert "data-live" not in drawn.of("div", **{"class": "bs-form"})[0]


def test_a_refusal_stands_beside_its_field_and_the_input_is_kept(offer: Offer, system: System, now: datetime) -> None:
    """After a refusal the person sees the field marked, the reason next to it, and every choice still there."""
    asked = {"reservation": "beam-042", "walltime": "8:00", "nodes": 2, "account": ["als"]}

    drawn = page(offer, system, now, OptionError("walltime", "beam-042 ends in 6:30"), **asked)

    field = drawn.of("input", name="walltime")[0]
    assert ("8:00", "true", "bs-refused-walltime") == (field["value"], field["aria-invalid"], field["aria-describedby"])
    assert drawn.of("p", id="bs-refused-walltime")
    assert "beam-042 ends in 6:30" in drawn.text
    assert "checked" in drawn.of("input", name="reservation", value="beam-042")[0]
    assert "selected" in drawn.of("option", value="als")[0]
    assert "2" == drawn.of("input", name="nodes")[0]["value"]


def test_text_from_outside_stays_text(offer: Offer, system: System, now: datetime) -> None:
    """Names, saved options and refusals may be hostile; none of them becomes an element."""
    nasty = "\"><script>alert(1)</script><b x='"
    evil = replace(
        offer, images=Part((Image(nasty, "static", nasty, nasty),), now), reservations=Part((), None, problem=nasty)
    )

    drawn = page(evil, system, now, OptionError("image", nasty), walltime=nasty, image=nasty, partition=nasty)

    assert own_scripts(page(offer, system, now)) == own_scripts(drawn)
    assert [] == drawn.of("b")
    assert nasty == drawn.of("input", name="image")[0]["value"]


def test_saved_options_of_any_shape_are_only_shown(offer: Offer, system: System, now: datetime) -> None:
    """JupyterHub stores options before they are judged, so the form must bear whatever lies there."""
    drawn = page(offer, system, now, walltime={"a": 1}, nodes=[["x"]], account=None, image=True, cmd="sh")

    assert "" == drawn.of("input", name="walltime")[0]["value"]
    assert "1" == drawn.of("input", name="nodes")[0]["value"]


def test_old_parts_say_how_old_they_are(offer: Offer, now: datetime) -> None:
    """Each part that is stale or missing is named with its age; fresh parts are not."""
    ago = now - timedelta(minutes=7)
    old = Part(offer.reservations.value, ago, stale=True, problem="reservations: no answer in time")
    blind: Part[tuple[Image, ...]] = Part((), None, problem="images: no answer in time")

    told = notices(replace(offer, reservations=old, images=blind), now)

    assert [
        "The facility does not answer right now. Shown as of 7 min ago: reservations.",
        "The facility has not told yet: environments. Reload this page in a minute.",
    ] == told


def test_answers_that_are_on_their_way_are_not_called_missing(offer: Offer, now: datetime) -> None:
    """Nothing failed: the page was quicker."""
    late = replace(offer.reservations, as_of=now - timedelta(minutes=3), stale=True, problem="newer", coming=True)

    told = notices(replace(offer, reservations=late), now)

    assert ["Newer answers of the facility are on their way. Shown as of 3 min ago."] == told


def test_a_dead_facility_still_draws_a_form(offer: Offer, system: System, now: datetime) -> None:
    """With every part missing, the page comes with its notices and without an error."""
    none: Part[tuple[()]] = Part((), None, problem="no answer")
    dead = Offer("ana", none, none, none, none, none)

    drawn = page(dead, system, now).text
    assert "The facility has not told yet: reservations, accounts, QOS, partitions, environments." in drawn
    assert "no answer" in drawn


def test_the_sites_words_stand_over_the_schedulers(offer: Offer, now: datetime) -> None:
    """A partition or QOS carries the title that facility.toml gives it; hidden ones are not offered."""
    partitions = {"main": PartitionWords(title="Shared nodes"), "exclusive": PartitionWords(hidden=True)}
    words = System(title="S", partitions=partitions, qos={"debug": Words(hidden=True)})

    drawn = page(offer, words, now)

    assert "Shared nodes" in drawn.text
    assert [] == drawn.of("input", value="exclusive") + drawn.of("option", value="debug")
