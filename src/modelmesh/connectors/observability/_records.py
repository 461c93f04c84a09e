"""Events as JSON-ready records: how much is told at which level. Pure.

At `metadata` no word of a client or a vendor is in them. `summary` adds a line for people, and
words such as the name of a model that does not exist; `full` adds the parameters of a request.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, Literal

from attrs import fields

from modelmesh.config import schema
from modelmesh.connectors.observability._sentences import Entry, sentence
from modelmesh.events import AttemptEnded, Event, RequestBegan, RequestEnded
from modelmesh.redaction import parameters
from modelmesh.rules import RULES, ErrorKind

Level = Literal["metadata", "summary", "full"]
"""How much is told of an event."""

_OUR_CODES: Final = frozenset(
    {rule.code for rule in RULES.values()}
    | {str(kind) for kind in ErrorKind}
    | {"model_not_found", "unknown_cost", "unsupported_parameter"}
)
"""Codes which are no vendor's words."""

_DECIMALS: Final[Mapping[str, int]] = MappingProxyType(
    {"seconds": 6, "first_token": 6, "share": 4, "cost": 9}
)
_LEFT_OUT: Final = frozenset({"at", "body", "headers", "answer", "attempts", "usage"})
_OF_AN_ATTEMPT: Final = frozenset({"event", "time", "request", "pool"})
"""What a record of an attempt has that the request around it says already."""


def record(
    event: Event, *, level: Level = "metadata", content: schema.Content | None = None
) -> Entry:
    """Return what is told of an event: its name as `event`, its `time`, and what it is about.

    What is None is left out. Prompts and answers are under `content`, as far as the event has
    them, and only where that is configured.
    """
    told: Entry = {"event": event.name, "time": _iso(event.at), **_facts(event)}
    if level == "metadata":
        _without_words(event, told)
    else:
        told["message"] = sentence(told)
    if isinstance(event, RequestBegan):
        if level == "full":
            told["parameters"] = parameters(event.body)
        if content and (said := _said(event)):
            told["content"] = said
    if isinstance(event, RequestEnded) and content and event.answer:
        told["content"] = {"answer": event.answer}
    return told


def _said(event: RequestBegan) -> Entry:
    """Return what is no parameter: messages, prompts, tools."""
    told = parameters(event.body)
    return {name: it for name, it in event.body.items() if told.get(name) != it and name != "model"}


def _facts(event: Event) -> Entry:
    told: Entry = {}
    for each in fields(type(event)):
        known = getattr(event, each.name)
        if known is None or each.name in _LEFT_OUT:
            continue
        told[each.name] = _plain(each.name, known)
    if extra := _MORE.get(type(event)):
        told |= extra(event)
    return told


def _of_attempt(event: Any) -> Entry:
    usage = event.usage
    if usage is None:
        return {}
    tokens = {"tokens_in": usage.prompt, "tokens_out": usage.completion}
    parts = {"tokens_cached": usage.cached, "tokens_reasoning": usage.reasoning}
    return tokens | {name: count for name, count in parts.items() if count}


def _of_request(event: Any) -> Entry:
    attempts = [record(attempt) for attempt in event.attempts]
    return {
        "cost": round(event.cost, _DECIMALS["cost"]),
        "tokens_in": sum(attempt.get("tokens_in", 0) for attempt in attempts),
        "tokens_out": sum(attempt.get("tokens_out", 0) for attempt in attempts),
        "attempts": [
            {name: it for name, it in attempt.items() if name not in _OF_AN_ATTEMPT}
            for attempt in attempts
        ],
    }


_MORE: Final[Mapping[type[Event], Callable[[Any], Entry]]] = MappingProxyType(
    {AttemptEnded: _of_attempt, RequestEnded: _of_request}
)


def _without_words(event: Event, told: Entry) -> None:
    """Leave out what may be a client's or a vendor's own words."""
    if isinstance(event, RequestBegan | RequestEnded) and not event.pool:
        del told["model"]
    if told.get("code") not in _OUR_CODES:
        told.pop("code", None)
    told.pop("reason", None)


def _plain(name: str, known: Any) -> Any:
    if name in _DECIMALS:
        return round(known, _DECIMALS[name])
    if isinstance(known, tuple):
        return list(known)
    return str(known) if isinstance(known, ErrorKind) else known


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
