"""Cohere's answers in OpenAI's shape. https://docs.cohere.com/reference/chat."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from modelmesh.connectors.providers._errors import Sign, failure_in_stream
from modelmesh.connectors.providers._fields import count_in, object_in, objects_in, text_in
from modelmesh.connectors.providers._writing import Called, Choice, Ending, completion
from modelmesh.json_text import dumps, read_object
from modelmesh.types import Answer, HttpReply, Request
from modelmesh.usage import Usage

_ENDINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "COMPLETE": "stop",
        "STOP_SEQUENCE": "stop",
        "MAX_TOKENS": "length",
        "TOOL_CALL": "tool_calls",
        "ERROR_TOXIC": "content_filter",
    }
)
_FAILED: Final = frozenset({"ERROR", "ERROR_LIMIT", "TIMEOUT", "USER_CANCEL"})
"""Reasons to finish with which there is no answer, though the status be 200."""


def sound(reply: HttpReply) -> Mapping[str, Any] | None:
    """Return the body of a reply which is an answer; None for any other."""
    body = read_object(reply.body) if reply.status in range(200, 300) else None
    return body if body and isinstance(body.get("message"), dict) else None


def answer_of(
    body: Mapping[str, Any], *, request: Request, wall: float, signs: Iterable[Sign]
) -> Answer:
    """Translate an answer. Raises ProviderError if it tells that there is none."""
    ending = ending_of(body, signs)
    message = body["message"]
    calls = [_called(call) for call in objects_in(message.get("tool_calls"))]
    texts, thoughts = [], []
    for part in objects_in(message.get("content")):
        texts.append(text_in(part.get("text")))
        thoughts.append(text_in(part.get("thinking")))
    choice = Choice(
        text="".join(texts) or (None if calls else ""),
        ending=ending,
        calls=calls,
        fields={
            "reasoning_content": "".join(thoughts),
            "tool_plan": text_in(message.get("tool_plan")),
            "citations": objects_in(message.get("citations")),
        },
        more=logprobs_of(objects_in(body.get("logprobs"))),
    )
    counts = object_in(body.get("usage"))
    usage = usage_of(counts)
    written = completion(
        [choice],
        id=text_in(body.get("id")) or request.id,
        model=request.model,
        wall=wall,
        usage=usage,
        request=request,
        more=billed_in(counts),
    )
    return Answer(body=written, usage=usage)


def ending_of(body: Mapping[str, Any], signs: Iterable[Sign]) -> Ending:
    """Return why an answer ended; raise ProviderError where the vendor gave it up."""
    reason, error = text_in(body.get("finish_reason")), body.get("error")
    if reason in _FAILED or (error and not reason):
        said = {"message": error or f"finish_reason {reason}"}
        kind = body.get("error_type") or reason
        raise failure_in_stream(dumps({"error": {**said, "type": kind}}), signs=signs)
    return Ending.of(reason or None, _ENDINGS)


def _called(call: Mapping[str, Any]) -> Called:
    function = object_in(call.get("function"))
    return Called(
        id=text_in(call.get("id")),
        name=text_in(function.get("name")),
        arguments=text_in(function.get("arguments")),
    )


def logprobs_of(items: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return a choice's `logprobs`: Cohere's are those of all tokens in a piece of text."""
    tokens = [
        {
            "token": item["text"],
            "logprob": sum(each for each in item["logprobs"] if isinstance(each, int | float)),
            "bytes": list(item["text"].encode(errors="replace")),
            "top_logprobs": [],
        }
        for item in items
        if isinstance(item.get("text"), str) and isinstance(item.get("logprobs"), list)
    ]
    return {"logprobs": {"content": tokens, "refusal": None}} if tokens else {}


def usage_of(counts: Mapping[str, Any]) -> Usage | None:
    """Return the usage: the tokens, which are more than those billed, some of them from a cache."""
    tokens = object_in(counts.get("tokens")) or object_in(counts.get("billed_units"))
    prompt, completion = count_in(tokens, "input_tokens"), count_in(tokens, "output_tokens")
    if not prompt and not completion:
        return None
    return Usage(
        prompt=prompt,
        completion=completion,
        cached=min(prompt, count_in(counts, "cached_tokens")),
        reasoning=min(completion, count_in(tokens, "reasoning_tokens")),
    )


def billed_in(counts: Mapping[str, Any]) -> Mapping[str, Any]:
    billed = counts.get("billed_units")
    return {"billed_units": billed} if billed else {}
