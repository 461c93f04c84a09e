"""Schemas for Gemini: only what it knows gets through, and what can be said otherwise is."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from modelmesh.connectors.providers.gemini.schema import FORMATS, KEYS, TYPES, reduced

STRING = {"type": "string"}
NOUGHT = {"type": "object", "properties": {}}


def fit(schema: Any) -> Any:
    return reduced(schema).schema


def properties(**schemas: Any) -> dict[str, Any]:
    return {"type": "object", "properties": schemas}


def within(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Give a schema and all those in it."""
    yield schema
    inner = [*schema.get("properties", {}).values(), *schema.get("anyOf", [])]
    inner += schema.get("prefixItems", [])
    inner += [schema[name] for name in ("items", "additionalProperties") if name in schema]
    for one in inner:
        if not isinstance(one, bool):
            yield from within(one)


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"const": "x"}, {"type": "string", "enum": ["x"]}),
        ({"const": 3}, {"type": "integer", "enum": [3]}),
        ({"const": True}, {"type": "boolean"}),
        ({"const": None}, {"type": "null"}),
        ({"enum": ["a", "b", None]}, {"type": ["string", "null"], "enum": ["a", "b"]}),
        ({"enum": [1, 2.5]}, {"type": "number", "enum": [1, 2.5]}),
        ({"type": "string", "enum": ["a", {}]}, STRING),
        ({"enum": ["a", 1]}, {}),
        ({"anyOf": [STRING, {"type": "null"}]}, {"type": ["string", "null"]}),
        ({"oneOf": [{"type": "null"}, STRING]}, {"type": ["string", "null"]}),
        ({"type": ["string", "null"]}, {"type": ["string", "null"]}),
        ({"type": "STRING", "nullable": True}, {"type": ["string", "null"]}),
        (
            {"type": ["string", "integer", "null"]},
            {"anyOf": [STRING, {"type": "integer"}, {"type": "null"}]},
        ),
        (
            {"oneOf": [STRING, {"type": "integer"}], "nullable": True},
            {"anyOf": [STRING, {"type": "integer"}, {"type": "null"}]},
        ),
        (
            {"anyOf": [{"type": "object", "properties": {"a": STRING}}, {"type": "null"}]},
            {"type": ["object", "null"], "properties": {"a": STRING}},
        ),
        ({"anyOf": [{"required": ["a"]}, {"required": ["b"]}], **NOUGHT}, NOUGHT),
        (
            {
                "allOf": [
                    {"properties": {"a": STRING}, "required": ["a"]},
                    {"properties": {"b": STRING}, "required": ["b"]},
                ]
            },
            {**properties(b=STRING, a=STRING), "required": ["a", "b"]},
        ),
        ({"type": "array"}, {"type": "array", "items": {}}),
        ({"items": STRING, "uniqueItems": True}, {"type": "array", "items": STRING}),
        ({"items": [STRING, True]}, {"type": "array", "prefixItems": [STRING, {}]}),
        ({"type": "string", "format": "date-time"}, {"type": "string", "format": "date-time"}),
        ({"type": "string", "format": "uri"}, {"type": "string", "description": "Format: uri"}),
        (
            {"type": "string", "format": "uri", "description": "Where."},
            {"type": "string", "description": "Where. Format: uri"},
        ),
        (
            {"type": "object", "additionalProperties": {"type": "string", "pattern": "x"}},
            {"type": "object", "additionalProperties": STRING},
        ),
        ({"type": "integer", "minimum": 1, "multipleOf": 2}, {"type": "integer", "minimum": 1}),
        ({"type": "number", "minimum": True, "maxItems": 1.5}, {"type": "number"}),
        ({"type": "thing"}, {}),
        (properties(a=True, b=False), properties(a={})),
        (None, {}),
        (True, {}),
        ([], {}),
    ],
)
def test_a_schema_is_said_in_geminis_words(schema: Any, expected: Any) -> None:
    assert fit(schema) == expected


@pytest.mark.parametrize(
    "keyword",
    [
        "$schema",
        "$id",
        "$defs",
        "$comment",
        "patternProperties",
        "propertyNames",
        "uniqueItems",
        "multipleOf",
        "readOnly",
        "examples",
        "default",
        "cache_control",
        "strict",
        "exclusiveMinimum",
        "dependentRequired",
        "if",
    ],
)
def test_a_keyword_which_gemini_lacks_is_left_out_and_a_property_of_its_name_is_not(
    keyword: str,
) -> None:
    schema = {**properties(**{keyword: STRING}), "required": [keyword], keyword: {"a": STRING}}
    assert fit(schema) == {**properties(**{keyword: STRING}), "required": [keyword]}


def test_required_names_only_properties_there_are_and_each_once() -> None:
    schema = {**properties(a=STRING, b=False), "required": ["a", "b", "c", "a", 1]}
    assert fit(schema) == {**properties(a=STRING), "required": ["a"]}
    assert "required" not in fit({"type": "object", "required": ["a"]})


def test_what_was_left_out_is_named() -> None:
    inner = {"type": "string", "pattern": "x", "minLength": 1}
    assert reduced(properties(a=inner)).dropped == {"pattern", "minLength"}
    assert reduced({"$schema": "x", "$defs": {}, "const": 1}).dropped == frozenset()


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("#/$defs/A", STRING),
        ("#/definitions/a~1b", {"type": "integer"}),
        ("#/$defs/with%20space", {"type": "boolean"}),
        ("#/$defs/list/anyOf/1", {"type": "number"}),
        ("#/$defs/nobody", {}),
        ("#/$defs/list/anyOf/9", {}),
        ("https://a.test/schema", {}),
    ],
)
def test_a_reference_is_put_in_place(reference: str, expected: Any) -> None:
    schema = {
        **properties(a={"$ref": reference}),
        "$defs": {
            "A": STRING,
            "with space": {"type": "boolean"},
            "list": {"anyOf": [STRING, {"type": "number"}]},
        },
        "definitions": {"a/b": {"type": "integer"}},
    }
    assert fit(schema) == properties(a=expected)


def test_what_is_said_beside_a_reference_holds() -> None:
    schema = {
        **properties(a={"$ref": "#/$defs/A", "description": "Mine."}),
        "$defs": {"A": {"type": "string", "description": "Theirs."}},
    }
    assert fit(schema) == properties(a={"type": "string", "description": "Mine."})


def test_a_schema_within_itself_ends_where_it_comes_again() -> None:
    node = {
        "type": "object",
        "properties": {
            "value": STRING,
            "next": {"anyOf": [{"$ref": "#/$defs/Node"}, {"type": "null"}]},
        },
        "required": ["value", "next"],
    }
    assert fit({"$ref": "#/$defs/Node", "$defs": {"Node": node}}) == {
        **properties(value=STRING, next={"type": ["object", "null"]}),
        "required": ["value", "next"],
    }
    assert fit({"type": "object", "properties": {"a": {"$ref": "#"}}}) == properties(
        a=properties(a={"type": "object"})
    )
    assert fit({"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}}) == {}


def test_references_that_double_at_every_step_end_somewhere() -> None:
    defs = {
        f"D{n}": properties(a={"$ref": f"#/$defs/D{n + 1}"}, b={"$ref": f"#/$defs/D{n + 1}"})
        for n in range(60)
    }
    assert len(json.dumps(fit({"$ref": "#/$defs/D0", "$defs": defs}))) < 1_000_000


KEYWORD = st.sampled_from(
    [*KEYS, "$ref", "$defs", "allOf", "oneOf", "const", "nullable", "default", "pattern", "$id"]
)
VALUE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.sampled_from([*TYPES, "#", "#/$defs/a", "#/properties/a", "uri"])
    | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(KEYWORD | st.sampled_from("ab"), inner, max_size=4)
    ),
    max_leaves=30,
)


@given(VALUE)
@example({"allOf": [{"$ref": "#"}, {"$ref": "#"}]})
@example({"anyOf": [{"$ref": "#/anyOf/0"}]})
def test_only_what_gemini_knows_comes_out_whatever_goes_in(schema: Any) -> None:
    for one in within(fit(schema)):
        assert one.keys() <= KEYS
        kinds = one.get("type", [])
        assert set([kinds] if isinstance(kinds, str) else kinds) <= set(TYPES)
        assert set(one.get("required", [])) <= one.get("properties", {}).keys()
        assert one.get("format") in {None, *FORMATS}
        assert all(isinstance(value, str | int | float) for value in one.get("enum", []))
        assert isinstance(one.get("title", ""), str)
        assert isinstance(one.get("anyOf", []), list)


def test_a_schema_may_be_as_deep_as_it_likes() -> None:
    schema: Any = STRING
    for _ in range(5000):
        schema = {"type": "array", "items": schema}
    assert fit(schema)["type"] == "array"
