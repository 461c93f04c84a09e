from zoneinfo import ZoneInfo

import pytest

from modelmesh import catalogue
from modelmesh.catalogue import FreeTier
from modelmesh.catalogue.free_tiers import Cap, FreeLimit, Reset, _rows


def tier(connector: str) -> FreeTier:
    found = catalogue.free_tier(connector)
    assert found is not None
    return found


def every_tier() -> list[FreeTier]:
    return [tier(connector) for connector in _rows()]


def test_a_free_tier_says_what_whose_use_and_until_when() -> None:
    gemini = tier("google.gemini.v1")
    assert (gemini.connector, gemini.subject, gemini.per_model) == (
        "google.gemini.v1",
        "project",
        True,
    )
    assert gemini.resets["day"] == Reset(at="00:00", zone="America/Los_Angeles")
    assert gemini.resets["minute"] == Reset(at=None)
    (limit,) = gemini.limits_for("gemini-3.1-flash-lite")
    assert limit.caps == (
        Cap(15, "requests", "minute"),
        Cap(500, "requests", "day"),
        Cap(250000, "tokens", "minute"),
    )


def test_conflicting_figures_are_kept_beside_it() -> None:
    (disputed,) = [
        limit for limit in tier("google.gemini.v1").disputed if limit.covers("gemini-2.5-flash")
    ]
    assert Cap(1500, "requests", "day") in disputed.caps
    assert disputed.sources == ("mnfst",)


@pytest.mark.parametrize("connector", ["openai.llm.v1", "ollama.local.v1", "nobody.at-all.v1"])
def test_who_has_no_free_tier_has_none(connector: str) -> None:
    assert catalogue.free_tier(connector) is None


@pytest.mark.parametrize(
    ("connector", "model", "count"),
    [
        ("groq.api.v1", "OpenAI/GPT-OSS-20b", 1),
        ("groq.api.v1", "something-dear", 0),
        ("openrouter.api.v1", "qwen/qwen3.8-27b:free", 2),
        ("openrouter.api.v1", "qwen/qwen3.8-27b", 0),
        ("cloudflare.workersai.v1", "@cf/qwen/qwen3-30b-a3b-fp8", 1),
        ("cloudflare.workersai.v1", "@cf/moonshotai/Kimi-K2.6", 0),
    ],
)
def test_limits_are_those_of_the_model(connector: str, model: str, count: int) -> None:
    assert len(tier(connector).limits_for(model)) == count


def test_limits_under_a_condition_say_it() -> None:
    few, many = tier("openrouter.api.v1").limits_for("a/b:free")
    assert few.when
    assert many.when
    assert Cap(50, "requests", "day") in few.caps
    assert Cap(1000, "requests", "day") in many.caps


def test_the_more_exact_limit_goes_before_the_common_one() -> None:
    cohere = tier("cohere.api.v1")
    (embed,) = cohere.limits_for("embed-v4.0")
    (chat,) = cohere.limits_for("command-a-03-2025")
    assert Cap(10, "requests", "minute") in embed.caps
    assert Cap(20, "requests", "minute") in chat.caps


def test_a_limit_without_sources_of_its_own_has_its_tiers() -> None:
    assert tier("groq.api.v1").limits[0].sources == ("cheahjs", "mnfst")
    assert tier("groq.api.v1").limits[1].sources == ("cheahjs",)


def test_a_pattern_is_taken_for_the_whole_name() -> None:
    limit = FreeLimit(models=("*:free", "embed*"), caps=())
    assert limit.covers("a:free")
    assert limit.covers("Embed-v4")
    assert not limit.covers("a:free:nitro")
    assert not limit.covers("my-embed")


def test_every_tier_can_be_counted() -> None:
    for each in every_tier():
        assert each.limits
        for limit in (*each.limits, *each.disputed):
            assert set(limit.sources) <= catalogue.sources().keys()
            assert all(cap.amount > 0 for cap in limit.caps)
        for reset in each.resets.values():
            assert ZoneInfo(reset.zone).key == reset.zone


def test_tiers_can_be_members_of_sets() -> None:
    assert len(set(every_tier())) == len(every_tier())
