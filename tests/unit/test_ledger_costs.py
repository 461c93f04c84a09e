"""What requests cost, by the usage that vendors really write."""

import json
import struct
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmesh import catalogue
from modelmesh.catalogue import Price
from modelmesh.catalogue.prices import Hours, LongPromptPrice, OffPeakPrice
from modelmesh.connectors.providers import _usage
from modelmesh.connectors.providers.anthropic.answer import usage_of as of_anthropic
from modelmesh.connectors.providers.gemini.reply import usage_of as of_gemini
from modelmesh.ledger import NANO, costs
from modelmesh.types import Endpoint, ModelCard, Request, Upload
from modelmesh.usage import Usage

# A Tuesday and a Saturday, in UTC.
NOON = 1_795_521_600.0
MORNING = NOON - 9 * 3600.0
SATURDAY = NOON + 4 * 86_400.0 - 9 * 3600.0


def asking(endpoint: Endpoint = "chat", upload: bytes | None = None, **body: Any) -> Request:
    sent = {"model": "m", **body}
    file = None if upload is None else Upload(name="a", content=upload)
    raw = json.dumps(sent).encode()
    return Request(id="r", model="m", body=sent, raw=raw, endpoint=endpoint, upload=file)


def tokens(prompt: int = 0, completion: int = 0, cached: int = 0, **more: Any) -> Usage:
    return Usage(prompt=prompt, completion=completion, cached=cached, **more)


CHAT = asking(messages=[{"role": "user", "content": "hi"}])


def openai(counts: Mapping[str, Any]) -> Usage | None:
    return _usage.usage_of({"usage": counts})


def gemini(counts: Mapping[str, Any]) -> Usage | None:
    return of_gemini({"usageMetadata": counts})


def listed(vendor: str, model: str) -> Price:
    facts = catalogue.look_up(vendor, model)
    assert facts
    assert facts.price
    return facts.price


MINI = Price(input=0.25, output=2, cached_input=0.025)
SONNET = Price(input=3, output=15, cached_input=0.3, cache_write=3.75, cache_write_1h=6)
PRO = Price(
    input=1.25,
    output=10,
    cached_input=0.125,
    above=LongPromptPrice(prompt_tokens=200_000, input=2.5, output=15, cached_input=0.25),
)
QUIET = Price(
    input=0.3,
    output=1.2,
    cached_input=0.006,
    off_peak=OffPeakPrice(
        input=0.15,
        output=0.6,
        cached_input=0.003,
        hours=(
            Hours(days=(1, 2, 3, 4, 5), spans=(("00:00", "01:00"), ("10:00", "24:00"))),
            Hours(days=(6, 7), spans=(("00:00", "24:00"),)),
        ),
    ),
)
AUDIO = Price(input=2.5, output=10, audio_input=32, audio_output=64)
FLASH = Price(input=0.3, output=2.5, cached_input=0.03, audio_input=1)
HIT = {"prompt_tokens": 1000, "completion_tokens": 100, "prompt_cache_hit_tokens": 800}

BLOCKS: dict[str, tuple[Callable[[Any], Usage | None], Any, Price, float, int]] = {
    "plain": (openai, {"prompt_tokens": 1000, "completion_tokens": 100}, MINI, NOON, 450_000),
    "cached is inside the prompt": (
        openai,
        {
            "prompt_tokens": 2006,
            "completion_tokens": 300,
            "total_tokens": 2306,
            "prompt_tokens_details": {"cached_tokens": 1920},
            "completion_tokens_details": {"reasoning_tokens": 0},
        },
        MINI,
        NOON,
        86 * 250 + 1920 * 25 + 300 * 2000,
    ),
    "reasoning is inside the completion": (
        openai,
        {
            "prompt_tokens": 75,
            "completion_tokens": 1186,
            "total_tokens": 1261,
            "completion_tokens_details": {"reasoning_tokens": 1024},
        },
        MINI,
        NOON,
        75 * 250 + 1186 * 2000,
    ),
    "reasoning is beside the completion at xAI": (
        openai,
        {
            "prompt_tokens": 32,
            "completion_tokens": 9,
            "total_tokens": 135,
            "completion_tokens_details": {"reasoning_tokens": 94},
        },
        MINI,
        NOON,
        32 * 250 + 103 * 2000,
    ),
    "a vendor that says more was cached than read": (
        openai,
        {"prompt_tokens": 10, "completion_tokens": 1, "cached_tokens": 99},
        MINI,
        NOON,
        10 * 25 + 2000,
    ),
    "Anthropic's cache is outside the input": (
        of_anthropic,
        {
            "input_tokens": 21,
            "cache_creation_input_tokens": 188_086,
            "cache_read_input_tokens": 0,
            "output_tokens": 393,
        },
        SONNET,
        NOON,
        21 * 3000 + 188_086 * 3750 + 393 * 15_000,
    ),
    "and read again": (
        of_anthropic,
        {"input_tokens": 21, "cache_read_input_tokens": 188_086, "output_tokens": 393},
        SONNET,
        NOON,
        21 * 3000 + 188_086 * 300 + 393 * 15_000,
    ),
    "kept for an hour": (
        of_anthropic,
        {
            "input_tokens": 50,
            "cache_creation_input_tokens": 248,
            "cache_creation": {
                "ephemeral_5m_input_tokens": 148,
                "ephemeral_1h_input_tokens": 100,
            },
            "output_tokens": 503,
        },
        SONNET,
        NOON,
        50 * 3000 + 148 * 3750 + 100 * 6000 + 503 * 15_000,
    ),
    "Gemini's thoughts are beside its candidates": (
        gemini,
        {
            "promptTokenCount": 100,
            "candidatesTokenCount": 20,
            "thoughtsTokenCount": 300,
            "totalTokenCount": 420,
            "cachedContentTokenCount": 40,
        },
        PRO,
        NOON,
        60 * 1250 + 40 * 125 + 320 * 10_000,
    ),
    "a prompt at the threshold": (
        gemini,
        {"promptTokenCount": 200_000, "candidatesTokenCount": 1, "totalTokenCount": 200_001},
        PRO,
        NOON,
        200_000 * 1250 + 10_000,
    ),
    "a prompt above it": (
        gemini,
        {
            "promptTokenCount": 200_001,
            "candidatesTokenCount": 1,
            "totalTokenCount": 200_002,
            "cachedContentTokenCount": 1,
        },
        PRO,
        NOON,
        200_000 * 2500 + 250 + 15_000,
    ),
    "DeepSeek by day": (openai, HIT, QUIET, MORNING, 200 * 300 + 800 * 6 + 100 * 1200),
    "DeepSeek at quiet hours": (openai, HIT, QUIET, NOON, 200 * 150 + 800 * 3 + 100 * 600),
    "DeepSeek on a Saturday": (openai, HIT, QUIET, SATURDAY, 200 * 150 + 800 * 3 + 100 * 600),
    "sound that was heard": (
        openai,
        {
            "prompt_tokens": 42,
            "completion_tokens": 10,
            "total_tokens": 52,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 25, "text_tokens": 17},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
        },
        AUDIO,
        NOON,
        17 * 2500 + 25 * 32_000 + 10 * 10_000,
    ),
    "and sound that was spoken": (
        openai,
        {
            "prompt_tokens": 14,
            "completion_tokens": 68,
            "total_tokens": 82,
            "prompt_tokens_details": {"audio_tokens": 0, "text_tokens": 14, "image_tokens": 0},
            "completion_tokens_details": {"audio_tokens": 51, "text_tokens": 17},
        },
        AUDIO,
        NOON,
        14 * 2500 + 17 * 10_000 + 51 * 64_000,
    ),
    "sound at the price of text where it has none of its own": (
        openai,
        {
            "prompt_tokens": 20,
            "completion_tokens": 0,
            "prompt_tokens_details": {"audio_tokens": 4},
        },
        MINI,
        NOON,
        20 * 250,
    ),
    "sound of which more is told than there is": (
        openai,
        {
            "prompt_tokens": 20,
            "completion_tokens": 5,
            "prompt_tokens_details": {"audio_tokens": 99, "cached_tokens": 8},
            "completion_tokens_details": {"audio_tokens": 99},
        },
        AUDIO,
        NOON,
        8 * 2500 + 12 * 32_000 + 5 * 64_000,
    ),
    "Gemini's sound by modality": (
        gemini,
        {
            "promptTokenCount": 1000,
            "candidatesTokenCount": 20,
            "totalTokenCount": 1020,
            "promptTokensDetails": [
                {"modality": "TEXT", "tokenCount": 100},
                {"modality": "AUDIO", "tokenCount": 642},
                {"modality": "IMAGE", "tokenCount": 258},
            ],
            "candidatesTokensDetails": [{"modality": "TEXT", "tokenCount": 20}],
        },
        FLASH,
        NOON,
        358 * 300 + 642 * 1000 + 20 * 2500,
    ),
    "of which some was cached": (
        gemini,
        {
            "promptTokenCount": 1000,
            "candidatesTokenCount": 20,
            "totalTokenCount": 1020,
            "cachedContentTokenCount": 600,
            "promptTokensDetails": [
                {"modality": "TEXT", "tokenCount": 100},
                {"modality": "AUDIO", "tokenCount": 900},
            ],
            "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 600}],
        },
        FLASH,
        NOON,
        100 * 300 + 300 * 1000 + 600 * 30 + 20 * 2500,
    ),
    "an image that is drawn in a chat": (
        gemini,
        {
            "promptTokenCount": 8,
            "candidatesTokenCount": 1360,
            "totalTokenCount": 1368,
            "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1290}],
        },
        Price(input=0.3, output=2.5, image_output=30),
        NOON,
        8 * 300 + 70 * 2500 + 1290 * 30_000,
    ),
    "no price for what is cached": (
        openai,
        {"prompt_tokens": 10, "completion_tokens": 0, "cached_tokens": 9},
        Price(input=1, output=1),
        NOON,
        10_000,
    ),
    "free": (openai, {"prompt_tokens": 9}, Price(input=0, output=0), NOON, 0),
    "each request": (openai, {"prompt_tokens": 9}, Price(per_request=0.005), NOON, NANO // 200),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_a_usage_costs_exactly_this(name: str) -> None:
    read, block, price, wall, nano = BLOCKS[name]
    usage = read(block)
    assert usage
    assert costs.cost(CHAT, usage, price, wall) == nano


def test_the_prices_above_are_those_of_the_catalogue() -> None:
    assert (
        costs.cost(CHAT, tokens(1000, 100), listed("openai.llm.v1", "gpt-5-mini"), NOON) == 450000
    )
    pro = listed("google.gemini.v1", "gemini-2.5-pro")
    assert costs.cost(CHAT, tokens(200_001, 0), pro, NOON) == 200_001 * 2500
    audio = listed("openai.llm.v1", "gpt-audio")
    assert costs.cost(CHAT, tokens(9, 9, heard=9, spoken=9), audio, NOON) == 9 * (32_000 + 64_000)
    sonnet = listed("anthropic.claude.v1", "claude-sonnet-4-5")
    assert costs.cost(CHAT, tokens(9, 0, stored=9), sonnet, NOON) == 9 * 3750


def wav(seconds: int) -> bytes:
    """Return so many seconds of silence, 16 kHz and 16 bit."""
    sound = bytes(32_000 * seconds)
    head = struct.pack(
        "<4sI4s4sIHHIIHH", b"RIFF", 0, b"WAVE", b"fmt ", 16, 1, 1, 16_000, 32_000, 2, 16
    )
    return head + struct.pack("<4sI", b"data", len(sound)) + sound


@pytest.mark.parametrize(
    ("request_", "usage", "price", "dollars"),
    [
        (asking("images", prompt="a cat", n=3), tokens(), Price(per_image=0.04), 0.12),
        (asking("images", prompt="a cat"), tokens(), Price(per_image=0.04), 0.04),
        (
            asking("images", prompt="a cat"),
            tokens(100, 1000),
            Price(input=5, image_output=30, per_image=0.04),
            0.0305,
        ),
        (asking("speech", input="x" * 500), tokens(), Price(per_million_characters=15), 0.0075),
        (
            asking("speech", input="x" * 500),
            tokens(100, 1000),
            Price(input=0.6, output=10, audio_output=12),
            0.01206,
        ),
        (
            asking("transcriptions", wav(60), language="de"),
            tokens(),
            Price(per_minute=0.006),
            0.0060001375,
        ),
        (
            asking("transcriptions", wav(60), language="de"),
            Usage(seconds=59.5),
            Price(per_minute=0.006),
            0.00595,
        ),
        (
            asking("transcriptions", wav(1)),
            tokens(26, 5, heard=21),
            Price(input=2.5, output=10, audio_input=6),
            5 * 2.5e-6 + 21 * 6e-6 + 5 * 10e-6,
        ),
        (
            asking("images", prompt="a cat"),
            tokens(221, 1318, seen=194, drawn=1056),
            Price(input=5, output=10, image_input=8, image_output=30),
            27 * 5e-6 + 194 * 8e-6 + 262 * 10e-6 + 1056 * 30e-6,
        ),
        (
            asking("transcriptions", wav(1)),
            tokens(1000, 100),
            Price(input=1.25, output=5, audio_input=3, per_minute=0.003),
            0.0035,
        ),
        (asking("embeddings", input=["a", "b"]), tokens(1000), Price(input=0.02), 0.00002),
    ],
)
def test_what_is_not_counted_in_tokens_costs_by_the_unit(
    request_: Request, usage: Usage, price: Price, dollars: float
) -> None:
    assert costs.cost(request_, usage, price, NOON) == pytest.approx(dollars * NANO, abs=1)


@pytest.mark.parametrize(
    ("request_", "price"),
    [
        (CHAT, None),
        (CHAT, Price()),
        (CHAT, Price(input=1)),
        (CHAT, Price(output=1)),
        (CHAT, Price(per_image=1)),
        (asking("speech", input="hi"), Price(per_minute=1)),
        (asking("images", prompt="hi"), Price(per_million_characters=1)),
        (asking("transcriptions", b"x"), Price(per_image=1)),
    ],
)
def test_a_price_that_does_not_cover_the_request_is_no_price(
    request_: Request, price: Price | None
) -> None:
    assert costs.cost(request_, tokens(1, 1), price, NOON) is None
    assert costs.worst(request_, ModelCard(price=price)).nano is None


Rates = st.floats(0, 100)


@st.composite
def priced(draw: st.DrawFn) -> Price:
    """Draw a price whose long prompts cost no less, and whose cache no more, than the usual."""
    read, written = draw(Rates), draw(Rates)
    cached = draw(st.none() | st.floats(0, read))
    above = None
    if draw(st.booleans()):
        above = LongPromptPrice(
            prompt_tokens=draw(st.integers(1, 500)),
            input=read * draw(st.floats(1, 3)),
            output=written * draw(st.floats(1, 3)),
            cached_input=None if cached is None else cached * draw(st.floats(1, 3)),
        )
    kept = draw(st.none() | st.floats(read, 300))
    others: dict[str, Any] = {
        name: draw(st.none() | st.floats(0, 300))
        for name in ("audio_input", "image_input", "audio_output", "image_output")
    }
    return Price(
        input=read,
        output=written,
        cached_input=cached,
        cache_write=kept,
        above=above,
        **others,
    )


PROMPT = ("fresh", "cached", "stored", "stored_1h", "heard", "seen")
ANSWER = ("written", "spoken", "drawn")


@given(
    price=priced(),
    counts=st.lists(st.integers(0, 400), min_size=9, max_size=9),
    more=st.integers(0, 300),
    bucket=st.sampled_from([*PROMPT, *ANSWER]),
)
def test_case_16_a_cost_is_never_negative_and_never_falls_when_a_bucket_grows(
    price: Price, counts: list[int], more: int, bucket: str
) -> None:
    buckets = dict(zip((*PROMPT, *ANSWER), counts, strict=True))
    buckets["fresh"] += 1

    def total(found: Mapping[str, int]) -> int:
        parts = {name: count for name, count in found.items() if name not in ("fresh", "written")}
        prompt, answer = sum(found[name] for name in PROMPT), sum(found[name] for name in ANSWER)
        nano = costs.cost(CHAT, tokens(prompt, answer, **parts), price, NOON)
        assert nano is not None
        return nano

    before = total(buckets)
    assert 0 <= before <= total({**buckets, bucket: buckets[bucket] + more})


@given(
    price=priced(),
    prompt=st.integers(1, 400),
    answer=st.integers(0, 400),
    told=st.fixed_dictionaries(
        dict.fromkeys(
            ("cached", "stored", "stored_1h", "heard", "seen", "spoken", "drawn"),
            st.integers(0, 900),
        )
    ),
)
def test_case_16_no_token_is_paid_twice_whatever_a_vendor_says(
    price: Price, prompt: int, answer: int, told: dict[str, int]
) -> None:
    paid = costs._buckets("chat", tokens(prompt, answer, **told))
    written = sum(count for name, count in paid if "output" in name)
    assert (sum(count for _, count in paid) - written, written) == (prompt, answer)
    assert all(count >= 0 for _, count in paid)
    nano = costs.cost(CHAT, tokens(prompt, answer, **told), price, NOON)
    assert nano is not None
    assert nano >= 0


@given(cached=st.integers(0, 50), reasoning=st.integers(0, 50))
def test_case_16_what_a_vendor_misstates_is_never_negative(cached: int, reasoning: int) -> None:
    nano = costs.cost(CHAT, tokens(10, 10, cached, reasoning=reasoning), MINI, NOON)
    assert nano is not None
    assert nano >= 10 * 25


@given(
    price=priced(),
    said=st.text(max_size=600),
    most=st.integers(1, 300),
    answers=st.integers(1, 3),
    prompt=st.floats(0, 1),
    written=st.floats(0, 1),
    cached=st.floats(0, 1),
    heard=st.floats(0, 1),
    spoken=st.floats(0, 1),
    drawn=st.floats(0, 1),
)
def test_an_answer_costs_no_more_than_the_worst(
    *,
    price: Price,
    said: str,
    most: int,
    answers: int,
    prompt: float,
    written: float,
    cached: float,
    heard: float,
    spoken: float,
    drawn: float,
) -> None:
    sound = {"type": "input_audio", "input_audio": {"data": "A" * 3000, "format": "mp3"}}
    asked = asking(
        messages=[{"role": "user", "content": [{"type": "text", "text": said}, sound]}],
        max_completion_tokens=most,
        n=answers,
        modalities=["text", "audio"],
    )
    worst = costs.worst(asked, ModelCard(price=price))
    read = max(1, int(asked.size.tokens * prompt))
    answer = int(most * answers * written)
    usage = tokens(
        read,
        answer,
        int(read * cached),
        heard=int(asked.size.heard * heard),
        spoken=int(answer * spoken),
        drawn=int(answer * drawn),
    )
    nano = costs.cost(asked, usage, price, NOON)
    assert nano is not None
    assert worst.nano is not None
    assert nano <= worst.nano
    assert usage.prompt + usage.completion <= worst.tokens


@pytest.mark.parametrize(
    ("body", "card", "most"),
    [
        ({"max_tokens": 10}, ModelCard(), 10),
        ({"max_tokens": 10, "max_completion_tokens": 20}, ModelCard(), 20),
        ({"n": 4, "max_tokens": 10}, ModelCard(), 40),
        ({}, ModelCard(max_output=500), 500),
        ({}, ModelCard(), costs.MAX_OUTPUT),
        ({"max_tokens": "many", "n": True}, ModelCard(max_output=7), 7),
        # A client may write two numbers, or one in an odd way, and the vendor may heed either.
        ({"max_tokens": 900, "max_completion_tokens": 1}, ModelCard(), 900),
        ({"max_tokens": "900", "max_completion_tokens": 1.0}, ModelCard(), 900),
        ({"max_tokens": 10, "n": "4"}, ModelCard(), 40),
        ({"max_tokens": 10, "n": 4.0, "best_of": 2}, ModelCard(), 40),
        ({"max_tokens": 10, "n": 1, "best_of": 9}, ModelCard(), 90),
        ({"max_tokens": "nan", "n": "inf", "best_of": -1}, ModelCard(max_output=7), 7),
    ],
)
def test_an_answer_is_as_long_as_it_may_be(
    body: Mapping[str, Any], card: ModelCard, most: int
) -> None:
    assert costs.output_tokens(asking(**body), card) == most


def test_an_image_counts_by_its_number_of_tokens_and_not_by_its_bytes() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 999_999}}
    asked = asking(messages=[{"role": "user", "content": [image]}])
    assert 2000 < asked.size.tokens < 2100


def test_a_sound_counts_by_its_seconds_and_a_file_by_its_bytes() -> None:
    sound = {"type": "input_audio", "input_audio": {"data": "A" * 60_000, "format": "mp3"}}
    heard = asking(messages=[{"role": "user", "content": [sound]}])
    assert 60 * 32 < heard.size.tokens < 60 * 32 + 100
    page = {"type": "file", "file": {"file_data": "data:application/pdf;base64," + "A" * 60_000}}
    read = asking(messages=[{"role": "user", "content": [page]}])
    assert 15_000 < read.size.tokens < 15_100


def test_a_prompt_has_no_more_tokens_than_the_model_takes() -> None:
    asked = asking(messages=[{"role": "user", "content": "x" * 9000}], max_tokens=5)
    assert costs.worst(asked, ModelCard(context=1000)).tokens == 1005


def test_a_prompt_to_be_kept_costs_at_worst_what_keeping_costs() -> None:
    card = ModelCard(price=SONNET)
    part = {"type": "text", "text": "x" * 900}
    plain = asking(messages=[{"role": "user", "content": [part]}], max_tokens=1)
    kept = {**part, "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    keeping = asking(messages=[{"role": "user", "content": [kept]}], max_tokens=1)
    prompt = keeping.size.tokens
    took = tokens(prompt, 1, stored_1h=prompt)
    worst = costs.worst(keeping, card).nano
    assert worst == costs.cost(keeping, took, SONNET, NOON)
    assert costs.worst(plain, card).nano == costs.cost(
        plain, tokens(plain.size.tokens, 1), SONNET, NOON
    )


def test_a_file_sounds_no_longer_than_its_bytes_allow() -> None:
    price = Price(per_minute=0.6)
    assert costs.cost(asking("transcriptions", bytes(60_000)), tokens(), price, NOON) == 0.6 * NANO
    lying = bytearray(wav(1))
    lying[28:32] = b"\xff" * 4
    believed = costs.cost(asking("transcriptions", bytes(lying)), tokens(), price, NOON)
    assert believed == pytest.approx(0.32 * NANO, rel=0.01)


@pytest.mark.parametrize(
    ("request_", "usage", "price", "estimated"),
    [
        (CHAT, tokens(10, 5), MINI, False),
        (CHAT, tokens(0, 5), MINI, True),
        (CHAT, Usage(prompt=10, completion=5, estimated=True), MINI, True),
        (CHAT, Usage(completion=5, estimated=True), Price(per_request=0.1), False),
        (
            asking("speech", input="hi"),
            Usage(estimated=True),
            Price(per_million_characters=9),
            False,
        ),
        (asking("images", prompt="hi"), Usage(estimated=True), Price(per_image=9), False),
        (asking("transcriptions", b"x"), Usage(seconds=9), Price(per_minute=9), False),
        (asking("transcriptions", b"x"), Usage(estimated=True), Price(per_minute=9), True),
        (asking("transcriptions", b"x"), Usage(seconds=9), Price(input=9, output=9), True),
        (CHAT, tokens(0, 5), None, False),
    ],
)
def test_a_charge_is_an_estimate_where_what_it_is_for_was_not_told(
    request_: Request, usage: Usage, price: Price | None, *, estimated: bool
) -> None:
    assert costs.charge(request_, usage, price, NOON)[1] is estimated


def test_tokens_that_were_not_told_are_filled_in_and_marked() -> None:
    half = costs.filled(tokens(0, 5), CHAT)
    assert (half.prompt, half.completion, half.estimated) == (CHAT.size.tokens // 2, 5, True)
    assert costs.filled(tokens(3, 5), CHAT) == tokens(3, 5)
    heard = costs.filled(Usage(seconds=10), asking("transcriptions", bytes(900_000)))
    assert (heard.prompt, heard.estimated) == (321, True)
    assert 0 < heard.completion < 100


def test_the_worst_holds_at_any_hour() -> None:
    worst, prompt = costs.worst(CHAT, ModelCard(price=QUIET)), CHAT.size.tokens
    longest = tokens(prompt, costs.MAX_OUTPUT)
    assert worst.nano == costs.cost(CHAT, longest, QUIET, MORNING)
    assert worst.nano == 2 * (costs.cost(CHAT, longest, QUIET, NOON) or 0)


def test_the_worst_is_that_of_each_model_and_of_each_length() -> None:
    small, large = ModelCard(max_output=10), ModelCard(max_output=1000)
    prompt = CHAT.size.tokens
    for _ in range(2):
        assert costs.worst(CHAT, small).tokens == prompt + 10
        assert costs.worst(CHAT, large).tokens == prompt + 1000
        assert costs.worst(CHAT, large, answer=300).tokens == prompt + 300


@pytest.mark.parametrize("modalities", [["text", "audio"], ["text"], "audio", 5, None, {}])
def test_an_answer_may_be_spoken_where_sound_is_asked_for(modalities: Any) -> None:
    asked = asking(messages=[], modalities=modalities, max_tokens=100)
    worst = costs.worst(asked, ModelCard(price=AUDIO)).nano
    assert worst is not None
    assert (worst > 100 * 64_000) is ("audio" in str(modalities))


def test_who_asks_to_be_served_before_others_is_reckoned_with_the_dearest_of_such_prices() -> None:
    first = asking(messages=[{"role": "user", "content": "hi"}], service_tier="priority")
    card = ModelCard(price=MINI, max_output=100)
    usual, dearer = costs.worst(CHAT, card).nano, costs.worst(first, card).nano
    assert usual
    assert dearer
    assert dearer > 2.4 * usual
    used = tokens(1000, 100)
    nano, estimated = costs.charge(CHAT, used, MINI, NOON)
    assert nano
    assert not estimated
    assert costs.charge(first, used, MINI, NOON) == (round(2.5 * nano), True)
