"""What a request may take at worst and did take: tokens, and nano-dollars by a price. Pure.

The worst has to be one: admission counts on it. `sizes` knows what is in a prompt at most. What is
billed is what the request was begun at, so `wall` is always when that was.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, Final

from attrs import evolve

from modelmesh import sizes
from modelmesh.catalogue import Price
from modelmesh.clock import MINUTE
from modelmesh.ledger.limits import NANO
from modelmesh.types import Endpoint, ModelCard, Request
from modelmesh.usage import Usage
from modelmesh.values import value

MAX_OUTPUT: Final = 4096
"""Tokens of an answer, where neither the request nor the model's card caps them."""

_USUAL: Final = 300
"""Tokens of an answer of a target that has not answered yet."""

_PER_IMAGE: Final = 8000
"""Tokens of an image that is made: https://platform.openai.com/docs/guides/image-generation."""

_PER_CHARACTER: Final = 4
"""Tokens of a spoken character: about 20 of them a second are usual, and ten letters."""

_WRITTEN_A_SECOND: Final = 8
_MILLION: Final = 1_000_000
_ALL: Final[Mapping[Endpoint, tuple[str, str]]] = {
    "speech": ("spoken", "completion"),
    "transcriptions": ("heard", "prompt"),
    "images": ("drawn", "completion"),
}
"""What all tokens of the prompt, or of the completion, are where the vendor does not say it."""

_KINDS: Final = (
    ("cached", "input", "cached_input"),
    ("stored", "input", "cache_write"),
    ("stored_1h", "input", "cache_write_1h"),
    ("heard", "input", "audio_input"),
    ("seen", "input", "image_input"),
    ("spoken", "output", "audio_output"),
    ("drawn", "output", "image_output"),
)
"""What of a usage may have a price of its own: after which price, and which."""

_TOLD: Final = attrgetter(*(kind for kind, _, _ in _KINDS))

_PRIORITY: Final = 2.5
"""How many times its usual price a request costs at most that asks to be served before others.

https://openai.com/api-priority-processing, where it is 1.7 to 2 times, and 2.5 for GPT-5.5.
"""

_OTHERWISE: Final[Mapping[str, str]] = {
    "cached_input": "input",
    "cache_write": "input",
    "cache_write_1h": "cache_write",
    "audio_input": "input",
    "image_input": "input",
    "audio_output": "output",
    "image_output": "output",
}
"""Which price holds where there is none of that name."""


@value
class Amounts:
    """What an attempt takes; `nano` is None where nobody knows the price."""

    tokens: int
    nano: int | None


def worst(request: Request, card: ModelCard, *, answer: int | None = None) -> Amounts:
    """Return what a request takes at worst, with an answer of so many tokens, or the longest.

    It is worked out once for each model, however often it is asked for.
    """
    known, key = request.size.worst, (id(card), answer)
    if key not in known:
        longest = output_tokens(request, card) if answer is None else answer
        # With the card, whose id is nobody else's as long as it is there.
        known[key] = card, _worst(request, card, longest)
    found: Amounts = known[key][1]
    return found


def _worst(request: Request, card: ModelCard, answer: int) -> Amounts:
    most = request.size.tokens
    usage = Usage(
        # What is longer is refused and costs nothing.
        prompt=min(most, card.context or most) if request.endpoint == "chat" else most,
        completion=answer,
    )
    tokens = usage.prompt + usage.completion
    if card.price is None:
        return Amounts(tokens, None)
    # Whichever way it is billed, or in whichever ways at once, at whatever hour.
    ways = [usage]
    for change in _ways(request, usage, card.price):
        ways += [evolve(way, **change) for way in ways]
    costs = [cost(request, each, card.price, wall=None) for each in ways]
    return Amounts(tokens, max((each for each in costs if each is not None), default=None))


def _ways(request: Request, usage: Usage, price: Price) -> Iterator[dict[str, Any]]:
    """Give what may be otherwise than in a usage of text, and may cost more."""
    size = request.size
    if price.above:
        yield {"prompt": min(usage.prompt, price.above.prompt_tokens)}
    if price.cache_write is not None and size.keeps:
        yield {"stored_1h": usage.prompt}
    if price.audio_input is not None and size.heard:
        yield {"heard": size.heard}
    if price.image_input is not None and size.seen:
        yield {"seen": size.seen}
    if price.audio_output is not None and "audio" in str(request.body.get("modalities")):
        yield {"spoken": usage.completion}
    if price.image_output is not None:
        yield {"drawn": usage.completion}
    if _of_units(request, usage, price) is not None:
        yield {"prompt": 0}


def likely_answer(request: Request, answers: int, written: int, card: ModelCard) -> int:
    """Return the tokens of an answer, by the tokens that so many answers had together."""
    usual = written // answers if answers else _USUAL
    return min(usual, output_tokens(request, card))


def likely_prompt(request: Request) -> int:
    """Return the tokens which a prompt probably has: half of what it has at worst."""
    return request.size.tokens // 2 or 1


def filled(usage: Usage, request: Request) -> Usage:
    """Return a usage with an estimate of the tokens where the vendor did not tell of them."""
    if usage.prompt:
        return usage
    if not usage.seconds:
        return evolve(usage, prompt=likely_prompt(request), estimated=True)
    return evolve(
        usage,
        prompt=int(usage.seconds * sizes.HEARD_A_SECOND) + 1,
        completion=usage.completion or int(usage.seconds * _WRITTEN_A_SECOND) + 1,
        estimated=True,
    )


def names_longest(request: Request) -> bool:
    """Whether a request itself says how long its answer may be."""
    return request.endpoint != "chat" or sizes.longest(request.body) is not None


def output_tokens(request: Request, card: ModelCard) -> int:
    """Return the tokens that all answers to a request have at most."""
    match request.endpoint:
        case "chat":
            return _written(request.body, card)
        case "images":
            return sizes.images(request.body) * _PER_IMAGE
        case "speech":
            return sizes.characters(request.body) * _PER_CHARACTER
        case "transcriptions":
            return int(_seconds(request) * _WRITTEN_A_SECOND) + 1
        case _:
            return 0


def cost(request: Request, usage: Usage, price: Price | None, wall: float | None) -> int | None:
    """Return nano-dollars; None where the price does not cover such a request.

    Without a `wall` it is at no quiet hour.
    """
    return charge(request, usage, price, wall)[0]


def charge(
    request: Request, usage: Usage, price: Price | None, wall: float | None
) -> tuple[int | None, bool]:
    """Return nano-dollars as `cost` does, and whether they are an estimate.

    Tokens and units are two spellings of one charge: tokens decide where the vendor told of them,
    which it did if the usage has a prompt.
    """
    if price is None:
        return None, False
    counted = filled(usage, request)
    dollars, estimated = _of_tokens(request, counted, price, wall), counted.estimated
    units = _of_units(request, usage, price) if request.endpoint in _ALL else None
    if units is not None and (dollars is None or not usage.prompt):
        # Characters and images are known from the request.
        dollars, estimated = units, request.endpoint == "transcriptions" and not usage.seconds
    if dollars is None and price.per_request is None:
        return None, False
    if dollars is not None and request.body.get("service_tier") == "priority":
        # Nobody knows which tier served it in the end.
        dollars, estimated = dollars * _PRIORITY, True
    nano = round(((dollars or 0.0) + (price.per_request or 0.0)) * NANO)
    return nano, estimated and dollars is not None


def _written(body: Mapping[str, Any], card: ModelCard) -> int:
    most = sizes.longest(body) or card.max_output or MAX_OUTPUT
    return most * max(sizes.count(body.get(name)) or 1 for name in ("n", "best_of"))


def _of_tokens(request: Request, usage: Usage, price: Price, wall: float | None) -> float | None:
    """Return the dollars for tokens; None where some of them have no price."""
    rate = _rate(price, usage, wall) if price.above or price.off_peak else price
    total = 0.0
    for name, count in _buckets(request.endpoint, usage):
        if count:
            each = getattr(rate, name)
            if each is None:
                each = _otherwise(name, rate)
            if each is None:
                return None
            total += count * each
    return total / _MILLION


def _rate(price: Price, usage: Usage, wall: float | None) -> Price:
    """Return the price that holds for such a prompt at such a time."""
    special: Any = None
    if price.above and usage.prompt > price.above.prompt_tokens:
        special = price.above
    elif price.off_peak and wall is not None and _is_quiet(price, wall):
        special = price.off_peak
    if special is None:
        return price
    read, written = special.input, special.output
    return evolve(
        price,
        input=price.input if read is None else read,
        output=price.output if written is None else written,
        cached_input=special.cached_input,
    )


def _buckets(endpoint: Endpoint, usage: Usage) -> Iterable[tuple[str, int]]:
    """Return the tokens that each price holds for: every token once, whatever the vendor says."""
    if endpoint in _ALL:
        kind, whole = _ALL[endpoint]
        if not getattr(usage, kind):
            usage = evolve(usage, **{kind: getattr(usage, whole)})
    told = _TOLD(usage)
    if not any(told):
        return (("input", usage.prompt), ("output", usage.completion))
    left = {"input": usage.prompt, "output": usage.completion}
    found = []
    for (_, text, name), count in zip(_KINDS, told, strict=True):
        found.append((name, min(count, left[text])))
        left[text] -= found[-1][1]
    return (*found, *left.items())


def _otherwise(name: str, rate: Price) -> float | None:
    """Return the price that holds where there is none of a name."""
    while name in _OTHERWISE:
        name = _OTHERWISE[name]
        found: float | None = getattr(rate, name)
        if found is not None:
            return found
    return None


def _of_units(request: Request, usage: Usage, price: Price) -> float | None:
    """Return the dollars for what is not counted in tokens."""
    if request.endpoint == "speech" and price.per_million_characters is not None:
        return sizes.characters(request.body) * price.per_million_characters / _MILLION
    if request.endpoint == "images" and price.per_image is not None:
        return sizes.images(request.body) * price.per_image
    if request.endpoint == "transcriptions" and price.per_minute is not None:
        return (usage.seconds or _seconds(request)) / MINUTE * price.per_minute
    return None


def _seconds(request: Request) -> float:
    return sizes.seconds(request.upload.content) if request.upload else 0.0


def _is_quiet(price: Price, wall: float) -> bool:
    now = datetime.fromtimestamp(wall, UTC)
    clock = f"{now:%H:%M}"
    assert price.off_peak is not None
    return any(
        now.isoweekday() in hours.days and any(begin <= clock < end for begin, end in hours.spans)
        for hours in price.off_peak.hours
    )
