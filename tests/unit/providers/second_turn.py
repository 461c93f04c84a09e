"""Takes what a vendor said into the next turn, as a client does, and judges what is then sent.

A client sends the assistant's message back: some as it came, some only the fields that OpenAI has.
What only its vendor can read goes back to that vendor and to no other.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import judge
import trial
from openai.lib.streaming._deltas import accumulate_delta
from recordings import Exchange

from modelmesh.connectors import registry
from modelmesh.connectors.providers import openai_compatible
from modelmesh.errors import RequestError

_BARE: Final = frozenset({"role", "content", "tool_calls", "refusal"})
_BARE_CALL: Final = frozenset({"id", "type", "function"})
_SKIPS_CHECK: Final = "skip_thought_signature_validator"
"""What Google documents for a call whose signature is lost: ai.google.dev/gemini-api/docs."""


OTHERS: Final = {
    id_: vendor
    for id_, vendor in registry.available("providers").items()
    if id_ != "openai-compatible" and issubclass(vendor, openai_compatible.Provider)
}
"""Connectors that lead to another vendor for certain; a server nobody knows may be the first's."""
_SIGNS: Final = re.compile(r"gemini-([3-9]|\d\d)")
"""Models which refuse a turn whose first call has no signature."""


async def next_turn_complaints(exchange: Exchange, *, bare: bool) -> list[str]:
    """Judge the next turn at the same vendor; `bare` is what a client of few fields sends."""
    connector = trial.connector_of(exchange)
    body = await next_request(exchange, bare=bare)
    try:
        made = trial.sent(connector, body, exchange.model)
    except RequestError as refused:
        return [f"it is refused: {refused}"]
    if made is None:
        return []
    found = judge.request_complaints(connector, made)
    if not bare and exchange.spoken.voices[0].calls:
        told = json.dumps(json.loads(made.body), ensure_ascii=False)
        found += [f"{state[:20]}... is lost" for state in states(exchange) if state not in told]
    if connector == "google.gemini.v1" and _SIGNS.match(exchange.model):
        found += _unsigned(json.loads(made.body), {*states(exchange), _SKIPS_CHECK})
    return found


async def other_vendor_complaints(exchange: Exchange, connector: str) -> list[str]:
    """Judge the next turn at another vendor, which must not be sent what it cannot read."""
    model = (OTHERS[connector].models or ("some-model",))[0]
    made = trial.sent(connector, await next_request(exchange, bare=False), model)
    if made is None:
        return []
    found = judge.request_complaints(connector, made)
    return found + [f"{s[:20]}... is sent" for s in states(exchange) if s.encode() in made.body]


async def next_request(exchange: Exchange, *, bare: bool) -> dict[str, Any]:
    """Return the request of the next turn: the question, what was said, and what follows it."""
    message = await _message(exchange)
    calls = message.get("tool_calls") or []
    said = _only(_BARE, message) if bare else message
    if bare and calls:
        said["tool_calls"] = [_only(_BARE_CALL, call) for call in calls]
    results = [{"role": "tool", "tool_call_id": c["id"], "content": "done"} for c in calls]
    body = {**trial.asked(exchange).body, "n": 1}
    if exchange.spoken.voices[0].thoughts:
        body |= {"reasoning_effort": "low"}
    question = {"role": "user", "content": "Well?"}
    return {**body, "messages": [question, said, *(results or [question])]}


async def _message(exchange: Exchange) -> dict[str, Any]:
    """Return the assistant's message; that of a stream as OpenAI's SDK puts it together."""
    if exchange.endpoint == "chat":
        answer = json.loads(trial.answer_of(exchange).body)
        message: dict[str, Any] = answer["choices"][0]["message"]
        return message
    gathered: dict[object, object] = {}
    heard = await trial.hear(exchange, [exchange.body])
    for chunk in map(json.loads, heard.payloads):
        for choice in chunk["choices"]:
            if choice["index"] == 0:
                gathered = accumulate_delta(gathered, choice["delta"])
    message = {str(name): value for name, value in gathered.items()}
    for call in message.get("tool_calls") or []:
        call.pop("index")
    return message


def _only(names: frozenset[str], body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name in names}


def states(exchange: Exchange) -> Iterator[str]:
    """Give what only the vendor can read, and has to be given back where it called tools."""
    if exchange.vendor in ("anthropic", "gemini"):
        yield from _states_in(exchange.objects)


def _states_in(said: Any) -> Iterator[str]:
    if isinstance(said, Mapping):
        signed = "functionCall" in said and said.get("thoughtSignature")
        hidden = said.get("type") == "redacted_thinking" and said.get("data")
        yield from (text for text in (said.get("signature"), signed, hidden) if text)
        said = list(said.values())
    for inner in said if isinstance(said, Sequence) and not isinstance(said, str) else ():
        yield from _states_in(inner)


def _unsigned(body: Mapping[str, Any], signatures: set[str]) -> Iterator[str]:
    """Tell of a turn whose first call has no signature."""
    for content in body["contents"]:
        calls = [part for part in content["parts"] if "functionCall" in part]
        if calls and calls[0].get("thoughtSignature") not in signatures:
            yield "the first call has neither its signature nor the word for a lost one"
