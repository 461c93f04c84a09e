import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelmesh import catalogue
from modelmesh.build import build
from modelmesh.catalogue import LongPromptPrice, OffPeakPrice, Price, merged
from modelmesh.catalogue.prices import DOLLARS, Hours, read_price
from modelmesh.clock import system_rng
from modelmesh.config.load import load
from modelmesh.errors import ConfigError
from modelmesh.state import State

LISTED = Price(
    input=2.0,
    output=8.0,
    cached_input=0.5,
    batch_input=1.0,
    above=LongPromptPrice(prompt_tokens=200_000, input=4.0, output=12.0),
)


def price_of(provider: str, model: str) -> Price:
    facts = catalogue.find(provider, model)
    assert facts is not None
    assert facts.price is not None
    return facts.price


def test_what_comes_of_a_price_is_what_went_in() -> None:
    row: dict[str, Any] = json.loads(
        """{"input": 0.3, "output": 1.2, "per_minute": 0.006, "valid_from": "2027-01-01",
            "above": {"prompt_tokens": 100, "input": 0.6},
            "off_peak": {"input": 0.15, "hours": [
                {"days": [1, 2], "spans": [["00:00", "01:00"], ["10:00", "24:00"]]},
                {"days": [6], "spans": [["00:00", "24:00"]]}]}}"""
    )
    assert read_price(row) == Price(
        input=0.3,
        output=1.2,
        per_minute=0.006,
        valid_from="2027-01-01",
        above=LongPromptPrice(prompt_tokens=100, input=0.6),
        off_peak=OffPeakPrice(
            input=0.15,
            hours=(
                Hours(days=(1, 2), spans=(("00:00", "01:00"), ("10:00", "24:00"))),
                Hours(days=(6,), spans=(("00:00", "24:00"),)),
            ),
        ),
    )


def test_batch_jobs_the_cache_and_units_have_prices() -> None:
    haiku = price_of("anthropic.claude.v1", "claude-haiku-4-5")
    assert (haiku.batch_input, haiku.batch_output) == (0.5, 2.5)
    assert (haiku.cached_input, haiku.cache_write, haiku.cache_write_1h) == (0.1, 1.25, 2)
    assert price_of("openai.llm.v1", "whisper-1").per_minute == 0.006
    assert price_of("openai.llm.v1", "tts-1").per_million_characters == 15
    assert price_of("cohere.api.v1", "rerank-v3.5").per_request == 0.002
    assert price_of("stability.image.v1", catalogue.models_of("stability.image.v1")[0].id).per_image


def test_quiet_hours_have_prices_of_their_own() -> None:
    price = price_of("deepseek.api.v1", "deepseek-v4-pro")
    assert price.off_peak is not None
    assert (price.input, price.off_peak.input) == (1.32, 0.66)
    weekdays, weekend = price.off_peak.hours
    assert weekdays.days == (1, 2, 3, 4, 5)
    assert ("10:00", "24:00") in weekdays.spans
    assert weekend == Hours(days=(6, 7), spans=(("00:00", "24:00"),))


def dollars_of(price: Price) -> dict[str, float]:
    return {name: sum_ for name in DOLLARS if (sum_ := getattr(price, name)) is not None}


def test_every_price_is_sane() -> None:
    for provider in catalogue.providers():
        for facts in catalogue.models_of(provider):
            for dollars in dollars_of(facts.price or Price()).values():
                assert math.isfinite(dollars)
                assert 0 <= dollars < 10_000


def test_nothing_said_leaves_the_listed_price() -> None:
    assert merged(LISTED, {}) is LISTED
    assert merged(LISTED, {"input": None, "above": None}) is LISTED
    assert merged(None, {}) is None


def test_what_is_said_replaces_what_is_listed_one_by_one() -> None:
    said = merged(LISTED, {"cached_input": 0.25, "per_request": 0.01})
    assert said == Price(
        input=2.0,
        output=8.0,
        cached_input=0.25,
        batch_input=1.0,
        per_request=0.01,
        above=LISTED.above,
    )
    assert merged(None, {"per_minute": 0.1}) == Price(per_minute=0.1)


def test_a_price_of_zero_is_said_and_not_unknown() -> None:
    free = merged(LISTED, {"input": 0.0, "output": 0.0})
    assert free is not None
    assert (free.input, free.output) == (0.0, 0.0)


def test_a_contract_of_ones_own_has_no_listed_long_prompts_or_quiet_hours() -> None:
    own = merged(LISTED, {"input": 1.0})
    assert own is not None
    assert (own.input, own.output, own.above) == (1.0, 8.0, None)
    long = merged(LISTED, {"input": 1.0, "above": {"prompt_tokens": 50, "input": 1.5}})
    assert long is not None
    assert long.above == LongPromptPrice(prompt_tokens=50, input=1.5)
    quiet = merged(price_of("deepseek.api.v1", "deepseek-v4-pro"), {"output": 1.0})
    assert quiet is not None
    assert quiet.off_peak is None


@given(st.dictionaries(st.sampled_from(sorted(DOLLARS)), st.floats(0, 100)))
def test_whatever_is_said_holds(said: dict[str, float]) -> None:
    price = merged(LISTED, said)
    assert price is not None
    assert dollars_of(price) == {**dollars_of(LISTED), **said}


def configured(pricing: str, model: str = "openai/gpt-oss-20b") -> str:
    return (
        "providers: {groq.api.v1: {api_key: k}}\n"
        f"models:\n  fast:\n    provider: groq.api.v1\n    model: {model}\n"
        f"    pricing: {pricing}\n"
        "pools: {chat: {models: [fast]}}\n"
    )


def test_a_configured_price_is_on_the_card_with_what_the_catalogue_adds(tmp_path: Path) -> None:
    file = tmp_path / "mesh.yaml"
    file.write_text(configured("{output: 0.2, above: {prompt_tokens: 1000, output: 0.4}}"))
    parts = build(load(file, environ={}), state=State(), rng=system_rng(), wall=lambda: 0.0)
    price = parts.pools["chat"].targets[0].card.price
    listed = price_of("groq.api.v1", "openai/gpt-oss-20b")
    assert price is not None
    assert (price.input, price.output) == (listed.input, 0.2)
    assert price.above == LongPromptPrice(prompt_tokens=1000, output=0.4)


def test_the_price_of_a_model_nobody_lists_is_unknown(tmp_path: Path) -> None:
    file = tmp_path / "mesh.yaml"
    file.write_text(configured("{}", model="my-own"))
    parts = build(load(file, environ={}), state=State(), rng=system_rng(), wall=lambda: 0.0)
    assert parts.pools["chat"].targets[0].card.price is None


@pytest.mark.parametrize("dollars", ["-0.1", ".nan", ".inf", "-.inf", "10000", "1e9"])
@pytest.mark.parametrize(
    ("pricing", "where"),
    [
        ("{{input: {}}}", "input"),
        ("{{cache_write_1h: {}}}", "cache_write_1h"),
        ("{{batch_output: {}}}", "batch_output"),
        ("{{per_image: {}}}", "per_image"),
        ("{{above: {{prompt_tokens: 10, output: {}}}}}", "above.output"),
    ],
)
def test_a_price_that_cannot_be_is_refused_with_its_place(
    pricing: str, where: str, dollars: str, tmp_path: Path
) -> None:
    file = tmp_path / "mesh.yaml"
    file.write_text(configured(pricing.format(dollars)))
    with pytest.raises(ConfigError, match=rf"line 6: models\.fast\.pricing\.{where}: "):
        load(file, environ={})


def test_a_long_prompt_begins_somewhere(tmp_path: Path) -> None:
    file = tmp_path / "mesh.yaml"
    file.write_text(configured("{above: {prompt_tokens: 0}}"))
    with pytest.raises(ConfigError, match=r"pricing\.above\.prompt_tokens: "):
        load(file, environ={})
