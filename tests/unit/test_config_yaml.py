from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from modelmesh.config.yaml_text import parse

# No digits: PyYAML writes the text 1E0, among others, as what is a number since YAML 1.2.
words = st.text(st.characters(exclude_categories=["Cs", "Nd"]))
plain = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | words
)
trees = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 22:00", "22:00"),
        ("a: yes", "yes"),
        ("a: on", "on"),
        ("a: 2026-11-24", "2026-11-24"),
        ("a: true", True),
        ("a: 'true'", "true"),
        ("a: 010", 10),
        ("a: -3", -3),
        ("a: 0x1F", 31),
        ("a: 1e6", 1e6),
        ("a: .5", 0.5),
        ("a: .nan", ".nan"),
        ("a: ~", None),
        ("a:", None),
        ("a: ''", ""),
        ("a: |\n  one\n  two\n", "one\ntwo\n"),
    ],
)
def test_values_are_those_of_yaml_1_2(text: str, value: Any) -> None:
    document = parse(text)
    assert document.faults == ()
    assert document.tree == {"a": value}
    assert type(document.tree["a"]) is type(value)


def test_keys_are_text_whatever_they_look_like() -> None:
    assert parse("1: a\ntrue: b\n~: c\n").tree == {"1": "a", "true": "b", "~": "c"}


def test_every_path_has_its_line() -> None:
    document = parse("a:\n  b: 1\n  c:\n    - x\n    - y: 2\n")
    assert document.line(("a",)) == 1
    assert document.line(("a", "b")) == 2
    assert document.line(("a", "c", 0)) == 4
    assert document.line(("a", "c", 1, "y")) == 5
    assert document.line(("a", "b", "missing", "deeper")) == 2
    assert document.line(("elsewhere",)) == 1


def test_a_key_given_twice_is_told_and_the_first_one_counts() -> None:
    document = parse("a: 1\nb: 2\na: 3\n")
    assert document.tree == {"a": 1, "b": 2}
    assert [(f.path, f.message) for f in document.faults] == [
        (("a",), "given twice, here and on line 3")
    ]


def test_aliases_and_merges_work() -> None:
    document = parse("usual: &u {x: 1, y: 2}\na:\n  <<: *u\n  y: 3\nb: {<<: [*u, {z: 4}]}\n")
    assert document.tree["a"] == {"x": 1, "y": 3}
    assert document.tree["b"] == {"x": 1, "y": 2, "z": 4}
    assert document.faults == ()


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: 1\nb: [1, 2\n", 3, "not valid YAML"),
        ("a: 1\n\tb: 2\n", 2, "not valid YAML"),
        ("a: *nowhere\n", 1, "not valid YAML: found undefined alias 'nowhere'"),
        ("a: 1\n---\nb: 2\n", 2, "not valid YAML"),
        ("a: !secret x\n", 1, "unknown tag '!secret'"),
        ("? [a]\n: 1\n", 1, "a key must be text"),
        ("a: \x00\n", None, "not valid YAML: it has a character that YAML does not allow"),
        ("&a [*a]\n", None, "too deeply nested"),
        ("[" * 1500, None, "too deeply nested"),
    ],
)
def test_what_is_wrong_with_a_text_is_told(text: str, line: int | None, message: str) -> None:
    document = parse(text)
    (fault,) = document.faults
    assert fault.message.startswith(message)
    assert line is None or document.line(fault.path) == line


def test_aliases_that_multiply_are_refused() -> None:
    levels = [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 9)]
    document = parse("\n".join(["l0: &l0 x", *levels]))
    assert document.tree is None
    assert len(document.faults) == 1


@given(trees)
def test_what_other_programs_write_is_read_back(tree: Any) -> None:
    text = yaml.safe_dump(tree, default_flow_style=False)
    document = parse(text)
    assert document.tree == tree
    assert document.faults == ()


@given(st.text(alphabet="ab:-[]{}&*!|>'\"#%@ \n\t,?<~"))
def test_any_text_is_read_or_refused(text: str) -> None:
    told = [fault.message for fault in parse(text).faults]
    try:
        yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        assert told[0].startswith("not valid YAML")
    else:
        assert not any(message.startswith("not valid YAML") for message in told)
