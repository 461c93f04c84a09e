"""What a request may take at worst and did take: tokens, and nano-dollars by a price. Pure.

The worst has to be one: admission counts on it. Text has at least two bytes a token in every
tokenizer we know of, an image or a sound counts with what the largest of them take. What is
billed is what the request was begun at, so `wall` is always when that was.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from attrs import evolve

from modelmesh.catalogue import Price
from modelmesh.ledger.limits import NANO
from modelmesh.ledger.sizes import HEARD_A_SECOND, characters, images, seconds, sized
from modelmesh.types import ModelCard, Request, Usage
from modelmesh.values import value

MAX_OUTPUT: Final = 4096
"""Tokens of an answer, where neither the request nor the model's card caps them."""

_BYTES_PER_TOKEN: Final = 2
_USUAL: Final = 300
"""Tokens of an answer of a target that has not answered yet."""

_PER_IMAGE: Final = 8000
"""Tokens of an image that is made: https://platform.openai.com/docs/guides/image-generation."""

_PER_CHARACTER: Final = 4
"""Tokens of a spoken character: about 20 of them a second are usual, and ten letters."""

_WRITTEN_A_SECOND: Final = 8
_MILLION: Final = 1_000_000
_MINUTE: Final = 60.0
_OTHERWISE: Final[Mapping[str, tuple[str, str]]] = {
    "speech": ("input", "audio_output"),
    "transcriptions": ("audio_input", "output"),
    "images": ("input", "image_output"),
}
"""The prices of what is read and what is written, where it is not text."""


@value
class Amounts:
    """What an attempt takes; `nano` is None where nobody knows the price."""

    tokens: int
    nano: int | None


def worst(request: Request, card: ModelCard, wall: float) -> Amounts:
    """Return what a request takes at worst."""
    most = prompt_tokens(request)
    usage = Usage(
        # What is longer is refused and costs nothing.
        prompt=min(most, card.context or most) if request.endpoint == "chat" else most,
        completion=output_tokens(request, card),
    )
    tokens = usage.prompt + usage.completion
    if card.price is None:
        return Amounts(tokens, None)
    # Whichever way it is billed: a long prompt or a short one, kept or not, by tokens or units.
    ways = [usage]
    if card.price.above:
        ways.append(evolve(usage, prompt=min(usage.prompt, card.price.above.prompt_tokens)))
    if card.price.cache_write is not None and _stores(request):
        ways.append(evolve(usage, stored_1h=usage.prompt))
    if _of_units(request, card.price) is not None:
        ways.append(evolve(usage, prompt=0))
    costs = [cost(request, each, card.price, wall) for each in ways]
    return Amounts(tokens, max((each for each in costs if each is not None), default=None))


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
    size, more = sized(request.body)
    heard = int(seconds(request) * HEARD_A_SECOND)
    return size // _BYTES_PER_TOKEN + more + heard + 1


def output_tokens(request: Request, card: ModelCard) -> int:
    """Return the tokens that all answers to a request have at most."""
    match request.endpoint:
        case "chat":
            return _written(request.body, card)
        case "images":
            return images(request) * _PER_IMAGE
        case "speech":
            return characters(request) * _PER_CHARACTER
        case "transcriptions":
            return int(seconds(request) * _WRITTEN_A_SECOND) + 1
        case _:
            return 0


def cost(request: Request, usage: Usage, price: Price | None, wall: float) -> int | None:
    """Return nano-dollars; None where the price does not cover such a request.

    Tokens and units are two spellings of one charge: tokens decide where the vendor told of them,
    which it did if the usage has a prompt.
    """
    if price is None:
        return None
    tokens = _of_tokens(request, filled(usage, request), price, wall)
    units = _of_units(request, price) if request.endpoint in _OTHERWISE else None
    first, second = (tokens, units) if usage.prompt else (units, tokens)
    charge = second if first is None else first
    if charge is None and price.per_request is None:
        return None
    return round(((charge or 0.0) + (price.per_request or 0.0)) * NANO)


def _stores(request: Request) -> bool:
    """Whether it asks the vendor to keep some of the prompt."""
    return "cache_control" in (request.raw.decode(errors="replace") or repr(request.body))


def _written(body: Mapping[str, Any], card: ModelCard) -> int:
    asked = body.get("max_completion_tokens") or body.get("max_tokens")
    most = asked if type(asked) is int and asked > 0 else card.max_output or MAX_OUTPUT
    answers = body.get("n")
    return most * (answers if type(answers) is int and answers > 0 else 1)


def _of_tokens(request: Request, usage: Usage, price: Price, wall: float) -> float | None:
    """Return the dollars for tokens. What is cached costs as much as the rest unless priced."""
    rate: Any = price
    if price.above and usage.prompt > price.above.prompt_tokens:
        rate = price.above
    elif price.off_peak and _is_quiet(price, wall):
        rate = price.off_peak
    read = price.input if rate.input is None else rate.input
    written = price.output if rate.output is None else rate.output
    if request.endpoint in _OTHERWISE:
        reads, writes = _OTHERWISE[request.endpoint]
        read = _first(getattr(rate, reads, None), getattr(price, reads), read)
        written = _first(getattr(rate, writes, None), getattr(price, writes), written)
    if read is None or (written is None and request.endpoint != "embeddings"):
        return None
    fresh = usage.prompt - usage.cached - usage.stored - usage.stored_1h
    total = max(0, fresh) * read + usage.completion * (written or 0.0)
    if usage.cached:
        total += usage.cached * (read if rate.cached_input is None else rate.cached_input)
    if usage.stored or usage.stored_1h:
        stored = read if price.cache_write is None else price.cache_write
        longer = stored if price.cache_write_1h is None else price.cache_write_1h
        total += usage.stored * stored + usage.stored_1h * longer
    return total / _MILLION


def _first(*prices: float | None) -> float | None:
    return next((one for one in prices if one is not None), None)


def _of_units(request: Request, price: Price) -> float | None:
    """Return the dollars for what is not counted in tokens."""
    if request.endpoint == "speech" and price.per_million_characters is not None:
        return characters(request) * price.per_million_characters / _MILLION
    if request.endpoint == "images" and price.per_image is not None:
        return images(request) * price.per_image
    if request.endpoint == "transcriptions" and price.per_minute is not None:
        return seconds(request) / _MINUTE * price.per_minute
    return None


def _is_quiet(price: Price, wall: float) -> bool:
    now = datetime.fromtimestamp(wall, UTC)
    clock = f"{now:%H:%M}"
    assert price.off_peak is not None
    return any(
        now.isoweekday() in hours.days and any(begin <= clock < end for begin, end in hours.spans)
        for hours in price.off_peak.hours
    )
