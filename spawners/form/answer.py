"""What a person answered, in normal form: the one shape in which form, REST, links and presets are judged. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import timedelta

from facility.errors import OptionError
from spawners.form.spans import read_walltime

NAMES = ("system", "reservation", "account", "qos", "partition", "image")
NUMBERS = ("nodes", "cpus_per_node", "memory_gb", "gpus_per_node")
FIELDS = (*NAMES, *NUMBERS, "walltime", "mail")
"""Everything a person may choose. Any other key is refused."""

AT_START = "start"
"""The one value of "mail": e-mail when the job starts, to wherever the scheduler writes to its user."""

LONGEST_VALUE = 200

WHOLE = re.compile(r"[0-9]{1,9}")
"""A whole number, as every field of NUMBERS takes it."""

Answer = dict[str, str | int | float]
"""Fields that were chosen: names as text, numbers as whole numbers, the walltime in minutes."""


def normal_form(user_options: Mapping[str, object]) -> Answer:
    """The answer without what was left empty; a form sends lists of one text, REST plain values.

    A number or walltime that cannot be read stays the text it is, for the schema to refuse. Raises OptionError for
    another key, another type, a text that is too long or holds control characters.
    """
    for key in user_options:
        if key not in FIELDS:
            shown = "".join(c for c in str(key)[:40] if c.isprintable())
            raise OptionError(shown, f"there is no such option; the options are {', '.join(FIELDS)}")
    texts = {field: _text(field, user_options.get(field)) for field in FIELDS}
    return {field: _value(field, text) for field, text in texts.items() if text}


def written(answer: Answer) -> dict[str, str]:
    """The answer as a person would write it into the form."""
    return {field: _walltime(value) if field == "walltime" else str(value) for field, value in answer.items()}


def _walltime(minutes: str | int | float) -> str:
    """As 2:30, with seconds where they count; what is no number stays as it is."""
    if isinstance(minutes, str):
        return minutes
    whole, seconds = divmod(round(minutes * 60), 60)
    return f"{whole // 60}:{whole % 60:02d}" + (f":{seconds:02d}" if seconds else "")


def _text(field: str, value: object) -> str:
    if isinstance(value, list) and len(value) <= 1:
        value = value[0] if value else None
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise OptionError(field, "one text or whole number is expected")
    text = str(value)
    if len(text) > LONGEST_VALUE:
        raise OptionError(field, f"no choice is longer than {LONGEST_VALUE} characters")
    if any(unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for c in text):
        raise OptionError(field, "line breaks and control characters cannot be part of a choice")
    return text.strip()


def _value(field: str, text: str) -> str | int | float:
    if field in NUMBERS and WHOLE.fullmatch(text):
        return int(text)
    if field == "walltime":
        try:
            return read_walltime(text) / timedelta(minutes=1)
        except OptionError:
            return text
    return text
