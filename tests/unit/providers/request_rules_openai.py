"""The rules which requests to vendors keep who speak OpenAI's shape, and what all requests share.

Such vendors take OpenAI's fields and further ones of their own, which pass; what a vendor refuses
is here. Their pages: https://platform.openai.com/docs/api-reference/chat,
https://console.groq.com/docs/openai, https://docs.mistral.ai/api, https://docs.x.ai/docs.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import dropwhile, pairwise
from typing import Any, Final

Body = Mapping[str, Any]


def words(text: str) -> frozenset[str]:
    """Return the words of a text, which reads better than a long set."""
    return frozenset(text.split())


_ROLES: Final = frozenset({"developer", "system", "user", "assistant", "tool", "function"})
_REFUSED: Final[Mapping[str, frozenset[str]]] = {
    "groq.api.v1": frozenset({"logprobs", "logit_bias", "top_logprobs"}),
    "perplexity.api.v1": frozenset({"n", "logit_bias", "seed", "parallel_tool_calls"}),
}
_OF_REASONING: Final[Mapping[str, tuple[re.Pattern[str], frozenset[str]]]] = {
    "openai.llm.v1": (
        re.compile(r"o\d|gpt-[5-9]"),
        frozenset({"max_tokens", "stop", "presence_penalty", "frequency_penalty", "logit_bias"}),
    ),
    "xai.api.v1": (
        re.compile(r"grok-4(?!.*non-reasoning)"),
        frozenset({"stop", "presence_penalty", "frequency_penalty"}),
    ),
}
"""Models which reason, by their names, and what they refuse."""
_MISTRAL: Final = words(
    """model messages temperature top_p max_tokens stream stop random_seed metadata response_format
    tools tool_choice presence_penalty frequency_penalty n prediction parallel_tool_calls
    prompt_mode safe_prompt guardrails prompt_cache_key reasoning_effort"""
)
_ANSWERS: Final = {
    "groq.api.v1": words("role content name tool_calls function_call reasoning"),
    "cerebras.api.v1": words("role content name tool_calls reasoning"),
    "fireworks.api.v1": words("role content name tool_calls reasoning_content"),
}
"""The fields of an assistant's message at vendors which refuse all others."""
_MISTRAL_MESSAGES: Final = {
    "system": frozenset({"role", "content"}),
    "user": frozenset({"role", "content"}),
    "assistant": frozenset({"role", "content", "tool_calls", "prefix"}),
    "tool": frozenset({"role", "content", "tool_call_id", "name"}),
}


def compatible_complaints(connector: str, body: Body) -> Iterator[str]:
    """Judge a request in OpenAI's shape to the vendor of a connector."""
    messages = body.get("messages") or []
    if not messages:
        yield "there are no messages"
    for number, message in enumerate(messages):
        yield from (f"message {number}: {text}" for text in _message_complaints(message))
        if connector in _ANSWERS and message.get("role") == "assistant":
            yield from unknown(message, _ANSWERS[connector], f"message {number}")
    yield from results_complaints(messages)
    refused = _REFUSED.get(connector, frozenset())
    names, also = _OF_REASONING.get(connector, (re.compile("(?!)"), frozenset()))
    if names.match(body.get("model", "")):
        refused |= also
    yield from (f"{name} is refused" for name in sorted(refused & body.keys()))
    if connector == "mistral.api.v1":
        yield from _mistral_complaints(body)
    if connector == "groq.api.v1":
        yield from _groq_complaints(body)
    if connector == "perplexity.api.v1":
        yield from _alternation_complaints(messages)


def results_complaints(messages: Sequence[Body]) -> Iterator[str]:
    """Results follow their calls, one for each, before the next turn."""
    due: list[str] = []
    for number, message in enumerate(messages):
        if message.get("role") == "tool":
            if message.get("tool_call_id") not in due:
                yield f"message {number} is the result of no call: {message.get('tool_call_id')}"
            else:
                due.remove(message["tool_call_id"])
            continue
        if due:
            yield f"message {number} comes before the results of {due}"
        due = [call["id"] for call in message.get("tool_calls") or []]


def unknown(body: Body, known: AbstractSet[str], place: str) -> Iterator[str]:
    """Complain about fields which the vendor does not document."""
    yield from (f"{place} has {name}, which is unknown" for name in sorted(body.keys() - known))


def within(body: Body, name: str, low: float, high: float) -> Iterator[str]:
    """Complain about a number which the vendor does not take."""
    if name in body and not low <= body[name] <= high:
        yield f"{name} is {body[name]}, not within {low} and {high}"


def _message_complaints(message: Body) -> Iterator[str]:
    if message.get("role") not in _ROLES:
        yield f"the role {message.get('role')!r} is unknown"
    for call in message.get("tool_calls") or []:
        arguments = call.get("function", {}).get("arguments")
        if not isinstance(arguments, str):
            yield f"the arguments {arguments!r} are no text"


def _mistral_complaints(body: Body) -> Iterator[str]:
    yield from unknown(body, _MISTRAL, "the body")
    messages = body.get("messages") or []
    for number, message in enumerate(messages):
        known = _MISTRAL_MESSAGES.get(message.get("role", ""))
        if known is None:
            yield f"message {number}: the role {message.get('role')!r} is unknown"
        yield from unknown(message, known or message.keys(), f"message {number}")
    last = messages[-1] if messages else {}
    if last.get("role") not in ("user", "tool") and not last.get("prefix"):
        yield f"the last message is the {last.get('role')}'s"


def _alternation_complaints(messages: Sequence[Body]) -> Iterator[str]:
    """After the system message(s) the user and the assistant take turns (Perplexity)."""
    roles = [message.get("role") for message in messages]
    talk = list(dropwhile(lambda role: role == "system", roles))
    yield from (f"{one} follows {one}" for one, other in pairwise(talk) if one == other != "tool")
    if "system" in talk:
        yield "the system speaks within the conversation"


def _groq_complaints(body: Body) -> Iterator[str]:
    if body.get("n", 1) != 1:
        yield "n is not 1"
    for number, message in enumerate(body.get("messages") or []):
        if "name" in message:
            yield f"message {number} has a name"
        if message.get("role") == "assistant" and None in message.values():
            yield f"message {number} has null"
