"""Arguments of Gemini's calls that come in pieces."""

from typing import Any

import pytest
from gemini_wire import COUNTED, candidate, deltas, heard, payloads, said
from hypothesis import given
from hypothesis import strategies as st

from modelmesh.connectors.providers.gemini.arguments import Arguments
from modelmesh.errors import ErrorKind, ProviderError

NAMES = st.text(st.characters(exclude_characters="'"), max_size=5)
VALUES = st.recursive(
    st.text(max_size=5) | st.integers(-9, 9) | st.booleans() | st.none(),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3)
        | st.dictionaries(NAMES, inner, min_size=1, max_size=3)
    ),
    max_leaves=8,
)


def function(**fields: Any) -> dict[str, Any]:
    return said(candidate({"functionCall": fields}, reason=None))


def texts(path: str, *pieces: str) -> list[dict[str, Any]]:
    """Return the events that write a text, which ends with an empty piece."""
    values = [{"jsonPath": path, "stringValue": one, "willContinue": True} for one in pieces]
    return [
        function(partialArgs=[value], willContinue=True)
        for value in (*values, {"jsonPath": path, "stringValue": ""})
    ]


def leaves(value: Any, path: str) -> list[dict[str, Any]]:
    """Return the pieces a value may come in."""
    match value:
        case dict():
            return [
                one for name, inner in value.items() for one in leaves(inner, f"{path}['{name}']")
            ]
        case list():
            return [one for at, inner in enumerate(value) for one in leaves(inner, f"{path}[{at}]")]
        case str():
            middle = len(value) // 2
            halves = (value[:middle], value[middle:])
            return [{"jsonPath": path, "stringValue": half} for half in halves]
        case bool():
            return [{"jsonPath": path, "boolValue": value}]
        case None:
            return [{"jsonPath": path, "nullValue": "NULL_VALUE"}]
    return [{"jsonPath": path, "numberValue": value}]


def written(*events: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the name and the arguments of each call in a stream."""
    calls: dict[int, tuple[str, str]] = {}
    chunks = heard(*events, said(candidate({"text": ""}), **COUNTED))
    assert payloads(chunks)[-1]["choices"][0]["finish_reason"] == "tool_calls"
    for piece in (one for delta in deltas(chunks) for one in delta.get("tool_calls", ())):
        name, arguments = calls.get(piece["index"], (piece["function"].get("name"), ""))
        calls[piece["index"]] = (name, arguments + piece["function"]["arguments"])
    return [call for _, call in sorted(calls.items())]


def test_pieces_of_a_call_make_one_call() -> None:
    begun, ended = function(name="find", willContinue=True), function()
    first = [begun, *texts("$.place", "Os", "lo"), *texts("$.days[0].name", "Mon"), ended]
    second = [begun, function(partialArgs=[{"jsonPath": "$.near", "boolValue": True}])]
    assert written(*first, function(name="now"), *second) == [
        ("find", '{"place":"Oslo","days":[{"name":"Mon"}]}'),
        ("now", "{}"),
        ("find", '{"near":true}'),
    ]


def test_the_end_of_a_call_may_go_unsaid() -> None:
    begun = function(name="find", willContinue=True)
    calls = written(begun, *texts("$.place", "Oslo"), begun, *texts("$.place", "Rome"))
    assert calls == [("find", '{"place":"Oslo"}'), ("find", '{"place":"Rome"}')]


def test_arguments_that_are_not_whole_are_not_told() -> None:
    chunks = heard(function(name="find", willContinue=True), *texts("$.place", "Oslo"))
    assert [delta["tool_calls"][0]["function"]["arguments"] for delta in deltas(chunks)] == [""]


@given(st.dictionaries(NAMES, VALUES, min_size=1, max_size=3))
def test_whatever_is_cut_into_pieces_is_whole_again(arguments: dict[str, Any]) -> None:
    pieces = Arguments({})
    for piece in leaves(arguments, "$"):
        pieces.add(piece)
    assert pieces.whole == arguments


@pytest.mark.parametrize("path", [None, "", "$", "place", "$.a..b", "$.a[-1]", "$.a[*]", "$.a.b"])
def test_a_piece_that_has_no_place_is_a_bad_answer(path: Any) -> None:
    pieces = Arguments({})
    pieces.add({"jsonPath": "$.a", "stringValue": "x"})
    with pytest.raises(ProviderError) as raised:
        pieces.add({"jsonPath": path, "stringValue": "x"})
    assert raised.value.kind is ErrorKind.BAD_ANSWER
