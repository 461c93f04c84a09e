from typing import Any

import pytest

from modelmesh.errors import RequestError
from modelmesh.sense import LEAST, check
from modelmesh.types import Endpoint

MESSAGES = [{"role": "user", "content": "Hello!"}]


@pytest.mark.parametrize("messages", ["Hello!", MESSAGES[0], 7, [], None])
def test_messages_that_are_no_list_are_refused_with_an_example(messages: object) -> None:
    with pytest.raises(RequestError, match=r"such as \[\{\"role\": \"user\"") as refused:
        check("chat", {"messages": messages})
    assert (refused.value.param, refused.value.status) == ("messages", 400)


@pytest.mark.parametrize(
    ("endpoint", "body"),
    [
        ("chat", {"messages": MESSAGES}),
        ("embeddings", {"input": "a"}),
        ("embeddings", {"input": [[1, 2], [3]], "encoding_format": "base64"}),
        ("speech", {"input": "a", "stream_format": "sse"}),
        ("transcriptions", {}),
        ("images", {"prompt": "a"}),
    ],
)
def test_what_makes_sense_is_let_through(endpoint: Endpoint, body: dict[str, Any]) -> None:
    check(endpoint, body)


@pytest.mark.parametrize(
    ("endpoint", "body", "param"),
    [
        ("embeddings", {"input": []}, "input"),
        ("embeddings", {"input": 7}, "input"),
        ("embeddings", {"input": "a", "encoding_format": "int8"}, "encoding_format"),
        ("embeddings", {"input": "a", "stream": True}, "stream"),
        ("speech", {"input": ["a"]}, "input"),
        ("speech", {"input": "a", "stream_format": "ndjson"}, "stream_format"),
        ("images", {"prompt": None}, "prompt"),
        *((endpoint, said, next(iter(said))) for endpoint, said in LEAST.items() if said),
    ],
)
def test_what_makes_none_is_refused(endpoint: Endpoint, body: dict[str, Any], param: str) -> None:
    with pytest.raises(RequestError) as refused:
        check(endpoint, body)
    assert refused.value.param == param
