"""Several workers: what they may not be given to serve, and what their deaths mean."""

import signal
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from modelmesh.check import check
from modelmesh.config.load import examine, load
from modelmesh.config.sharing import served_by, storage_of
from modelmesh.errors import ConfigError
from modelmesh.mesh import ModelMesh
from modelmesh.proxy.deaths import Deaths, Worker, how

CONFIG: dict[str, Any] = {
    "providers": {"ours": {"connector": "openai-compatible", "base_url": "http://127.0.0.1:9/v1"}},
    "models": {"some": {"provider": "ours", "capabilities": ["chat-completion"]}},
    "pools": {"chat": {"models": ["some"]}},
}


def with_limit(section: str, **limit: Any) -> dict[str, Any]:
    [(name, entry)] = CONFIG[section].items()
    return {**CONFIG, section: {name: {**entry, **limit}}}


LIMITS = [
    ("providers.ours.tier", with_limit("providers", tier="free")),
    *(
        (f"providers.ours.rate_limits.{limit}", with_limit("providers", rate_limits={limit: 5}))
        for limit in ("rpm", "tpm", "rpd", "tpd", "concurrency")
    ),
    *(
        (f"providers.ours.budget.{limit}", with_limit("providers", budget={limit: 0}))
        for limit in ("daily_limit", "monthly_limit")
    ),
    *(
        (f"pools.chat.{section}.{limit}", with_limit("pools", **{section: {limit: 5}}))
        for section in ("deactivation", "provider_deactivation")
        for limit in ("request_limit", "token_limit", "budget_limit")
    ),
]


ALONE: list[dict[str, Any]] = [
    {"connector": "modelmesh.memory.v1"},
    {"connector": "local-file"},
    {"connector": "sqlite", "sync_policy": "periodic"},
    {"connector": "sqlite", "sync_policy": "in-memory"},
]


@pytest.mark.parametrize("storage", ALONE, ids=str)
@pytest.mark.parametrize(("path", "config"), LIMITS)
def test_a_limit_is_refused_with_several_workers_that_share_no_store(
    path: str, config: dict[str, Any], storage: dict[str, Any]
) -> None:
    config = {**config, "storage": storage}
    problems = examine({**config, "proxy": {"workers": 3}}, environ={}).problems
    assert [problem.path for problem in problems] == [path]
    assert problems[0].message.startswith("3 workers cannot share this limit")
    assert "modelmesh.sqlite.v1" in problems[0].message
    assert not examine({**config, "proxy": {"workers": 1}}, environ={}).problems


@pytest.mark.parametrize(("_path", "config"), LIMITS)
def test_several_workers_share_a_limit_in_sqlite_unless_told_otherwise(
    _path: str, config: dict[str, Any]
) -> None:
    examined = examine({**config, "proxy": {"workers": 3}}, environ={})
    assert not examined.problems
    assert storage_of(examined.config).connector == "modelmesh.sqlite.v1"


@pytest.mark.parametrize("limit", ["min_delta", "max_rpm"])
def test_what_a_strategy_counts_by_itself_is_for_one_worker(limit: str) -> None:
    config = with_limit("pools", rate_limit={limit: 5})
    problems = examine({**config, "proxy": {"workers": 3}}, environ={}).problems
    assert [problem.path for problem in problems] == [f"pools.chat.rate_limit.{limit}"]
    assert not examine({**config, "proxy": {"workers": 1}}, environ={}).problems


def test_several_workers_are_fine_where_nothing_is_to_be_shared() -> None:
    thresholds = with_limit("pools", deactivation={"retry_limit": 3, "error_rate_threshold": 0.5})
    budget = with_limit("providers", budget={"alert_threshold": 0.5})
    for config in (CONFIG, thresholds, budget):
        assert load({**config, "proxy": {"workers": 8}}, environ={}).proxy.workers == 8


def test_a_check_tells_where_the_limits_are(tmp_path: Path) -> None:
    file = tmp_path / "mesh.yaml"
    file.write_text(
        "providers:\n"
        "  openai.llm.v1:\n"
        "    api_key: k\n"
        "    rate_limits: {rpm: 5}\n"
        "    budget:\n"
        "      daily_limit: 5\n"
        "storage: {connector: memory}\n"
        "proxy:\n"
        "  workers: 2\n"
    )
    rate, budget = map(str, check(file, {}, wall=0).problems)
    assert rate.startswith("line 4: providers.openai.llm.v1.rate_limits.rpm: 2 workers")
    assert budget.startswith("line 6: providers.openai.llm.v1.budget.daily_limit: 2 workers")
    assert check(file, {}, workers=1, wall=0).problems == ()


def test_the_number_given_goes_before_the_configurations() -> None:
    limited = {**with_limit("providers", tier="free"), "storage": {"connector": "memory"}}
    assert load({**limited, "proxy": {"workers": 2}}, environ={}, workers=1).proxy.workers == 1
    with pytest.raises(ConfigError, match=r"providers\.ours\.tier: 2 workers"):
        load(limited, environ={}, workers=2)
    assert load(CONFIG, environ={}, workers=2).proxy.workers == 2
    made = load(CONFIG, environ={})
    assert served_by(made, None) == made
    assert served_by(made, 2) == evolve(made, proxy=evolve(made.proxy, workers=2))


def test_a_configuration_made_in_code_is_held_to_it_as_well() -> None:
    limited = {**with_limit("providers", tier="free"), "storage": {"connector": "memory"}}
    made = load(limited, environ={})
    with pytest.raises(ConfigError, match=r"providers\.ours\.tier: 2 workers"):
        ModelMesh(served_by(made, 2))


def test_the_pause_before_another_worker_grows_while_they_die_soon() -> None:
    deaths = Deaths()
    pauses = [deaths.pause(Worker(started=100.0, serves=True), now=101.0) for _ in range(2000)]
    assert pauses[:5] == [0.25, 0.5, 1.0, 2.0, 4.0]
    assert pauses[-1] == max(pauses) == 32.0
    assert deaths.pause(Worker(started=100.0, serves=True), now=200.0) == 0.25
    assert deaths.pause(Worker(started=100.0, serves=True), now=101.0) == 0.5


def test_there_is_no_hope_after_five_workers_in_a_row_which_never_served() -> None:
    deaths = Deaths()
    for served in (False, False, False, False, True, False, False, False, False):
        deaths.pause(Worker(started=0.0, serves=served), now=1.0)
        assert not deaths.hopeless
    deaths.pause(Worker(started=0.0), now=1.0)
    assert deaths.hopeless


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (0, "ended with 0"),
        (3, "ended with 3"),
        (-signal.SIGKILL, "was ended by SIGKILL"),
        (-100, "was ended by signal 100"),
    ],
)
def test_how_a_worker_ended_is_said_in_words(code: int, said: str) -> None:
    assert how(code) == said
