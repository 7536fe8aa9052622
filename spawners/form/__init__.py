"""The spawn form: what may be chosen, the page that asks, and the one door that judges the answer."""

from spawners.form.answer import FIELDS
from spawners.form.options import read_options
from spawners.form.page import Places, render_form
from spawners.form.schema import schema

__all__ = ["FIELDS", "Places", "read_options", "render_form", "schema"]
