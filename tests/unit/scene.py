"""Pools, requests and answers in a line each, for the tests of routing."""

import json
from collections.abc import Mapping
from random import Random
from typing import Any

from modelmesh.config import schema
from modelmesh.connectors.providers.openai_compatible import Provider
from modelmesh.errors import ErrorKind, ProviderError
from modelmesh.ledger import Limit
from modelmesh.outcome import OpenAttempt
from modelmesh.pool import Pool
from modelmesh.state import State
from modelmesh.strategies.stick_until_failure import Strategy
from modelmesh.testing.clock import FakeClock
from modelmesh.testing.transport import Reply, ScriptedTransport, reply, stream
from modelmesh.types import ModelCard, Request, Secret, Target

WALL = 1_790_000_000.0
STRATEGIES = (
    "stick-until-failure",
    "round-robin",
    "cost-first",
    "latency-first",
    "priority-selection",
    "session-stickiness",
    "rate-limit-aware",
    "load-balanced",
)


class Vendor(Provider):
    """A vendor whose answers are OpenAI's own, and pass as the bytes they are."""

    mended = False


class Picky(Vendor):
    """A vendor that refuses two parameters: one that is decisive and one that is a hint."""

    refuses = frozenset({"logprobs", "seed"})


def server(name: str, **more: Any) -> dict[str, Any]:
    """Return what a configuration says of a vendor."""
    usual = {"connector": "openai-compatible", "base_url": f"http://{name}.test/v1"}
    return {**usual, **more}


def provider(name: str, kind: type[Provider] = Vendor) -> Provider:
    return kind(name, base_url=f"http://{name}.test/v1")


def target(
    name: str, *, key: str = "", card: ModelCard | None = None, of: Provider | None = None
) -> Target:
    """Return a target called `provider/model`; each has a key of its own unless `key` says so."""
    vendor, _, model = name.partition("/")
    return Target(
        id=name,
        model=model,
        upstream=model,
        provider=of or provider(vendor),
        key=Secret(f"sk-{key or name}"),
        key_subject=key or f"key of {name}",
        card=card or ModelCard(),
    )


def pool(
    *targets: Target,
    state: State | None = None,
    rng: Random | None = None,
    granted: Mapping[str, tuple[Limit, ...]] | None = None,
    **settings: Any,
) -> Pool:
    chosen = schema.Pool(**settings)
    return Pool(
        id="chat",
        capabilities=["generation.text-generation.chat-completion"],
        targets=targets,
        settings=chosen,
        strategy=Strategy(chosen),
        rng=rng or Random(1),
        wall=lambda: WALL,
        granted=granted or {},
        state=state or State(),
    )


def begun(asked: Pool, target: Target, now: float = 0.0) -> OpenAttempt:
    """Begin an attempt, for which there is room."""
    attempt = asked.begin(target, request(), now)
    assert isinstance(attempt, OpenAttempt)
    return attempt


def request(*, timeout: float | None = None, **body: Any) -> Request:
    asked = {"model": "chat", "messages": [{"role": "user", "content": "hi"}], **body}
    return Request(
        id="r1", model="chat", body=asked, raw=json.dumps(asked).encode(), timeout=timeout
    )


def error(kind: ErrorKind, status: int | None = None, **more: Any) -> ProviderError:
    return ProviderError(kind, f"it is {kind}", vendor_status=status, **more)


def answer(text: str = "hello") -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {"id": "c1", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}


def good(text: str = "hello") -> Reply:
    return reply(body=answer(text))


def bad(
    status: int, message: str = "no", *, headers: Mapping[str, str] | None = None, **more: Any
) -> Reply:
    return reply(status, {"error": {"message": message, **more}}, headers=headers)


def chunk(delta: Mapping[str, Any] | None = None, finish: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish}
    body = {"id": "c1", "object": "chat.completion.chunk", "choices": [choice], **more}
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def text(words: str) -> bytes:
    return chunk({"content": words})


ROLE = chunk({"role": "assistant", "content": ""})
STOP = chunk(finish="stop")
DONE = b"data: [DONE]\n\n"


def streamed(*words: str) -> Reply:
    return stream([ROLE, *map(text, words), STOP, DONE])


def words_of(payload: bytes) -> str:
    """Return the text that a chunk's payload brings."""
    words: str = json.loads(payload)["choices"][0]["delta"].get("content", "")
    return words


def hosts(transport: ScriptedTransport) -> list[str]:
    """Return which vendors were asked, in order."""
    return [sent.url.split("/")[2].removesuffix(".test") for sent in transport.requests]


def clock() -> FakeClock:
    return FakeClock(now=1000.0)
