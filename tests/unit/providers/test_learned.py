"""What vendors' headers tell of their limits, vendor by vendor."""

import json
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recordings import CONNECTORS, WIRE

from modelmesh.connectors.providers._learned import DAY, MINUTE, MONTH, SECOND
from modelmesh.ledger.told import Told

WALL = 1_790_000_000.0


def limits(vendor: str, headers: Mapping[str, str]) -> dict[str, Told]:
    cls = import_module(f"modelmesh.connectors.providers.{vendor}").Provider
    told = cls("vendor", base_url="http://vendor.test/v1").limits(headers, wall=WALL)
    return {one.name: one for one in told}


def usual(left: int, reset: str, *, amount: int = 30, what: str = "-requests") -> dict[str, str]:
    return {
        f"x-ratelimit-limit{what}": str(amount),
        f"x-ratelimit-remaining{what}": str(left),
        f"x-ratelimit-reset{what}": reset,
    }


def anthropic(what: str, left: int, reset: str) -> dict[str, str]:
    prefix = f"anthropic-ratelimit-{what}"
    return {f"{prefix}-limit": "50", f"{prefix}-remaining": str(left), f"{prefix}-reset": reset}


REQUESTS = "x-ratelimit-remaining-requests"
# The vendor, its headers with nothing left, the limit, its unit, its window and seconds to wait.
USED_UP: list[tuple[str, dict[str, str], str, str, float, float]] = [
    ("openai", usual(0, "17.5s"), REQUESTS, "requests", MINUTE, 17.5),
    ("openai", usual(0, "6m0s"), REQUESTS, "requests", MINUTE, 360),
    ("openai", usual(0, "120ms"), REQUESTS, "requests", MINUTE, 0.12),
    ("groq", usual(0, "2m59.56s"), REQUESTS, "requests", DAY, 179.56),
    (
        "groq",
        usual(0, "7.66s", what="-tokens"),
        "x-ratelimit-remaining-tokens",
        "tokens",
        MINUTE,
        7.66,
    ),
    (
        "cerebras",
        usual(0, "33011.382867", what="-requests-day"),
        "x-ratelimit-remaining-requests-day",
        "requests",
        DAY,
        33011.382867,
    ),
    (
        "sambanova",
        usual(0, str(int(WALL) + 40), what="-requests-day"),
        "x-ratelimit-remaining-requests-day",
        "requests",
        DAY,
        40,
    ),
    (
        "openrouter",
        usual(0, str(int(WALL + 9) * 1000), what=""),
        "x-ratelimit-remaining",
        "requests",
        MINUTE,
        9,
    ),
    ("together", usual(0, "1", what=""), "x-ratelimit-remaining", "requests", SECOND, 1),
    (
        "anthropic",
        anthropic("input-tokens", 0, "2026-09-21T13:14:08Z"),
        "anthropic-ratelimit-input-tokens-remaining",
        "tokens",
        MINUTE,
        1_789_996_448.0 - WALL,
    ),
    (
        "mistral",
        {"x-ratelimit-limit-req-minute": "4", "x-ratelimit-remaining-req-minute": "0"},
        "x-ratelimit-remaining-req-minute",
        "requests",
        MINUTE,
        60,
    ),
    (
        "mistral",
        {"ratelimitbysize-remaining": "0", "ratelimitbysize-reset": "17"},
        "ratelimitbysize-remaining",
        "tokens",
        MINUTE,
        17,
    ),
    ("xai", {REQUESTS: "0"}, REQUESTS, "requests", MINUTE, 60),
    # 500 is told of a window of a minute, and is no number of seconds then.
    ("azure_openai", usual(0, "500"), REQUESTS, "requests", MINUTE, 60),
    ("azure_openai", usual(0, "7"), REQUESTS, "requests", MINUTE, 7),
    (
        "cohere",
        {"x-trial-endpoint-call-limit": "20", "x-trial-endpoint-call-remaining": "0"},
        "x-trial-endpoint-call-remaining",
        "requests",
        MINUTE,
        60,
    ),
    ("openai_compatible", usual(0, "12"), REQUESTS, "requests", MINUTE, 12),
]


@pytest.mark.parametrize(
    ("vendor", "headers", "name", "rest"),
    [(vendor, headers, name, tuple(rest)) for vendor, headers, name, *rest in USED_UP],
    ids=[f"{number}-{case[0]}" for number, case in enumerate(USED_UP)],
)
def test_what_is_used_up_is_known_with_its_end(
    vendor: str, headers: dict[str, str], name: str, rest: tuple[str, float, float]
) -> None:
    unit, window, wait = rest
    told = limits(vendor, headers)[name]
    assert (told.left, told.unit, told.seconds) == (0, unit, window)
    assert told.until == pytest.approx(WALL + max(0.0, wait))


def test_what_is_left_and_all_there_is_are_known() -> None:
    told = limits("groq", {**usual(14, "6s", amount=1000), **usual(9, "1s", what="-tokens")})
    assert {(one.unit, one.left, one.amount, one.seconds) for one in told.values()} == {
        ("requests", 14, 1000, DAY),
        ("tokens", 9, 30, MINUTE),
    }


def test_free_models_of_openrouter_are_limited_together_and_others_each() -> None:
    assert not limits("openrouter", usual(3, "1", what=""))["x-ratelimit-remaining"].per_model
    assert limits("openai", usual(3, "1s"))[REQUESTS].per_model
    assert limits("openai_compatible", usual(3, "1s"))[REQUESTS].per_model


@pytest.mark.parametrize("vendor", ["deepseek", "perplexity", "ollama", "vllm", "gemini"])
def test_vendors_without_such_headers_are_not_read(vendor: str) -> None:
    assert limits(vendor, usual(0, "1s")) == {}


@pytest.mark.parametrize("odd", ["", "REDACTED", "-1", "1.5", "٣", "9" * 5000, "1, 2"])
def test_what_is_no_number_says_nothing(odd: str) -> None:
    assert limits("openai", {REQUESTS: odd}) == {}
    told = limits("openai", {REQUESTS: "0", "x-ratelimit-limit-requests": odd})[REQUESTS]
    assert (told.left, told.amount) == (0, None)


@given(st.dictionaries(st.sampled_from([*usual(0, "")]), st.text(max_size=12)))
def test_no_header_breaks_it_and_no_wait_is_endless(headers: dict[str, str]) -> None:
    for told in limits("openai", headers).values():
        assert 0 <= told.until - WALL <= MONTH


OTHER = ("audio-seconds", "ocr-pages", "input-images", "usage-based", "usage_based", "bysize-r")
"""What is not counted here, or is there twice under two names."""


def recorded() -> Iterator[Any]:
    for path in sorted(WIRE.glob("*/*.json")):
        headers = json.loads(path.read_text()).get("response", {}).get("headers") or {}
        if path.parent.name in CONNECTORS and any(map(_counts, headers.items())):
            yield pytest.param(path.parent.name, headers, id=path.stem.rpartition(".")[2])


def _counts(header: tuple[str, str]) -> bool:
    name, text = header
    return "remaining" in name and text.isdecimal() and not any(one in name for one in OTHER)


@pytest.mark.skipif(not WIRE.exists(), reason="the recordings are not here (../shared/wire)")
@pytest.mark.parametrize(("vendor", "headers"), [*recorded()])
def test_every_recorded_limit_is_known(vendor: str, headers: dict[str, str]) -> None:
    told = limits({"azure": "azure_openai"}.get(vendor, vendor), headers)
    left = {name: int(text) for name, text in filter(_counts, headers.items())}
    assert {name: one.left for name, one in told.items()} == left
    for name, one in told.items():
        amount = headers.get(name.replace("remaining", "limit"), "")
        assert one.amount == (int(amount) if amount.isdecimal() else None)
        assert one.unit == ("tokens" if "token" in name or "bysize" in name else "requests")
