from typing import Any

import pytest

from modelmesh.errors import RequestError
from modelmesh.sanity import LEAST, check
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
        ("embeddings", {"input": [1, 2], "dimensions": 8, "stream": False}),
        ("embeddings", {"input": [{"text": "a"}, {"image": "b"}], "dimensions": None}),
        ("speech", {"input": "a", "stream_format": "sse"}),
        ("speech", {"input": "a", "voice": {"id": "voice_1"}, "speed": 1.5}),
        ("transcriptions", {}),
        ("transcriptions", {"temperature": 0, "timestamp_granularities": ["word"]}),
        ("images", {"prompt": "a"}),
        ("images", {"prompt": "a", "n": 2, "size": "auto", "quality": 80}),
    ],
)
def test_what_makes_sense_is_let_through(endpoint: Endpoint, body: dict[str, Any]) -> None:
    check(endpoint, body)


@pytest.mark.parametrize(
    ("endpoint", "body", "param"),
    [
        ("embeddings", {"input": []}, "input"),
        ("embeddings", {"input": 7}, "input"),
        ("embeddings", {"input": ["a", 1]}, "input"),
        ("embeddings", {"input": [1.5]}, "input"),
        ("embeddings", {"input": [True]}, "input"),
        ("embeddings", {"input": [[1], []]}, "input"),
        ("embeddings", {"input": [[1], "a"]}, "input"),
        ("embeddings", {"input": "a", "dimensions": 0}, "dimensions"),
        ("embeddings", {"input": "a", "dimensions": "8"}, "dimensions"),
        ("embeddings", {"input": "a", "dimensions": True}, "dimensions"),
        ("embeddings", {"input": "a", "encoding_format": "int8"}, "encoding_format"),
        ("embeddings", {"input": "a", "stream": True}, "stream"),
        ("embeddings", {"input": "a", "stream": 0}, "stream"),
        ("speech", {"input": ["a"]}, "input"),
        ("speech", {"input": "a", "stream_format": "ndjson"}, "stream_format"),
        ("chat", {"messages": MESSAGES, "stream": "yes"}, "stream"),
        ("transcriptions", {"stream": 1}, "stream"),
        ("speech", {"input": "a", "voice": ""}, "voice"),
        ("speech", {"input": "a", "voice": {"name": "alloy"}}, "voice"),
        ("speech", {"input": "a", "speed": "fast"}, "speed"),
        ("speech", {"input": "a", "speed": float("inf")}, "speed"),
        ("speech", {"input": "a", "response_format": 5}, "response_format"),
        ("transcriptions", {"temperature": "0"}, "temperature"),
        ("transcriptions", {"language": 5}, "language"),
        ("transcriptions", {"timestamp_granularities": [1]}, "timestamp_granularities"),
        ("images", {"prompt": None}, "prompt"),
        ("images", {"prompt": "a", "n": 0}, "n"),
        ("images", {"prompt": "a", "n": "2"}, "n"),
        ("images", {"prompt": "a", "size": 1024}, "size"),
        *((endpoint, said, next(iter(said))) for endpoint, said in LEAST.items() if said),
    ],
)
def test_what_makes_none_is_refused(endpoint: Endpoint, body: dict[str, Any], param: str) -> None:
    with pytest.raises(RequestError) as refused:
        check(endpoint, body)
    assert refused.value.param == param
