"""The spawner's side of form and door: draws the form, takes the post, and judges whatever way options came."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, NoReturn

from tornado.web import HTTPError
from traitlets import HasTraits, default

from facility.errors import OptionError, StoreFailed
from facility.models import JobRequest
from spawners.choice import Choice, look, system_in
from spawners.desk import Desk
from spawners.desks import Desks, current_desks
from spawners.failure import failure
from spawners.form import FIELDS, Places, read_options, render_form
from spawners.form.again import again_cards, starter_cards, starter_choices
from spawners.form.answer import Answer, normal_form, written
from spawners.form.page import Beside
from spawners.form.submission import submission
from spawners.form.verdict import Fact, verdict
from spawners.former import DEFAULTS, former_defaults
from spawners.intents import Intent
from spawners.presets import LAST
from spawners.untyped import Untyped

LONGEST_FORM = 16_384
"""Bytes; more is refused before anything is stored."""

BUTTONS = ("starter", "again", "preview", "save", "forget", "preset_name", "find")
"""Names on the form that are no options: its buttons, the name to save choices under, and what is searched for."""

_posted: ContextVar[Door | None] = ContextVar("posted", default=None)
"""The spawner whose form this request posted: after a refusal JupyterHub draws the default server's form instead."""


class LinkFillsForm(Exception):
    """A link asked for a start; JupyterHub then draws the form, with these words above it."""

    jupyterhub_message: str | None = "These choices came with a link. Check them, then press Start."


class LookElsewhere(LinkFillsForm):
    """A link to another system's form, as the form itself has them; there is nothing to say above it."""

    jupyterhub_message = None


class Door(HasTraits):
    """Form, REST, PATCH and saved options become one JobRequest here, or a refusal with its field. For a Spawner."""

    user: Untyped
    name: str  # of the server, empty for the default one
    orm_spawner: Untyped
    batch_script: Untyped
    hub: Untyped
    handler: Untyped
    request: JobRequest | None = None  # what passed the door; None before
    chosen_system: str = ""  # where, by the system's name; empty: the hub's first
    refusal: OptionError | None = None  # what did not, until the form has shown it

    @default("options_form")
    def _form(self) -> Untyped:
        return type(self).draw_form

    @default("options_from_form")
    def _from_form(self) -> Untyped:
        return self.plain_options

    @default("apply_user_options")
    def _apply(self) -> Untyped:
        return type(self).judge

    @property
    def desks(self) -> Desks:
        """What all spawners of this hub share."""
        return current_desks()

    @property
    def intent(self) -> Intent | None:
        """This server's open intent, as stored."""
        return self.desks.intents.open_one(self.user.name, self.name)

    @property
    def desk(self) -> Desk:
        """That of the system where this server's job is, or shall be."""
        intent = self.intent
        return self.desks.of(intent) if intent is not None else self.desks.chosen(self.chosen_system)

    @property
    def site(self) -> Answer:
        """What the operator's `req_*` put in the place of choices that are left out."""
        return former_defaults({name: getattr(self, f"req_{name}") for name in DEFAULTS})

    async def draw_form(self) -> str:
        """The spawn form: the Offer of now, the last choice filled in, a refusal beside its field."""
        shown: Door = _posted.get() or self
        last, link = shown.orm_spawner.user_options or {}, _asked_by_link(shown.handler)
        if "system" in link and self._desk_in(link) is not self._desk_in(last):
            last = {}  # what was chosen on another system fits nowhere here
        refusal, shown.refusal = shown.refusal, None
        return await shown.form_with({**last, **link}, refusal=refusal)

    def _desk_in(self, asked: Mapping[str, object]) -> Desk:
        """That of the system which was asked for, or the first where it is not here: nobody judged this yet."""
        return self.desks.find(system_in(asked)) or self.desks.first

    async def form_with(
        self,
        asked: Mapping[str, object],
        *,
        refusal: OptionError | None = None,
        preview: bool = False,
        news: str = "",
        find: str = "",
    ) -> str:
        """The form filled with `asked`; a `preview` says what would be submitted, `news` what was just done.

        find : words by which environments are searched for.
        """
        choice = await look(self.desks, self._desk_in(asked), str(self.user.name), self.site)
        presets = self.desks.intents.presets.of(self.user.name)
        facts: list[Fact] = []
        text = ""
        try:
            wanted = choice.read(chosen_in(asked))
        except OptionError as error:
            refusal = error if preview else refusal  # unasked, what lies there from last time is no mistake
        else:
            if wanted is not None:
                facts = await self._facts(choice, wanted, ask=preview)
                text = submission(wanted, self.batch_script)
        return render_form(
            choice.offer,
            choice.shown.system,
            choice.now,
            asked=asked,
            refusal=refusal,
            usual=choice.shown.usual(choice.now),
            places=self._places(choice.system),
            beside=Beside(
                systems=choice.cards,
                starters=starter_cards(choice.shown.system.starters, choice.system, choice),
                again=again_cards(presets, choice),
                last_image=next((p.choices.get("image", "") for p in presets if p.name == LAST), ""),
                facts=facts,
                submission=text,
                is_preview=preview,
                news=news,
                find=find,
                site=self.site,
            ),
        )

    async def _facts(self, choice: Choice, wanted: JobRequest, *, ask: bool) -> list[Fact]:
        """What the request comes to; the scheduler is asked when it would start only where somebody wants to know."""
        estimates, person = choice.shown.estimates, str(self.user.name)
        estimate = await estimates.ask(person, wanted) if ask else estimates.held(person, wanted)
        return verdict(wanted, choice.offer, estimate, choice.now)

    def _places(self, system: str) -> Places:
        """Where the page asks what changes; it does so for its own reader alone."""
        is_own = self.handler is not None and self.handler.current_user == self.user
        token = self.handler.xsrf_token.decode("ascii") if is_own else ""
        return Places(str(self.hub.base_url), self.name, token, str(self.user.escaped_name), system)

    def plain_options(self, form: Mapping[str, list[str]]) -> dict[str, str]:
        """The posted form as plain values; judged later, at the one door."""
        _posted.set(self)
        if sum(len(key) + sum(map(len, values)) for key, values in form.items()) > LONGEST_FORM:
            raise HTTPError(413, f"the form is longer than {LONGEST_FORM} bytes; nothing was started")
        if "starter" in form:
            return self._starter(form["starter"][-1], form.get("system", [""])[-1])
        if "again" in form:
            return self._again(form["again"][-1])
        return chosen_in({key: values[-1] if values else "" for key, values in form.items()})

    def _starter(self, name: str, system: str) -> dict[str, str]:
        """The choices of one of a system's own cards; the other fields of the form do not count."""
        here = self.desks.find(system)
        starters = here.system.starters if here is not None else ()
        found = next((one for one in starters if one.name == name), None)
        if found is None:
            raise HTTPError(400, "the site offers no such server any more; nothing was started")
        return starter_choices(found, system)

    def _again(self, name: str) -> dict[str, str]:
        """The choices of a card; the other fields of the form do not count."""
        preset = self.desks.intents.presets.one(self.user.name, name)
        if preset is None:
            raise HTTPError(400, "there are no choices of that name any more; nothing was started")
        return preset.choices

    def options_from_query(self, query_data: Mapping[str, list[str]]) -> NoReturn:
        """A link never starts a server; the form shows what it asks for, and the person decides."""
        raise LookElsewhere if set(query_data) == {"system"} else LinkFillsForm

    async def judge(self, user_options: Mapping[str, object]) -> None:
        """The one door. A start that is under way keeps what it was granted: its job may be queued already."""
        self.refusal = None
        if (intent := self.intent) is not None and not intent.stopping:
            self.request, self.chosen_system = intent.request, intent.system
            return
        try:
            chosen = normal_form(user_options)
            desk = self.desks.chosen(str(chosen.get("system", "")))
            offer = await desk.offers.offer(self.user.name, insist=True)
            self.request = read_options(
                {**user_options, "system": desk.name}, offer, desk.system, desk.now(), self.site
            )
            self.chosen_system = desk.name
            self.desks.intents.presets.keep_last(self.user.name, written(chosen))
        except StoreFailed as error:  # a job that could not be written down would be lost: none is submitted
            words = f"{error}; nothing was started. Tell the operators; start again when they have made room."
            raise failure(words, "store", 507) from error
        except OptionError as error:
            self.refusal = error
            raise failure(f"{error.field}: {error.reason}", "options") from error


def chosen_in(form: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of a posted form without what belongs to its other buttons; a key that nobody knows stays in it."""
    return {key: value for key, value in form.items() if key not in BUTTONS}


def _asked_by_link(handler: Untyped) -> dict[str, str]:
    """What a link asks for, with or without JupyterHub's prefix; it fills the form and starts nothing."""
    if handler is None or handler.request.method != "GET":
        return {}
    arguments = handler.request.query_arguments
    named = {key.removeprefix("opt-"): values[-1].decode("utf-8", "replace") for key, values in arguments.items()}
    return {key: value for key, value in named.items() if key in FIELDS}
