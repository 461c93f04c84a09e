from collections.abc import Mapping
from random import Random
from typing import Any

import pytest

from modelmesh.build import Parts, build
from modelmesh.config.load import load
from modelmesh.errors import ConfigError
from modelmesh.pool import Pool
from modelmesh.state import State
from modelmesh.types import ModelCard, Secret, Target

CHAT = "generation.text-generation.chat-completion"
EMBEDDINGS = "representation.embeddings.text-embeddings"


def server(**more: Any) -> dict[str, Any]:
    return {"connector": "openai-compatible", "base_url": "http://127.0.0.1:1/v1", **more}


def built(
    *, found: Mapping[str, list[str]] | None = None, state: State | None = None, **config: Any
) -> Parts:
    return build(
        load(config, environ={}),
        state=state or State(),
        rng=Random(1),
        wall=lambda: 0.0,
        found=found,
    )


VENDORS: dict[str, Any] = {"a": server(), "b": server()}
MODELS: dict[str, Any] = {
    "small": {"provider": "a", "capabilities": ["chat-completion"]},
    "large": {"provider": "b", "capabilities": ["chat-completion"]},
    "writer": {"provider": "b", "capabilities": ["text-completion"]},
    "vectors": {"provider": "a", "capabilities": ["text-embeddings"]},
}


def pooled(**pool: Any) -> list[str]:
    """Return what a pool with these settings has in it, in order."""
    parts = built(providers=VENDORS, models=MODELS, pools={"chat": pool})
    return ids(parts.pools["chat"])


def ids(pool: Pool) -> list[str]:
    return [target.id for target in pool.targets]


@pytest.mark.parametrize(
    ("settings", "members"),
    [
        ({"capability": "chat-completion"}, ["a/small", "b/large"]),
        ({"capability": CHAT}, ["a/small", "b/large"]),
        ({"capability": "text-generation"}, ["a/small", "b/large", "b/writer"]),
        ({"capability": ["text-completion", "embeddings"]}, ["b/writer", "a/vectors"]),
        ({"models": ["large", "small"]}, ["b/large", "a/small"]),
        ({"models": ["vectors"]}, ["a/vectors"]),
        (
            {"capability": "chat-completion", "models": ["vectors"]},
            ["a/vectors", "a/small", "b/large"],
        ),
        ({"capability": "text-generation", "providers": ["b"]}, ["b/large", "b/writer"]),
        ({"capability": "text-generation", "exclude_providers": ["b"]}, ["a/small"]),
        ({"capability": "text-generation", "exclude_models": ["large"]}, ["a/small", "b/writer"]),
        (
            {"capability": "text-generation", "provider_priority": ["b"]},
            ["b/large", "b/writer", "a/small"],
        ),
        (
            {"capability": "text-generation", "model_priority": ["writer"]},
            ["b/writer", "a/small", "b/large"],
        ),
        (
            {
                "capability": "text-generation",
                "model_priority": ["small"],
                "provider_priority": ["b"],
            },
            ["a/small", "b/large", "b/writer"],
        ),
    ],
)
def test_what_is_in_a_pool_and_in_which_order(settings: dict[str, Any], members: list[str]) -> None:
    assert pooled(**settings) == members


@pytest.mark.parametrize(
    ("name", "capability"),
    [
        ("text-generation", "generation.text-generation"),
        ("chat-completion", CHAT),
        ("embeddings", "representation.embeddings"),
    ],
)
def test_a_pool_may_be_named_for_what_it_serves(name: str, capability: str) -> None:
    parts = built(providers=VENDORS, models=MODELS, pools={name: {}})
    assert parts.pools[name].capabilities == [capability]
    assert parts.pools[name].targets


def test_without_pools_there_is_one_for_chat() -> None:
    parts = built(providers=VENDORS, models=MODELS)
    assert {name: ids(pool) for name, pool in parts.pools.items()} == {
        "chat-completion": ["a/small", "b/large"]
    }


def test_capabilities_of_ones_own_are_pooled_too() -> None:
    parts = built(
        capabilities=["understanding.text-understanding.spam-detection"],
        providers=VENDORS,
        models={"spam": {"provider": "a", "capabilities": ["spam-detection"]}},
        pools={"all": {"capability": "text-understanding"}},
    )
    assert ids(parts.pools["all"]) == ["a/spam"]


def test_every_key_makes_targets_of_its_own() -> None:
    parts = built(
        providers={"a": server(api_keys=["k1", "k2", "k3"]), "b": server(api_key="k4")},
        models=MODELS,
        pools={"chat": {"models": ["small", "large"]}},
    )
    targets = parts.pools["chat"].targets
    assert [(one.id, one.key, one.key_subject) for one in targets] == [
        ("a/small", Secret("k1"), "a"),
        ("a/small#2", Secret("k2"), "a#2"),
        ("a/small#3", Secret("k3"), "a#3"),
        ("b/large", Secret("k4"), "b"),
    ]
    assert "k1" not in repr(targets)


def test_a_key_is_one_key_in_however_many_entries_it_stands() -> None:
    same = {"connector": "openai-compatible", "base_url": "http://same.test/v1"}
    parts = built(
        providers={
            "a": {**same, "api_key": "k1"},
            "b": {**same, "api_keys": ["k2", "k1"]},
            "elsewhere": server(api_key="k1"),
        },
        models={name: {"provider": name} for name in ("a", "b", "elsewhere")},
        pools={"all": {"models": ["a", "b", "elsewhere"]}},
    )
    assert [one.key_subject for one in parts.pools["all"].targets] == ["a", "b", "a", "elsewhere"]


def test_without_a_key_a_limit_is_the_models_own() -> None:
    parts = built(
        providers={"local": server()},
        models={name: {"provider": "local"} for name in ("one", "two")},
        pools={"all": {"models": ["one", "two"]}},
    )
    assert [one.key_subject for one in parts.pools["all"].targets] == ["local/one", "local/two"]


def test_the_models_at_one_key_share_its_subject_and_a_group_shares_one() -> None:
    parts = built(
        providers={
            "a": server(api_keys=["k1", "k2"], quota_group="project"),
            "b": server(quota_group="project"),
        },
        models=MODELS,
        pools={"all": {"capability": ["text-generation", "embeddings"]}},
    )
    assert {one.key_subject for one in parts.pools["all"].targets} == {"project"}


@pytest.mark.parametrize(
    ("connector", "settings", "known"),
    [
        ("groq.api.v1", {}, True),
        ("groq.api.v1", {"quota_group": "project"}, False),
        ("openrouter.api.v1", {}, False),
        ("openai-compatible", {}, False),
    ],
)
def test_limits_are_each_models_where_the_vendor_says_so_and_nobody_else(
    connector: str, settings: dict[str, str], known: bool
) -> None:
    vendor = {**server(), "connector": connector, "api_key": "k", **settings}
    parts = built(providers={"v": vendor}, models={"m": {"provider": "v"}})
    assert [one.per_model for one in parts.pools["chat-completion"].targets] == [known]


def test_a_models_own_name_at_the_vendor_is_what_is_sent() -> None:
    parts = built(
        providers=VENDORS,
        models={"fast": {"provider": "a", "model": "org/fast-1"}, "plain": {"provider": "a"}},
    )
    named = {one.model: one.upstream for one in parts.pools["chat-completion"].targets}
    assert named == {"fast": "org/fast-1", "plain": "plain"}


def card(model: str, connector: str = "groq.api.v1", **settings: Any) -> ModelCard:
    parts = built(
        providers={"v": {**server(), "connector": connector}},
        models={model: {"provider": "v", **settings}},
        pools={"one": {"models": [model]}},
    )
    return parts.pools["one"].targets[0].card


def test_what_the_catalogue_knows_is_on_the_card() -> None:
    known = card("openai/gpt-oss-20b")
    assert (known.context, known.max_output) == (131072, 65536)
    assert known.features["tool_calling"] is True
    assert known.features["vision"] is False
    assert "pdf" not in known.features
    assert CHAT in known.capabilities
    assert (known.streaming, known.whole) == (None, None)


def test_what_the_configuration_says_goes_before_the_catalogue() -> None:
    said = card(
        "openai/gpt-oss-20b",
        capabilities=["text-embeddings"],
        features={"vision": True, "tool_calling": False, "json_mode": False, "logprobs": False},
        constraints={"context_window": 1000, "max_output_tokens": 10},
        delivery={"streaming": False, "synchronous": False},
    )
    assert (said.context, said.max_output) == (1000, 10)
    assert (said.streaming, said.whole) == (False, False)
    assert said.features["vision"] is True
    assert said.features["web_search"] is True
    assert [said.features[name] for name in ("tool_calling", "json_mode", "logprobs")] == [
        False,
        False,
        False,
    ]
    assert said.capabilities == {EMBEDDINGS}


def test_the_room_for_a_prompt_goes_before_the_whole_window() -> None:
    sizes = {"context_window": 1000, "max_input_tokens": 800}
    assert card("x", constraints=sizes).context == 800


def test_a_server_that_lists_nothing_has_the_facts_all_providers_agree_on() -> None:
    assert card("openai/gpt-oss-20b", "openai-compatible").features["tool_calling"] is True


def test_of_an_unknown_model_nothing_is_known_but_that_it_chats() -> None:
    unknown = card("my-own-model", "openai-compatible")
    assert CHAT in unknown.capabilities
    assert unknown == ModelCard(capabilities=unknown.capabilities)


def test_a_pools_times_go_before_the_providers() -> None:
    parts = built(
        providers={
            "a": server(timeouts={"connect": 1, "first_token": 2, "idle": 3}, timeout=4),
            "b": server(timeouts={"total": 5}, timeout=6),
        },
        models=MODELS,
        pools={
            "plain": {"models": ["small", "large"]},
            "quick": {"models": ["small"], "timeouts": {"first_token": "500ms", "total": 9}},
        },
    )

    def times(one: Target) -> tuple[float | None, ...]:
        return one.connect, one.first_token, one.idle, one.total

    plain, quick = parts.pools["plain"], parts.pools["quick"]
    assert [times(one) for one in plain.targets] == [(1, 2, 3, 4), (None, None, None, 5)]
    assert [times(one) for one in quick.targets] == [(1, 0.5, 3, 4)]


def test_models_are_pools_of_their_own_only_where_exposed() -> None:
    config: dict[str, Any] = {"providers": VENDORS, "models": MODELS}
    assert built(**config).models == {}
    exposed = built(**config, proxy={"expose_models": True}).models
    assert {name: ids(pool) for name, pool in exposed.items()} == {
        "small": ["a/small"],
        "a/small": ["a/small"],
        "large": ["b/large"],
        "b/large": ["b/large"],
        "writer": ["b/writer"],
        "b/writer": ["b/writer"],
        "vectors": ["a/vectors"],
        "a/vectors": ["a/vectors"],
    }


def test_a_provider_switched_off_has_no_targets() -> None:
    parts = built(providers={"a": server(enabled=False), "b": server()}, models=MODELS)
    assert ids(parts.pools["chat-completion"]) == ["b/large"]
    assert set(parts.plan.providers) == {"b"}


def test_a_pool_that_is_empty_tells_which_providers_are_switched_off() -> None:
    vendors = {"a": server(enabled=False), "b": server()}
    with pytest.raises(
        ConfigError, match=r"its `models` and filters, and a is switched off \(`enabled`\)$"
    ):
        built(providers=vendors, models=MODELS, pools={"chat": {"models": ["small"]}})


def test_a_vendor_of_a_later_version_is_passed_by() -> None:
    parts = built(
        providers={"aws.bedrock.v1": {"api_key": "k"}, "b": server()},
        models={"claude": {"provider": "aws.bedrock.v1"}, "large": MODELS["large"]},
    )
    assert ids(parts.pools["chat-completion"]) == ["b/large"]


def test_a_configuration_without_providers_is_told_what_it_lacks() -> None:
    with pytest.raises(ConfigError, match="providers: there are none; name a vendor") as raised:
        built(proxy={"port": 9090})
    assert len(raised.value.problems) == 1


def test_every_empty_pool_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as raised:
        built(
            providers=VENDORS,
            models=MODELS,
            pools={
                "images": {"capability": "text-to-image"},
                "chat": {"capability": "chat-completion"},
                "none": {"capability": "chat-completion", "exclude_providers": ["a", "b"]},
            },
        )
    assert [problem.path for problem in raised.value.problems] == ["pools.images", "pools.none"]


def test_a_provider_without_models_has_its_usual_ones() -> None:
    parts = built(providers={"groq.api.v1": {"api_key": "k"}})
    assert parts.pools["chat-completion"].targets
    assert all(one.provider.id == "groq.api.v1" for one in parts.pools["chat-completion"].targets)


LOCAL: dict[str, Any] = {"providers": {"here": server()}}


def test_a_pool_may_be_empty_until_a_server_was_asked_for_its_models() -> None:
    assert ids(built(**LOCAL).pools["chat-completion"]) == []
    parts = built(**LOCAL, found={"here": ["llama", "qwen"]})
    assert ids(parts.pools["chat-completion"]) == ["here/llama", "here/qwen"]


def test_a_pool_that_is_still_empty_then_is_a_mistake() -> None:
    with pytest.raises(ConfigError, match=r"pools\.chat-completion"):
        built(**LOCAL, found={"here": []})


def test_models_of_one_name_at_two_servers_stand_in_for_each_other() -> None:
    parts = built(
        providers=VENDORS,
        found={"a": ["llama"], "b": ["llama"]},
        proxy={"expose_models": True},
    )
    assert ids(parts.models["llama"]) == ["a/llama", "b/llama"]
    assert ids(parts.models["b/llama"]) == ["b/llama"]


def test_health_outlives_the_parts() -> None:
    state = State()
    config: dict[str, Any] = {"providers": VENDORS, "models": MODELS}
    before = built(**config, state=state).pools["chat-completion"]
    after = built(**config, state=state).pools["chat-completion"]
    one = before.targets[0]
    assert before.standing(one).target is after.standing(after.targets[0]).target
