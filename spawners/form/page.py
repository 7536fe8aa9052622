"""The spawn form: one page drawn from the Offer on the server, complete without JavaScript. Pure, autoescaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined

from facility.errors import OptionError
from facility.offer import Offer
from facility.profile import System
from spawners.form.again import AgainCard
from spawners.form.answer import AT_START, FIELDS, LONGEST_VALUE, WHOLE, Answer
from spawners.form.cards import FEW, Card, account_choices, image_cards, near_cards, not_found, size_fields, with_nodes
from spawners.form.defaults import usual_walltime
from spawners.form.files import page_files
from spawners.form.live import live_cards
from spawners.form.notices import notices
from spawners.form.spans import hours
from spawners.form.verdict import Fact
from spawners.usual import Usual

_templates = Environment(
    loader=PackageLoader("spawners.form"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@dataclass(frozen=True)
class Places:
    """Where on the hub the page finds its files and asks what changes."""

    hub: str  # the hub's path, ending in a slash
    server: str = ""  # of a named server
    xsrf: str = ""  # the token by which the hub knows its own pages; empty: the page does not ask
    user: str = ""  # whose form it is, as addresses write the name
    system: str = ""  # the system that is shown; empty where there is no choice of one

    @property
    def query(self) -> str:
        """What names the server and the system in an address."""
        named = {"server": self.server, "system": self.system}
        return f"?{found}" if (found := urlencode({key: name for key, name in named.items() if name})) else ""

    def looking_at(self, system: str) -> str:
        """The address of this form with what another system offers."""
        server = f"/{quote(self.server)}" if self.server else ""
        return f"{self.hub}spawn/{self.user}{server}?{urlencode({'system': system})}"

    @property
    def choices(self) -> str:
        """Where the buttons that start nothing are answered."""
        return f"{self.hub}beamside/choices?{urlencode({'server': self.server, '_xsrf': self.xsrf})}"

    @property
    def found(self) -> str:
        """Where a search is answered, at the environments; the form's fields become its query."""
        return f"{self.hub}beamside/choices#bs-environments"

    def filled(self, query: str) -> str:
        """The address of this server's form with choices filled in."""
        return f"{self.hub}spawn{f'/{self.user}/{quote(self.server)}' if self.server else ''}?{query}"

    def shared(self, query: str) -> str:
        """The same for whoever follows it: it fills the reader's own form."""
        return f"{self.hub}spawn?{query}"


@dataclass(frozen=True)
class Beside:
    """What stands around the fields."""

    systems: Sequence[Card] = ()  # to choose from; empty where there is one
    starters: Sequence[AgainCard] = ()  # what the site offers ready made
    again: Sequence[AgainCard] = ()  # earlier choices
    facts: Sequence[Fact] = ()  # what the choices that are filled in come to; empty where they would be refused
    submission: str = ""  # what would be submitted for them
    last_image: str = ""  # the environment that was started last
    is_preview: bool = False  # somebody asked to see that
    news: str = ""  # what a button just did
    find: str = ""  # words by which environments are searched for
    site: Answer = field(default_factory=dict)  # the operator's word on what is left out


ALONE = Beside()
"""A form with nothing around its fields."""


def render_form(
    offer: Offer,
    system: System,
    now: datetime,
    *,
    asked: Mapping[str, object],
    refusal: OptionError | None = None,
    usual: Usual,
    places: Places,
    beside: Beside = ALONE,
) -> str:
    """The form's HTML fragment: what `offer` holds, what was asked before, and the refusal beside its field.

    `beside` is what stands around the fields; without it the form has nothing but them.
    """
    cards = live_cards(offer, system, now, usual)
    shown = _shown(asked)
    images = image_cards(offer, beside.last_image)
    nodes = int(shown["nodes"]) if WHOLE.fullmatch(shown["nodes"]) else 1
    return _templates.get_template("form.html").render(
        title=system.title,
        sends_mail=system.sends_mail,
        at_start=AT_START,
        asked=shown,
        refusal=refusal,
        notices=notices(offer, now),
        problems=offer.problems,
        reservations=with_nodes(cards["reservation"], offer.reservations.value, nodes),
        near=near_cards(offer, now),
        accounts=account_choices(offer),
        qos=cards["qos"],
        partitions=cards["partition"],
        images=images,
        not_found=not_found(images, beside.find, shown["image"]),
        is_searched=len(images) > FEW and bool(places.xsrf),
        sizes=size_fields(offer, beside.site),
        default_walltime=hours(usual_walltime(system, beside.site)),
        longest_walltime=hours(timedelta(minutes=system.max_walltime_minutes)),
        places=places,
        beside=beside,
        files=page_files(),
    )


def _shown(asked: Mapping[str, object]) -> dict[str, str]:
    """What was asked, as short texts; saved options were never judged, so they are only ever shown."""
    shown = dict.fromkeys(FIELDS, "")
    for name in FIELDS:
        value = asked.get(name)
        value = value[-1] if isinstance(value, list) and value else value
        if isinstance(value, (str, int)) and not isinstance(value, bool):
            shown[name] = str(value)[:LONGEST_VALUE]
    return shown
