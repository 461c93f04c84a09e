"""Fields of JSON that may hold anything, and JSON that may be none."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmesh.connectors.providers._fields import (
    count_in,
    number_in,
    object_in,
    objects_in,
    text_in,
)
from modelmesh.json_text import read_object

WHOLE = st.integers(-(2**63), 2**63 - 1)  # others may be read with a point
NUMBERS = WHOLE | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(VALUES)
def test_what_is_not_of_the_kind_that_is_wanted_counts_as_none(value: Any) -> None:
    assert object_in(value) == (value if isinstance(value, dict) else {})
    assert text_in(value) == (value if isinstance(value, str) else "")
    listed = value if isinstance(value, list) else []
    assert objects_in(value) == [each for each in listed if isinstance(each, dict)]
    assert (number_in({"n": value}, "n") is None) is (type(value) not in (int, float))
    assert count_in({"n": value}, "n") >= 0


@pytest.mark.parametrize(
    ("value", "count"), [(3, 3), (3.0, 3), (-3, 0), ("3", 0), (float("inf"), 0), (None, 0)]
)
def test_a_count_is_a_whole_number_from_nothing_on(value: Any, count: int) -> None:
    assert count_in({"n": value}, "n") == count
    assert count_in({}, "n") == 0


@given(VALUES)
def test_an_object_is_read_and_anything_else_is_none(value: Any) -> None:
    read = read_object(json.dumps(value).encode())
    assert read == (value if isinstance(value, dict) else None)


@pytest.mark.parametrize("text", [b"", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_no_object(text: bytes) -> None:
    assert read_object(text) is None
