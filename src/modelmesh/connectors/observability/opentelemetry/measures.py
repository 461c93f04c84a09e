"""What is measured, by which instruments, in the words of OpenTelemetry's conventions. Pure.

https://github.com/open-telemetry/semantic-conventions-genai, v0.1.0, docs/gen-ai:
client-inference.md and gen-ai-token-metrics.md, client-embeddings.md, gen-ai-metrics.md. Names of
the configuration and words of ours are all that measures are told apart by, so there are no more
series than that makes, whatever clients and vendors say.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final, Literal

from attrs import frozen

from modelmesh.connectors.observability.opentelemetry import attributes
from modelmesh.connectors.observability.opentelemetry.attributes import Attributes
from modelmesh.events import (
    AttemptEnded,
    CooldownBegan,
    Event,
    LimitReached,
    RequestEnded,
    Rotated,
)
from modelmesh.usage import Usage

_SECONDS: Final = tuple(0.01 * 2**n for n in range(14))
_FIRST_TOKEN: Final = (
    *(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1),
    *(0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0),
)
_TOKENS: Final = tuple(float(4**n) for n in range(14))


@frozen
class Instrument:
    """What sums up, or sorts into `bounds`, what is measured."""

    kind: Literal["counter", "histogram"]
    unit: str
    says: str
    bounds: tuple[float, ...] = ()


@frozen
class Measure:
    """One value for one instrument."""

    name: str
    value: float
    attributes: Attributes


_DURATION: Final = Instrument("histogram", "s", "From asking a vendor to its end.", _SECONDS)
_SPENT: Final = "gen_ai.client.inference.usage"
_EACH: Final = "gen_ai.client.inference.operation"

INSTRUMENTS: Final[Mapping[str, Instrument]] = MappingProxyType(
    {
        "gen_ai.server.request.duration": Instrument(
            "histogram", "s", "From a client's request to the end of its answer.", _SECONDS
        ),
        "gen_ai.server.time_to_first_token": Instrument(
            "histogram", "s", "From a client's request to its answer's first content.", _FIRST_TOKEN
        ),
        "gen_ai.client.inference.duration": _DURATION,
        "gen_ai.client.embeddings.duration": _DURATION,
        "gen_ai.client.inference.time_to_first_chunk": Instrument(
            "histogram", "s", "From asking a vendor to its stream's first content.", _SECONDS
        ),
    }
    | {
        f"{_SPENT}.{name}": Instrument("counter", "{token}", f"Tokens: {says}.")
        for name, says in {
            "input_tokens": "prompts",
            "output_tokens": "answers",
            "cache_read.input_tokens": "of prompts, what a cache had",
            "cache_write.input_tokens": "of prompts, what was put in a cache",
            "reasoning.output_tokens": "of answers, reasoning",
        }.items()
    }
    | {
        name: Instrument("histogram", "{token}", f"Tokens of one {says}.", _TOKENS)
        for name, says in {
            f"{_EACH}.input_tokens": "prompt",
            f"{_EACH}.output_tokens": "answer",
            "gen_ai.client.embeddings.operation.input_tokens": "request",
        }.items()
    }
    | {
        "modelmesh.cost": Instrument("counter", "USD", "What attempts cost."),
        "modelmesh.rotations": Instrument("counter", "{rotation}", "Another target in front."),
        "modelmesh.cooldowns": Instrument("counter", "{cooldown}", "Left alone for a time."),
        "modelmesh.limits.reached": Instrument("counter", "{limit}", "Limits that refused."),
    }
)

OF_CHANGES: Final[Mapping[type[Event], tuple[str, tuple[str, ...]]]] = MappingProxyType(
    {
        Rotated: ("modelmesh.rotations", ("pool",)),
        CooldownBegan: ("modelmesh.cooldowns", ("of", "id", "cause")),
        LimitReached: ("modelmesh.limits.reached", ("limit", "pool", "target")),
    }
)
"""What is counted of changes, and by what they are told apart."""


def of_request(event: RequestEnded) -> Iterator[Measure]:
    """Give what is measured of a request and of its attempts."""
    told: Attributes = {
        "gen_ai.operation.name": attributes.operation(event.endpoint),
        "gen_ai.provider.name": attributes.OURS,
    }
    if event.pool:
        told["gen_ai.request.model"] = event.model
    failed = told | attributes.error(event)
    yield Measure("gen_ai.server.request.duration", event.seconds, failed)
    last = event.attempts[-1] if event.attempts else None
    if last and last.first_token is not None:
        began, asked = event.at - event.seconds, last.at - last.seconds
        waited = max(asked - began, 0.0) + last.first_token
        yield Measure("gen_ai.server.time_to_first_token", waited, told)
    for attempt in event.attempts:
        yield from _of_attempt(attempt, event)


def of_change(event: Event) -> Iterator[Measure]:
    """Give what is counted of what changes."""
    if type(event) in OF_CHANGES:
        name, parts = OF_CHANGES[type(event)]
        yield Measure(name, 1, {f"modelmesh.{part}": str(getattr(event, part)) for part in parts})


def _of_attempt(attempt: AttemptEnded, request: RequestEnded) -> Iterator[Measure]:
    told = attributes.asked(attempt, request)
    failed = told | attributes.error(attempt)
    # Only what vendors told is counted: https://github.com/open-telemetry/semantic-conventions-genai
    usage = attempt.usage if attempt.usage and not attempt.usage.estimated else Usage()
    if request.endpoint == attributes.EMBEDDINGS:
        yield Measure("gen_ai.client.embeddings.duration", attempt.seconds, failed)
        name = "gen_ai.client.embeddings.operation.input_tokens"
        yield Measure(name, usage.prompt, failed)
    else:
        yield Measure("gen_ai.client.inference.duration", attempt.seconds, failed)
        yield Measure(f"{_EACH}.input_tokens", usage.prompt, failed)
        yield Measure(f"{_EACH}.output_tokens", usage.completion, failed)
        yield from _tokens(usage, told)
        if request.stream and attempt.first_token is not None:
            name = "gen_ai.client.inference.time_to_first_chunk"
            yield Measure(name, attempt.first_token, told)
    if attempt.cost:
        yield Measure("modelmesh.cost", attempt.cost, told | {"modelmesh.pool": attempt.pool})


def _tokens(usage: Usage, told: Attributes) -> Iterator[Measure]:
    """Give the tokens by what they stand for, as far as a vendor tells that."""
    modality = "gen_ai.token.modality"
    for name, total, parts in (
        ("input_tokens", usage.prompt, {"audio": usage.heard, "image": usage.seen}),
        ("output_tokens", usage.completion, {"audio": usage.spoken, "image": usage.drawn}),
    ):
        rest = "text" if any(parts.values()) else "unknown"
        for kind, count in {rest: total - sum(parts.values()), **parts}.items():
            if count or kind == "unknown":
                yield Measure(f"{_SPENT}.{name}", count, told | {modality: kind})
    for name, count in {
        "cache_read.input_tokens": usage.cached,
        "cache_write.input_tokens": usage.stored + usage.stored_1h,
        "reasoning.output_tokens": usage.reasoning,
    }.items():
        if count:
            yield Measure(f"{_SPENT}.{name}", count, told | {modality: "unknown"})
