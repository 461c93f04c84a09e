"""Requests in OpenAI's shape, with what clients ask for: https://platform.openai.com/docs."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from modelmesh.types import Endpoint, Request, Upload

_PIXEL: Final = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///ywAAAAAAQABAAACAUwAOw=="
_QUESTION: Final[Mapping[str, Any]] = {"role": "user", "content": "Good day?"}
_TOOL: Final[Mapping[str, Any]] = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {"type": "object", "properties": {"place": {"type": "string"}}},
    },
}
_CALL: Final[Mapping[str, Any]] = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"place": "Oslo"}'},
}
_ONCE_ASKED: Final = [
    {"role": "system", "content": "Be brief."},
    _QUESTION,
    {"role": "assistant", "content": None, "tool_calls": [_CALL]},
    {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
]
_SEEN: Final = [
    {"type": "text", "text": "What is it?"},
    {"type": "image_url", "image_url": {"url": _PIXEL}},
]

REQUESTS: Final[Mapping[Endpoint, Mapping[str, Mapping[str, Any]]]] = {
    "chat": {
        "a question": {"messages": [_QUESTION]},
        "a stream": {"messages": [_QUESTION], "stream": True},
        "a stream with usage": {
            "messages": [_QUESTION],
            "stream": True,
            "stream_options": {"include_usage": True},
        },
        "tools": {"messages": [_QUESTION], "tools": [_TOOL], "tool_choice": "auto"},
        "a tool's result": {"messages": _ONCE_ASKED, "tools": [_TOOL]},
        "an image": {"messages": [{"role": "user", "content": _SEEN}]},
        "JSON": {"messages": [_QUESTION], "response_format": {"type": "json_object"}},
        "sampling": {
            "messages": [_QUESTION],
            "temperature": 0.5,
            "top_p": 0.9,
            "max_tokens": 10,
            "stop": ["."],
            "seed": 1,
            "user": "u",
        },
        "something nobody knows": {"messages": [_QUESTION], "x_nobody_knows": {"a": [1]}},
    },
    "embeddings": {"two texts": {"input": ["a", "b"]}, "a text": {"input": "a"}},
    "speech": {"a text": {"input": "Hello!", "voice": "alloy"}},
    "transcriptions": {"a file": {}},
    "images": {"a prompt": {"prompt": "A lighthouse", "size": "1024x1024"}},
}
"""What is asked at each endpoint, by what is particular about it."""

FORMS: Final[Mapping[Endpoint, tuple[Mapping[str, Any], ...]]] = {
    "chat": ({},),
    "embeddings": ({"encoding_format": "float"}, {"encoding_format": "base64"}),
    "images": ({},),
    "speech": ({}, {"stream_format": "sse"}),
    "transcriptions": tuple(
        {"response_format": name} for name in ("json", "text", "verbose_json", "srt", "vtt")
    ),
}
"""The forms in which a client may want what is answered whole; the first is the usual one."""

_USUAL: Final[Mapping[Endpoint, Mapping[str, Any]]] = {
    "chat": REQUESTS["chat"]["tools"],
    "embeddings": REQUESTS["embeddings"]["two texts"],
    "images": {"prompt": "A lighthouse"},
    "speech": REQUESTS["speech"]["a text"],
    "transcriptions": REQUESTS["transcriptions"]["a file"],
}
"""What an answer is to, unless it says so itself."""


def request(endpoint: Endpoint, said: Mapping[str, Any], model: str) -> Request:
    """Return a request as the proxy reads one."""
    body = {**said, "model": model}
    sound = Upload(name="a.wav", content_type="audio/wav", content=b"RIFF\x00\x00\x00\x00WAVE")
    form = endpoint == "transcriptions"
    return Request(
        id="r",
        model=model,
        body=body,
        raw=b"" if form else json.dumps(body).encode(),
        endpoint=endpoint,
        upload=sound if form else None,
    )


def usual(endpoint: Endpoint, said: Mapping[str, Any], model: str) -> Request:
    """Return a request which an answer may be for, with what is `said` besides."""
    return request(endpoint, {**_USUAL[endpoint], **said}, model)


def every(endpoints: Mapping[Endpoint, Any] | Any, model: str) -> Iterator[tuple[str, Request]]:
    """Give every request at these endpoints, each with what is particular about it."""
    for endpoint in REQUESTS:
        if endpoint in endpoints:
            for name, said in REQUESTS[endpoint].items():
                yield f"{endpoint}: {name}", request(endpoint, said, model)
