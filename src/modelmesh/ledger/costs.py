"""What a request may take at worst and did take: tokens, and nano-dollars by a price. Pure.

The worst has to be one: admission counts on it. Text has at least two bytes a token in every
tokenizer we know of, an image or a sound counts with what the largest of them take.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from attrs import evolve

from modelmesh.catalogue import Price
from modelmesh.ledger.limits import NANO
from modelmesh.types import ModelCard, Request, Usage
from modelmesh.values import value

MAX_OUTPUT: Final = 4096
"""Tokens of an answer, where neither the request nor the model's card caps them."""

_BYTES_PER_TOKEN: Final = 2
_USUAL: Final = 300
"""Tokens of an answer of a target that has not answered yet."""

_PER_PART: Final = 2000
"""Tokens of a part that is no text."""

_MILLION: Final = 1_000_000
_MINUTE: Final = 60.0
_BYTES_PER_SECOND: Final = 1_000
"""Bytes of a second of sound at the least: speech in 8 kbit."""


@value
class Amounts:
    """What an attempt takes; `nano` is None where nobody knows the price."""

    tokens: int
    nano: int | None


def worst(request: Request, card: ModelCard, wall: float) -> Amounts:
    """Return what a request takes at worst."""
    prompt = prompt_tokens(request)
    output = output_tokens(request, card)
    usage = Usage(prompt=prompt, completion=output)
    return Amounts(prompt + output, cost(request, usage, card.price, wall))


def likely_answer(request: Request, answers: int, written: int, card: ModelCard) -> int:
    """Return the tokens of an answer, by the tokens that so many answers had together."""
    usual = written // answers if answers else _USUAL
    return min(usual, output_tokens(request, card))


def likely_prompt(request: Request) -> int:
    """Return the tokens which a prompt probably has: half of what it has at worst."""
    return prompt_tokens(request) // 2 or 1


def filled(usage: Usage, request: Request) -> Usage:
    """Return a usage with an estimate of the prompt where the vendor did not tell of it."""
    return usage if usage.prompt else evolve(usage, prompt=likely_prompt(request))


def prompt_tokens(request: Request) -> int:
    """Return a number of tokens that a prompt does not exceed."""
    size, parts = _sized(request.body)
    return size // _BYTES_PER_TOKEN + parts * _PER_PART + 1


def output_tokens(request: Request, card: ModelCard) -> int:
    """Return the tokens that all answers to a request have at most."""
    if request.endpoint != "chat":
        return 0
    body = request.body
    asked = body.get("max_completion_tokens") or body.get("max_tokens")
    most = asked if type(asked) is int and asked > 0 else card.max_output or MAX_OUTPUT
    answers = body.get("n")
    return most * (answers if type(answers) is int and answers > 0 else 1)


def cost(request: Request, usage: Usage, price: Price | None, wall: float) -> int | None:
    """Return nano-dollars; None where the price does not cover such a request."""
    if price is None:
        return None
    parts = [_of_tokens(usage, price, wall), *_of_units(request, price)]
    known = [part for part in parts if part is not None]
    if not known and not price.per_request:
        return None
    return round((sum(known) + (price.per_request or 0.0)) * NANO)


def _of_tokens(usage: Usage, price: Price, wall: float) -> float | None:
    """Return the dollars for tokens. What is cached costs as much as the rest unless priced."""
    rate: Any = price
    if price.above and usage.prompt > price.above.prompt_tokens:
        rate = price.above
    elif price.off_peak and _is_quiet(price, wall):
        rate = price.off_peak
    read = rate.input if rate.input is not None else price.input
    written = rate.output if rate.output is not None else price.output
    if read is None and written is None:
        return None
    cached = rate.cached_input if rate.cached_input is not None else read
    fresh = usage.prompt - usage.cached
    tokens = fresh * (read or 0.0) + usage.cached * (cached or 0.0)
    return (tokens + usage.completion * (written or 0.0)) / _MILLION


def _of_units(request: Request, price: Price) -> list[float]:
    """Return the dollars for what is not counted in tokens. Tokens and units are one charge."""
    body, found = request.body, []
    if price.input is not None or price.output is not None:
        return []
    if request.endpoint == "speech" and price.per_million_characters is not None:
        found.append(len(str(body.get("input", ""))) * price.per_million_characters / _MILLION)
    if request.endpoint == "images" and price.per_image is not None:
        images = body.get("n")
        found.append((images if type(images) is int and images > 0 else 1) * price.per_image)
    if request.endpoint == "transcriptions" and price.per_minute is not None and request.upload:
        seconds = len(request.upload.content) / _BYTES_PER_SECOND
        found.append(seconds / _MINUTE * price.per_minute)
    return found


def _is_quiet(price: Price, wall: float) -> bool:
    now = datetime.fromtimestamp(wall, UTC)
    clock = f"{now:%H:%M}"
    assert price.off_peak is not None
    return any(
        now.isoweekday() in hours.days and any(begin <= clock < end for begin, end in hours.spans)
        for hours in price.off_peak.hours
    )


def _sized(given: Any) -> tuple[int, int]:
    """Return the bytes of all text within, and how many parts are no text."""
    if isinstance(given, str):
        if given.startswith("data:"):
            return 0, 1
        return len(given.encode(errors="replace")), 0
    if isinstance(given, Mapping):
        inner = [_sized(item) for item in given.values()]
        names = sum(len(name) for name in given)
        parts = 1 if given.get("type") in ("image_url", "input_audio", "file") else 0
        return names + sum(size for size, _ in inner), parts + sum(count for _, count in inner)
    if isinstance(given, list):
        inner = [_sized(item) for item in given]
        return sum(size for size, _ in inner), sum(count for _, count in inner)
    return (0, 0) if given is None else (8, 0)
