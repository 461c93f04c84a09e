"""The rules which requests to vendors keep: fields, roles, order, and what belongs together.

Each function returns complaints. What vendors accepted in recorded traffic is the measure, and
their pages: https://platform.claude.com/docs/en/api/messages/create,
https://ai.google.dev/api/generate-content, https://docs.cohere.com/reference/chat.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from request_rules_native import anthropic_complaints, gemini_complaints
from request_rules_openai import (
    Body,
    compatible_complaints,
    results_complaints,
    unknown,
    within,
    words,
)

from modelmesh.types import HttpRequest

_COHERE: Final = words(
    """model messages stream tools tool_choice strict_tools documents citation_options
    response_format safety_mode max_tokens stop_sequences temperature seed frequency_penalty
    presence_penalty k p logprobs thinking priority"""
)


def request_complaints(connector: str, made: HttpRequest) -> list[str]:
    """Judge what is sent to the vendor of a connector, such as `anthropic.claude.v1`."""
    return [
        *_head_complaints(connector, made),
        *body_complaints(connector, json.loads(made.body)),
    ]


def body_complaints(connector: str, body: Body) -> Iterator[str]:
    """Judge the body of a request to the vendor of a connector."""
    rules = _RULES.get(connector)
    return rules(body) if rules else compatible_complaints(connector, body)


def _head_complaints(connector: str, made: HttpRequest) -> Iterator[str]:
    """Judge the method, the URL and the headers."""
    if made.method != "POST":
        yield f"the method is {made.method}"
    path, _, query = made.url.partition("?")
    if "key=" in query:
        yield "the key is in the URL"
    paths = {
        "anthropic.claude.v1": "/messages",
        "cohere.api.v1": "/chat",
        "google.gemini.v1": ":streamGenerateContent" if made.stream else ":generateContent",
    }
    if not path.endswith(paths.get(connector, "")):
        yield f"{made.url} does not end with {paths[connector]}"
    if connector == "anthropic.claude.v1" and "anthropic-version" not in made.headers:
        yield "anthropic-version is missing"
    if connector == "google.gemini.v1" and made.stream != (query == "alt=sse"):
        yield f"{made.url} asks for no stream of events" if made.stream else "alt=sse is too much"


def cohere_complaints(body: Body) -> Iterator[str]:
    """Judge the body of a request to Cohere's second API."""
    yield from unknown(body, _COHERE, "the body")
    yield from results_complaints(body.get("messages") or [])
    for number, message in enumerate(body.get("messages") or []):
        if message.get("role") not in ("system", "user", "assistant", "tool"):
            yield f"message {number}: the role {message.get('role')!r} is unknown"
        if message.get("tool_plan") and message.get("content"):
            yield f"message {number} has both content and tool_plan"
        if not (message.get("content") or message.get("tool_calls")):
            yield f"message {number} is empty"
    if body.get("tool_choice", "NONE") not in ("REQUIRED", "NONE"):
        yield f"tool_choice is {body['tool_choice']!r}"
    if (body.get("response_format") or {}).get("type", "text") not in ("text", "json_object"):
        yield f"response_format is {body['response_format']['type']!r}"
    if body.get("response_format", {}).get("type") == "json_object" and body.get("tools"):
        yield "response_format does not go with tools"
    if body.get("frequency_penalty") and body.get("presence_penalty"):
        yield "there are both penalties"
    if len(body.get("stop_sequences") or []) > 5:
        yield "there are more than 5 stop_sequences"
    yield from within(body, "temperature", 0, 1)
    yield from within(body, "p", 0.01, 0.99)


_RULES: Final[Mapping[str, Callable[[Body], Iterator[str]]]] = {
    "anthropic.claude.v1": anthropic_complaints,
    "cohere.api.v1": cohere_complaints,
    "google.gemini.v1": gemini_complaints,
}
