"""The text of answers, as it is kept for who asked to see it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from modelmesh.excerpt import Excerpt, _said, _whole
from modelmesh.types import Answer

CALL = {"id": "c", "type": "function", "function": {"name": "weather", "arguments": '{"in": 1}'}}


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ({"choices": [{"index": 0, "message": {"content": "hello"}}]}, "hello"),
        ({"choices": [{"index": 0, "delta": {"content": "he"}}]}, "he"),
        ({"choices": [{"delta": {"content": "he"}}]}, "he"),
        ({"choices": [{"index": 1, "delta": {"content": "other"}}]}, ""),
        ({"choices": [{"message": {"content": None, "refusal": "no"}}]}, "no"),
        ({"choices": [{"message": {"content": None, "tool_calls": [CALL]}}]}, 'weather{"in": 1}'),
        ({"choices": []}, ""),
        ({"text": "what was heard"}, "what was heard"),
        ({"type": "transcript.text.delta", "delta": "what "}, "what "),
        ({"type": "transcript.text.done", "text": "what was heard"}, ""),
        ({"type": "speech.audio.delta", "audio": "QUJD"}, ""),
        ({"data": [{"b64_json": "QUJD"}]}, ""),
        ({"data": [{"embedding": [0.1]}]}, ""),
    ],
)
def test_the_text_of_an_answer_is_found(payload: dict[str, Any], said: str) -> None:
    assert _said(payload) == said
    assert _whole(Answer(body=json.dumps(payload).encode())) == said


def test_a_transcript_may_be_plain_text() -> None:
    assert _whole(Answer(body=b"what was heard", content_type="text/plain")) == "what was heard"


def test_sound_is_no_text() -> None:
    assert _whole(Answer(body=b"\xff\xfb\x90", content_type="audio/mpeg")) == ""


@given(some.lists(some.binary() | some.just(b'{"choices": [{"delta": {"content": "abc"}}]}')))
def test_whatever_comes_no_more_than_that_is_kept(payloads: list[bytes]) -> None:
    excerpt = Excerpt()
    excerpt._left = 7
    for payload in payloads:
        excerpt.hear(payload)
    assert len(excerpt.text) <= 7
    assert "abcabca".startswith(excerpt.text)


JSON = some.recursive(
    some.none() | some.integers() | some.text(),
    lambda inner: (
        some.lists(inner)
        | some.dictionaries(
            some.sampled_from(["choices", "delta", "message", "tool_calls", "function", "text"]),
            inner,
        )
    ),
    max_leaves=12,
)


@given(some.dictionaries(some.sampled_from(["choices", "text", "type", "delta"]), JSON))
def test_whatever_a_vendor_sends_is_text_or_none(payload: dict[str, Any]) -> None:
    assert isinstance(_said(payload), str)
