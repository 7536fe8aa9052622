"""The form's buttons that start nothing: show what would be submitted, keep choices under a name, forget them."""

from __future__ import annotations

from jupyterhub.handlers import BaseHandler
from jupyterhub.utils import url_escape_path, url_path_join
from tornado.httputil import url_concat
from tornado.web import HTTPError, authenticated

from facility.errors import OptionError
from hub_ext.own_form import own_form
from spawners.door import LONGEST_FORM, Door, chosen_in
from spawners.form.answer import FIELDS, normal_form, written
from spawners.untyped import Untyped


class ChoicesHandler(BaseHandler):  # type: ignore[misc]  # JupyterHub ships no types
    """GET and POST /beamside/choices"""

    @authenticated
    async def get(self) -> None:
        """Draw the form again with the environments that were searched for, and every choice as it was."""
        asked = {key: values[-1].decode("utf-8", "replace") for key, values in self.request.query_arguments.items()}
        chosen = {field: text for field, text in asked.items() if field in FIELDS}
        await self._draw(own_form(self), chosen, find=asked.get("find", ""))

    @authenticated
    async def post(self) -> None:
        """Draw the form again with what its button asked for. JupyterHub itself checks that its own page posts."""
        spawner = own_form(self)
        if len(self.request.body) > LONGEST_FORM:
            raise HTTPError(413, f"the form is longer than {LONGEST_FORM} bytes; nothing was kept")
        form = {key: values[-1].decode("utf-8", "replace") for key, values in self.request.body_arguments.items()}
        chosen, news, refusal = chosen_in(form), "", None
        try:
            news = self._act(spawner, form, chosen)
        except OptionError as error:
            refusal = error
        find = form.get("find", "")
        await self._draw(spawner, chosen, refusal=refusal, preview="preview" in form, news=news, find=find)

    async def _draw(self, spawner: Door, chosen: dict[str, str], **beside: Untyped) -> None:
        """The form's page; `beside` is what `Door.form_with` takes."""
        user, spawner.handler = self.current_user, self
        page = await spawner.form_with(chosen, **beside)
        start = url_path_join(self.hub.base_url, "spawn", user.escaped_name, url_escape_path(spawner.name))
        self.finish(
            await self.render_template(
                "spawn.html",
                for_user=user,
                auth_state=None,
                spawner_options_form=page,
                error_message="",
                html_error_message="",
                url=url_concat(start, {"_xsrf": self.xsrf_token.decode("ascii")}),
                spawner=spawner,
            )
        )

    @staticmethod
    def _act(spawner: Door, form: dict[str, str], chosen: dict[str, str]) -> str:
        """Do what the button says; the words are for the person. Raises OptionError."""
        presets, person = spawner.desk.intents.presets, str(spawner.user.name)
        if "save" in form:
            name = presets.save(person, form.get("preset_name", ""), written(normal_form(chosen)))
            return f"Saved as {name}. Nothing was started."
        if form.get("forget"):
            presets.forget(person, form["forget"])
            return f"{form['forget']} is deleted."
        return ""
