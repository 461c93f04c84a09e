"""Anthropic's answers in OpenAI's shape.

Thoughts are `reasoning_content`, and whole in `thinking_blocks`, where a client which sends the
message back returns what only Anthropic can read. Tools which Anthropic runs itself are no calls
for the client; what a search found is in `annotations`.

https://platform.claude.com/docs/en/api/messages
https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons
"""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from modelmesh.connectors.providers._conversation import format_of
from modelmesh.connectors.providers._fields import count_in, object_in
from modelmesh.connectors.providers._writing import Called, Choice, Ending, completion
from modelmesh.connectors.providers.anthropic.request import ANSWER_TOOL
from modelmesh.errors import RequestError, bad_answer
from modelmesh.json_text import dumps
from modelmesh.types import Answer, Request
from modelmesh.usage import Usage

ENDINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "end_turn": "stop",
        "stop_sequence": "stop",
        "tool_use": "tool_calls",
        "max_tokens": "length",
        "model_context_window_exceeded": "length",
        "pause_turn": "length",
        "refusal": "content_filter",
    }
)
"""OpenAI's reasons to finish, by Anthropic's."""

THOUGHTS: Final = ("thinking", "redacted_thinking")


def answer_of(body: Mapping[str, Any], *, request: Request, wall: float) -> Answer:
    """Translate a whole answer. Raises ProviderError where it is none."""
    blocks = body.get("content")
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        raise bad_answer("no content")
    usage = usage_of(body.get("usage"))
    written = completion(
        [_choice(body, blocks, by_tool=wants_json(request))],
        id=str(body.get("id") or request.id),
        model=str(body.get("model") or request.model),
        wall=wall,
        usage=usage,
        request=request,
    )
    return Answer(body=written, usage=usage)


def usage_of(counts: Any) -> Usage | None:
    """Return the usage. Anthropic's input has no tokens that were read from or put in a cache."""
    if not isinstance(counts, dict) or not counts:
        return None
    cached = count_in(counts, "cache_read_input_tokens")
    stored = count_in(counts, "cache_creation_input_tokens")
    for_long = count_in(object_in(counts.get("cache_creation")), "ephemeral_1h_input_tokens")
    for_long = min(for_long, stored)
    completion, details = count_in(counts, "output_tokens"), counts.get("output_tokens_details")
    thought = count_in(object_in(details), "thinking_tokens")
    return Usage(
        prompt=count_in(counts, "input_tokens") + stored + cached,
        completion=completion,
        cached=cached,
        reasoning=min(thought, completion),
        stored=stored - for_long,
        stored_1h=for_long,
    )


def refusal_of(told: Mapping[str, Any]) -> str:
    """Return the words of a refusal, "" where the answer is none or the vendor has no words."""
    if told.get("stop_reason") != "refusal":
        return ""
    details = told.get("stop_details")
    explanation = details.get("explanation") if isinstance(details, dict) else None
    return explanation if isinstance(explanation, str) else ""


def wants_json(request: Request) -> bool:
    """Whether the answer may come as the input of the tool for it."""
    try:
        return format_of(request.body) is not None
    except RequestError:
        return False


def annotations(citations: Any, start: int, end: int) -> Iterator[dict[str, Any]]:
    """Give the web pages which a text is based on; it is between two places in the whole text."""
    for citation in citations if isinstance(citations, list) else ():
        if isinstance(citation, dict) and isinstance(citation.get("url"), str):
            page = {"url": citation["url"], "title": citation.get("title") or ""}
            place = {"start_index": start, "end_index": end}
            yield {"type": "url_citation", "url_citation": {**page, **place}}


def _choice(
    body: Mapping[str, Any], blocks: Sequence[Mapping[str, Any]], *, by_tool: bool
) -> Choice:
    text, cited = _text(blocks)
    uses = [block for block in blocks if block.get("type") == "tool_use"]
    answers = [use for use in uses if by_tool and use.get("name") == ANSWER_TOOL]
    calls = [_called(use) for use in uses if use not in answers]
    if answers:
        text = dumps(answers[0].get("input") or {}).decode()
    thoughts = [block for block in blocks if block.get("type") in THOUGHTS]
    refusal = refusal_of(body)
    fields = {
        "refusal": refusal,
        "reasoning_content": "".join(str(block.get("thinking") or "") for block in thoughts),
        "thinking_blocks": thoughts,
        "annotations": cited,
    }
    ending = Ending.of(body.get("stop_reason"), ENDINGS)
    silent = not text and (calls or refusal)
    return Choice(text=None if silent else text, ending=ending, calls=calls, fields=fields)


def _text(blocks: Sequence[Mapping[str, Any]]) -> tuple[str, list[dict[str, Any]]]:
    text = ""
    cited: list[dict[str, Any]] = []
    for block in blocks:
        if block.get("type") == "text":
            start = len(text)
            text += str(block.get("text") or "")
            cited += annotations(block.get("citations"), start, len(text))
    return text, cited


def _called(use: Mapping[str, Any]) -> Called:
    arguments = use.get("input")
    return Called(
        id=str(use.get("id")),
        name=str(use.get("name")),
        arguments=dumps(arguments).decode() if arguments else "",
    )
