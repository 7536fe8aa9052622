"""The schema of an answer: what the page checks by is what the door decides by."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from facility.errors import OptionError
from facility.models import Entitlement
from facility.offer import Offer, Part
from facility.profile import System
from spawners.form import FIELDS, read_options, schema
from spawners.form.answer import normal_form

ANSWERS = st.fixed_dictionaries(
    {},
    optional={
        "reservation": st.sampled_from(["beam-042", "night-shift", "not-mine", "nowhere"]),
        "account": st.sampled_from(["ncem", "als", "cryo"]),
        "qos": st.sampled_from(["realtime", "regular", "debug", "lost"]),
        "partition": st.sampled_from(["main", "exclusive", "repair", "nowhere"]),
        "image": st.sampled_from(["none", "4dstem", "mpi-only"]),
        "nodes": st.integers(0, 10),
        "cpus_per_node": st.integers(0, 17),
        "memory_gb": st.integers(0, 33),
        "gpus_per_node": st.integers(0, 5),
        "walltime": st.sampled_from(["0", "0:20", "1:00", "5:00", "390", "9:00", "13:00", "soon"]),
    },
)


def accepts(rules: dict[str, Any], answer: dict[str, object]) -> bool:
    """What a page that knows nothing but the schema says of an answer."""
    return bool(Draft202012Validator(rules).is_valid(normal_form(answer)))


def test_it_is_a_schema_of_its_dialect_and_plain_json(offer: Offer, system: System, now: datetime) -> None:
    """Any tool that knows draft 2020-12 can read it."""
    rules = json.loads(json.dumps(schema(offer, system, now)))

    Draft202012Validator.check_schema(rules)
    assert set(FIELDS) == set(rules["properties"])
    assert rules["additionalProperties"] is False


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=150)
@given(answer=ANSWERS)
def test_page_and_door_say_the_same(answer: dict[str, object], offer: Offer, system: System, now: datetime) -> None:
    """Whatever is chosen or left out: the schema alone tells what the door will say."""
    by_page = accepts(schema(offer, system, now), answer)

    try:
        read_options(answer, offer, system, now)
    except OptionError:
        assert not by_page
    else:
        assert by_page


@pytest.mark.parametrize("keyword", ["enum", "not", "maximum", "minimum", "type", "required", "additionalProperties"])
def test_every_rule_has_its_sentence(keyword: str, offer: Offer, system: System, now: datetime) -> None:
    """No check can fail without words for the person."""

    def silent(part: object, *, rule: bool) -> list[object]:
        if isinstance(part, list):
            return [found for one in part for found in silent(one, rule=True)]
        if not isinstance(part, dict) or not part:
            return []
        mine = [part] if rule and part.get(keyword) and keyword not in part.get("errorMessage", {}) else []
        inner = [silent(value, rule=True) for value in part.get("properties", {}).values()]
        inner += [silent(part.get(key, {}), rule=True) for key in ("then", "allOf")]
        return mine + [found for one in inner for found in one]

    rules = schema(offer, system, now)
    rules.pop("type")  # an answer is always an object
    assert [] == silent(rules, rule=True)


def test_the_limits_shrink_with_the_reservations_time(offer: Offer, system: System, now: datetime) -> None:
    """What fitted an hour ago is too long now."""
    asked: dict[str, object] = {"reservation": "beam-042", "walltime": "6:00"}

    assert accepts(schema(offer, system, now), asked)
    assert not accepts(schema(offer, system, now + timedelta(hours=1)), asked)


def test_a_reservation_without_a_minute_left_is_no_choice(offer: Offer, system: System, now: datetime) -> None:
    """Nothing can start in it; the sentence says why."""
    late = now + timedelta(hours=6, minutes=29, seconds=30)

    with pytest.raises(OptionError, match="beam-042 ends in less than a minute") as caught:
        read_options({"reservation": "beam-042"}, offer, system, late)

    assert "reservation" == caught.value.field


def test_a_reservation_too_small_for_what_is_asked_is_no_choice(offer: Offer, system: System, now: datetime) -> None:
    """The refusal stands at the reservation, and says how many nodes would fit; without it the nodes are granted."""
    with pytest.raises(OptionError, match="beam-042 has 3 nodes; ask for 3 or fewer, or choose another") as caught:
        read_options({"reservation": "beam-042", "nodes": 4}, offer, system, now)

    assert "reservation" == caught.value.field
    assert 4 == read_options({"nodes": 4}, offer, system, now).nodes


def test_an_association_bound_to_a_partition_pays_only_there(offer: Offer, system: System, now: datetime) -> None:
    """Account beam may be charged in exclusive alone; the page knows it as the door does."""
    bound = Entitlement("ana", "beam", ("regular",), "regular", partition="exclusive")
    more = replace(offer, entitlements=Part((*offer.entitlements.value, bound), now))
    there: dict[str, object] = {"account": "beam", "partition": "exclusive"}

    assert accepts(schema(more, system, now), there)
    assert "beam" == read_options(there, more, system, now).account
    with pytest.raises(OptionError, match='beam may not be charged in "main", only in exclusive'):
        read_options({"account": "beam", "partition": "main"}, more, system, now)


def test_what_the_facility_did_not_tell_makes_no_answer_right(offer: Offer, system: System, now: datetime) -> None:
    """Without accounts nothing can be started, and the page can say so before anybody presses a button."""
    blind = replace(offer, entitlements=Part((), None, problem="accounts: no answer in time"))
    rules = schema(blind, system, now)

    assert not accepts(rules, {})
    assert "no answer in time" in rules["errorMessage"]["required"]["account"]
