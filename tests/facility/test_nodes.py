"""Host list expressions."""

from __future__ import annotations

import pytest

from facility.errors import Unreadable
from facility.nodes import expand


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("", set()),
        ("nid001", {"nid001"}),
        ("nid[001-003,007],gpu01", {"nid001", "nid002", "nid003", "nid007", "gpu01"}),
        ("rack[0-1]node[8-9]", {"rack0node8", "rack0node9", "rack1node8", "rack1node9"}),
        ("nid[8-11]", {"nid8", "nid9", "nid10", "nid11"}),
    ],
)
def test_an_expression_names_its_nodes(expression: str, names: set[str]) -> None:
    """As scontrol show hostnames prints them."""
    assert names == expand(expression)


@pytest.mark.parametrize(
    "expression", ["nid[001-", "nid[3-1]", "nid[a-b]", "nid[0-999999999]", ",", "a[1-999]b[1-999]"]
)
def test_what_is_no_expression_is_unreadable(expression: str) -> None:
    """It never becomes an empty list, and never a list that fills the memory."""
    with pytest.raises(Unreadable):
        expand(expression)
