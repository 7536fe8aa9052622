"""An answer held against its schema: the first refusal, field by field, in the schema's own words. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from jsonschema import Draft202012Validator, ValidationError

from facility.errors import OptionError
from spawners.form.answer import FIELDS, Answer


def refuse(schema: Mapping[str, Any], answer: Answer) -> None:
    """Raises OptionError, with field and sentence, for the first field of `answer` that `schema` does not grant."""
    refusals = [_refusal(error) for error in Draft202012Validator(schema).iter_errors(answer)]
    if refusals:
        _, field, sentence = min(refusals, key=lambda refusal: refusal[0])
        raise OptionError(field, sentence)


Rank = tuple[int, int, float, int]


def _refusal(error: ValidationError) -> tuple[Rank, str, str]:
    """Its rank among several (fields in order; what is said of this very value first; then the narrowest limit, a
    rule's before the field's own)."""
    sentence: object = error.schema["errorMessage"][error.validator]
    if error.validator == "required":
        field = next(name for name in error.validator_value if name not in error.instance)
        sentence = error.schema["errorMessage"]["required"][field]
    else:
        field = str(error.path[0])
    text = str(sentence).replace("${0}", json.dumps(error.instance, ensure_ascii=False))
    narrow = float(error.validator_value) if error.validator == "maximum" else 0.0
    kind = {"not": 0, "maximum": 2}.get(error.validator, 1)
    return (FIELDS.index(field), kind, narrow, -len(error.absolute_schema_path)), field, text
